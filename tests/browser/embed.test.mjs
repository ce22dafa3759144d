import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after } from 'node:test';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

/** A blog on another site than the chat: browsers treat the two loopback names as strangers. */
const blog = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://blog');
  response.setHeader('content-type', 'text/html; charset=utf-8');
  const body = pathname === '/element'
    ? `<script async src="${server.url}/embed.js"></script><realtime-chat room="blog" title="A post" loading="eager"></realtime-chat>`
    : pathname === '/bare' ? `<iframe src="${server.url}/room/blog?theme=light" width="480" height="480"></iframe>`
      : `<main><script async src="${server.url}/embed.js" data-room="${searchParams.get('room') ?? 'blog'}" data-title="A post" data-lang="en" data-loading="eager"></script></main>`;
  response.end(`<!doctype html><html lang="en"><head><title>Blog</title></head><body>${body}</body></html>`);
});
await new Promise((resolve) => blog.listen(0, '127.0.0.1', () => resolve(undefined)));
after(() => {
  blog.closeAllConnections?.();
  blog.close();
});
const blogUrl = `http://localhost:${/** @type {import('node:net').AddressInfo} */ (blog.address()).port}`;

/** The chat inside a page. @param {Visitor} host @param {string} [selector] */
async function inside(host, selector = 'iframe') {
  const element = await host.page.locator(selector).elementHandle();
  const frame = await element?.contentFrame();
  if (!frame) throw new Error('no frame');
  return new Visitor(frame, host.page);
}

/** @param {import('playwright-core').Frame | import('playwright-core').Page} where */
const theme = (where) => where.evaluate(() => document.documentElement.dataset.theme);

test('the demo post: the chat in it works, and follows the post\'s own dark switch', async () => {
  const host = await Visitor.open(browser, `${server.url}/?lang=ko`, { colorScheme: 'light' });
  const chat = await inside(host, 'realtime-chat iframe');
  await chat.join('손님');
  await chat.say('데모에서 인사');
  await chat.sees('데모에서 인사');
  await host.page.locator('#theme').click();
  await until(() => theme(/** @type {any} */ (chat.where)), (now) => now === 'dark', 'the dark chat');
  assert.equal(await host.page.locator('iframe').evaluate((frame) => frame.style.colorScheme), 'dark');
  await host.page.locator('#theme').click();
  await until(() => theme(/** @type {any} */ (chat.where)), (now) => now === 'light', 'the light chat');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('one line on another site: it works though storage is out of reach', async () => {
  const host = await Visitor.open(browser, blogUrl);
  const chat = await inside(host);
  await chat.where.getByRole('heading', { name: 'A post' }).waitFor();
  await chat.join('Guest');
  await chat.where.getByText('This browser will not remember the nickname.').waitFor();
  await chat.say('Hello from elsewhere');
  await chat.sees('Hello from elsewhere');
  assert.equal(await chat.where.locator('#popout').isVisible(), true);
  await host.leave();
});

test('a bare iframe needs no script on the blog, and takes set-theme from it', async () => {
  const host = await Visitor.open(browser, `${blogUrl}/bare`);
  const chat = await inside(host);
  await chat.join('Guest');
  await chat.say('bare');
  await chat.sees('bare');
  await host.page.evaluate(() => document.querySelector('iframe')?.contentWindow?.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-theme', theme: 'dark' }, '*'));
  await until(() => theme(/** @type {any} */ (chat.where)), (now) => now === 'dark', 'the dark chat');
  await host.leave();
});

test('the element: events, setTheme, setRoom, destroy', async () => {
  const host = await Visitor.open(browser, blogUrl);
  await host.page.goto('about:blank');
  await host.page.addInitScript(() => {
    /** @type {string[]} */
    const heard = [];
    Object.assign(window, { heard });
    for (const name of ['ready', 'unread', 'state']) {
      document.addEventListener(`realtime-chat:${name}`, (event) => heard.push(`${name} ${JSON.stringify(/** @type {CustomEvent} */ (event).detail)}`));
    }
  });
  await host.page.goto(`${blogUrl}/element`);
  const heard = () => host.page.evaluate(() => /** @type {any} */ (window).heard);
  await until(heard, (events) => events.includes('ready {}') && events.includes('state {"state":"live"}'), 'ready and live');
  const chat = await inside(host);
  assert.equal(await host.page.locator('iframe').evaluate((frame) => getComputedStyle(frame).visibility), 'visible');

  await host.page.evaluate(() => /** @type {any} */ (document.querySelector('realtime-chat')).setTheme('dark'));
  await until(() => theme(/** @type {any} */ (chat.where)), (now) => now === 'dark', 'the dark chat');

  await host.page.evaluate(() => /** @type {any} */ (document.querySelector('realtime-chat')).setRoom('another'));
  await until(() => host.page.locator('iframe').getAttribute('src'), (src) => String(src).includes('/room/another'), 'the other room');
  const other = await inside(host);
  await other.join('Guest');

  await host.page.evaluate(() => /** @type {any} */ (document.querySelector('realtime-chat')).destroy());
  assert.equal(await host.page.locator('iframe, realtime-chat').count(), 0);
  await host.leave();
});

test('what is no message of the host\'s own is ignored', async () => {
  const host = await Visitor.open(browser, `${blogUrl}/bare`);
  const chat = await inside(host);
  await chat.nickname.waitFor();
  const before = await theme(/** @type {any} */ (chat.where));
  await host.page.evaluate(() => {
    const target = document.querySelector('iframe')?.contentWindow;
    for (const message of [null, 7, 'set-theme', [], { type: 'set-theme', theme: 'dark' }, { ns: 'other', v: 1, type: 'set-theme', theme: 'dark' },
      { ns: 'realtime-chat', v: 2, type: 'set-theme', theme: 'dark' }, { ns: 'realtime-chat', v: 1, type: 'set-theme', theme: '"><script>' },
      { ns: 'realtime-chat', v: 1, type: 'set-theme', theme: { toString: 'dark' } }, { ns: 'realtime-chat', v: 1, type: 'unheard-of' },
      { ns: 'realtime-chat', v: 1, type: 'set-title', title: 5 }, { ns: 'realtime-chat', v: 1, type: 'init', accent: 'red;}', lang: 3, theme: [] }]) {
      target?.postMessage(message, '*');
    }
    // Last, one that counts: when it is done, all before it have been.
    target?.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: '<b>done</b>' }, '*');
  });
  await chat.where.getByRole('heading', { name: '<b>done</b>' }).waitFor();
  assert.equal(await theme(/** @type {any} */ (chat.where)), before);
  // A frame inside the page itself is another window, not the blog.
  await chat.where.evaluate(() => window.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: 'forged' }, '*'));
  await chat.where.evaluate(() => new Promise((resolve) => {
    addEventListener('message', () => resolve(undefined), { once: true });
    window.postMessage('last', '*');
  }));
  assert.equal(await chat.where.getByRole('heading', { name: 'forged' }).count(), 0);
  await host.leave();
});
