import assert from 'node:assert/strict';
import test from 'node:test';
import { OUTBOX_MAX, Outbox } from '../../static/js/wire/outbox.js';
import { Sender } from '../../static/js/wire/sender.js';
import { memoryStorage } from '../../static/js/shared/storage.js';
import { outbox, withClock } from './support.mjs';

test('unsent messages survive a reload with their ids, in order, and wait again', () => {
  const storage = memoryStorage();
  const before = outbox(storage);
  before.add('one', 1);
  before.add('two', 2);
  before.sending(before.entries[0]);
  before.fail('id2', 'INVALID_CONTENT');
  const after = new Outbox(storage, 'unsent', () => 'never');
  assert.deepEqual(after.entries, [
    { clientId: 'id1', content: 'one', at: 1, state: 'waiting' },
    { clientId: 'id2', content: 'two', at: 2, state: 'failed', code: 'INVALID_CONTENT' },
  ]);
});

test('what is stored there by somebody else is not taken over', () => {
  for (const junk of ['{', '7', 'null', '[1, null, {"clientId": 3}]']) {
    const storage = memoryStorage();
    storage.set('unsent', junk);
    assert.deepEqual(outbox(storage).entries, [], junk);
  }
});

test('nothing is left in storage once all is sent', () => {
  const storage = memoryStorage();
  const box = outbox(storage);
  box.add('one', 0);
  box.remove('id1');
  assert.equal(storage.get('unsent'), null);
});

test('it is bounded', () => {
  const box = outbox();
  for (let n = 0; n < OUTBOX_MAX; n += 1) box.add('x', n);
  assert.ok(box.full);
});

test('a retry keeps the id, except where the id itself was the trouble', () => {
  const box = outbox();
  box.add('a', 0);
  box.fail('id1', 'INTERNAL');
  box.retry('id1');
  assert.equal(box.entries[0].clientId, 'id1');
  box.fail('id1', 'CLIENT_ID_CONFLICT');
  box.retry('id1');
  assert.equal(box.entries[0].clientId, 'id2');
});

/** @param {import('./support.mjs').FakeClock} clock */
function sending(clock) {
  const box = outbox();
  /** @type {string[]} */
  const sent = [];
  const state = { ready: true };
  const sender = new Sender(box, (text) => {
    sent.push(JSON.parse(text).payload.content);
    return true;
  }, () => state.ready, () => clock.now);
  /** @type {any[]} */
  const holds = [];
  sender.addEventListener('hold', (event) => holds.push(/** @type {any} */ (event).detail));
  return { box, sent, sender, state, holds };
}

test('one at a time, oldest first', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('one', 0);
  box.add('two', 0);
  sender.pump();
  sender.pump();
  assert.deepEqual(sent, ['one']);
  box.remove('id1');
  sender.resolved();
  assert.deepEqual(sent, ['one', 'two']);
}));

test('after a break the one on its way goes again, first', () => withClock((clock) => {
  const { box, sent, sender, state } = sending(clock);
  box.add('one', 0);
  box.add('two', 0);
  sender.pump();
  state.ready = false;
  sender.interrupted();
  assert.deepEqual(sent, ['one']);
  state.ready = true;
  sender.pump();
  assert.deepEqual(sent, ['one', 'one']);
}));

for (const code of ['RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE']) {
  test(`${code} passes: the same message goes again by itself, when the server says`, () => withClock((clock) => {
    const { box, sent, sender, holds } = sending(clock);
    box.add('one', 0);
    sender.pump();
    assert.ok(sender.refused({ code, clientId: 'id1', retryAfterMs: 3000 }));
    assert.deepEqual(holds, [{ code, until: 3000 }]);
    clock.pass(2999);
    assert.deepEqual(sent, ['one']);
    clock.pass(1);
    assert.deepEqual(sent, ['one', 'one']);
    box.remove('id1');
    sender.resolved();
    assert.equal(holds.at(-1), null);
  }));
}

test('a code of a later version passes where the server says when', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('one', 0);
  sender.pump();
  sender.refused({ code: 'OF_A_LATER_VERSION', clientId: 'id1', retryAfterMs: 1000 });
  clock.pass(1000);
  assert.deepEqual(sent, ['one', 'one']);
  sender.refused({ code: 'BANNED', clientId: 'id1' });
  assert.equal(box.entries[0].state, 'failed');
}));

for (const code of ['SLOW_MODE', 'TOO_YOUNG', 'BANNED', 'LOCKED', 'REPEATED', 'BLOCKED']) {
  test(`${code} wants the writer: what was written is kept and never goes by itself, whatever the server says of time`, () => withClock((clock) => {
    const { box, sent, sender, holds } = sending(clock);
    box.add('one', 0);
    sender.pump();
    assert.ok(sender.refused({ code, clientId: 'id1', retryAfterMs: 1000 }));
    clock.pass(60_000);
    assert.deepEqual(sent, ['one']);
    assert.deepEqual(box.entries.map(({ content, state, code: why }) => [content, state, why]), [['one', 'failed', code]]);
    assert.deepEqual(holds, []);
  }));
}

test('a fault of the server is tried three times, with growing pauses, then told', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('one', 0);
  sender.pump();
  for (const pause of [4000, 8000, 16_000]) {
    sender.refused({ code: 'INTERNAL', clientId: 'id1' });
    const before = sent.length;
    clock.pass(pause - 1);
    assert.equal(sent.length, before);
    clock.pass(1);
    assert.equal(sent.length, before + 1);
  }
  sender.refused({ code: 'INTERNAL', clientId: 'id1' });
  assert.equal(box.entries[0].state, 'failed');
}));

test('a refusal for good fails that message and lets the next one go', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('bad', 0);
  box.add('good', 0);
  sender.pump();
  sender.refused({ code: 'INVALID_CONTENT', clientId: 'id1' });
  assert.equal(box.entries[0].state, 'failed');
  assert.deepEqual(sent, ['bad', 'good']);
}));

test('a frame too large is the one on its way', () => withClock((clock) => {
  const { box, sender } = sending(clock);
  box.add('huge', 0);
  sender.pump();
  assert.ok(sender.refused({ code: 'TOO_LARGE' }));
  assert.equal(box.entries[0].state, 'failed');
  assert.equal(sender.refused({ code: 'RATE_LIMITED' }), false, 'not about a message');
}));

test('a lost answer is asked for again', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('one', 0);
  sender.pump();
  clock.pass(15_000);
  assert.deepEqual(sent, ['one', 'one']);
}));

test('a reply is sent and kept with what it answers, and can do without', () => {
  const storage = memoryStorage();
  const box = outbox(storage);
  const mentions = [{ authorId: 'x', from: 0, to: 2 }];
  const entry = box.add('@x', 0, { replyTo: { id: '7', seq: 3 }, mentions });
  assert.deepEqual(JSON.parse(box.encode(entry)), { type: 'MESSAGE', payload: { clientId: 'id1', content: '@x', replyTo: '7', mentions } });
  const after = outbox(storage);
  assert.deepEqual(after.entries, [entry]);
  after.fail('id1', 'INVALID_REPLY');
  after.retry('id1');
  assert.deepEqual(JSON.parse(after.encode(after.entries[0])), { type: 'MESSAGE', payload: { clientId: 'id1', content: '@x', mentions } });
});

/** @param {import('../../static/js/wire/outbox.js').Outbox} box */
const states = ({ entries }) => entries.map(({ content, state, code, by }) => [content, state, ...(code ? [code] : []), by]);

test('what somebody else has written never goes under another name by itself, and is not lost', () => {
  const storage = memoryStorage();
  const box = outbox(storage);
  box.become('visitor');
  box.add('one', 0);
  box.add('two', 0);
  box.sending(box.entries[0]);
  box.become('account');
  assert.deepEqual(states(box), [['one', 'failed', 'OTHER_AUTHOR', 'visitor'], ['two', 'failed', 'OTHER_AUTHOR', 'visitor']]);
  assert.equal(box.next(), null);
  assert.equal(box.own.length, 2, 'it is shown');
  box.add('three', 0);
  assert.equal(box.next()?.content, 'three');
  const again = new Outbox(storage, 'unsent', () => 'new');
  again.become('visitor');
  assert.deepEqual(states(again), [['one', 'waiting', 'visitor'], ['two', 'waiting', 'visitor'], ['three', 'failed', 'OTHER_AUTHOR', 'account']], 'they are back');
  again.retry('id3');
  assert.deepEqual(again.entries[2].by, 'visitor', 'whoever says so sends it');
  assert.equal(again.entries[2].state, 'waiting');
});

test('a name that the server gives somebody is no other author', () => {
  const box = outbox();
  box.become('~visitor');
  box.add('one', 0);
  box.become('~visitor');
  box.become('public');
  assert.deepEqual(states(box), [['one', 'waiting', 'public']]);
  // A newcomer's, who signs in before the server has named them.
  const newcomer = outbox();
  newcomer.become('~visitor');
  newcomer.add('one', 0);
  newcomer.become('~account');
  newcomer.add('two', 0);
  newcomer.become('account');
  assert.deepEqual(states(newcomer), [['one', 'failed', 'OTHER_AUTHOR', '~visitor'], ['two', 'waiting', 'account']]);
});

test('a newcomer’s message is still theirs after a reload, and not the account’s that has signed in meanwhile', () => {
  const storage = memoryStorage();
  const box = outbox(storage);
  box.become('~visitor');
  box.add('one', 0);
  const same = new Outbox(storage, 'unsent', () => 'new');
  same.become('~visitor');
  same.become('public');
  assert.equal(same.next()?.by, 'public');
  const other = new Outbox(storage, 'unsent', () => 'new');
  other.become('~visitor');
  other.add('two', 0);
  const signedIn = new Outbox(storage, 'unsent', () => 'new');
  signedIn.become('account');
  assert.deepEqual(signedIn.entries.map(({ content, state }) => [content, state]), [['one', 'failed'], ['two', 'failed']]);
});

test('what waits for a moderator waits on as its writer’s, also while it is asked for again', () => {
  const box = outbox();
  box.become('visitor');
  box.add('one', 0);
  box.fail('id1', 'HELD', 'first');
  box.again();
  box.become('account');
  assert.deepEqual([box.next(), box.own.length, box.entries[0].state], [null, 0, 'held']);
  box.become('visitor');
  box.again();
  assert.equal(box.next()?.content, 'one');
});

test('what meets the end of a token waits, and goes with the next one', () => withClock((clock) => {
  const { box, sent, sender } = sending(clock);
  box.add('one', 0);
  sender.pump();
  sender.refused({ code: 'TOKEN_EXPIRED', clientId: 'id1' });
  assert.equal(box.entries[0].state, 'waiting');
  assert.equal(sent.length, 1, 'not again by itself');
  sender.pump();
  assert.equal(sent.length, 2);
}));
