// The event orders of input methods. The regular one is that of the UI Events specification
// (composition events: the key first, then compositionend). Where engines differ:
//  - Safari sends compositionend before the key: webkit.org/b/165004, webkit.org/b/311717,
//    mdn/browser-compat-data#29998;
//  - Chromium on macOS reports Enter twice after Hangul, first taken by the input method, then
//    plain: Julian-adv/OpenMMO#2, TypeCellOS/BlockNote#1034;
//  - on Windows the taken key alone is reported, so that a plain guard makes Koreans press Enter
//    twice: nesquena/hermes-webui#7348;
//  - Chromium on macOS writes a line break after the Hangul Enter: openai/chatkit-js#213.
// Not covered, for want of a source: Firefox on Android, and hardware keyboards on iOS.

import assert from 'node:assert/strict';
import test from 'node:test';
import { EnterPolicy } from '../../static/js/ime.js';

const PLAIN = { shiftKey: false, isComposing: false, keyCode: 13 };
const SHIFTED = { ...PLAIN, shiftKey: true };
const TAKEN = { shiftKey: false, isComposing: true, keyCode: 229 };
const TAKEN_LATE = { shiftKey: false, isComposing: false, keyCode: 229 };

/**
 * Plays events against the policy and tells what came of them. `start`, `update:x`, `end:x`,
 * `enter`, `shift`, `taken`, `late` (taken, after the end), `wait` (a second), `break` (the engine
 * writes a line break).
 * @param {string[]} events @param {boolean} [touch]
 */
function play(events, touch = false) {
  const policy = new EnterPolicy();
  let now = 1000;
  let sends = 0;
  let breaks = 0;
  for (const event of events) {
    now += 1;
    const [name, text = ''] = event.split(':');
    if (name === 'start') policy.compositionStart();
    else if (name === 'update') policy.compositionUpdate(text);
    else if (name === 'end') sends += Number(policy.compositionEnd(text, now));
    else if (name === 'wait') now += 1000;
    else if (name === 'break') breaks += Number(!policy.swallowsLineBreak(now));
    else {
      const key = { enter: PLAIN, shift: SHIFTED, taken: TAKEN, late: TAKEN_LATE }[name];
      const meaning = policy.enter(/** @type {any} */ (key), now, touch);
      if (meaning === 'send') sends += 1;
      if (meaning === 'newline') breaks += 1;
    }
  }
  return { sends, breaks };
}

const ONCE = { sends: 1, breaks: 0 };
const NOTHING = { sends: 0, breaks: 0 };

/** @type {[string, string[], {sends: number, breaks: number}][]} */
const CASES = [
  ['plain Enter', ['enter'], ONCE],
  ['Shift+Enter', ['shift'], { sends: 0, breaks: 1 }],
  ['Hangul, Enter taken, then the end', ['start', 'update:안', 'taken', 'end:안'], ONCE],
  ['Hangul, the key reported again after the end', ['start', 'update:요', 'taken', 'end:요', 'enter'], ONCE],
  ['Hangul, and the engine writes the line break too', ['start', 'update:요', 'taken', 'end:요', 'break'], ONCE],
  ['Hangul, the line break comes before the end', ['start', 'update:요', 'taken', 'break', 'end:요'], ONCE],
  ['Hangul, a single jamo', ['start', 'update:ㅋ', 'taken', 'end:ㅋ'], ONCE],
  ['Hangul, decomposed jamo', ['start', 'update:\u1112\u1161\u11ab', 'taken', 'end:\u1112\u1161\u11ab'], ONCE],
  ['Hangul, the end comes first (Safari)', ['start', 'update:요', 'end:요', 'late'], ONCE],
  ['Hangul, an end without data', ['start', 'update:요', 'taken', 'end:'], ONCE],
  ['Hangul finished long ago', ['start', 'update:요', 'end:요', 'wait', 'enter'], ONCE],
  ['Hangul, two messages, one press each', ['start', 'update:네', 'taken', 'end:네', 'wait', 'start', 'update:응', 'taken', 'end:응'], { sends: 2, breaks: 0 }],
  ['Japanese, Enter only confirms', ['start', 'update:にほん', 'update:日本', 'taken', 'end:日本'], NOTHING],
  ['Japanese, the end comes first (Safari)', ['start', 'update:日本', 'end:日本', 'late'], NOTHING],
  ['Japanese, a second Enter sends', ['start', 'update:日本', 'taken', 'end:日本', 'wait', 'enter'], ONCE],
  ['Japanese, still Latin letters', ['start', 'update:n', 'taken', 'end:n'], NOTHING],
  ['Chinese, Enter takes the pinyin letters', ['start', 'update:ni hao', 'taken', 'end:nihao'], NOTHING],
  ['Chinese, confirmed by the space bar, then Enter', ['start', 'update:ni', 'end:你', 'wait', 'enter'], ONCE],
  ['a key taken without any composition', ['late'], NOTHING],
  ['Shift+Enter in the middle of a syllable', ['start', 'update:안', 'end:안', 'shift'], { sends: 0, breaks: 1 }],
];

for (const [name, events, expected] of CASES) {
  test(name, () => assert.deepEqual(play(events), expected));
}

test('on a touch keyboard Enter is a line break', () => {
  assert.deepEqual(play(['enter'], true), { sends: 0, breaks: 1 });
});

test('the button pressed in the middle of a syllable sends when it has ended', () => {
  const policy = new EnterPolicy();
  policy.compositionStart();
  policy.compositionUpdate('日');
  policy.sendAfterComposition();
  assert.equal(policy.compositionEnd('日', 5), true);
});
