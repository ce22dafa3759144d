// One's own account: what can be changed there, and what becomes of the login meanwhile.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PASSWORD, WEAK, logins, opener, signedIn } from './account-server.mjs';
import { Server, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const under = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_BASE_PATH: '/chat' });
const open = opener(browser, server.url);

const VISITOR = { anonymousId: '12345678-1234-4234-8234-123456789012', nickname: 'Otter', avatar: 'otter', authorId: null };

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
  const { page, accounts, button, fault } = await open('/me', { with: signedIn });
  accounts.refuseOnce('me/export', 404, 'NOT_FOUND');
  await button('Download').click();
  await fault.getByText('cannot make such a file').waitFor();
  accounts.stale = true;
  const [download] = await Promise.all([page.waitForEvent('download'), button('Download').click()]);
  assert.match(download.suggestedFilename(), /^realtime-chat-\d{4}-\d{2}-\d{2}\.json$/);
  const stream = await download.createReadStream();
  let text = '';
  for await (const chunk of stream) text += chunk;
  assert.deepEqual(JSON.parse(text), { user: 'Mina', messages: [], complete: true });
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
