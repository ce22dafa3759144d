// What is seldom done to a post, in the owner's console: another address, its file, and its end.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { words as later } from '../../static/js/i18n/console-later-en.js';
import { words } from '../../static/js/i18n/console-en.js';
import { ConsoleServer, MARKUP } from './console-server.mjs';
import { clean, fits, large } from './judges.mjs';
import { launch, numbered, until } from './support.mjs';

const browser = await launch();
const chat = await ConsoleServer.start(browser);
const { deeds } = later;
const isolated = (/** @type {string} */ name) => `\u2068${name}\u2069`;
/** @param {import('./support.mjs').Page} page @param {string} text */
const said = (page, text) => page.locator('.mod-toast').getByText(text, { exact: true }).waitFor();
const messages = async (/** @type {string} */ room) => (await (await fetch(`${chat.url}/api/v1/rooms/${encodeURIComponent(room)}/messages`)).json()).messages;
/** @param {import('./support.mjs').Page} page @param {string} room */
const more = (page, room) => page.getByRole('button', { name: `${words.rooms.more} ${room}`, exact: true }).click();

test('a post gets another address, which is shown and taken back', async () => {
  await chat.say('old-address', ['here']);
  await chat.say('taken', ['here as well']);
  const { page, complaints, leave } = await visit('owner', '/admin/rooms?lang=en&q=old-address');
  await more(page, 'old-address');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(deeds.newName).fill('taken');
  await dialog.getByRole('button', { name: deeds.rename }).click();
  await dialog.getByText(later.errors.ROOM_TAKEN).waitFor();
  await dialog.getByLabel(deeds.newName).fill('new-address');
  await page.keyboard.press('Enter');
  await said(page, deeds.renamed);
  assert.deepEqual((await messages('new-address')).map((/** @type {any} */ one) => one.content), ['here']);
  await more(page, 'old-address');
  await dialog.locator('.con-names-of').getByText('new-address').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.mod-toast').getByRole('button', { name: words.undo }).click();
  await said(page, words.undone);
  assert.deepEqual((await chat.get('admin/rooms/old-address')).names, []);
  assert.deepEqual(complaints, []);
  await leave();
});

test('a post, and all of them, are downloaded as the command would write them', async () => {
  await chat.say('exported', ['안녕하세요', MARKUP]);
  const { page, complaints, leave } = await visit('owner', '/admin/rooms?lang=en&q=exported');
  await more(page, 'exported');
  const lines = async (/** @type {() => Promise<void>} */ press) => {
    const [download] = await Promise.all([page.waitForEvent('download'), press()]);
    const text = await readFile(await download.path(), 'utf8');
    return { name: download.suggestedFilename(), all: text.trim().split('\n').map((line) => JSON.parse(line)) };
  };
  const one = await lines(() => page.getByRole('dialog').getByRole('button', { name: deeds.download }).click());
  assert.match(one.name, /^chat-exported-\d{4}-\d\d-\d\d\.jsonl$/);
  assert.deepEqual(one.all.filter(({ type }) => type === 'message').map(({ content }) => content), ['안녕하세요', MARKUP]);
  assert.deepEqual(one.all.filter(({ type }) => type === 'room').map(({ id }) => id), ['exported']);
  assert.equal(one.all.at(-1).type, 'end');
  await page.goto(`${chat.url}/admin/settings?lang=en`);
  const whole = await lines(() => page.getByRole('button', { name: words.settings.exportAll }).click());
  assert.ok(whole.all.filter(({ type }) => type === 'room').length > 1);
  assert.equal(whole.all.at(-1).type, 'end');
  assert.deepEqual(complaints, []);
  await leave();
});

test('all of a post goes once it was seen how much, and its name was typed', async () => {
  await chat.say('purged', numbered('gone', 1, 12));
  await chat.report('purged', 'reported as well');
  await chat.say('beside', ['stays']);
  const { page, complaints, leave } = await visit('owner', '/admin/rooms?lang=en&q=purged');
  await more(page, 'purged');
  const dialog = page.getByRole('dialog');
  assert.equal(await dialog.getByRole('button', { name: deeds.purge }).count(), 0, 'nothing can be pressed before it was looked at');
  await dialog.getByRole('button', { name: deeds.preview }).click();
  await dialog.getByText(deeds.would('13', '0', '1')).waitFor();
  const name = dialog.getByLabel(deeds.type(isolated('purged')));
  assert.ok(await name.evaluate((element) => element === document.activeElement), 'the keyboard is where it goes on');
  await name.fill('purge');
  await page.keyboard.press('Enter');
  await dialog.getByText(deeds.wrongName).waitFor();
  assert.equal((await messages('purged')).length, 13);
  await name.fill('purged');
  await page.keyboard.press('Enter');
  await said(page, deeds.purged('13'));
  await until(() => messages('purged'), (all) => all.length === 0, 'all to be gone');
  assert.equal((await messages('beside')).length, 1);
  assert.equal((await chat.get('admin/reports')).reports.filter((/** @type {any} */ one) => one.room === 'purged').length, 0);
  await page.goto(`${chat.url}/admin/audit?lang=en&room=purged`);
  const entry = page.locator('.con-row').filter({ hasText: words.audit.actions.purge });
  await entry.waitFor();
  assert.equal(await entry.getByRole('button', { name: words.undo }).count(), 0, 'there is no way back');
  assert.deepEqual(complaints, []);
  await leave();
});

test('only those see it who may', async () => {
  const { page, leave } = await visit('moderator', '/admin/rooms?lang=en&q=beside');
  await page.locator('.con-row').first().waitFor();
  assert.equal(await page.getByRole('button', { name: new RegExp(`^${words.rooms.more}`) }).count(), 0);
  await page.goto(`${chat.url}/admin/settings?lang=en`);
  await page.getByRole('heading', { name: words.settings.export }).waitFor();
  assert.equal(await page.getByRole('button', { name: words.settings.exportAll }).count(), 0);
  assert.equal(await page.evaluate(async () => (await fetch('/api/v1/admin/export')).status), 403);
  await leave();
});

test('axe finds nothing, all is large enough and fits, in each language, light and dark', async () => {
  const room = `blog.example:2026:05:${'a-post-with-a-very-long-name-'.repeat(6)}`;
  await chat.say(room, ['hello']);
  for (let n = 0; n < 3; n += 1) await chat.post(`admin/rooms/${encodeURIComponent(room)}/rename`, { to: `moved-${n}-${'x'.repeat(60)}` });
  for (const [lang, theme] of [['ko', 'dark'], ['en', 'light'], ['ko', 'light'], ['en', 'dark']]) {
    const { words: { rooms } } = await import(`../../static/js/i18n/console-${lang}.js`);
    const { words: { deeds: own } } = await import(`../../static/js/i18n/console-later-${lang}.js`);
    const visitor = await chat.open('owner', `/admin/rooms?q=very-long&lang=${lang}&theme=${theme}`, { viewport: { width: 320, height: 640 } });
    const { page } = visitor;
    /** @type {string[]} */
    const faults = [];
    await page.getByRole('button', { name: new RegExp(`^${rooms.more}`) }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('.con-names-of .con-chip').nth(2).waitFor();
    await dialog.getByRole('button', { name: own.preview }).click();
    await dialog.getByRole('button', { name: own.purge }).waitFor();
    for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${lang} ${theme}: ${fault}`));
    for (const width of [390, 768, 1440]) {
      await page.setViewportSize({ width, height: 844 });
      faults.push(...(await fits(visitor)).map((fault) => `${width}: ${fault}`));
      const folder = process.env.CHAT_PICTURES;
      if (folder) await page.screenshot({ path: `${folder}/deeds-${lang}-${theme}-${width}.png` });
    }
    assert.deepEqual(faults, []);
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  }
});

/** @param {'owner' | 'moderator'} who @param {string} path */
async function visit(who, path) {
  const visitor = await chat.open(who, path);
  return { page: visitor.page, complaints: visitor.complaints, leave: () => visitor.leave() };
}
