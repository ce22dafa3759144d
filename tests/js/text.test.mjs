import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { isEmojiOnly } from '../../static/js/text/emoji.js';
import { marks } from '../../static/js/text/names.js';
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

/** What is pasted, and what is sent of it. @type {[string, string][]} */
const PASTED = [
  ['a\vb\fc\x85d', 'a\nb\nc\nd'], ['a\r\n\r\nb', 'a\n\nb'], ['a\tb', 'a\tb'],
  ['a\0b\x07c\x1b[31md\x7fe\x9ff', 'abc[31mdef'], ['\x1cfile\x1f', 'file'],
  ['a\ud83db', 'ab'], ['\ude00가', '가'], ['😀', '😀'], ['a\ufffdb', 'a\ufffdb'],
  ['\u2028a\u2028b', 'a\u2028b'],
  ['', ''], [' \n\t', ''], ['\x07', ''], ['\u3164', ''], ['\u200b\u200b', ''], ['\u2800', ''], ['\ufeff', ''], ['\u200d', ''], ['\ufe0f', ''],
  [' \xad\n\u2060 ', ''], ['\u{e0041}', ''], ['\ue000', ''],
  ['\u3164.', '\u3164.'], ['\u200b가', '\u200b가'], ['👨\u200d👩', '👨\u200d👩'], ['❤\ufe0f', '❤\ufe0f'],
];

for (const [raw, content] of PASTED) test(`pasted ${JSON.stringify(raw)}`, () => assert.equal(cleanContent(raw), content));

test('what draws nothing is what the server takes for that, letter by letter', async () => {
  const source = await readFile(new URL('../../crates/domain/src/visible.rs', import.meta.url), 'utf8');
  const rule = source.slice(source.indexOf('matches!(c,'), source.indexOf('0xfffe == 0xfffe'));
  const ranges = [...rule.matchAll(/'\\u\{([0-9a-f]+)\}'(?:\.\.='\\u\{([0-9a-f]+)\}')?/g)].map(([, from, to]) => [parseInt(from, 16), parseInt(to ?? from, 16)]);
  assert.ok(ranges.length > 15, `${ranges.length} ranges read`);
  /** @type {string[]} */
  const differ = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const letter = String.fromCodePoint(code);
    const draws = !ranges.some(([from, to]) => code >= from && code <= to) && (code & 0xfffe) !== 0xfffe
      && !(code >= 0xfe00 && code <= 0xfe0f) && !/[\p{White_Space}\p{Cc}]/u.test(letter);
    if ((cleanContent(letter) !== '') !== draws) differ.push(code.toString(16));
  }
  assert.deepEqual(differ, []);
});

const FAMILY = '👨🏽‍👩🏽‍👧🏽‍👦🏽';
const ENGLAND = '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}';
const LARGE = ['🎉', '👍🏽', '✌🏽', '👨‍👩‍👧', '❤️ 🎉', '🎉🎉🎉', '🇰🇷', '🇰🇷🇯🇵🇺🇸', '1️⃣', '#️⃣*️⃣', ENGLAND, ENGLAND.repeat(3), FAMILY.repeat(3), '❤️‍🔥', '👩‍⚕️', '👩‍⚕', '🏳️‍🌈', '🏴‍☠️', '©️', '⭐', '🕵🏽‍♀️', '🧑🏽‍🤝‍🧑🏻'];
const SMALL = [
  '', '1', '123', '1️⃣2', '©', '™', '®', '©a', '#', '*', '❤', 'ㅋㅋ', '좋아요 👍', '🎉'.repeat(4), '🎉'.repeat(30), '🇰', '🇰🇷🇯', '🎉\ufe0e', '\ufe0f', '\u200d',
  `a${ENGLAND}`, '🎉\u0301', 'ⓜ', '〰', '한', FAMILY.repeat(4),
];

test('emoji alone are shown large', () => {
  for (const text of LARGE) assert.ok(isEmojiOnly(text), text);
  for (const text of SMALL) assert.ok(!isEmojiOnly(text), `${text} ${JSON.stringify(text)}`);
});

test('the script that guesses before the first paint guesses the same', async () => {
  const source = async (/** @type {string} */ name) => /EMOJI_ONLY = (.*);/.exec(await readFile(new URL(`../../static/js/${name}`, import.meta.url), 'utf8'))?.[1];
  assert.ok(await source('early.js'));
  assert.equal(await source('early.js'), await source('text/emoji.js'));
});

/** @param {string} id @param {string} nickname @param {string} [avatar] */
const author = (id, nickname, avatar = 'otter') => ({ id, nickname, avatar });

test('only those get a mark who look like somebody else', () => {
  assert.equal(marks([]).size, 0);
  assert.equal(marks([author('a', '수달'), author('b', '여우'), author('c', '수달', 'fox')]).size, 0);
  assert.equal(marks([author('a', '수달'), author('a', '수달')]).size, 0, 'one person twice');
  const found = marks([author('a', '수달'), author('b', '수달'), author('c', '여우')]);
  assert.deepEqual([...found.keys()], ['a', 'b']);
  for (const mark of found.values()) assert.match(mark, /^#[0-9a-f]{2,}$/);
  assert.notEqual(found.get('a'), found.get('b'));
});

test('names that only a close look tells apart are the same name', () => {
  for (const [one, other] of [
    ['Ann Lee', 'ann lee'], ['Ann Lee', 'Ann\u00a0Lee'], ['Ann Lee', 'Ann\u2003Lee'], ['Ann', 'Ａｎｎ'], ['ﬁsh', 'fish'], ['각', '\u1100\u1161\u11a8'], ['Strasse', 'Straße'],
    ['Ann', 'A\ufe0fnn'], ['نیم\u200cفاصله', 'نیمفاصله'], ['ΣΑΣ', 'σας'],
  ]) assert.equal(marks([author('a', one), author('b', other)]).size, 2, `${one} ${other}`);
  assert.equal(marks([author('a', '익명의수달'), author('b', '익명의 수달')]).size, 0);
});

test('marks are the same whoever else is there, and are lengthened until they differ', () => {
  const many = Array.from({ length: 2000 }, (_, n) => author(`id${n}`, 'Ann'));
  const all = marks(many);
  assert.equal(new Set(all.values()).size, many.length);
  const lengths = new Set([...all.values()].map(({ length }) => length));
  assert.equal(lengths.size, 1, 'as long as one another');
  const few = marks(many.slice(0, 2));
  for (const [id, mark] of few) assert.ok(all.get(id)?.startsWith(mark), `${mark} ${all.get(id)}`);
  assert.deepEqual(marks([...many].reverse()).get('id7'), all.get('id7'));
});

test('somebody who has had several names has one mark that fits each of them', () => {
  const found = marks([author('a', 'Ann'), author('b', 'Ann'), author('a', 'Bea'), ...Array.from({ length: 500 }, (_, n) => author(`x${n}`, 'Bea'))]);
  assert.notEqual(found.get('a'), found.get('b'));
  assert.equal([...found.values()].filter((mark) => mark === found.get('a')).length, 1);
});
