// How the page's modules stand to each other: each folder imports from those below it only, and no module is in a circle.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const FOLDER = new URL('../../static/js/', import.meta.url);
/** From the bottom up, as docs/ARCHITECTURE.md has them; the entries (`main.js` and others) stand above all. */
const RANKS = ['shared', 'i18n', 'text', 'wire', 'store', 'list', 'compose', 'actions', 'moderation', 'accounts', 'console', 'page', '.'];
const LINES_MAX = 450;

/** @type {Map<string, {lines: number, imports: string[]}>} */
const modules = new Map();
for (const name of await readdir(FOLDER, { recursive: true })) {
  if (!name.endsWith('.js')) continue;
  const source = await readFile(new URL(name, FOLDER), 'utf8');
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const imports = [...code.matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map(([, path]) => normalize(join(dirname(name), path)));
  modules.set(name, { lines: source.split('\n').length, imports });
}

/** @param {string} name */
const folderOf = (name) => dirname(name).split('/')[0];

test('every import is of a module that exists, and goes down or stays in its folder', () => {
  assert.ok(modules.size > 30, `${modules.size} modules`);
  for (const [name, { imports }] of modules) {
    const rank = RANKS.indexOf(folderOf(name));
    assert.ok(rank >= 0, `${name} stands in a folder that has a rank`);
    for (const other of imports) {
      assert.ok(modules.has(other), `${name} imports ${other}`);
      assert.ok(RANKS.indexOf(folderOf(other)) <= rank, `${name} imports ${other}, which stands above it`);
    }
  }
});

test('no module is in a circle', () => {
  /** @type {Set<string>} */
  const done = new Set();
  /** @param {string} name @param {string[]} path */
  const walk = (name, path) => {
    assert.ok(!path.includes(name), [...path, name].join(' → '));
    if (done.has(name)) return;
    for (const other of modules.get(name)?.imports ?? []) walk(other, [...path, name]);
    done.add(name);
  };
  for (const name of modules.keys()) walk(name, []);
});

test('no module is too long to be read in one go', () => {
  for (const [name, { lines }] of modules) assert.ok(lines < LINES_MAX, `${name} has ${lines} lines`);
});
