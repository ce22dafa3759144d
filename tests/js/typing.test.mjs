import assert from 'node:assert/strict';
import test from 'node:test';
import { TypingSender } from '../../static/js/compose/typing-sender.js';
import { strings as en } from '../../static/js/i18n/en.js';
import { strings as ko } from '../../static/js/i18n/ko.js';
import { typingParts } from '../../static/js/page/typing-line.js';

function setup() {
  const world = { now: 1_000_000, sent: 0, live: true };
  const sender = new TypingSender(() => {
    if (world.live) world.sent += 1;
    return world.live;
  }, () => world.now);
  return { world, sender };
}

test('told at once, then seldom enough to be passed on and often enough to last', () => {
  const { world, sender } = setup();
  /** @type {number[]} */
  const times = [];
  for (let n = 1; n <= 200; n += 1) {
    const before = world.sent;
    sender.typed('x'.repeat(n));
    if (world.sent > before) times.push(world.now);
    world.now += 100;
  }
  assert.equal(times[0], 1_000_000);
  for (let n = 1; n < times.length; n += 1) {
    const apart = times[n] - times[n - 1];
    assert.ok(apart > 3_000 && apart < 5_000, `${apart} ms`);
  }
  assert.ok(times.length >= 5);
});

test('nothing is told of an empty box, of a text that nobody changed, or of one that was put there', () => {
  const { world, sender } = setup();
  for (const text of ['', ' ', '\n', ' ']) sender.typed(text);
  sender.reset('a draft');
  sender.typed('a draft');
  assert.equal(world.sent, 0);
  sender.typed('a draft!');
  assert.equal(world.sent, 1);
  world.now += 60_000;
  sender.typed('a draft!');
  assert.equal(world.sent, 1);
});

test('what could not go out is tried with the next key', () => {
  const { world, sender } = setup();
  world.live = false;
  sender.typed('a');
  world.live = true;
  sender.typed('ab');
  assert.equal(world.sent, 1);
});

test('a clock that is set back silences nobody', () => {
  const { world, sender } = setup();
  sender.typed('a');
  world.now -= 3_600_000;
  sender.typed('ab');
  assert.equal(world.sent, 2);
});

test('one or two by name, more by number, and each name apart from the words', () => {
  const text = (/** @type {string[]} */ names, /** @type {number} */ more, /** @type {any} */ strings) => typingParts(names, more, strings)
    .map(({ name, text: words }) => (name === undefined ? words : `<${name}>`)).join('');
  assert.equal(text(['수달'], 0, ko), '<수달> 님이 입력하고 있어요');
  assert.equal(text(['수달', '여우'], 0, ko), '<수달>, <여우> 님이 입력하고 있어요');
  assert.equal(text(['수달', '여우', '곰'], 0, ko), '3명이 입력하고 있어요');
  assert.equal(text(['a', 'b', 'c', 'd', 'e'], 7, ko), '12명이 입력하고 있어요');
  assert.equal(text(['שועל'], 0, en), '<שועל> is typing');
  assert.equal(text(['Fox', 'Bear'], 0, en), '<Fox> and <Bear> are typing');
  assert.equal(text(['Fox', 'Bear'], 1, en), '3 people are typing');
  assert.equal(text([], 0, en), '');
});
