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
];

test('the room of a page follows from its address', () => {
  const { roomOf } = offered();
  for (const [from, address, room] of ROOMS) assert.equal(roomOf(from, address), room, `${from} ${address}`);
});

test('it is at most 4 KiB over the wire', () => {
  assert.ok(brotliCompressSync(source).length <= 4096, `${brotliCompressSync(source).length} bytes`);
});

test('it makes no markup and runs no text', () => {
  assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/);
});
