// What is remembered, in browsers that allow it and in those that do not.

import assert from 'node:assert/strict';
import test from 'node:test';
import { inside, launchAsPeopleDo, openBlog, visit } from './blog.mjs';
import { Server, launch, until } from './support.mjs';

/** Third-party storage is blocked here: Playwright's own setting. */
const blocking = await launch();
const partitioning = await launchAsPeopleDo();
const server = await Server.start();
const chatLine = `<script async src="${server.url}/embed.js" data-room="storage" data-loading="eager"></script>`;
const blog = await openBlog({
  '/': chatLine,
  '/sandboxed': `<iframe src="${server.url}/room/storage" title="Chat" sandbox="allow-scripts allow-forms" width="480" height="480"></iframe>`,
});
const NOT_KEPT = 'This browser will not remember the nickname.';

/** Everything that a page can keep. @param {import('playwright-core').Frame | import('playwright-core').Page} where */
const kept = (where) => where.evaluate(() => {
  /** @param {() => string[]} read */
  const guarded = (read) => {
    try {
      return read();
    } catch {
      return ['blocked'];
    }
  };
  return {
    local: guarded(() => Object.keys(localStorage)),
    session: guarded(() => Object.keys(sessionStorage)),
    cookies: guarded(() => document.cookie.split('; ').filter(Boolean).map((cookie) => cookie.split('=')[0])),
  };
});

/** @param {import('./support.mjs').Visitor} host */
async function reload(host) {
  await host.page.reload();
  const chat = await inside(host);
  await chat.live();
  return chat;
}

test('storage is blocked: memory, no cookie, and the reader is told', async () => {
  const host = await visit(blocking, blog);
  let chat = await inside(host);
  await chat.live();
  assert.deepEqual(await kept(/** @type {any} */ (chat.where)), { local: ['blocked'], session: ['blocked'], cookies: [] });
  await chat.join('Memory');
  await chat.where.getByText(NOT_KEPT).waitFor();
  await chat.say('for now');
  await chat.sees('for now');
  assert.deepEqual(await host.page.context().cookies(), [], 'the identity never travels with a request');
  chat = await reload(host);
  await chat.nickname.waitFor();
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('a cookie of an earlier version is taken away, and still says who one is', async () => {
  const host = await visit(partitioning, blog);
  let chat = await inside(host);
  await chat.live();
  const stored = JSON.stringify({ anonymousId: '0d3f4a52-6c1e-4d7a-9b1f-3c5e7a9b1d2f', nickname: 'Earlier', avatar: '', authorId: null });
  await /** @type {any} */ (chat.where).evaluate((/** @type {string} */ value) => {
    document.cookie = `__Host-realtime-chat-identity=${encodeURIComponent(value)}; Path=/; Secure; SameSite=None; Partitioned; Max-Age=1000`;
  }, stored);
  chat = await reload(host);
  await chat.composer.waitFor();
  const { local, cookies } = await kept(/** @type {any} */ (chat.where));
  assert.ok(local.includes('realtime-chat:identity'), String(local));
  assert.deepEqual(cookies, []);
  await host.leave();
});

test('storage is partitioned: web storage remembers, and no cookie is set', async () => {
  const host = await visit(partitioning, blog);
  let chat = await inside(host);
  await chat.live();
  assert.deepEqual(await kept(/** @type {any} */ (chat.where)), { local: [], session: [], cookies: [] }, 'nothing is stored before the reader takes part');
  await chat.join('Partition');
  await chat.say('by storage');
  await chat.sees('by storage');
  const { local, cookies } = await kept(/** @type {any} */ (chat.where));
  assert.ok(local.includes('realtime-chat:identity'), String(local));
  assert.deepEqual([cookies, await host.page.context().cookies()], [[], []]);
  chat = await reload(host);
  await chat.composer.waitFor();
  await until(() => chat.own.count(), (count) => count === 1, 'the own message on its side');

  // Another site is another partition: there the reader is somebody new.
  await host.page.goto(`${server.url}/room/storage`);
  await host.nickname.waitFor();
  assert.equal(await host.own.count(), 0);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('a sandbox without an origin: every access throws, and the chat works', async () => {
  const host = await visit(partitioning, `${blog}/sandboxed`);
  const chat = await inside(host);
  await chat.live();
  assert.deepEqual(await kept(/** @type {any} */ (chat.where)), { local: ['blocked'], session: ['blocked'], cookies: ['blocked'] });
  await chat.join('Nobody');
  await chat.where.getByText(NOT_KEPT).waitFor();
  await chat.say('from the sandbox');
  await chat.sees('from the sandbox');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('storage that goes away or is full while the page lives', async () => {
  const host = await visit(partitioning, 'about:blank');
  await host.page.context().addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await host.page.goto(blog);
  const chat = await inside(host);
  await chat.join('Full');
  await chat.where.getByText(NOT_KEPT).waitFor();
  await chat.say('still here');
  await chat.sees('still here');
  assert.deepEqual((await kept(/** @type {any} */ (chat.where))).cookies, []);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});
