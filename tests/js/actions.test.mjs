import assert from 'node:assert/strict';
import test from 'node:test';
import { GROUPS, GROUP_NAMES, nameOf, search } from '../../static/js/actions/emoji.js';
import { meaningOf } from '../../static/js/actions/keys.js';
import { offered, step, typedAhead, vertical } from '../../static/js/actions/lines.js';
import { placeBar, placePopup } from '../../static/js/actions/place.js';
import { sheetBeside } from '../../static/js/actions/style.js';
import { QUICK } from '../../static/js/shared/quick.js';

const entries = GROUPS.flatMap(([, list]) => list);
const emojis = entries.map(([emoji]) => emoji);
/** @param {string} query */
const found = (query) => search(query).flatMap(([, list]) => list.map(([emoji]) => emoji));

test('at least 64 emojis, each once, the quick ones among them', () => {
  assert.ok(emojis.length >= 64, `${emojis.length}`);
  assert.equal(new Set(emojis).size, emojis.length);
  for (const emoji of QUICK) assert.ok(emojis.includes(emoji), emoji);
});

test('each emoji is one picture in the form that the server takes', () => {
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const emoji of [...emojis, ...QUICK]) {
    assert.equal([...segmenter.segment(emoji)].length, 1, emoji);
    // A picture by itself needs no variation selector, anything else has exactly one, right behind it.
    assert.match(emoji, /^(\p{Emoji_Presentation}|(?!\p{Emoji_Presentation})\p{Extended_Pictographic}\ufe0f)$/u, emoji);
  }
});

test('each emoji has a name of its own in Korean and in English', () => {
  for (const locale of ['ko', 'en']) {
    const names = entries.map((entry) => nameOf(entry, locale));
    assert.deepEqual(names.filter((name, n) => names.indexOf(name) !== n), [], locale);
    for (const name of names) assert.match(name, locale === 'ko' ? /^[가-힣 ]+$/ : /^[A-Za-z][A-Za-z -]*$/, name);
  }
  for (const entry of entries) for (const word of entry.slice(1).join(',').split(',')) assert.equal(word, word.trim().normalize('NFC'), entry[0]);
});

test('each group has its name in both languages', () => {
  for (const [group, list] of GROUPS) {
    assert.ok(list.length > 0, group);
    for (const locale of ['ko', 'en']) assert.ok(nameOf(GROUP_NAMES[group], locale), group);
  }
  assert.equal(Object.keys(GROUP_NAMES).length, GROUPS.length);
});

test('filtering: parts of names in both languages, whatever the case and the form', () => {
  assert.equal(search(''), GROUPS);
  assert.equal(search('  '), GROUPS);
  for (const query of ['곰', 'bear', 'BEAR', ' bear ']) assert.ok(found(query).includes('🐻'), query);
  assert.deepEqual(found('펭귄'), ['🐧']);
  assert.deepEqual(found('펭귄'.normalize('NFD')), ['🐧']);
  assert.deepEqual(found('red HEART'), ['❤️']);
  assert.deepEqual(found('heart red'), ['❤️']);
  assert.deepEqual(found('❤️'), ['❤️']);
  assert.deepEqual(found('no such thing'), []);
  assert.deepEqual(search('피자').map(([group]) => group), ['food']);
});

test('filtering while a syllable grows: what it is becoming is found on the way', () => {
  // The keys of 펭귄, one after the other, and what the box shows.
  for (const query of ['ㅍ', '페', '펭', '펭ㄱ', '펭구', '펭귀', '펭귄']) assert.ok(found(query).includes('🐧'), query);
  for (const query of ['하', '핱', '하트']) assert.ok(found(query).includes('❤️'), query);
  // What is written out means itself: 곰 is no part of 고민 that is still being typed.
  assert.ok(!found('곰').includes('🤔'));
});

test('what is offered: by what can be done and where it is shown', () => {
  const all = { react: true, reply: true, edit: true, remove: true, link: true, copy: true };
  const others = { ...all, edit: false, remove: false };
  assert.deepEqual(offered(all, 'all'), { quick: true, actions: ['reply', 'edit', 'copy', 'link', 'remove'] });
  assert.deepEqual(offered(all, 'more'), { quick: false, actions: ['edit', 'copy', 'link', 'remove'] });
  assert.deepEqual(offered(all, 'quick'), { quick: true, actions: [] });
  assert.deepEqual(offered(others, 'all'), { quick: true, actions: ['reply', 'copy', 'link'] });
  assert.deepEqual(offered({ ...others, report: true }, 'all').actions, ['reply', 'copy', 'link', 'report'], 'a visitor');
  assert.deepEqual(offered({ ...others, remove: true, pin: true, ban: true }, 'more').actions, ['copy', 'link', 'pin', 'ban', 'remove'], 'a moderator');
  assert.deepEqual(offered({ ...others, react: false }, 'all'), { quick: false, actions: ['reply', 'copy', 'link'] });
});

test('keys on a message: its menu, and shortcuts for what can be done', () => {
  const all = { react: true, reply: true, edit: true, remove: true, link: true, copy: true };
  const nothing = { react: false, reply: false, edit: false, remove: false, link: true, copy: true };
  const plain = { code: '', ctrlKey: false, altKey: false, metaKey: false, shiftKey: false, isComposing: false, repeat: false };
  /** @type {[object, string | null, string | null][]} with the key, what it means where all can be done, and where nothing can */
  const cases = [
    [{ key: 'Enter' }, 'menu', 'menu'], [{ key: 'ContextMenu' }, 'menu', 'menu'], [{ key: 'F10', shiftKey: true }, 'menu', 'menu'],
    [{ key: 'F10' }, null, null], [{ key: 'Enter', shiftKey: true }, null, null],
    [{ key: '+', shiftKey: true }, 'menu', null], [{ key: '+' }, 'menu', null],
    [{ key: 'r' }, 'reply', null], [{ key: 'e' }, 'edit', null], [{ key: 'Delete' }, 'remove', null],
    [{ key: 'ㄱ', code: 'KeyR' }, 'reply', null], [{ key: 'ㄷ', code: 'KeyE' }, 'edit', null], [{ key: 'ㅁ', code: 'KeyA' }, null, null],
    // Where the letters stand elsewhere, the letter counts and not the key.
    [{ key: 'p', code: 'KeyR' }, null, null], [{ key: 'R', shiftKey: true }, null, null], [{ key: 'x' }, null, null],
    ...['ctrlKey', 'altKey', 'metaKey', 'isComposing', 'repeat'].flatMap((with_) => ['r', 'e', 'Delete', 'Enter', '+']
      .map((key) => /** @type {[object, null, null]} */ ([{ key, [with_]: true }, null, null]))),
  ];
  for (const [event, able, unable] of cases) {
    const press = /** @type {any} */ ({ ...plain, ...event });
    assert.deepEqual([meaningOf(press, all), meaningOf(press, nothing)], [able, unable], JSON.stringify(event));
  }
});

test('the keys of the menu: a line of seven, then lines of one', () => {
  const widths = [7, 1, 1];
  /** @type {[number, string, number | null][]} */
  const cases = [
    [0, 'ArrowRight', 1], [6, 'ArrowRight', 0], [0, 'ArrowLeft', 6], [3, 'ArrowDown', 7], [7, 'ArrowDown', 8], [8, 'ArrowDown', 0],
    [8, 'ArrowUp', 7], [7, 'ArrowUp', 0], [4, 'ArrowUp', 8], [7, 'ArrowLeft', 7], [7, 'ArrowRight', 7],
    [5, 'Home', 0], [0, 'End', 8], [0, 'Tab', null], [0, 'Enter', null],
  ];
  for (const [at, key, expected] of cases) assert.equal(step(widths, at, key), expected, `${key} at ${at}`);
});

test('letters lead to the line that begins with them', () => {
  const labels = ['😀', 'Reply', 'Copy text', 'Copy link', 'Delete'];
  /** @type {[number, string, number | null][]} */
  const cases = [[0, 'd', 4], [0, 'C', 2], [2, 'c', 3], [3, 'c', 2], [2, 'cc', 3], [2, 'copy l', 3], [2, 'copy t', 2], [0, 'x', null], [-1, 'r', 1], [-1, 're', 1], [4, 'd', 4]];
  for (const [at, typed, expected] of cases) assert.equal(typedAhead(labels, at, typed), expected, `${typed} at ${at}`);
  const korean = ['답장하기', '글 복사하기', '링크 복사하기', '삭제하기'];
  for (const [typed, expected] of [['ㄱ', 1], ['ㄹ', 2], ['ㅅ', 3], ['삭', 3], ['ㅅㅏ', 3]]) assert.equal(typedAhead(korean, 0, String(typed)), expected, String(typed));
});

test('up and down in a grid whose last rows are not full', () => {
  // Three columns of 44: two groups, of four and of two.
  const cells = [[0, 0], [0, 44], [0, 88], [44, 0], [110, 0], [110, 44]].map(([top, left]) => ({ top, left }));
  /** @type {[number, -1 | 1, number][]} */
  const cases = [[0, 1, 3], [2, 1, 3], [3, 1, 4], [3, -1, 0], [5, -1, 3], [4, 1, -1], [1, -1, -1]];
  for (const [at, direction, expected] of cases) assert.equal(vertical(cells, at, direction), expected, `${direction} from ${at}`);
});

const box = (/** @type {number} */ left, /** @type {number} */ top, /** @type {number} */ right, /** @type {number} */ bottom) => ({ left, top, right, bottom });

test('the bar: over the upper corner, within the list, nowhere for what is out of sight', () => {
  const log = box(0, 50, 320, 500);
  const size = { width: 112, height: 38 };
  const other = placeBar(box(12, 200, 150, 240), log, size, false);
  assert.ok(other && other.left < 150 && other.left > 100 && other.top < 200 && other.top + size.height > 200, 'overlaps the corner');
  const own = placeBar(box(200, 200, 310, 240), log, size, true);
  assert.ok(own && own.left + size.width > 200 && own.left + size.width < 230);
  for (const bubble of [box(12, 200, 310, 240), box(12, 40, 310, 90), box(12, 20, 40, 60), box(12, 490, 310, 560)]) {
    for (const isOwn of [true, false]) {
      const place = placeBar(bubble, log, size, isOwn);
      assert.ok(place && place.left >= log.left && place.left + size.width <= log.right, JSON.stringify(bubble));
      assert.ok(place.top >= log.top && place.top + size.height <= log.bottom, JSON.stringify(bubble));
    }
  }
  assert.equal(placeBar(box(12, 10, 150, 49), log, size, false), null);
  assert.equal(placeBar(box(12, 500, 150, 540), log, size, false), null);
});

test('a box beside something: on the wanted side where there is room, within the window always', () => {
  const view = { width: 320, height: 480 };
  const size = { width: 200, height: 150 };
  const middle = box(20, 200, 100, 240);
  assert.ok(placePopup(middle, size, view, { above: true, end: false }).top + size.height <= middle.top);
  assert.ok(placePopup(middle, size, view, { above: false, end: false }).top >= middle.bottom);
  assert.ok(placePopup(box(20, 20, 100, 60), size, view, { above: true, end: false }).top >= 60, 'no room above');
  assert.ok(placePopup(box(20, 400, 100, 440), size, view, { above: false, end: false }).top + size.height <= 400, 'no room below');
  assert.equal(placePopup(box(100, 200, 300, 240), size, view, { above: false, end: true }).left, 100);
  for (const height of [150, 300, 460]) {
    for (const anchor of [middle, box(-40, -40, 0, 0), box(300, 470, 400, 520)]) {
      for (const above of [true, false]) {
        const { left, top } = placePopup(anchor, { width: 300, height }, view, { above, end: above });
        assert.ok(left >= 0 && left + 300 <= view.width && top >= 0 && top + height <= view.height, `${height} ${JSON.stringify(anchor)}`);
      }
    }
  }
});

test('the style sheet is found from the sources and from a bundle', () => {
  const cases = [
    ['https://x.example/static/ab12/js/actions/style.js', 'https://x.example/static/ab12/css/actions.css'],
    ['https://x.example/static/ab12/dist/menu.js', 'https://x.example/static/ab12/css/actions.css'],
    ['https://x.example/js/chat/static/ab12/dist/menu.js?x', 'https://x.example/js/chat/static/ab12/css/actions.css'],
  ];
  for (const [script, sheet] of cases) assert.equal(sheetBeside(script, 'actions'), sheet);
});
