import assert from 'node:assert/strict';
import test from 'node:test';
import { Announcer } from '../../static/js/shared/announcer.js';
import { withClock } from './support.mjs';

function setup() {
  /** @type {string[]} */
  const said = [];
  let text = '';
  const region = /** @type {any} */ ({ get textContent() { return text; }, set textContent(value) { text = value; said.push(value); } });
  return { said, announcer: new Announcer(region, (n) => `${n} new messages`) };
}

test('the first at once, then at most one in three seconds, merged', () => withClock((clock) => {
  const { said, announcer } = setup();
  announcer.message('Fox: one');
  assert.deepEqual(said, ['Fox: one']);
  for (let n = 0; n < 5; n += 1) announcer.message(`Fox: ${n}`);
  clock.pass(2999);
  assert.equal(said.length, 1);
  clock.pass(1);
  assert.deepEqual(said, ['Fox: one', '5 new messages']);
  announcer.message('Otter: alone');
  clock.pass(3000);
  assert.equal(said.at(-1), 'Otter: alone');
}));

test('one\'s own doing is told beside the count, each thing once', () => withClock((clock) => {
  const { said, announcer } = setup();
  announcer.say('Sent');
  announcer.message('a');
  announcer.message('b');
  announcer.say('Sent');
  announcer.say('Not sent');
  clock.pass(3000);
  assert.deepEqual(said, ['Sent', 'Sent. Not sent. 2 new messages']);
}));

test('it falls silent and leaves no timer; the same word again is a change again', () => withClock((clock) => {
  const { said, announcer } = setup();
  announcer.say('Sent');
  clock.pass(60_000);
  assert.equal(clock.timers.size, 0);
  announcer.say('Sent');
  assert.deepEqual(said, ['Sent', '', 'Sent']);
}));
