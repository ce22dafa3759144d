// The pages of accounts for everybody: axe in each state, sizes, width, what is said aloud, and the keyboard alone.

import assert from 'node:assert/strict';
import test from 'node:test';
import { AccountServer, CODE, PASSWORD, logins } from './account-server.mjs';
import { clean, fits, large } from './judges.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

/** As long as a name can be, and as wide. */
const WIDE = 'W'.repeat(15);

/** @param {string} path @param {(accounts: AccountServer) => void} set @param {{width: number, height: number}} [viewport] */
async function open(path, set = () => {}, viewport = { width: 320, height: 640 }) {
  const accounts = new AccountServer();
  set(accounts);
  const visitor = await Visitor.open(browser, 'about:blank', { viewport });
  await accounts.in(visitor.page.context());
  await visitor.page.addInitScript((nickname) => localStorage.setItem('realtime-chat:identity', JSON.stringify({ anonymousId: '12345678-1234-4234-8234-123456789012', nickname, avatar: 'otter', authorId: null })), WIDE);
  await visitor.page.goto(server.url + path);
  await visitor.page.locator('h1').first().waitFor();
  return { visitor, accounts, page: visitor.page };
}

const signedIn = (/** @type {AccountServer} */ accounts) => {
  accounts.signedIn = true;
  accounts.logins = [...logins(), { ...logins()[1], id: 'of-a-program', userAgent: `something/${'9'.repeat(300)}` }];
  if (accounts.account) accounts.account.nickname = WIDE;
};

for (const lang of /** @type {const} */ (['ko', 'en'])) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing, all is large enough and fits, in each state (${lang}, ${theme})`, async () => {
      const { words } = await import(`../../static/js/i18n/accounts-${lang}.js`);
      const query = `?lang=${lang}&theme=${theme}`;
      /** @type {string[]} */
      const faults = [];
      const check = async (/** @type {string} */ state, /** @type {Visitor} */ visitor) => {
        for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
      };
      /** @param {import('./support.mjs').Page} page @param {string} name */
      const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

      const login = await open(`/login${query}&said=out`, (one) => { one.settings = { registration: 'open', mail: true, setup: true }; });
      await login.page.getByText(words.login.forgotten).click();
      await check('login', login.visitor);
      await press(login.page, words.login.submit);
      await login.page.locator('.fault:not(:empty)').first().waitFor();
      await check('login with faults', login.visitor);
      await login.visitor.leave();

      const register = await open(`/register${query}#${CODE}`);
      await press(register.page, words.animal);
      await register.page.getByRole('radio').first().waitFor();
      register.accounts.refuseOnce('auth/register', 403, 'BAD_INVITE');
      await register.page.getByLabel(words.nickname, { exact: true }).fill('Mina');
      await register.page.getByLabel(words.email, { exact: true }).fill('mina@example.com');
      await register.page.getByLabel(words.password, { exact: true }).fill(PASSWORD);
      await press(register.page, words.register.submit);
      await register.page.locator('.account-fault:not(:empty)').waitFor();
      await check('register, refused, with the animals', register.visitor);
      await register.visitor.leave();

      for (const path of [`/register${query}`, `/setup${query}`, `/setup${query}#${CODE}`, `/reset${query}`, `/reset${query}#${CODE}`]) {
        const page = await open(path, (one) => { one.settings.registration = 'invite'; });
        await page.page.locator(path.includes('#') ? 'form' : '.account-greeters').waitFor();
        await check(path, page.visitor);
        await page.visitor.leave();
      }

      const me = await open(`/me${query}`, signedIn);
      await me.page.locator('.account-logins li').first().waitFor();
      await check('me', me.visitor);
      await press(me.page, words.save);
      await me.page.locator('.account-done').waitFor();
      await press(me.page, words.me.passwordSubmit);
      await check('me, saved, and boxes that are empty', me.visitor);
      await press(me.page, words.me.claimSubmit);
      await me.page.locator('.account-notice').waitFor();
      await check('me, claimed', me.visitor);
      await press(me.page, words.me.eraseOpen);
      await me.page.getByRole('dialog').waitFor();
      await check('erase', me.visitor);
      await me.page.getByRole('dialog').getByLabel(words.password, { exact: true }).fill('not this');
      await press(me.page, words.erase.next);
      await me.page.getByText(words.erase.sureTitle, { exact: true }).waitFor();
      await check('erase, asked again', me.visitor);
      assert.deepEqual(me.visitor.complaints, []);
      await me.visitor.leave();
      assert.deepEqual(faults, []);
    });
  }
}

test('the keyboard alone: every control of an account can be reached, in the order in which they stand', async () => {
  const { page, visitor } = await open('/me?lang=en', signedIn, { width: 800, height: 900 });
  await page.locator('.account-logins li').first().waitFor();
  const stands = await page.evaluate(() => [...document.querySelectorAll('main :is(a[href], button, input)')].filter((element) => element.checkVisibility()).length);
  /** @type {number[]} */
  const tops = [];
  await page.locator('.account-brand').focus();
  for (let n = 0; n < stands; n += 1) {
    await page.keyboard.press('Tab');
    const top = await page.evaluate(() => {
      const { activeElement } = document;
      const ring = activeElement && getComputedStyle(activeElement).outlineStyle !== 'none';
      return activeElement?.closest('main') && ring ? activeElement.getBoundingClientRect().top + scrollY : -1;
    });
    tops.push(top);
  }
  assert.ok(tops.every((top) => top >= 0), `each is in the page, and has a ring: ${tops}`);
  for (const [n, top] of tops.entries()) if (n > 0) assert.ok(top > tops[n - 1] - 60, `${top} behind ${tops[n - 1]}`);
  await visitor.leave();
});

test('the keyboard goes on where a login was ended, and it is said aloud', async () => {
  const { page, visitor } = await open('/me?lang=en', signedIn);
  await page.getByRole('button', { name: 'End: Safari on iPhone' }).first().focus();
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.textContent), (text) => text === 'That login is ended.', 'the focus on what was done');
  await until(() => page.locator('#announcer').textContent(), (text) => text === 'That login is ended.', 'it to be said');
  await page.getByRole('button', { name: 'Erase my account…' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await until(() => page.evaluate(() => document.activeElement?.textContent), (text) => text === 'Erase my account…', 'the focus to come back');
  await visitor.leave();
});

test('without JavaScript it is said what is missing', async () => {
  const { page } = await Visitor.open(browser, `${server.url}/login`, { javaScriptEnabled: false });
  assert.match(await page.locator('noscript').innerText(), /자바스크립트를 켜 주세요/);
  await page.context().close();
});
