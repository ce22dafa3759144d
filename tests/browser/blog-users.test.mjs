// The blog's own users, on a blog of another site: who its server has signed for takes part as that, without being asked,
// for as long as the blog says so.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { inside, launchAsPeopleDo, openBlog, visit } from './blog.mjs';
import { Server, Visitor, until } from './support.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';
const CHAT = 'https://chat.example';
const BLOG = 'https://blog.example';

const browser = await launchAsPeopleDo();
const server = await Server.start({
  CHAT_RATE_LIMITS: 'off',
  CHAT_SITES: JSON.stringify([{ iss: BLOG, aud: CHAT, alg: 'HS256', secret: SECRET }]),
});

const seconds = () => Math.floor(Date.now() / 1000);
/** @param {unknown} value */
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** As a blog's server signs it. @param {Record<string, unknown>} [changes] */
function signed(changes = {}) {
  const claims = { iss: BLOG, sub: '42', name: '수달이', aud: CHAT, iat: seconds(), exp: seconds() + 600, ...changes };
  const message = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${message}.${createHmac('sha256', SECRET).update(message).digest('base64url')}`;
}

/** One that the server takes for so many seconds: its end is past, within the minute that is granted. @param {number} left @param {Record<string, unknown>} [changes] */
const endsIn = (left, changes) => signed({ iat: seconds() - 600, exp: seconds() - 60 + left, ...changes });

const SCRIPT = `<script src="${server.url}/embed.js"></script>`;
/** The blog's own script: notes what it is asked, and answers where it is told to. */
const NOTES = `<script>
window.asked = [];
addEventListener('message', ({ data }) => { if (data && data.type === 'error') asked.push(data.code); });
document.addEventListener('realtime-chat:token-needed', async (event) => {
  asked.push(event.detail.reason);
  if (window.answers) event.target.setUser(await (await fetch('/token')).text());
});
</script>`;
/** @param {string} token @param {string} [room] */
const page = (token, room = 'post') => `${NOTES}<script>window.answers = true</script>
<script src="${server.url}/embed.js" data-room="${room}" data-loading="eager" data-lang="en" data-user-token="${token}"></script>`;

const blog = await openBlog({
  get '/token'() { return { body: signed(), bare: true }; },
  get '/signed'() { return page(signed()); },
  get '/soon'() { return page(endsIn(20), 'soon'); },
  get '/over'() { return page(endsIn(4), 'over').replace('answers = true', 'answers = false'); },
  get '/dead'() { return page(signed({ iat: seconds() - 700, exp: seconds() - 100 }), 'dead').replace('answers = true', 'answers = false'); },
  get '/wrong'() { return page(signed({ aud: 'https://other.example' }), 'wrong').replace('answers = true', 'answers = false'); },
  '/late-window': `${SCRIPT}${NOTES}<realtime-chat room="late-window" loading="eager" lang="en"></realtime-chat>`,
  '/later': `${SCRIPT}${NOTES}<realtime-chat room="later" loading="eager" lang="en"></realtime-chat>`,
  get '/two'() {
    return `${SCRIPT}<realtime-chat room="two" loading="eager" user-token="${signed()}"></realtime-chat>
<realtime-chat room="two" loading="eager" user-token="${signed({ sub: '43', name: 'Otter' })}"></realtime-chat>`;
  },
});

/** @param {Visitor} host @returns {Promise<string[]>} what the blog was asked, and told of */
const asked = (host) => host.page.evaluate(() => /** @type {any} */ (window).asked);
/** @param {Visitor} host @param {string} what */
const isAsked = (host, what) => until(() => asked(host), (all) => all.includes(what), `the blog to hear of ${what}`);
/** @param {Visitor} host @param {string | null} token */
const setUser = (host, token) => host.page.evaluate((token) => /** @type {any} */ (document.querySelector('realtime-chat')).setUser(token), token);

/** That whoever reads is who wrote it. @param {Visitor} chat @param {string} text */
const isOwn = (chat, text) => until(() => chat.own.filter({ hasText: text }).count(), (count) => count === 1, `"${text}" as the own one`);

test('who the blog has signed for takes part under that name, with the badge, and is the same person after a reload', async () => {
  const host = await visit(browser, `${blog}/signed`);
  /** @type {string[]} */
  const urls = [];
  host.page.on('request', (request) => urls.push(request.url()));
  let chat = await inside(host);
  await chat.composer.waitFor();
  assert.equal(await chat.nickname.isVisible(), false, 'nobody is asked who they are');
  await chat.say('Signed');
  await chat.sees('Signed');
  const reader = await Visitor.open(browser, `${server.url}/room/post?lang=en`);
  await reader.sees('Signed');
  const row = reader.messages.filter({ hasText: 'Signed' });
  assert.match(await row.innerText(), /수달이/);
  assert.equal(await row.locator('.badge.verified').innerText(), 'Verified');

  await host.page.reload();
  chat = await inside(host);
  await chat.composer.waitFor();
  await isOwn(chat, 'Signed');
  // Their name is the blog's.
  await chat.where.locator('#me').click();
  await chat.where.getByText('Your name comes from this blog.').waitFor();
  assert.equal(await chat.nickname.isVisible(), false);

  // In memory alone: neither in the blog's page, nor in storage, nor in an address.
  const kept = await chat.where.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.doesNotMatch(kept, /eyJ|수달이/);
  assert.equal(await host.page.locator('[data-user-token], [user-token]').count(), 0);
  assert.ok(urls.length > 5 && urls.every((url) => !url.includes('eyJ')), urls.join('\n'));
  assert.deepEqual(host.complaints, []);
  await reader.leave();
  await host.leave();
});

test('the blog is asked for a new token before the old one is over, and nothing is interrupted', async () => {
  const host = await visit(browser, `${blog}/soon`);
  const end = Date.now() + 21_000;
  const chat = await inside(host);
  await chat.composer.waitFor();
  await chat.say('Before');
  await chat.sees('Before');
  await isAsked(host, 'expiring');
  await until(() => Date.now(), (now) => now > end, 'the end of the first token');
  await chat.say('After');
  await chat.sees('After');
  await until(() => chat.texts(), (texts) => texts.length === 2, 'both, stored');
  assert.deepEqual(await asked(host), ['expiring'], 'once, and no refusal');
  await host.leave();
});

test('whose token is over reads on; what is written then waits for the blog, and goes with the new token', async () => {
  const host = await visit(browser, `${blog}/over`);
  const chat = await inside(host);
  const other = await Visitor.open(browser, `${server.url}/room/over`);
  await other.join('Other');
  await chat.composer.waitFor();
  await isAsked(host, 'expired');
  await chat.where.getByText('This blog has to confirm who you are again.').waitFor();
  await other.say('Still here?');
  await chat.sees('Still here?');
  await chat.say('I wait');
  await until(() => chat.pending.count(), (count) => count === 1, 'what waits');
  await isAsked(host, 'TOKEN_EXPIRED');
  assert.deepEqual(await other.texts(), ['Still here?']);
  await setUser(host, signed());
  await other.sees('I wait');
  await until(() => chat.pending.count(), (count) => count === 0, 'nothing that waits');
  await chat.where.getByText('This blog has to confirm who you are again.').waitFor({ state: 'hidden' });
  await chat.say('And go on');
  await other.sees('And go on');
  const row = other.messages.filter({ hasText: 'I wait' });
  assert.equal(await row.locator('.badge.verified').count(), 1);
  await other.leave();
  await host.leave();
});

/** A page whose token was over from the start: its reader has come in without one. */
async function visitDead() {
  const host = await visit(browser, `${blog}/dead`);
  const chat = await inside(host);
  await isAsked(host, 'expired');
  await chat.live();
  return { host, chat };
}

test('a token that is over from the start makes a reader, who writes when the blog has signed anew', async () => {
  const { host, chat } = await visitDead();
  await setUser(host, signed());
  await chat.composer.waitFor();
  await chat.say('Alive');
  await chat.sees('Alive');
  await until(() => chat.own.locator('.text').allTextContents(), (texts) => texts.includes('Alive'), 'it, stored');
  await host.leave();
});

test('a token that the server does not take makes a visitor, and the owner is told why in the console', async () => {
  const host = await visit(browser, `${blog}/later`);
  /** @type {string[]} */
  const said = [];
  host.page.on('console', (message) => said.push(message.text()));
  await host.page.goto(`${blog}/wrong`);
  const chat = await inside(host);
  await chat.nickname.waitFor();
  await chat.join('Guest');
  await chat.say('As a visitor');
  await chat.sees('As a visitor');
  await until(() => said.join('\n'), (all) => /aud is not what CHAT_SITES says/.test(all), 'the reason');
  await isAsked(host, 'refused');
  await host.leave();
});

test('a blog signs its reader in and out while the page stands; what was not sent is not sent as somebody else', async () => {
  const host = await visit(browser, `${blog}/later`);
  const chat = await inside(host);
  const other = await Visitor.open(browser, `${server.url}/room/later`);
  await chat.join('Guest');
  await chat.say('From the guest');
  await other.sees('From the guest');
  await setUser(host, endsIn(3));
  await isAsked(host, 'expired');
  await chat.say('Of the signed one');
  await isAsked(host, 'TOKEN_EXPIRED');
  // Signed out: the visitor of before, and what the other one wrote is neither sent nor lost.
  await setUser(host, null);
  await isOwn(chat, 'From the guest');
  await chat.say('The guest again');
  await other.sees('The guest again');
  const failed = chat.log.locator('li.msg.failed');
  await until(() => failed.count(), (count) => count === 1, 'what was not sent');
  assert.match(await failed.innerText(), /Of the signed one/);
  assert.deepEqual(await other.texts(), ['From the guest', 'The guest again']);
  const names = await other.messages.locator('.badge').count();
  assert.equal(names, 0);
  // Somebody else, on the open page; what waits for a word of its writer still does.
  await setUser(host, signed({ sub: '44', name: 'Seal' }));
  await until(() => chat.own.filter({ hasText: 'The guest again' }).count(), (count) => count === 0, 'another reader');
  await chat.say('Another one');
  await other.sees('Another one');
  assert.match(await other.messages.filter({ hasText: 'Another one' }).innerText(), /Seal/);
  await failed.getByRole('button', { name: 'Retry' }).click();
  await other.sees('Of the signed one');
  await other.leave();
  await host.leave();
});

test('what was written by a token that was over from the start is not sent as somebody else either', async () => {
  const { host, chat } = await visitDead();
  await chat.say('Of nobody yet');
  await until(() => chat.pending.count(), (count) => count === 1, 'what waits');
  await setUser(host, signed({ sub: '45', name: 'Walrus' }));
  const failed = chat.log.locator('li.msg.failed');
  await until(() => failed.count(), (count) => count === 1, 'what was not sent');
  assert.match(await failed.innerText(), /Written under another name\./);
  await failed.getByRole('button', { name: 'Discard' }).click();
  await chat.say('Of the walrus');
  await isOwn(chat, 'Of the walrus');
  await host.leave();
});

test('two chats of one page have each its own reader', async () => {
  const host = await visit(browser, `${blog}/two`);
  const [first, second] = [await inside(host, 'iframe >> nth=0'), await inside(host, 'iframe >> nth=1')];
  for (const [chat, text] of /** @type {const} */ ([[first, 'One'], [second, 'Two']])) {
    await chat.composer.waitFor();
    await chat.say(text);
  }
  for (const chat of [first, second]) {
    await chat.sees('One');
    await chat.sees('Two');
  }
  assert.match(await first.messages.filter({ hasText: 'Two' }).innerText(), /Otter/);
  assert.match(await second.messages.filter({ hasText: 'One' }).innerText(), /수달이/);
  await host.leave();
});

test('the window of its own asks the page that has opened it', async () => {
  const host = await visit(browser, `${blog}/signed`);
  const chat = await inside(host);
  await chat.composer.waitFor();
  const opening = host.page.context().waitForEvent('page');
  await chat.where.locator('#popout').click();
  const own = await opening;
  const popout = new Visitor(own, own);
  await popout.composer.waitFor();
  await popout.say('From my own window');
  await popout.sees('From my own window');
  await isOwn(chat, 'From my own window');
  assert.ok(!own.url().includes('eyJ'));
  await host.leave();
});

test('a window of its own learns of a reader whom the blog names later, and that they are signed out', async () => {
  const host = await visit(browser, `${blog}/late-window`);
  const chat = await inside(host);
  await chat.nickname.waitFor();
  const opening = host.page.context().waitForEvent('page');
  await chat.where.locator('#popout').click();
  const own = await opening;
  const popout = new Visitor(own, own);
  await popout.join('Guest');
  await popout.say('Of the guest');
  await popout.sees('Of the guest');
  await setUser(host, signed());
  await until(() => popout.own.filter({ hasText: 'Of the guest' }).count(), (count) => count === 0, 'another reader');
  await popout.say('Of the signed one');
  await isOwn(chat, 'Of the signed one');
  assert.match(await chat.messages.filter({ hasText: 'Of the signed one' }).innerText(), /수달이/);
  await setUser(host, null);
  await isOwn(popout, 'Of the guest');
  await popout.say('The guest again');
  await popout.sees('The guest again');
  assert.ok(!own.url().includes('eyJ') && !own.url().includes('user='));
  await host.leave();
});
