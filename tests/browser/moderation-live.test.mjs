// An owner and a visitor in two windows, with the server as it is: from the one-time code to the end of a ban.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { BINARY, Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

/** A code as the command prints it, beside the running server. @returns {Promise<string>} */
async function ownersCode() {
  const child = spawn(BINARY, ['owner', '--database-url', `sqlite://${join(server.folder, 'chat.db')}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let log = '';
  child.stdout.on('data', (data) => { said += data; });
  child.stderr.on('data', (data) => { log += data; });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  assert.equal(code, 0, log);
  return said.trim();
}

/** @param {string} name @returns {Promise<Visitor>} */
async function open(name) {
  const visitor = await Visitor.open(browser, `${server.url}/room/two-windows?lang=en`, { locale: 'en-US' });
  await visitor.join(name);
  await visitor.live();
  return visitor;
}

/** @param {Visitor} visitor @param {string} text */
const noted = (visitor, text) => visitor.where.locator('.mod-toast', { hasText: text }).first().waitFor();

/** A line in the menu of a message. @param {Visitor} visitor @param {string} text @param {string} name */
async function choose(visitor, text, name) {
  const row = visitor.log.locator('li.msg:not(.pending)', { hasText: text }).first();
  await row.waitFor();
  await row.evaluate((element) => {
    /** @type {HTMLElement} */ (element).tabIndex = -1;
    /** @type {HTMLElement} */ (element).focus();
  });
  await visitor.page.keyboard.press('Enter');
  await visitor.where.getByRole('menuitem', { name, exact: true }).click();
}

test('an owner signs in by the code of the command, and what is done is so for the visitor in the other window', async () => {
  const visitor = await open('Troll');
  await visitor.say('an insult');
  await visitor.say('something kind');
  const owner = await open('Somebody');
  const code = await ownersCode();
  await owner.where.locator('#me').click();
  await owner.where.getByRole('button', { name: 'Other device or code' }).locator('visible=true').click();
  const box = owner.where.getByRole('textbox', { name: 'One-time code' });
  await box.fill(code);
  const answer = owner.page.waitForResponse(/\/auth\/code$/);
  await box.press('Enter');
  await noted(owner, 'Signed in as');
  const { token } = await (await answer).json();
  const desk = owner.where.getByRole('button', { name: /^Moderation/ });
  await desk.waitFor();
  await owner.say('hello from the owner');
  const mine = visitor.log.locator('li.msg', { hasText: 'hello from the owner' });
  await mine.locator('.badge.owner').waitFor();

  await choose(visitor, 'hello from the owner', 'Report');
  await visitor.where.getByRole('dialog').getByRole('button', { name: 'Off topic' }).click();
  await owner.where.getByRole('button', { name: 'Moderation, 1 open report', exact: true }).waitFor();

  await choose(owner, 'an insult', 'Delete');
  await until(() => visitor.log.getByText('an insult').count(), (count) => count === 0, 'the insult to go');

  await desk.click();
  const region = owner.where.getByRole('region', { name: 'Moderation' });
  await region.getByRole('switch', { name: /Close the discussion/ }).click();
  await noted(owner, 'The discussion is closed');
  await visitor.where.locator('#closed').waitFor();
  await owner.where.getByRole('button', { name: 'Undo' }).click();
  await noted(owner, 'Undone');
  await visitor.composer.waitFor();
  await owner.page.keyboard.press('Escape');

  await choose(owner, 'something kind', 'Ban who wrote it');
  const dialog = owner.where.getByRole('dialog', { name: /Ban .*Troll/ });
  await dialog.getByRole('radio', { name: 'A day' }).check();
  await dialog.getByRole('button', { name: 'Ban', exact: true }).click();
  await noted(owner, 'is banned');
  await visitor.say('let me in');
  await visitor.log.getByRole('button', { name: 'Copy' }).waitFor();
  assert.equal(await owner.log.getByText('let me in').count(), 0);
  await owner.where.getByRole('button', { name: 'Undo' }).click();
  await noted(owner, 'Undone');
  await until(async () => {
    await visitor.say('thank you');
    return owner.log.locator('li.msg', { hasText: 'thank you' }).count();
  }, (count) => count > 0, 'the visitor to write again');

  // As from another device: the socket ends with its login, and who had it goes on as the visitor of before.
  const ended = await fetch(`${server.url}/api/v1/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  assert.equal(ended.status, 204);
  await desk.waitFor({ state: 'hidden' });
  await owner.say('a visitor again');
  const last = visitor.log.locator('li.msg', { hasText: 'a visitor again' });
  await last.waitFor();
  assert.equal(await last.locator('.badge').count(), 0);
  assert.deepEqual([visitor.complaints, owner.complaints], [[], []]);
  await visitor.leave();
  await owner.leave();
});
