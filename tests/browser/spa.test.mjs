// Pages that live long: mounted, switched and taken away again and again; frozen, hidden, resized.

import assert from 'node:assert/strict';
import test from 'node:test';
import { inside, launchAsPeopleDo, openBlog, visit } from './blog.mjs';
import { Server, fill, numbered, until } from './support.mjs';

const browser = await launchAsPeopleDo();
const server = await Server.start();
const line = `<script async src="${server.url}/embed.js" data-room="spa" data-loading="eager"></script>`;
const blog = await openBlog({
  '/': `<script src="${server.url}/embed.js"></script><main></main>`,
  '/chat': line,
  '/other': '<p>Another post</p>',
  '/swap': `<main>${line}</main>`,
});

/** Counts what a page holds on to: listeners of window, document, head and media, observers, timers, sockets. */
function count() {
  const held = { listeners: 0, observers: 0, timers: 0 };
  Object.assign(window, { held });
  for (const { prototype } of [EventTarget]) {
    const { addEventListener, removeEventListener } = prototype;
    /** @type {WeakMap<EventTarget, Map<any, Set<string>>>} */
    const known = new WeakMap();
    /** @param {any} target */
    const watched = (target) => target === window || target === document || target === document.head || target instanceof MediaQueryList || target === undefined;
    prototype.addEventListener = function add(/** @type {string} */ type, /** @type {any} */ listener, /** @type {any} */ options) {
      if (watched(this)) {
        const target = this ?? window;
        const of = known.get(target) ?? new Map();
        known.set(target, of);
        const types = of.get(listener) ?? new Set();
        of.set(listener, types);
        if (!types.has(type)) held.listeners += 1;
        types.add(type);
      }
      return addEventListener.call(this ?? window, type, listener, options);
    };
    prototype.removeEventListener = function remove(/** @type {string} */ type, /** @type {any} */ listener, /** @type {any} */ options) {
      const of = known.get(this ?? window);
      const types = of?.get(listener);
      if (types?.delete(type)) held.listeners -= 1;
      // To hold on to it here would be the leak that is looked for.
      if (types?.size === 0) of?.delete(listener);
      return removeEventListener.call(this ?? window, type, listener, options);
    };
  }
  for (const name of /** @type {const} */ (['MutationObserver', 'IntersectionObserver', 'ResizeObserver'])) {
    const { observe, disconnect } = window[name].prototype;
    /** @type {WeakSet<object>} */
    const active = new WeakSet();
    Object.assign(window[name].prototype, {
      observe(/** @type {any[]} */ ...given) {
        if (!active.has(this)) held.observers += 1;
        active.add(this);
        return /** @type {any} */ (observe).apply(this, given);
      },
      disconnect() {
        if (active.delete(this)) held.observers -= 1;
        return disconnect.call(this);
      },
    });
  }
  const { setTimeout, clearTimeout } = window;
  const running = new Set();
  Object.assign(window, {
    setTimeout(/** @type {() => void} */ act, /** @type {number} */ ms) {
      const id = setTimeout(() => {
        if (running.delete(id)) held.timers -= 1;
        act();
      }, ms);
      running.add(id);
      held.timers += 1;
      return id;
    },
    clearTimeout(/** @type {number} */ id) {
      if (running.delete(id)) held.timers -= 1;
      clearTimeout(id);
    },
  });
}

test('mounted, switched and destroyed twenty times: no listener, observer, timer, document or socket is left', async () => {
  const host = await visit(browser, 'about:blank');
  const { page } = host;
  // The server knows best: Playwright does not tell of sockets that end with their frame.
  const sockets = async () => (await (await fetch(`${server.url}/healthz`)).json()).sessions;
  await page.addInitScript(count);
  await page.goto(blog);
  const held = () => page.evaluate(() => /** @type {any} */ (window).held);
  const session = await page.context().newCDPSession(page);
  const counters = async () => {
    await session.send('HeapProfiler.collectGarbage');
    return session.send('Memory.getDOMCounters');
  };
  // All in the page: a handle of Playwright's would keep what it points at.
  const round = (/** @type {number} */ n) => page.evaluate(async (number) => {
    const chat = window.RealtimeChat.mount('main', { room: `round-${number}`, loading: 'eager' });
    const live = () => new Promise((resolve) => {
      /** @param {CustomEvent<{state: string}>} event */
      const heard = ({ detail }) => {
        if (detail.state !== 'live') return;
        chat.removeEventListener('realtime-chat:state', heard);
        resolve(undefined);
      };
      chat.addEventListener('realtime-chat:state', heard);
    });
    await live();
    chat.setTheme('dark');
    chat.setRoom('round-other');
    // Every third goes before it has loaded.
    if (number % 3 > 0) await live();
    chat.destroy();
  }, n);
  // The first round brings Playwright's own listeners along.
  await round(0);
  const before = await held();
  assert.equal(before.timers, 0);
  const first = await counters();
  for (let n = 1; n <= 20; n += 1) await round(n);
  assert.deepEqual(await held(), before);
  assert.equal(await page.evaluate(() => frames.length), 0);
  await until(sockets, (open) => open === 0, 'all sockets closed');
  await until(counters, ({ documents, nodes, jsEventListeners }) => documents <= first.documents
    && nodes <= first.nodes + 5 && jsEventListeners <= first.jsEventListeners, `no more than ${JSON.stringify(first)}`);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('a body that is exchanged, as instant navigation does, brings the next post\'s chat and ends the last', async () => {
  const host = await visit(browser, `${blog}/swap`);
  const { page } = host;
  await (await inside(host)).live();
  for (const room of ['next-1', 'next-2']) {
    await page.evaluate(([name, url]) => {
      const body = document.createElement('body');
      const script = document.createElement('script');
      Object.assign(script, { src: `${url}/embed.js`, async: true });
      Object.assign(script.dataset, { room: name, loading: 'eager' });
      const main = document.createElement('main');
      main.append(script);
      body.append(main);
      document.documentElement.replaceChild(body, document.body);
    }, [room, server.url]);
    await until(() => page.frames().filter((frame) => frame.url().startsWith(server.url)).map((frame) => new URL(frame.url()).pathname),
      (urls) => urls.length === 1 && urls[0] === `/room/${room}`, 'the next room alone');
    const chat = await inside(host);
    await chat.live();
    // The switch of the new body is watched.
    await page.evaluate(() => { document.body.className = 'dark'; });
    await until(() => chat.where.locator('html').getAttribute('data-theme'), (theme) => theme === 'dark', 'the dark chat');
  }
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('moved within the page, the chat comes back in its place', async () => {
  const host = await visit(browser, `${blog}/chat`);
  await (await inside(host)).live();
  await host.page.evaluate(() => {
    const chat = document.querySelector('realtime-chat');
    const section = document.body.appendChild(document.createElement('section'));
    if (chat) section.append(chat);
  });
  await (await inside(host, 'section > realtime-chat > iframe')).live();
  assert.equal(await host.page.locator('iframe').count(), 1);
  await host.leave();
});

test('back and forward: the chat returns from the cache and has what was said meanwhile', async () => {
  const host = await visit(browser, 'about:blank');
  await host.page.addInitScript(() => {
    addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted, states: [] }));
    document.addEventListener('realtime-chat:state', ({ detail }) => /** @type {any} */ (window).states?.push(detail.state));
  });
  await host.page.goto(`${blog}/chat`);
  const chat = await inside(host);
  await chat.join('Traveller');
  await chat.say('before leaving');
  await chat.sees('before leaving');
  await host.page.goto(`${blog}/other`);
  await fill(browser, server.url, 'spa', ['while you were away']);
  await host.page.goBack({ waitUntil: 'commit' });
  await until(() => host.page.evaluate(() => /** @type {any} */ (window).persisted), (persisted) => persisted !== undefined, 'the page to show');
  assert.equal(await host.page.evaluate(() => /** @type {any} */ (window).persisted), true, 'it came from the cache');
  // Playwright loses sight of frames that come from the cache; the protocol below it does not.
  await until(() => evaluateInFrame('/room/spa', '[...document.querySelectorAll("li.msg .text")].map((text) => text.textContent).join()'),
    (texts) => texts === 'before leaving,while you were away', 'what was said meanwhile');
  await until(() => host.page.evaluate(() => /** @type {any} */ (window).states), (states) => states.at(-1) === 'live', 'live again');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

/** Runs an expression in the frame of this path, whatever Playwright knows of it. @param {string} path @param {string} expression */
async function evaluateInFrame(path, expression) {
  const session = await browser.newBrowserCDPSession();
  const { targetInfos } = await session.send('Target.getTargets', { filter: [{ type: 'iframe' }] });
  const target = targetInfos.find(({ url }) => new URL(url).pathname === path);
  if (!target) throw new Error('no such frame');
  const { sessionId } = await session.send('Target.attachToTarget', { targetId: target.targetId, flatten: false });
  const answer = new Promise((resolve) => {
    session.on('Target.receivedMessageFromTarget', ({ message }) => resolve(JSON.parse(message).result?.result?.value));
  });
  await session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }) });
  const value = await answer;
  await session.detach();
  return value;
}

test('hidden and resized: it stays at the newest message', async () => {
  await fill(browser, server.url, 'sizes', numbered('line', 1, 40));
  const host = await visit(browser, `${blog}/chat`);
  await host.page.evaluate(() => document.querySelector('realtime-chat')?.setRoom('sizes'));
  await until(() => host.page.frames().map((frame) => frame.url()).join(' '), (urls) => urls.includes('/room/sizes'), 'the room');
  const chat = await inside(host);
  await chat.join('Sizer');
  await chat.say('the newest');
  await chat.sees('the newest');
  /** How far below the lower edge the newest message ends. */
  const below = () => chat.log.evaluate((log) => Math.round(
    (log.querySelector('li.msg:last-of-type')?.getBoundingClientRect().bottom ?? NaN) - log.getBoundingClientRect().bottom));
  await until(below, (px) => px <= 0, 'the bottom');
  const resize = (/** @type {string} */ css) => host.page.evaluate((text) => { /** @type {HTMLElement} */ (document.querySelector('realtime-chat')).style.cssText += text; }, css);
  for (const css of ['height: 260px', 'height: 600px', 'width: 300px', 'width: auto', 'height: 480px']) {
    await resize(css);
    await until(below, (px) => px <= 0, `the bottom at ${css}`);
  }
  await resize('display: none');
  await fill(browser, server.url, 'sizes', ['said while hidden']);
  await resize('display: block');
  await chat.log.getByText('said while hidden').waitFor({ state: 'visible' });
  await chat.say('and shown again');
  await chat.sees('and shown again');
  await until(below, (px) => px <= 0, 'the bottom');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});
