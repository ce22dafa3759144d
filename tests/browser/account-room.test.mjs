// The page of a conversation as somebody with an account, with the server and the cookies as they are: signed in at
// /login, and then in a room, in a blog's frame, after a restart, and when the login ends.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words } from '../../static/js/i18n/accounts-en.js';
import { strings } from '../../static/js/i18n/en.js';
import { words as office } from '../../static/js/i18n/moderation-en.js';
import { inside, openBlog } from './blog.mjs';
import { clean, fits, large } from './judges.mjs';
import { Line, Server, Visitor, launch, until } from './support.mjs';

/** @typedef {import('playwright-core').Page} Page */

const browser = await launch();
const server = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_REGISTRATION: 'open', CHAT_BASE_PATH: '/chat' });
/** One address for as long as the test runs, whatever port the server has after a restart. */
const line = await Line.open(() => server.port);
const home = `${line.url}/chat`;
const PASSWORD = 'a long walk by the sea';

/** A room's page in a browser of its own. @param {string} room */
async function open(room) {
  const visitor = await Visitor.open(browser, `${home}/room/${room}?lang=en`, { locale: 'en-US' });
  await visitor.live();
  return visitor;
}

/** As the link does that visitors find: to /login, and back. @param {Visitor} visitor @param {string} email */
async function signInFrom(visitor, email) {
  const { page } = visitor;
  const room = page.url();
  if (await visitor.composer.isVisible()) await page.locator('#me').click();
  await page.getByRole('link', { name: strings.signIn, exact: true }).click();
  await page.getByLabel(words.email, { exact: true }).fill(email);
  await page.getByLabel(words.password, { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: words.login.submit, exact: true }).click();
  await page.waitForURL(room);
  await visitor.composer.waitFor();
}

/** @param {string} path @param {object} body @param {Record<string, string>} [headers] */
async function ask(path, body, headers = {}) {
  const answer = await fetch(`${home}/api/v1/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
  return answer.status === 204 ? {} : answer.json();
}

/** @param {Visitor} visitor @param {string} text */
const noted = (visitor, text) => visitor.where.locator('.mod-toast', { hasText: text }).first().waitFor();

/** Counts what a page asks of the interface, and sends over its sockets. @param {Page} page */
function watch(page) {
  /** @type {string[]} */
  const asked = [];
  /** @type {any[]} */
  const joins = [];
  page.on('request', (request) => {
    const path = /\/api\/v1\/(auth\/\w+)$/.exec(request.url())?.[1];
    if (path) asked.push(path);
  });
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => {
    const { type, payload: content } = JSON.parse(String(payload));
    if (type === 'JOIN') joins.push(content);
  }));
  return { asked, joins };
}

const said = await until(() => server.said, (text) => /\/setup#\S/.test(text), 'the link to be printed');
const [, code = ''] = /\/setup#(\S+)/.exec(said) ?? [];
const owner = await ask('auth/setup', { code, email: 'mina@example.com', password: PASSWORD, nickname: 'Mina' });
const { id: inviteId, url: inviteUrl } = await ask('admin/invites', { role: 'moderator', uses: 5, hours: 1 }, { Authorization: `Bearer ${owner.accessToken}` });
assert.ok(inviteId, 'an invite was made');
for (const [nickname, email] of [['Otto', 'otto@example.com'], ['Tilda', 'tilda@example.com'], ['W'.repeat(15), 'wide@example.com']]) {
  const made = await ask('auth/register', { email, password: PASSWORD, nickname, avatar: 'otter', invite: decodeURIComponent(new URL(inviteUrl).hash.slice(1)) });
  assert.equal(made.role, 'moderator', JSON.stringify(made));
}

test('signed in at /login one writes as the account, keeps order by its cookies, and is the same after a reload and a restart', async () => {
  const reader = await open('by-cookies');
  await reader.page.locator('#join-bar, #nickname').first().waitFor();
  const moderator = await open('by-cookies');
  const { asked, joins } = watch(moderator.page);
  await moderator.join('Somebody');
  await moderator.say('written as a visitor');
  await reader.sees('written as a visitor');
  await signInFrom(moderator, 'otto@example.com');
  await moderator.live();
  await moderator.say('written by the account');
  const row = reader.log.locator('li.msg', { hasText: 'written by the account' });
  await row.locator('.badge.moderator').waitFor();
  assert.equal(await row.locator('.nick').textContent(), 'Otto');
  const [join] = joins;
  assert.match(join.token, /^tk_/);
  assert.deepEqual([join.nickname, join.avatar], [undefined, undefined], 'what an account is called the server knows');
  assert.equal(await moderator.own.count(), 1, 'what the visitor wrote is somebody else’s');

  // Deletes, and takes it back, over HTTP as well.
  const other = moderator.log.locator('li.msg', { hasText: 'written as a visitor' });
  await other.evaluate((element) => {
    /** @type {HTMLElement} */ (element).tabIndex = -1;
    /** @type {HTMLElement} */ (element).focus();
  });
  await moderator.page.keyboard.press('Enter');
  const undone = moderator.pressAsItComes(office.undo);
  await moderator.where.getByRole('menuitem', { name: strings.actions.remove, exact: true }).click();
  await undone;
  await noted(moderator, office.undone);
  await reader.sees('written as a visitor');

  await moderator.page.reload();
  await moderator.live();
  await until(() => joins.length, (n) => n === 2, 'a JOIN after the reload');
  const { own } = moderator;
  await until(() => own.count(), (count) => count === 1, 'one’s own message on one’s own side');

  await server.kill();
  await server.up();
  await until(() => joins.length, (n) => n >= 3, 'a JOIN after the restart');
  await moderator.say('after the restart');
  await reader.log.locator('li.msg', { hasText: 'after the restart' }).locator('.badge.moderator').waitFor();
  const tokens = joins.map(({ token }) => token);
  assert.equal(new Set(tokens).size, tokens.length, 'a ticket for each');
  assert.ok(asked.filter((path) => path === 'auth/ticket').length >= tokens.length);
  const kept = await moderator.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  for (const token of tokens) assert.ok(!kept.includes(token), 'no ticket is kept');
  assert.deepEqual([reader.complaints, moderator.complaints], [[], []]);
  await reader.leave();
  await moderator.leave();
});

test('a short-lived cookie that ran out is renewed for the next JOIN', async () => {
  const visitor = await open('renewed');
  const { asked } = watch(visitor.page);
  await signInFrom(visitor, 'tilda@example.com');
  const context = visitor.page.context();
  await context.clearCookies({ name: 'chat-access' });
  await visitor.page.reload();
  await visitor.live();
  await visitor.say('still me');
  await visitor.log.locator('li.msg.own', { hasText: 'still me' }).locator('.badge.moderator').waitFor();
  assert.deepEqual(asked.slice(-3), ['auth/ticket', 'auth/refresh', 'auth/ticket']);
  await visitor.leave();
});

test('a login that is ended elsewhere: the page goes on as the visitor that it was, and says so', async () => {
  const visitor = await open('ended');
  await visitor.join('Wanderer');
  await visitor.say('before');
  await signInFrom(visitor, 'otto@example.com');
  await visitor.say('as the account');
  await visitor.log.locator('li.msg.own', { hasText: 'as the account' }).locator('.badge').waitFor();
  // In /me of another device.
  const { accessToken } = await ask('auth/login', { email: 'otto@example.com', password: PASSWORD });
  const headers = { Authorization: `Bearer ${accessToken}` };
  const logins = await (await fetch(`${home}/api/v1/me/logins`, { headers })).json();
  for (const { id, current } of logins) if (!current) await fetch(`${home}/api/v1/me/logins/${id}`, { method: 'DELETE', headers });
  await noted(visitor, office.signIn.ended);
  await visitor.live();
  await visitor.say('as the visitor');
  const last = visitor.log.locator('li.msg.own:not(.pending)', { hasText: 'as the visitor' });
  await last.waitFor();
  assert.equal(await last.locator('.badge').count(), 0);
  assert.equal(await visitor.page.evaluate(() => localStorage.getItem('realtime-chat:login')), null);
  assert.equal(await visitor.own.filter({ hasText: 'before' }).count(), 1);
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('signing out in the room, and in another tab', async () => {
  const visitor = await open('tabs');
  const { page } = visitor;
  await signInFrom(visitor, 'tilda@example.com');
  const second = new Visitor(await page.context().newPage(), page);
  await second.where.goto(`${home}/room/tabs?lang=en`);
  await second.live();
  await second.composer.waitFor();
  await page.locator('#me').click();
  const dialog = page.getByRole('dialog', { name: office.account.title });
  await dialog.getByText('Tilda', { exact: true }).waitFor();
  assert.match(await dialog.getByRole('link', { name: office.account.open }).getAttribute('href') ?? '', /^\/chat\/me\?lang=en/);
  await dialog.getByRole('button', { name: strings.signOut, exact: true }).click();
  await noted(visitor, office.signIn.out);
  await noted(second, office.signIn.ended);
  for (const one of [visitor, second]) {
    await one.where.locator('#profile, #join-bar').locator('visible=true').first().waitFor();
    assert.equal(await one.composer.isVisible(), false, 'the visitor had no name');
  }
  assert.equal((await page.context().cookies()).filter(({ name }) => name.startsWith('chat-')).length, 0);

  // The other tab is signed in with this one.
  await signInFrom(visitor, 'tilda@example.com');
  await visitor.live();
  await second.composer.waitFor();
  await second.say('from the other tab');
  await visitor.own.filter({ hasText: 'from the other tab' }).waitFor();
  assert.equal(await visitor.log.locator('li.msg', { hasText: 'from the other tab' }).count(), 1);
  await second.where.goto(`${home}/me?lang=en`);
  await second.where.getByRole('button', { name: words.me.signOut, exact: true }).click();
  await noted(visitor, office.signIn.ended);
  assert.equal(await page.evaluate(() => localStorage.getItem('realtime-chat:login')), null);
  await visitor.leave();
});

test('what a visitor could not send is not sent by the account, and is not lost', async () => {
  const visitor = await open('unsent');
  const { page } = visitor;
  await visitor.join('Wanderer');
  await visitor.say('stored');
  await visitor.log.locator('li.msg:not(.pending)', { hasText: 'stored' }).waitFor();
  // The sockets of this page go nowhere, nor what it does without them, while its other requests do.
  let away = true;
  await page.routeWebSocket(/\/ws\/room\//, (socket) => {
    if (away) socket.close();
    else socket.connectToServer();
  });
  await page.route(/\/api\/v1\/rooms\/[^/]+\/(events|messages)/, (route) => (away ? route.abort() : route.continue()));
  await page.reload();
  await visitor.composer.waitFor();
  await visitor.say('not yet sent');
  await visitor.pending.filter({ hasText: 'not yet sent' }).waitFor();
  await signInFrom(visitor, 'otto@example.com');
  const kept = visitor.log.locator('li.msg', { hasText: 'not yet sent' });
  await kept.getByText(strings.errors.OTHER_AUTHOR).waitFor();
  const reader = await open('unsent');
  await reader.sees('stored');
  away = false;
  await page.reload();
  await visitor.live();
  await visitor.say('by the account');
  await reader.sees('by the account');
  assert.equal(await reader.log.getByText('not yet sent').count(), 0);
  await kept.getByText(strings.errors.OTHER_AUTHOR).waitFor();
  await kept.getByRole('button', { name: strings.retry }).click();
  await reader.log.locator('li.msg', { hasText: 'not yet sent' }).locator('.badge.moderator').waitFor();
  await visitor.leave();
  await reader.leave();
});

test('the visitor of a browser becomes the account’s at /me, and what it wrote is edited as one’s own', async () => {
  const reader = await open('claimed');
  const visitor = await open('claimed');
  const { page } = visitor;
  await visitor.join('Visitor');
  await visitor.say('as a visitor');
  await reader.sees('as a visitor');
  const room = page.url();
  await signInFrom(visitor, 'tilda@example.com');
  await visitor.live();
  assert.equal(await visitor.own.count(), 0);
  await page.goto(`${home}/me?lang=en`);
  await page.getByRole('button', { name: words.me.claimSubmit, exact: true }).click();
  await page.getByText(words.me.claimDone).locator('visible=true').first().waitFor();
  await page.goto(room);
  await visitor.live();
  await until(() => visitor.own.count(), (count) => count === 1, 'the message to be the account’s own');
  await visitor.composer.focus();
  await page.keyboard.press('ArrowUp');
  await until(() => visitor.composer.inputValue(), (text) => text === 'as a visitor', 'the message to be edited');
  await visitor.say('as the account');
  await reader.sees('as the account');
  const row = reader.log.locator('li.msg', { hasText: 'as the account' });
  assert.equal(await row.locator('.nick').textContent(), 'Visitor', 'a message keeps the name it was written under');
  assert.deepEqual([visitor.complaints, reader.complaints], [[], []]);
  await visitor.leave();
  await reader.leave();
});

test('in a frame of a blog nobody is signed in by cookies, and none are tried; on the chat’s own pages they are', async () => {
  const visitor = await open('framed');
  const { page } = visitor;
  await signInFrom(visitor, 'otto@example.com');
  await visitor.live();
  await page.locator('#me').waitFor();
  const blog = await openBlog({ '/post': `<iframe title="chat" src="${home}/room/framed?lang=en" width="400" height="400"></iframe>` });
  const { asked, joins } = watch(page);
  // Another site, and another origin of the same site: there the frame has the flag, and cookies would go along.
  for (const [origin, shares] of /** @type {const} */ ([[blog, false], [blog.replace('localhost', '127.0.0.1'), true]])) {
    const { length } = joins;
    await page.goto(`${origin}/post`);
    const framed = await inside(visitor);
    await framed.live();
    await framed.nickname.waitFor();
    if (shares) assert.match(await framed.where.evaluate(() => localStorage.getItem('realtime-chat:login') ?? ''), /Otto/);
    assert.deepEqual(asked, [], origin);
    assert.deepEqual(joins.slice(length).map(({ token }) => token), [undefined], origin);
    assert.equal(await framed.where.getByRole('link', { name: strings.signIn }).count(), 0, origin);
  }

  // The demonstration is a page of the chat itself, with a frame of its own.
  const before = joins.length;
  await page.goto(`${home}/?lang=en`);
  const nested = await inside(visitor);
  await nested.live();
  await nested.composer.waitFor();
  assert.deepEqual(joins.slice(before).map(({ token }) => /^tk_/.test(token)), [true]);
  await visitor.leave();
});

test('the way back from /login leads to pages of the chat alone', async () => {
  for (const to of ['https://evil.example/', '//evil.example/', '/\\evil.example/', '/chat/\\evil.example', '/chat/..//evil.example/', '/chat/../room/x', '/room/x', 'javascript:alert(1)', '/chatter/room/x']) {
    const { page } = await Visitor.open(browser, `${home}/login?lang=en&to=${encodeURIComponent(to)}`, { locale: 'en-US' });
    await page.getByLabel(words.email, { exact: true }).fill('tilda@example.com');
    await page.getByLabel(words.password, { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: words.login.submit, exact: true }).click();
    await page.waitForURL(`${home}/me**`);
    await page.getByRole('heading', { name: 'Tilda' }).waitFor();
    await page.context().close();
  }
});

for (const lang of /** @type {const} */ (['ko', 'en'])) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing in the way in and in who one is, all is large enough and fits (${lang}, ${theme})`, async () => {
      const visitor = await Visitor.open(browser, `${home}/room/judged?lang=${lang}&theme=${theme}`, { viewport: { width: 320, height: 640 } });
      const { page } = visitor;
      /** @type {string[]} */
      const faults = [];
      const check = async (/** @type {string} */ state) => {
        for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
      };
      await visitor.live();
      await page.locator('#profile .sign-in').waitFor();
      await check('a newcomer');
      await visitor.join('Wanderer');
      await page.locator('#me').click();
      await page.locator('#account').waitFor();
      await check('the profile');
      await page.locator('#profile .sign-in').click();
      await page.locator('input[type=email]').fill('wide@example.com');
      await page.locator('input[type=password]').fill(PASSWORD);
      await page.locator('button[type=submit]').first().click();
      await page.waitForURL('**/room/judged**');
      await visitor.live();
      await page.locator('#me').click();
      const dialog = page.locator('.mod-dialog');
      await dialog.locator('.badge.moderator').waitFor();
      await check('who one is');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'me', 'the keyboard goes on where it was');
      assert.deepEqual(faults, []);
      await visitor.leave();
    });
  }
}
