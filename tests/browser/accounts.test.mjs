// The pages of accounts: the real server's headers and documents, and a stand-in for what it answers to them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { AccountServer, CODE, PASSWORD, WEAK, logins } from './account-server.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const under = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_BASE_PATH: '/chat' });

const VISITOR = { anonymousId: '12345678-1234-4234-8234-123456789012', nickname: 'Otter', avatar: 'otter', authorId: null };

/**
 * Somebody with a browser of their own, at one of these pages.
 * @param {string} path
 * @param {object} [options]
 * @param {(accounts: AccountServer) => void} [options.with] sets what the server knows
 * @param {string} [options.url]
 * @param {string} [options.locale]
 * @param {Record<string, string>} [options.kept] what is in the browser's storage
 */
async function open(path, { with: set = () => {}, url = server.url, locale = 'en-US', kept = {} } = {}) {
  const accounts = new AccountServer();
  set(accounts);
  const visitor = await Visitor.open(browser, 'about:blank', { locale });
  await accounts.in(visitor.page.context());
  await visitor.page.addInitScript((values) => {
    for (const [key, value] of Object.entries(values)) if (localStorage.getItem('was-kept') === null) localStorage.setItem(key, value);
    localStorage.setItem('was-kept', '1');
  }, kept);
  await visitor.page.goto(url + path);
  const { page } = visitor;
  await page.locator('h1').first().waitFor();
  const { complaints } = visitor;
  return { page, accounts, complaints, fault: page.locator('.fault:not(:empty)'), button: (/** @type {string | RegExp} */ name) => page.getByRole('button', { name, exact: typeof name === 'string' }), box: (/** @type {string} */ name) => page.getByLabel(name, { exact: true }) };
}

const signedIn = (/** @type {AccountServer} */ accounts) => {
  accounts.signedIn = true;
  accounts.logins = logins();
};

test('none of the pages can be framed or kept, and no script stands in them', async () => {
  for (const [url, base] of [[server.url, ''], [under.url, '/chat']]) {
    for (const path of ['/login', '/register', '/setup', '/reset', '/me']) {
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

test('who is not signed in comes back to their account after signing in', async () => {
  const { page, accounts, box, button } = await open('/chat/me?theme=light', { url: under.url });
  await page.waitForURL('**/chat/login?theme=light&to=**');
  assert.deepEqual(accounts.asked.map(({ method, path }) => `${method} ${path}`).slice(0, 2), ['GET me', 'POST auth/refresh']);
  assert.ok(!accounts.requests('auth/logout').length);
  await box('Email').fill('mina@example.com');
  await box('Password').fill(PASSWORD);
  await button('Sign in').click();
  await page.waitForURL(`${under.url}/chat/me?theme=light`);
  await page.getByRole('heading', { name: 'Mina' }).waitFor();
  await page.context().close();
});

test('a login that ran out is renewed without a word', async () => {
  const { page, accounts, button } = await open('/me', { with: (one) => { signedIn(one); one.stale = true; } });
  await page.getByRole('heading', { name: 'Mina' }).waitFor();
  assert.equal(accounts.requests('auth/refresh').length, 1);
  assert.equal(accounts.requests('auth/refresh')[0].csrf, '1');
  accounts.stale = true;
  await button('Save').click();
  await page.getByText('Your profile is saved.').first().waitFor();
  assert.equal(accounts.requests('auth/refresh').length, 2);
  await page.context().close();
});

test('where the server is away the account can be asked for again', async () => {
  const { page, accounts, button } = await open('/me', { with: (one) => { signedIn(one); one.refuseOnce('me', 503, 'STORE_UNAVAILABLE'); } });
  await page.getByText('database cannot be reached').waitFor();
  assert.match(page.url(), /\/me$/);
  accounts.away = false;
  await button('Try again').click();
  await page.getByRole('heading', { name: 'Mina' }).waitFor();
  await page.context().close();
});

test('name, animal and password', async () => {
  const { page, accounts, box, button, fault, complaints } = await open('/me', { with: signedIn });
  await box('Nickname').fill('x');
  await button('Save').click();
  await fault.getByText('at least two characters').waitFor();
  await box('Nickname').fill('Mina Kim');
  await button('Choose an animal').click();
  await page.getByRole('radio', { name: 'Panda' }).check({ force: true });
  await button('Save').click();
  await page.getByRole('heading', { name: 'Mina Kim' }).waitFor();
  assert.match(await page.locator('.account-head img').getAttribute('src') ?? '', /panda\.svg$/);
  assert.deepEqual(accounts.asked.find(({ method }) => method === 'PATCH')?.body, { nickname: 'Mina Kim', avatar: 'panda' });

  await box('Current password').fill('not this');
  await box('New password').fill(WEAK);
  await button('Change password').click();
  await fault.getByText('This password is not right').waitFor();
  assert.equal(await box('Current password').getAttribute('aria-invalid'), 'true');
  await box('Current password').fill(PASSWORD);
  await button('Change password').click();
  await fault.getByText('anybody would try first').waitFor();
  assert.equal(await box('New password').getAttribute('aria-invalid'), 'true');
  await box('New password').fill('another long walk');
  await button('Change password').click();
  await page.getByText('Your password is changed.').first().waitFor();
  assert.deepEqual(accounts.requests('me/password').at(-1)?.body, { old: PASSWORD, new: 'another long walk' });
  assert.deepEqual([await box('Current password').inputValue(), await box('New password').inputValue()], ['', '']);
  await until(() => page.locator('.account-logins li').count(), (n) => n === 1, 'the others to have ended');
  assert.deepEqual(accounts.requests('auth/refresh'), [], 'a wrong password is no ended login');
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('logins are ended one by one, and all others at once', async () => {
  const { page, accounts, button } = await open('/me', { with: signedIn });
  const rows = page.locator('.account-logins li');
  await until(() => rows.count(), (n) => n === 3, 'three logins');
  assert.match(await rows.first().textContent() ?? '', /Chrome on Windows.*This device/);
  assert.equal(await rows.first().getByRole('button').count(), 0, 'this one is ended by signing out');
  await button('End: Safari on iPhone').click();
  await page.getByText('That login is ended.').first().waitFor();
  await until(() => rows.count(), (n) => n === 2, 'two logins');
  accounts.logins = logins();
  await page.reload();
  await button('End all others').click();
  await page.getByText('All other logins are ended.').first().waitFor();
  await until(() => rows.count(), (n) => n === 1, 'this login');
  assert.deepEqual(accounts.logins.map(({ id }) => id), ['login-1']);
  await page.context().close();
});

test('what is stored can be taken along', async () => {
  const { page, accounts, button } = await open('/me', { with: signedIn });
  accounts.stale = true;
  const [download] = await Promise.all([page.waitForEvent('download'), button('Download').click()]);
  assert.match(download.suggestedFilename(), /^realtime-chat-\d{4}-\d{2}-\d{2}\.json$/);
  const stream = await download.createReadStream();
  let text = '';
  for await (const chunk of stream) text += chunk;
  assert.deepEqual(JSON.parse(text), { user: 'Mina', messages: [] });
  await page.context().close();
});

test('an account is erased by its password, after having been asked twice', async () => {
  const { page, accounts, box, button, fault } = await open('/me', { with: signedIn });
  const dialog = page.getByRole('dialog');
  await button('Erase my account…').click();
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await until(() => dialog.count(), (n) => n === 0, 'the dialog to go');
  await button('Erase my account…').click();
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await fault.getByText('enter your password').waitFor();
  await dialog.getByLabel('Password', { exact: true }).fill('not this');
  await dialog.getByText('Also erase the texts').click();
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('all that you wrote').waitFor();
  assert.deepEqual(accounts.asked.filter(({ method }) => method === 'DELETE'), [], 'nothing is gone yet');
  await button('Erase for good').click();
  await fault.getByText('This password is not right').waitFor();
  assert.equal(await dialog.getByLabel('Password', { exact: true }).inputValue(), 'not this');
  assert.equal(await dialog.getByRole('checkbox').isChecked(), true);
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  accounts.refuseOnce('me', 400, 'BAD_REQUEST');
  await button('Erase for good').click();
  await fault.getByText('cannot erase texts yet').waitFor();
  await dialog.getByRole('button', { name: 'Continue' }).click();
  accounts.refuseOnce('me', 409, 'LAST_OWNER');
  await button('Erase for good').click();
  await fault.getByText('one owner left').waitFor();
  await button('Erase for good').click();
  await page.getByText('Your account is erased').waitFor();
  assert.deepEqual(accounts.asked.filter(({ method }) => method === 'DELETE').at(-1)?.body, { password: PASSWORD, texts: true });
  assert.equal(await box('Email').inputValue(), '');
  await page.context().close();
});

test('the visitor of this browser becomes the account’s, once nothing waits to be sent', async () => {
  const { page, accounts, button, fault } = await open('/me', { with: signedIn, kept: { 'realtime-chat:identity': JSON.stringify(VISITOR) } });
  const keep = (/** @type {object[]} */ entries) => page.evaluate((value) => sessionStorage.setItem('realtime-chat:unsent:a-post', value), JSON.stringify(entries));
  await page.getByText('Otter', { exact: false }).first().waitFor();
  await keep([{ clientId: 'x', content: 'not yet', at: 0, state: 'waiting' }]);
  await button('Add to my account').click();
  await fault.getByText('not sent yet').waitFor();
  assert.deepEqual(accounts.requests('me/claim'), []);
  // The server has this one.
  await keep([{ clientId: 'x', content: 'held', at: 0, state: 'held', held: 'first' }]);
  accounts.refuseOnce('me/claim', 409, 'CLAIMED');
  await button('Add to my account').click();
  await fault.getByText('belongs to an account already').waitFor();
  await button('Add to my account').click();
  await page.locator('.account-notice').getByText('this account’s now').waitFor();
  assert.deepEqual(accounts.requests('me/claim').at(-1)?.body, { anonymousId: VISITOR.anonymousId });
  assert.equal(await page.evaluate(() => localStorage.getItem('realtime-chat:identity')), null, 'nobody writes as that visitor any more');
  await page.context().close();

  const newcomer = await open('/me', { with: signedIn });
  await newcomer.page.getByRole('heading', { name: 'Your data' }).waitFor();
  assert.equal(await newcomer.button('Add to my account').count(), 0);
  await newcomer.page.context().close();
});

test('signing out', async () => {
  const { page, accounts, button } = await open('/me', { with: signedIn });
  accounts.refuseOnce('auth/logout', 503, 'STORE_UNAVAILABLE');
  await button('Sign out').click();
  await page.getByText('database cannot be reached').waitFor();
  // The short of the two cookies may have run out: the login has not.
  accounts.stale = true;
  await button('Sign out').click();
  await page.getByText('You are signed out.').waitFor();
  assert.equal(accounts.signedIn, false);
  await page.context().close();
});

test('a tab that shows one account does nothing to another that was signed in meanwhile', async () => {
  const { page, accounts } = await open('/me', { with: signedIn });
  await page.getByText('mina@example.com').waitFor();
  accounts.account = { email: 'joon@example.com', password: PASSWORD, nickname: 'Joon', avatar: 'fox', role: 'member' };
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('heading', { name: 'Joon' }).waitFor();
  await page.context().close();
});

test('two tabs of one browser do not log each other out', async () => {
  const { page, accounts } = await open('/me', { with: signedIn });
  await page.getByRole('heading', { name: 'Mina' }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${server.url}/me`);
  await other.getByRole('heading', { name: 'Mina' }).waitFor();
  let under = 0;
  let most = 0;
  await page.context().route('**/api/v1/auth/refresh', async (route) => {
    most = Math.max(most, under += 1);
    await route.fallback();
    under -= 1;
  });
  accounts.stale = true;
  await Promise.all([page, other].map((tab) => tab.getByRole('button', { name: 'Save' }).click()));
  for (const tab of [page, other]) await tab.getByText('Your profile is saved.').first().waitFor();
  assert.equal(most, 1);
  assert.deepEqual(accounts.requests('auth/logout'), []);
  for (const tab of [page, other]) assert.match(tab.url(), /\/me$/);
  await page.context().close();
});
