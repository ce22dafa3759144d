// The event orders of input methods, as recorded in data/ime-orders.json with their sources, and
// the rules behind them one by one.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { listenEnter } from '../../static/js/compose/enter.js';
import { EnterPolicy, isEnter } from '../../static/js/compose/ime.js';
import { replay } from './ime-replay.mjs';

const { orders, notCovered } = JSON.parse(await readFile(new URL('data/ime-orders.json', import.meta.url), 'utf8'));

for (const { name, engine, system, touch = false, steps, sent, rest } of orders) {
  for (const apart of [false, true]) {
    test(`${name} (${engine}, ${system}; ${apart ? 'a task for each event' : 'all in one task'})`, async () => {
      const box = Object.assign(new EventTarget(), { value: '' });
      /** @type {string[]} */
      const submitted = [];
      listenEnter(box, {
        touch: () => touch,
        submit() {
          if (box.value.trim()) submitted.push(box.value.trim());
          box.value = '';
        },
      });
      await replay(box, steps, apart);
      assert.deepEqual({ sent: submitted, rest: box.value }, { sent, rest });
    });
  }
}

test('each order names its source, and what has none is named', () => {
  for (const { name, source } of orders) {
    assert.ok(source.length > 0, name);
    for (const url of source) assert.equal(new URL(url).protocol, 'https:');
  }
  assert.ok(notCovered.length > 0);
});

const PLAIN = { shiftKey: false, isComposing: false, keyCode: 13 };
const TAKEN = { ...PLAIN, isComposing: true, keyCode: 229 };

/** @param {string} text */
function composing(text) {
  const policy = new EnterPolicy();
  policy.compositionStart();
  policy.compositionUpdate(text);
  return policy;
}

test('the script decides: Hangul of any form sends, everything else only confirms', () => {
  for (const text of ['요', 'ㅋ', '\u1112\u1161\u11ab', '안녕', '\uffa1']) assert.equal(composing(text).enter(TAKEN, 1000, false), 'later', text);
  for (const text of ['日本', 'にほん', 'n', 'ni hao', '漢字안', '', 'ㄅㄆ']) assert.equal(composing(text).enter(TAKEN, 1000, false), 'leave', text);
});

test('with Shift, or on a touch screen, Enter writes a line break', () => {
  for (const [key, touch] of [[{ ...PLAIN, shiftKey: true }, false], [PLAIN, true]]) {
    assert.equal(new EnterPolicy().enter(/** @type {any} */ (key), 1000, Boolean(touch)), 'newline');
    assert.equal(composing('요').enter(/** @type {any} */ (key), 1000, Boolean(touch)), 'newline');
  }
});

test('two messages, one press each', () => {
  const policy = composing('네');
  policy.enter(TAKEN, 1000, false);
  assert.equal(policy.compositionEnd('네', 1001), true);
  policy.compositionStart();
  policy.compositionUpdate('응');
  policy.enter(TAKEN, 1500, false);
  assert.equal(policy.compositionEnd('응', 1501), true);
});

test('letting go of Enter ends the press: the next one counts at once', () => {
  const policy = composing('日本');
  policy.enter(TAKEN, 1000, false);
  policy.compositionEnd('日本', 1001);
  assert.equal(policy.enter({ ...TAKEN, isComposing: false, keyCode: 13 }, 1010, false), 'swallow', 'the same press');
  policy.enterUp();
  assert.equal(policy.enter({ ...TAKEN, isComposing: false, keyCode: 13 }, 1011, false), 'send', 'another one');
});

test('what was composed long ago decides nothing', () => {
  const policy = composing('요');
  policy.compositionEnd('요', 1000);
  assert.equal(policy.enter({ ...TAKEN, isComposing: false }, 5000, false), 'leave');
});

test('the button pressed in the middle of a syllable sends when it has ended', () => {
  const policy = composing('日');
  policy.sendAfterComposition();
  assert.equal(policy.compositionEnd('日', 5), true);
});

test('a syllable begun before the send has run is not torn apart', async () => {
  const box = Object.assign(new EventTarget(), { value: '네' });
  /** @type {string[]} */
  const submitted = [];
  listenEnter(box, { touch: () => false, submit: () => { submitted.push(box.value); box.value = ''; } });
  await replay(box, [
    ['compositionstart', { data: '' }], ['compositionupdate', { data: '네' }], ['keydown', { key: 'Enter', keyCode: 229, isComposing: true }],
    ['compositionend', { data: '네' }], ['compositionstart', { data: '' }], ['compositionupdate', { data: 'ㅇ' }], ['value', '네ㅇ'],
  ], false);
  assert.deepEqual(submitted, []);
  await replay(box, [['compositionend', { data: 'ㅇ' }]], false);
  assert.deepEqual(submitted, ['네ㅇ']);
});

test('which key it was, by whatever name', () => {
  for (const event of [{ key: 'Enter', code: 'Enter' }, { key: 'Enter', code: 'NumpadEnter' }, { key: 'Process', code: 'Enter' }]) assert.ok(isEnter(event));
  for (const event of [{ key: 'Process', code: 'KeyA' }, { key: 'Unidentified', code: '' }, { key: 'a', code: 'Enter' }]) assert.ok(!isEnter(event));
});

test('held down, it sends once; with Alt it is not ours, with Ctrl or Cmd it sends', async () => {
  const box = Object.assign(new EventTarget(), { value: 'x' });
  let submits = 0;
  listenEnter(box, { touch: () => false, submit: () => { submits += 1; } });
  const enter = { key: 'Enter', code: 'Enter', keyCode: 13 };
  await replay(box, [['keydown', enter], ['keydown', { ...enter, repeat: true }], ['keydown', { ...enter, altKey: true }]], true);
  assert.equal(submits, 1);
  await replay(box, [['keydown', { ...enter, ctrlKey: true }], ['keydown', { ...enter, metaKey: true }]], true);
  assert.equal(submits, 3);
});
