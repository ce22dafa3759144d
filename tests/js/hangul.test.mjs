import assert from 'node:assert/strict';
import test from 'node:test';
import { folded, initials, keystrokes } from '../../static/js/text/hangul.js';

/** Every syllable that Unicode has. */
const syllables = Array.from({ length: 0xd7a3 - 0xac00 + 1 }, (_, n) => String.fromCharCode(0xac00 + n));

test('keys: each in its order, and what is not Korean as it stands', () => {
  const cases = [
    ['가', 'ㄱㅏ'], ['핱', 'ㅎㅏㅌ'], ['과', 'ㄱㅗㅏ'], ['닭', 'ㄷㅏㄹㄱ'], ['뷁', 'ㅂㅜㅔㄹㄱ'], ['힣', 'ㅎㅣㅎ'], ['의', 'ㅇㅡㅣ'], ['까', 'ㄲㅏ'],
    ['ㅘ', 'ㅗㅏ'], ['ㄳ', 'ㄱㅅ'], ['ㅢ', 'ㅡㅣ'], ['ㅄ', 'ㅂㅅ'], ['ㅋㅋ', 'ㅋㅋ'], ['ㄲ', 'ㄲ'], ['ㅛ', 'ㅛ'],
    ['ABC 1', 'abc 1'], ['수달 Fox🦦', 'ㅅㅜㄷㅏㄹ fox🦦'], ['', ''],
  ];
  for (const [text, keys] of cases) assert.equal(keystrokes(text), keys, text);
});

test('first consonants', () => {
  const cases = [['홍길동', 'ㅎㄱㄷ'], ['까치', 'ㄲㅊ'], ['익명의 수달', 'ㅇㅁㅇ ㅅㄷ'], ['ㅎㄱ동', 'ㅎㄱㄷ'], ['Fox 여우', 'fox ㅇㅇ'], ['', '']];
  for (const [text, first] of cases) assert.equal(initials(text), first, text);
});

test('a text in pieces is the same text', () => {
  for (const text of ['값', '홍길동', '뷁', 'É']) {
    const pieces = text.normalize('NFD');
    assert.notEqual(pieces, text);
    assert.equal(folded(pieces), folded(text), text);
    assert.equal(keystrokes(pieces), keystrokes(text), text);
    assert.equal(initials(pieces), initials(text), text);
  }
});

test('no two syllables are typed by the same keys, and each begins with its first consonant', () => {
  const all = new Set();
  for (const syllable of syllables) {
    const keys = keystrokes(syllable);
    assert.match(keys, /^[ㄱ-ㅎ][ㅏ-ㅣ]{1,2}[ㄱ-ㅎ]{0,2}$/u, syllable);
    assert.doesNotMatch(keys, /[ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ]/u, syllable);
    assert.equal(keys[0], initials(syllable), syllable);
    all.add(keys);
  }
  assert.equal(all.size, syllables.length);
});

test('what a box holds on the way to a word begins it, letter by letter', () => {
  /** @type {[string, string[]][]} */
  const cases = [
    ['의사', ['ㅇ', '으', '의', '읫', '의사']],
    ['하트', ['ㅎ', '하', '핱', '하트']],
    ['닭이', ['ㄷ', '다', '달', '닭', '닭이']],
    ['과자', ['ㄱ', '고', '과', '괒', '과자']],
    ['값어치', ['ㄱ', '가', '갑', '값', '값ㅇ', '값어', '값엋', '값어치']],
  ];
  for (const [word, steps] of cases) for (const step of steps) assert.ok(keystrokes(word).startsWith(keystrokes(step)), `${step} on the way to ${word}`);
});
