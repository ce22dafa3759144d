// The pages of accounts that nobody has to be signed in for: the real server's headers and documents, and a stand-in for
// what it answers to them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { AccountServer, CODE, PASSWORD, WEAK, opener } from './account-server.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const under = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_BASE_PATH: '/chat' });
const open = opener(browser, server.url);

test('none of the pages can be framed or kept, and no script stands in them', async () => {
  for (const [url, base] of [[server.url, ''], [under.url, '/chat']]) {
    for (const path of ['/login', '/register', '/setup', '/reset', '/me', '/contact']) {
      const answer = await fetch(`${url}${base}${path}`);
      const { headers } = answer;
      assert.equal(answer.status, 200);
      assert.match(headers.get('content-type') ?? '', /^text\/html/);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('cache-control'), 'no-store');
      const policy = headers.get('content-security-policy') ?? '';
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(policy, /script-src 'self';/);
      assert.match(policy, /default-src 'none'/);
      const text = await answer.text();
      assert.doesNotMatch(text, /<script(?![^>]* src=)|\son\w+=|<style|style=/);
      assert.ok(text.includes(`href="${base}/static/`), 'its files stand under the base path');
      assert.equal((await fetch(`${url}${base}${path}`, { method: 'POST' })).status, 405);
    }
  }
});

test('each page speaks the reader’s language and takes a theme', async () => {
  for (const [locale, query, lang, title] of /** @type {const} */ ([['ko-KR', '', 'ko', '로그인'], ['en-US', '', 'en', 'Sign in'], ['fr-FR', '', 'en', 'Sign in'], ['en-US', '?lang=ko', 'ko', '로그인']])) {
    const { page, complaints } = await open(`/login${query}`, { locale });
    assert.equal(await page.title(), title);
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    await page.getByRole('button', { name: title, exact: true }).waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
  const { page } = await open('/login?theme=dark&lang=ko');
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
  assert.match(await page.getByRole('link', { name: '계정 만들기' }).getAttribute('href') ?? '', /\/register\?lang=ko&theme=dark$/);
  await page.context().close();
});

test('signing in by the keyboard, and on to where one came from', async () => {
  const { page, accounts } = await open('/login?to=%2Fcheck%3Fx%3D1');
  await until(() => page.evaluate(() => document.activeElement?.getAttribute('type')), (type) => type === 'email', 'the first box to have the focus');
  await page.keyboard.type('mina@example.com');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/check?x=1');
  const [{ body, csrf }] = accounts.requests('auth/login');
  assert.deepEqual(body, { email: 'mina@example.com', password: PASSWORD, session: 'cookie' });
  assert.equal(csrf, '1');
  await page.context().close();

  for (const to of ['https://evil.example/', '//evil.example/', '/.//evil.example/']) {
    const other = await open(`/login?to=${encodeURIComponent(to)}`);
    await other.box('Email').fill('mina@example.com');
    await other.box('Password').fill(PASSWORD);
    await other.button('Sign in').click();
    await other.page.waitForURL(`${server.url}/me**`);
    await other.page.getByRole('heading', { name: 'Mina' }).waitFor();
    await other.page.context().close();
  }
});

test('what is refused is said at its place, and what was typed stays', async () => {
  const { page, accounts, box, button, fault } = await open('/login');
  await button('Sign in').click();
  await until(() => fault.allTextContents(), (texts) => texts.length === 2, 'both boxes to be asked for');
  assert.deepEqual(accounts.requests('auth/login'), [], 'nothing was sent');
  await box('Email').fill('mina@example.com');
  await box('Password').fill('not this');
  await box('Password').press('Enter');
  await fault.getByText('is not right').waitFor();
  assert.equal(await box('Password').getAttribute('aria-invalid'), 'true');
  assert.equal(await box('Password').evaluate((element) => document.activeElement === element), true);
  const described = await box('Password').getAttribute('aria-describedby') ?? '';
  assert.match(await page.locator(`#${described.split(' ')[0]}`).textContent() ?? '', /not right/);
  for (const [status, code, text, headers] of /** @type {const} */ ([[429, 'RATE_LIMITED', 'in 41 seconds', { 'Retry-After': '41' }], [503, 'OVERLOADED', 'busy', {}], [403, 'CSRF', 'reload the page', {}], [500, 'INTERNAL', 'INTERNAL', {}]])) {
    accounts.refuseOnce('auth/login', status, code, headers);
    await button('Sign in').click();
    await fault.getByText(text).waitFor();
    assert.equal(await fault.count(), 1, 'the one before is gone');
  }
  accounts.away = true;
  await button('Sign in').click();
  await fault.getByText('could not be reached').waitFor();
  assert.deepEqual([await box('Email').inputValue(), await box('Password').inputValue()], ['mina@example.com', 'not this']);
  assert.deepEqual(accounts.requests('auth/refresh'), [], 'a login that is being made cannot be renewed');
  await page.context().close();
});

test('a password can be seen, and pressing twice sends once', async () => {
  const { page, accounts, box, button } = await open('/login');
  await box('Email').fill('mina@example.com');
  await box('Password').fill(PASSWORD);
  await button('Show the password').click();
  assert.equal(await box('Password').getAttribute('type'), 'text');
  await button('Hide the password').click();
  assert.equal(await box('Password').getAttribute('type'), 'password');
  let answer = () => {};
  accounts.held.set('auth/login', new Promise((resolve) => { answer = () => resolve(undefined); }));
  await button('Sign in').click();
  await page.locator('.primary.busy').waitFor();
  await button('Sign in').dispatchEvent('click');
  await box('Password').press('Enter');
  answer();
  await page.waitForURL('**/me');
  assert.equal(accounts.requests('auth/login').length, 1);
  await page.context().close();
});

test('what a server allows is what its sign-in offers', async () => {
  for (const [settings, there, not] of /** @type {const} */ ([
    [{ registration: 'open', mail: false, setup: false }, ['Create an account', 'Forgot your password?'], ['invitation', 'no owner']],
    [{ registration: 'invite', mail: false, setup: false }, ['made with an invitation link'], ['Create an account']],
    [{ registration: 'closed', mail: true, setup: true }, ['has no owner yet', 'Forgot your password?'], ['Create an account', 'invitation']],
  ])) {
    const { page, accounts, button } = await open('/login', { with: (one) => { one.settings = { ...settings }; } });
    for (const text of there) await page.getByText(text).waitFor();
    for (const text of not) assert.equal(await page.getByText(text).count(), 0, text);
    if (settings.mail) {
      await page.getByText('Forgot your password?').click();
      await page.getByLabel('Email', { exact: true }).last().fill('mina@example.com');
      await button('Send me a link').click();
      await page.getByText('a link is on its way').waitFor();
      assert.deepEqual(accounts.requests('auth/password/forgot')[0].body, { email: 'mina@example.com' });
    }
    await page.context().close();
  }
});

test('an invitation becomes an account, and its code is out of the address at once', async () => {
  const { page, accounts, box, button, fault, complaints } = await open(`/register#${CODE}`, { with: (one) => { one.settings.registration = 'invite'; } });
  assert.equal(new URL(page.url()).hash, '');
  await box('Nickname').fill('  Mina  Kim ');
  await box('Email').fill('mina@example.com');
  await box('Password').fill('short');
  await button('Create account').click();
  await fault.getByText('too short').waitFor();
  assert.deepEqual(accounts.requests('auth/register'), []);
  await box('Password').fill(WEAK);
  await button('Create account').click();
  await fault.getByText('anybody would try first').waitFor();
  for (const [status, code, text, name] of /** @type {const} */ ([[409, 'EMAIL_TAKEN', 'an account with this', 'Email'], [422, 'INVALID_EMAIL', 'no valid email', 'Email'], [403, 'BAD_INVITE', 'invitation does not work', ''], [403, 'REGISTRATION_CLOSED', 'cannot be made right now', '']])) {
    accounts.refuseOnce('auth/register', status, code);
    await button('Create account').click();
    await fault.getByText(text).waitFor();
    if (name) assert.equal(await box(name).getAttribute('aria-invalid'), 'true');
    assert.equal(await box('Password').inputValue(), WEAK);
  }
  await button('Choose an animal').click();
  await page.getByRole('radio', { name: 'Tiger' }).check({ force: true });
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('radiogroup').count(), 0);
  await box('Password').fill(PASSWORD);
  await box('Password').press('Enter');
  await page.waitForURL('**/me');
  assert.deepEqual(accounts.requests('auth/register').at(-1)?.body, { email: 'mina@example.com', password: PASSWORD, nickname: 'Mina Kim', avatar: 'tiger', session: 'cookie', invite: CODE });
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('without an invitation, or where accounts are closed, it is said why there is no form', async () => {
  for (const [registration, path, title] of /** @type {const} */ ([['invite', '/register', 'You need an invitation'], ['closed', `/register#${CODE}`, 'No new accounts']])) {
    const { page } = await open(path, { with: (one) => { one.settings.registration = registration; } });
    await page.getByRole('heading', { name: title }).waitFor();
    assert.equal(await page.locator('form').count(), 0);
    await page.context().close();
  }
});

test('the first owner', async () => {
  const { page, accounts, box, button, fault } = await open('/setup');
  await page.getByText('realtime-chat owner').waitFor();
  // The link is opened in the page that is there: a browser changes the address alone.
  await page.evaluate((code) => { location.hash = code; }, CODE);
  await box('Nickname').fill('Mina');
  assert.equal(new URL(page.url()).hash, '');
  await box('Email').fill('mina@example.com');
  await box('Password').fill(PASSWORD);
  accounts.refuseOnce('auth/setup', 401, 'BAD_CODE');
  await button('Get started').click();
  await fault.getByText('realtime-chat owner').waitFor();
  await button('Get started').click();
  await page.waitForURL('**/me');
  await page.getByText('Owner', { exact: true }).waitFor();
  assert.deepEqual(accounts.requests('auth/setup').at(-1)?.body, { email: 'mina@example.com', password: PASSWORD, nickname: 'Mina', session: 'cookie', code: CODE });
  assert.deepEqual(accounts.requests('auth/refresh'), []);
  await page.context().close();
});

test('a new password by a link', async () => {
  const { page, accounts, box, button, fault } = await open(`/reset?lang=ko#${CODE}`);
  assert.equal(new URL(page.url()).hash, '');
  await box('새 비밀번호').fill(WEAK);
  await button('비밀번호 바꾸기').click();
  await fault.getByText('가장 먼저 시도해 보는').waitFor();
  accounts.refuseOnce('auth/password/reset', 401, 'BAD_CODE');
  await box('새 비밀번호').fill(PASSWORD);
  await button('비밀번호 바꾸기').click();
  await fault.getByText('이 링크는 쓸 수 없어요').waitFor();
  await button('비밀번호 바꾸기').click();
  await page.getByText('새 비밀번호를 정했어요').waitFor();
  assert.match(page.url(), /\/login\?lang=ko&said=reset$/);
  assert.deepEqual(accounts.requests('auth/password/reset').at(-1)?.body, { code: CODE, password: PASSWORD });
  await page.goto(`${server.url}/reset?lang=ko`);
  await page.getByRole('heading', { name: '링크가 필요해요' }).waitFor();
  await page.context().close();
});

test('over plain http nobody is asked for a password', async () => {
  for (const path of ['/login', `/register#${CODE}`, `/setup#${CODE}`, `/reset#${CODE}`, '/me']) {
    const visitor = await Visitor.open(browser, 'about:blank', { locale: 'en-US' });
    const accounts = new AccountServer();
    await accounts.in(visitor.page.context());
    // As a browser has it for any host but its own machine.
    await visitor.page.addInitScript(() => Object.defineProperty(window, 'isSecureContext', { value: false }));
    await visitor.page.goto(server.url + path);
    await visitor.page.getByRole('heading', { name: 'Signing in needs https' }).waitFor();
    assert.equal(await visitor.page.locator('input').count(), 0);
    assert.deepEqual(accounts.asked, []);
    assert.equal(new URL(visitor.page.url()).hash, '');
    await visitor.leave();
  }
});
