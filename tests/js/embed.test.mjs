import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import vm from 'node:vm';
import { brotliCompressSync } from 'node:zlib';

const source = await readFile(new URL('../../static/embed.js', import.meta.url), 'utf8');

/** Runs the script as a page without a script tag of ours would, and takes what it offers. */
function offered() {
  /** @type {any} */
  const window = {
    location: new URL('https://blog.example/'),
    document: { currentScript: null, querySelector: () => null },
    HTMLElement: class {},
    customElements: { get: () => undefined, define() {} },
    URL,
  };
  window.window = window;
  vm.runInNewContext(source, window);
  return window.RealtimeChat;
}

/** @type {[string, string, string][]} */
const ROOMS = [
  ['canonical', 'https://blog.example/2026/hello/', 'blog.example:2026:hello'],
  ['canonical', 'https://blog.example/', 'blog.example'],
  ['canonical', 'https://blog.example/index.html', 'blog.example'],
  ['canonical', 'https://blog.example/a/index.html?utm_source=x#top', 'blog.example:a'],
  ['canonical', 'http://localhost:4000/a', 'localhost:4000:a'],
  ['pathname', 'https://blog.example/2026/hello/', '2026:hello'],
  ['pathname', 'https://blog.example/2026/hello', '2026:hello'],
  ['pathname', 'https://blog.example/', 'index'],
  ['pathname', 'https://blog.example/index.html', 'index'],
  ['pathname', 'https://blog.example/%EA%B8%80/%EC%88%98%EB%8B%AC', '글:수달'],
  ['pathname', 'https://blog.example/100%/x', '100%:x'],
  ['pathname', 'https://blog.example/myindex.html', 'myindex.html'],
  ['pathname', 'https://blog.example/a/index.html', 'a'],
  ['pathname', 'https://blog.example/a//', 'a'],
  ['pathname', 'https://blog.example/a%2Fb', 'a:b'],
  ['canonical', 'https://m.blog.example/entry/%EC%88%98%EB%8B%AC?category=1', 'm.blog.example:entry:수달'],
];

test('the room of a page follows from its address', () => {
  const { roomOf } = offered();
  for (const [from, address, room] of ROOMS) assert.equal(roomOf(from, address), room, `${from} ${address}`);
});

test('it is at most 4 KiB over the wire', () => {
  // As the server sends it: without the lines that are comment and nothing else.
  const served = source.split('\n').filter((line) => !/^\s*(\/\/|\/\*|\*)/.test(line)).join('\n');
  const bytes = brotliCompressSync(served).length;
  assert.ok(bytes <= 4096, `${bytes} bytes`);
});

test('it makes no markup and runs no text', () => {
  assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\('(style|on)/);
});

/** The attributes of the element, as the script has them. */
const attributes = [...(/const ATTRIBUTES = \[(.*)\];/.exec(source)?.[1] ?? '').matchAll(/'([\w-]+)'/g)].map(([, name]) => name);

test('the reference page and the type declarations name every attribute, event, message and field', async () => {
  const page = await readFile(new URL('../../docs/EMBED.md', import.meta.url), 'utf8');
  const types = await readFile(new URL('../../static/js/embed.d.ts', import.meta.url), 'utf8');
  assert.deepEqual(attributes, ['room', 'room-from', 'title', 'theme', 'lang', 'accent', 'height', 'loading']);
  for (const name of attributes) {
    assert.ok(page.includes(`| \`data-${name}\` |`), `data-${name} in EMBED.md`);
    const property = name === 'room-from' ? 'roomFrom' : name;
    assert.match(types, new RegExp(`^  ${property}\\?:`, 'm'), `${property} in embed.d.ts`);
  }
  for (const name of ['setTheme', 'setRoom', 'destroy', 'mount', 'roomOf', 'hostTheme']) {
    assert.match(page, new RegExp(`^\\| \`(RealtimeChat\\.)?${name}\\(`, 'm'), `${name} in EMBED.md`);
    assert.ok(types.includes(`${name}(`), `${name} in embed.d.ts`);
  }
  for (const event of ['ready', 'unread', 'state']) {
    assert.ok(page.includes(`\`realtime-chat:${event}\``), `${event} in EMBED.md`);
    assert.ok(types.includes(`'realtime-chat:${event}'`), `${event} in embed.d.ts`);
  }
  for (const type of ['init', 'set-theme', 'set-title', 'set-lang', 'focus', 'ready', 'resize', 'unread', 'state', 'error']) {
    assert.match(page, new RegExp(`^\\| \`${type}\` \\|`, 'm'), `${type} in EMBED.md`);
    assert.ok(types.includes(`type: '${type}'`), `${type} in embed.d.ts`);
  }
  for (const parameter of ['theme', 'title', 'lang', 'accent', 'mode']) {
    assert.match(page, new RegExp(`^\\| \`${parameter}\` \\|`, 'm'), `${parameter} in EMBED.md`);
  }
});

/** Where an element of this script looks for its server. @param {string | null} src of the script tag; null: there is none */
function serverFor(src) {
  /** @type {any} */
  let Element;
  const window = {
    location: new URL('https://blog.example/posts/hello/'),
    document: {
      currentScript: src === null ? null : { src, dataset: {} },
      querySelector: () => null,
    },
    HTMLElement: class {},
    customElements: {
      get: () => undefined,
      define: (/** @type {string} */ _, /** @type {any} */ defined) => {
        Element = defined;
      },
    },
    URL,
  };
  vm.runInNewContext(source, Object.assign(window, { window }));
  const { server, origin } = new Element();
  return [server, origin];
}

test('the server is where the script is, a path included', () => {
  for (const [src, server, origin] of /** @type {[string | null, string, string][]} */ ([
    ['https://chat.example/embed.js', 'https://chat.example/', 'https://chat.example'],
    ['https://chat.example/embed.js?v=2#x', 'https://chat.example/', 'https://chat.example'],
    ['https://blog.example/chat/embed.js', 'https://blog.example/chat/', 'https://blog.example'],
    ['https://blog.example:8443/a/b/embed.js', 'https://blog.example:8443/a/b/', 'https://blog.example:8443'],
    // Fetched and run from memory, or written into the page: nothing says where it came from.
    ['blob:https://blog.example/0d3f4a52', 'https://blog.example/', 'https://blog.example'],
    ['', 'https://blog.example/', 'https://blog.example'],
    [null, 'https://blog.example/', 'https://blog.example'],
  ])) {
    assert.deepEqual(serverFor(src), [server, origin], String(src));
  }
});
