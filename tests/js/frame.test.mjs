import assert from 'node:assert/strict';
import test from 'node:test';
import { Frame, fromBlog } from '../../static/js/page/frame.js';
import { withClock } from './support.mjs';

/** @param {object} fields */
const said = (fields) => ({ ns: 'realtime-chat', v: 1, ...fields });

/** A page in a frame of a blog. @param {string[]} ancestors the origins that the browser tells */
function embedded(ancestors) {
  /** @type {{message: any, target: string}[]} */
  const posted = [];
  const parent = { postMessage: (/** @type {any} */ message, /** @type {string} */ target) => posted.push({ message, target }) };
  /** @type {Set<(event: any) => void>} */
  const listeners = new Set();
  const page = /** @type {any} */ ({
    parent,
    location: { ancestorOrigins: ancestors },
    document: { documentElement: { dataset: { theme: 'dark' } } },
    addEventListener: (/** @type {string} */ _, /** @type {any} */ listener) => listeners.add(listener),
    removeEventListener: (/** @type {string} */ _, /** @type {any} */ listener) => listeners.delete(listener),
  });
  /** @param {unknown} data @param {string} [origin] @param {unknown} [source] */
  const hear = (data, origin = 'https://blog.example', source = parent) => {
    for (const listener of [...listeners]) listener({ data, origin, source });
  };
  return { page, posted, hear, listeners };
}

test('what is not of the contract is nothing', () => {
  for (const data of [null, undefined, 7, 'set-theme', [], {}, said({}), said({ type: 7 }), said({ type: null }),
    { ns: 'other', v: 1, type: 'focus' }, { ns: 'realtime-chat', v: 2, type: 'focus' }, { ns: 'realtime-chat', v: '1', type: 'focus' },
    // Names that every object has.
    ...['constructor', 'toString', '__proto__', 'hasOwnProperty', 'ready', 'unread', 'INIT'].map((type) => said({ type }))]) {
    assert.equal(fromBlog(data), null, JSON.stringify(data));
  }
});

test('fields of the wrong kind, and fields of other messages, are left out', () => {
  for (const junk of [7, null, {}, [], true, '', 'x"><script>', { toString: () => 'dark' }, ['dark']]) {
    assert.deepEqual(fromBlog(said({ type: 'set-theme', theme: junk })), { type: 'set-theme' });
    assert.deepEqual(fromBlog(said({ type: 'init', theme: junk, lang: junk, accent: junk })), { type: 'init' });
  }
  assert.deepEqual(fromBlog(said({ type: 'set-title', title: 7 })), { type: 'set-title' });
  assert.deepEqual(fromBlog(said({ type: 'set-theme', theme: 'dark', title: 'x', accent: '#ffffff' })), { type: 'set-theme', theme: 'dark' });
  assert.deepEqual(fromBlog(said({ type: 'focus', theme: 'dark' })), { type: 'focus' });
  assert.deepEqual(fromBlog(said({ type: 'init', theme: 'auto', title: ' A ', lang: 'KO_kr', accent: '#E4572e' })),
    { type: 'init', theme: 'auto', title: 'A', lang: 'KO_kr', accent: '#E4572e' });
});

test('a token comes with `auth` alone, as a text or as nobody', () => {
  assert.deepEqual(fromBlog(said({ type: 'auth', token: 'a.b.c', theme: 'dark' })), { type: 'auth', token: 'a.b.c' });
  assert.deepEqual(fromBlog(said({ type: 'auth', token: null })), { type: 'auth', token: null });
  for (const token of [undefined, 7, {}, ['a.b.c'], true]) assert.deepEqual(fromBlog(said({ type: 'auth', token })), { type: 'auth' });
  assert.deepEqual(fromBlog(said({ type: 'init', token: 'a.b.c' })), { type: 'init' });
});

test('titles are cut by code points, also huge ones', () => {
  const title = (/** @type {string} */ text) => fromBlog(said({ type: 'set-title', title: text }))?.title;
  assert.equal(title('글'.repeat(500)), '글'.repeat(200));
  assert.equal(title('🦦'.repeat(500)), '🦦'.repeat(200));
  assert.equal([...title('x'.repeat(5_000_000)) ?? ''].length, 200);
  assert.equal(title('   '), '');
  assert.equal(title('<b>bold</b>'), '<b>bold</b>');
});

test('only the window above, and only its origin, is heard', () => {
  /** @type {any[]} */
  const heard = [];
  const { page, hear } = embedded(['https://blog.example']);
  new Frame((message) => heard.push(message), page);
  const message = said({ type: 'set-theme', theme: 'dark' });
  hear(message, 'https://evil.example');
  hear(message, 'https://blog.example', page);
  hear(message, 'https://blog.example', {});
  hear(message, 'https://blog.example', null);
  assert.deepEqual(heard, []);
  hear(message);
  assert.deepEqual(heard, [{ type: 'set-theme', theme: 'dark' }]);
});

test('where the browser does not tell the origin, the first message does', () => {
  /** @type {any[]} */
  const heard = [];
  const { page, hear, posted } = embedded([]);
  const frame = new Frame((message) => heard.push(message), page);
  frame.post('unread', { count: 1 });
  hear(said({ type: 'focus' }));
  frame.post('unread', { count: 2 });
  hear(said({ type: 'focus' }), 'https://evil.example');
  assert.equal(heard.length, 1);
  assert.deepEqual(posted.map(({ target }) => target), ['*', 'https://blog.example']);
});

test('a sandboxed blog has no origin that could be named', () => {
  const { page, hear, posted } = embedded(['null']);
  /** @type {any[]} */
  const heard = [];
  const frame = new Frame((message) => heard.push(message), page);
  hear(said({ type: 'focus' }), 'null');
  frame.post('unread', { count: 1 });
  assert.equal(heard.length, 1);
  assert.equal(posted[0].target, '*');
});

test('ready is repeated until it is answered, and init is confirmed once', () => withClock((clock) => {
  const { page, hear, posted } = embedded(['https://blog.example']);
  const frame = new Frame(() => {}, page);
  frame.ready();
  clock.pass(350);
  assert.equal(posted.length, 3, 'at 0, 100 and 300 ms');
  assert.deepEqual(posted[0].message, said({ type: 'ready', theme: 'dark', initialized: false }));
  hear(said({ type: 'init', theme: 'dark' }));
  assert.deepEqual(posted[3].message, said({ type: 'ready', theme: 'dark', initialized: true }));
  hear(said({ type: 'init', theme: 'dark' }));
  clock.pass(60_000);
  assert.equal(posted.length, 4);
}));

test('nobody answers: it gives up', () => withClock((clock) => {
  const { page, posted } = embedded(['https://blog.example']);
  new Frame(() => {}, page).ready();
  clock.pass(600_000);
  assert.equal(posted.length, 6);
  assert.equal(clock.timers.size, 0);
}));

test('destroy leaves no listener and no timer', () => withClock((clock) => {
  const { page, listeners } = embedded(['https://blog.example']);
  const frame = new Frame(() => {}, page);
  frame.ready();
  frame.destroy();
  assert.equal(listeners.size, 0);
  assert.equal(clock.timers.size, 0);
}));

test('a page that stands alone says nothing', () => {
  const { page, posted, hear } = embedded([]);
  page.parent = page;
  /** @type {any[]} */
  const heard = [];
  const frame = new Frame((message) => heard.push(message), page);
  frame.ready();
  frame.resize(100);
  hear(said({ type: 'focus' }), 'https://blog.example', page);
  assert.deepEqual([posted.length, heard.length], [0, 0]);
});

test('what is unread goes to the blog with how much of it names the reader', () => {
  const { page, posted } = embedded(['https://blog.example']);
  new Frame(() => {}, page).post('unread', { count: 3, mentions: 1 });
  assert.deepEqual(posted, [{ message: said({ type: 'unread', count: 3, mentions: 1 }), target: 'https://blog.example' }]);
});

test('a height to and fro by a pixel is not reported', () => {
  const { page, posted } = embedded(['https://blog.example']);
  const frame = new Frame(() => {}, page);
  for (const height of [400, 401, 399.5, 402.4]) frame.resize(height);
  assert.deepEqual(posted.map(({ message }) => message.height), [400, 402]);
});
