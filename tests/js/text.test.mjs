import assert from 'node:assert/strict';
import test from 'node:test';
import { cleanContent, cleanNickname, codePoints, graphemes, nicknameFault } from '../../static/js/text/text.js';

test('nicknames are counted as a person counts', () => {
  assert.equal(graphemes('익명의 수달'), 6);
  assert.equal(graphemes('👨‍👩‍👧👍🏽'), 2);
  assert.equal(codePoints('👍🏽'), 2);
});

/** @type {[string, null | string][]} */
const NICKNAMES = [
  ['수달', null], ['ab', null], ['a'.repeat(15), null], ['가나다라마바사아자차카타파하거', null], ['👨‍👩‍👧👍🏽', null], ['Ann Lee', null],
  ['', 'short'], ['a', 'short'], ['👨‍👩‍👧', 'short'], ['a'.repeat(16), 'long'], ['👨‍👩‍👧‍👦'.repeat(10), 'long'],
  ['a\u200bb', 'characters'], ['ab\u202e', 'characters'], ['a\u0000b', 'characters'], ['\u3164\u3164', 'characters'], ['ab\u2800', 'characters'],
];

for (const [nickname, fault] of NICKNAMES) {
  test(`nickname ${JSON.stringify(nickname)}`, () => assert.equal(nicknameFault(cleanNickname(nickname)), fault));
}

test('white space in nicknames is folded, letters are composed', () => {
  assert.equal(cleanNickname('  익명의 \t 수달 '), '익명의 수달');
  assert.equal(cleanNickname('\u1112\u1161\u11ab글'), '한글');
});

test('content keeps its lines', () => {
  assert.equal(cleanContent('  a\r\nb\rc \n'), 'a\nb\nc');
});
