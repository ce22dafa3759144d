// The pages of accounts with the server as it is: from the link that it prints to a login that somebody ends.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words } from '../../static/js/i18n/accounts-en.js';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

const [OWNERS, MODERATORS] = ['a long walk by the sea', 'nine otters in a row'];

/** A browser of its own at this address. @param {string} address */
async function open(address) {
  const { page, complaints } = await Visitor.open(browser, address, { locale: 'en-US' });
  return {
    page, complaints,
    fault: page.locator('.fault:not(:empty)'),
    button: (/** @type {string} */ name) => page.getByRole('button', { name, exact: true }),
    box: (/** @type {string} */ name) => page.getByLabel(name, { exact: true }),
    called: (/** @type {string} */ name) => page.getByRole('heading', { name, exact: true }).waitFor(),
  };
}

/** @typedef {Awaited<ReturnType<typeof open>>} Opened */

/** @param {Opened} opened @param {string} email @param {string} password */
async function signIn({ page, box, button }, email, password) {
  await box(words.email).fill(email);
  await box(words.password).fill(password);
  await button(words.login.submit).click();
  await page.waitForURL('**/me');
}

/** @param {Opened} opened @param {{nickname: string, email: string, password: string, submit: string}} content */
async function make({ page, box, button, called }, { nickname, email, password, submit }) {
  await box(words.nickname).fill(nickname);
  await box(words.email).fill(email);
  await box(words.password).fill(password);
  await button(submit).click();
  await page.waitForURL('**/me');
  await called(nickname);
}

test('the printed link makes the owner, who invites a moderator and ends a login from another device', async () => {
  const said = await until(() => server.said, (text) => /\/setup#\S/.test(text), 'the link to be printed');
  const [setup] = /http:\S+\/setup#\S+/.exec(said) ?? [''];
  const owner = await open(setup);
  assert.equal(new URL(owner.page.url()).hash, '', 'the code does not stay in the address');
  await make(owner, { nickname: 'Mina', email: 'mina@example.com', password: OWNERS, submit: words.setup.submit });
  const second = await open(setup);
  await second.box(words.nickname).fill('Thief');
  await second.box(words.email).fill('thief@example.com');
  await second.box(words.password).fill(OWNERS);
  await second.button(words.setup.submit).click();
  await second.fault.getByText(words.setup.badCode).waitFor();
  await second.page.context().close();

  const invite = await owner.page.evaluate(async () => {
    const body = JSON.stringify({ role: 'moderator', uses: 1, hours: 1 });
    const headers = { 'Content-Type': 'application/json', 'X-CSRF': '1' };
    return (await fetch('/api/v1/admin/invites', { method: 'POST', headers, body })).json();
  });
  const moderator = await open(invite.url);
  await make(moderator, { nickname: 'Otto', email: 'otto@example.com', password: MODERATORS, submit: words.register.submit });
  await moderator.page.getByText('Moderator', { exact: true }).waitFor();
  await moderator.button(words.me.signOut).click();
  await moderator.page.waitForURL('**/login**');
  await moderator.box(words.email).fill('otto@example.com');
  await moderator.box(words.password).fill('not this one');
  await moderator.button(words.login.submit).click();
  await moderator.fault.getByText('is not right').waitFor();
  await signIn(moderator, 'otto@example.com', MODERATORS);
  await moderator.called('Otto');

  const elsewhere = await open(`${server.url}/login`);
  await signIn(elsewhere, 'mina@example.com', OWNERS);
  await elsewhere.called('Mina');
  await owner.page.reload();
  const rows = owner.page.locator('.account-logins li');
  await until(() => rows.count(), (n) => n === 2, 'two logins');
  await rows.nth(1).getByRole('button').click();
  await until(() => rows.count(), (n) => n === 1, 'one login');
  await elsewhere.page.reload();
  await elsewhere.page.waitForURL('**/login**');
  for (const { page, complaints } of [owner, moderator, elsewhere]) {
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
});
