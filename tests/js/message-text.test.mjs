// What a message looks like, as far as it is decided before it is drawn: its fold, and the colours of its code.
// (How it is drawn: tests/browser/text.test.mjs.)

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { fits } from '../../static/js/list/colours.js';
import { Folds, foldOf } from '../../static/js/text/fold.js';
import { parse } from '../../static/js/text/format.js';

const code = (/** @type {number} */ lines) => `\`\`\`\n${'x\n'.repeat(lines)}\`\`\``;

/** @type {[string, string, Chat.Fold][]} what it is, the text, its fold */
const FOLDS = [
  ['a word', '안녕', ''],
  ['fourteen lines', 'a\n'.repeat(13).trim(), ''],
  ['fifteen lines', `${'a\n'.repeat(14)}a`, 'long'],
  ['1,998 line feeds', `a${'\n'.repeat(1998)}b`, 'long'],
  ['450 letters', 'word '.repeat(90), ''],
  ['600 letters', 'word '.repeat(120), 'lengthy'],
  ['900 letters', 'word '.repeat(180), 'longish'],
  ['1,200 letters', 'word '.repeat(240), 'long'],
  ['200 Hangul', '가'.repeat(200), ''],
  ['300 Hangul', '가'.repeat(300), 'lengthy'],
  ['500 Hangul', '가'.repeat(500), 'longish'],
  ['600 Hangul', '가'.repeat(600), 'long'],
  ['200 emoji', '😀'.repeat(200), ''],
  ['600 emoji', '😀'.repeat(600), 'long'],
  ['a few lines of code', code(8), ''],
  ['many lines of code', code(20), 'long'],
  ['one long line of code, which scrolls', `\`\`\`\n${'x'.repeat(1900)}\n\`\`\``, ''],
  ['a long quote', `> ${'a\n> '.repeat(15)}a`, 'long'],
];

for (const [what, text, fold] of FOLDS) test(`${what}: ${fold || 'not folded'}`, () => assert.equal(foldOf(parse(text)), fold));

test('the script that guesses before the first paint folds the same texts', async () => {
  const source = await readFile(new URL('../../static/js/early.js', import.meta.url), 'utf8');
  const [, early] = /linesOf = ([^;]*);/.exec(source) ?? [];
  const linesOf = new Function(`return ${early}`)();
  const [, table] = /of \/\*\* @type \{const\} \*\/ \((\[\[.*?\]\])\)/.exec(source) ?? [];
  const [, max] = /linesOf\(text, letters\) <= (\d+)/.exec(source) ?? [];
  /** @type {[string, number][]} */
  const kinds = JSON.parse(table.replaceAll("'", '"'));
  for (const [what, text, fold] of FOLDS) {
    // From the raw text, code cannot be told from other lines.
    if (/code/.test(what)) continue;
    assert.equal(kinds.find(([, letters]) => linesOf(text, letters) > Number(max))?.[0] ?? '', fold, what);
  }
});

test('what the reader has unfolded is remembered, the latest of it', () => {
  const folds = new Folds();
  assert.equal(folds.get('a'), undefined);
  folds.set('a', true);
  folds.set('b', false);
  assert.deepEqual([folds.get('a'), folds.get('b')], [true, false]);
  for (let n = 0; n < 499; n += 1) {
    folds.set(`m${n}`, true);
    folds.set('a', true);
  }
  assert.deepEqual([folds.get('a'), folds.get('b'), folds.get('m498')], [true, undefined, true]);
  assert.ok(folds.open.size <= 500);
});

test('colours are taken only where they are those of this code', () => {
  assert.ok(fits([[2, 'keyword'], [1, null], [1, 'function']], 4));
  assert.ok(fits([], 0));
  for (const [spans, length] of /** @type {[any, number][]} */ ([
    [null, 0], [{}, 0], ['x', 1], [[[1, null]], 2], [[[3, null]], 2], [[[1, 'x" onclick']], 1], [[[1]], 1], [[[0, null], [1, null]], 1], [[[-1, null], [2, null]], 1], [[[0.5, null], [0.5, null]], 1],
    [[1, null], 1], [[['1', null]], 1], [[null], 0],
  ])) assert.ok(!fits(spans, length), JSON.stringify(spans));
});
