import assert from 'node:assert/strict';
import test from 'node:test';
import { COMMANDS_MAX } from '../../static/js/wire/commands.js';
import { Sender } from '../../static/js/wire/sender.js';
import { chatStore, commands, me, message, welcome, withClock } from './support.mjs';

/** @param {string} id @param {string} emoji @param {boolean} on @returns {Chat.Order} */
const react = (id, emoji, on) => ({ type: 'REACT', id, emoji, on });
/** @param {string} id @param {number} version @param {string} content @returns {Chat.Order} */
const edit = (id, version, content) => ({ type: 'EDIT', id, version, content });

/** @param {import('../../static/js/wire/commands.js').Commands} queue */
const waiting = (queue) => queue.entries.map((entry) => (entry.type === 'REACT' ? `${entry.id} ${entry.emoji} ${entry.on}`
  : entry.type === 'EDIT' ? `${entry.id} ${entry.version} ${entry.content}` : entry.type === 'PIN' ? `${entry.id} pinned ${entry.on}` : `${entry.id} deleted`));

test('what waits for the same message and emoji is replaced, nothing else', () => {
  const queue = commands();
  queue.add(react('m1', '👍', true));
  queue.add(react('m1', '🎉', true));
  queue.add(react('m2', '👍', true));
  queue.add(react('m1', '👍', false));
  assert.deepEqual(waiting(queue), ['m1 🎉 true', 'm2 👍 true', 'm1 👍 false']);
  assert.equal(new Set(queue.entries.map(({ clientId }) => clientId)).size, 3);
});

test('a deletion leaves nothing else to do with its message', () => {
  const queue = commands();
  queue.add(react('m1', '👍', true));
  queue.add(edit('m1', 1, 'a'));
  queue.add(react('m2', '👍', true));
  queue.add({ type: 'DELETE', id: 'm1' });
  queue.add({ type: 'DELETE', id: 'm1' });
  assert.deepEqual(waiting(queue), ['m2 👍 true', 'm1 deleted']);
});

test('a pin replaces a pin of the same message and nothing else, and a deletion replaces it', () => {
  const queue = commands();
  /** @param {string} id @param {boolean} on @returns {Chat.Order} */
  const pin = (id, on) => ({ type: 'PIN', id, on });
  queue.add(edit('m1', 1, 'a'));
  queue.add(pin('m1', true));
  queue.add(react('m1', '👍', true));
  queue.add(pin('m2', true));
  queue.add(pin('m1', false));
  queue.add(edit('m1', 1, 'b'));
  assert.deepEqual(waiting(queue), ['m1 👍 true', 'm2 pinned true', 'm1 pinned false', 'm1 1 b']);
  assert.deepEqual(JSON.parse(queue.encode(queue.entries[1])), { type: 'PIN', payload: { clientId: 'command4', id: 'm2', on: true } });
  queue.add({ type: 'DELETE', id: 'm1' });
  assert.deepEqual(waiting(queue), ['m2 pinned true', 'm1 deleted']);
});

test('what is on its way is not replaced; after a break the later state alone goes', () => {
  const queue = commands();
  const first = queue.add(react('m1', '👍', true));
  queue.sending(/** @type {Chat.Command} */ (first));
  queue.add(react('m1', '👍', false));
  assert.deepEqual(waiting(queue), ['m1 👍 true', 'm1 👍 false']);
  assert.equal(queue.next(), null, 'one at a time');
  queue.interrupted();
  assert.deepEqual(waiting(queue), ['m1 👍 false']);
  assert.equal(queue.done(/** @type {Chat.Command} */ (first).clientId), null, 'a late answer is about nothing any more');
  assert.deepEqual(waiting(queue), ['m1 👍 false']);
});

test('an edit that may be stored is sent again before the next, which names its version', () => {
  const queue = commands();
  queue.add(edit('m1', 1, 'a'));
  queue.add(edit('m1', 1, 'b'));
  assert.deepEqual(waiting(queue), ['m1 1 b'], 'nobody has seen the first');
  const sent = /** @type {Chat.Command} */ (queue.next());
  queue.sending(sent);
  queue.interrupted();
  queue.add(edit('m1', 1, 'c'));
  assert.deepEqual(waiting(queue), ['m1 1 b', 'm1 1 c']);
  queue.done(sent.clientId);
  assert.deepEqual(waiting(queue), ['m1 2 c']);
});

test('it is bounded', () => {
  const queue = commands();
  for (let n = 0; n < COMMANDS_MAX; n += 1) assert.ok(queue.add(react(`m${n}`, '👍', true)));
  assert.equal(queue.add(react('m', '👍', true)), null);
  assert.ok(queue.add(react('m0', '👍', false)), 'what replaces needs no room');
});

/** @param {import('./support.mjs').FakeClock} clock */
function sending(clock) {
  const queue = commands();
  /** @type {any[]} */
  const sent = [];
  const state = { ready: true };
  const sender = new Sender(queue, (text) => {
    sent.push(JSON.parse(text));
    return true;
  }, () => state.ready, () => clock.now);
  /** @type {any[]} */
  const failed = [];
  sender.addEventListener('failed', (event) => failed.push(/** @type {any} */ (event).detail));
  return { queue, sent, sender, state, failed };
}

test('commands go as the protocol has them, in order, and again after a break with the same id', () => withClock((clock) => {
  const { queue, sent, sender, state } = sending(clock);
  queue.add(edit('m1', 1, 'a'));
  queue.add({ type: 'DELETE', id: 'm2' });
  sender.pump();
  state.ready = false;
  sender.interrupted();
  state.ready = true;
  sender.pump();
  const first = { type: 'EDIT', payload: { clientId: 'command1', id: 'm1', version: 1, content: 'a' } };
  assert.deepEqual(sent, [first, first]);
  queue.done('command1');
  sender.resolved();
  queue.add(react('m1', '👍', true));
  assert.deepEqual(sent.at(-1), { type: 'DELETE', payload: { clientId: 'command2', id: 'm2' } });
  queue.done('command2');
  sender.resolved();
  assert.deepEqual(sent.at(-1), { type: 'REACT', payload: { clientId: 'command3', id: 'm1', emoji: '👍', on: true } });
}));

test('a refusal that passes is waited for, a final one ends it', () => withClock((clock) => {
  const { queue, sent, sender, failed } = sending(clock);
  queue.add(edit('m1', 1, 'a'));
  queue.add(react('m1', '👍', true));
  sender.pump();
  assert.ok(sender.refused({ code: 'RATE_LIMITED', clientId: 'command1', retryAfterMs: 700 }));
  clock.pass(699);
  assert.equal(sent.length, 1);
  clock.pass(1);
  assert.equal(sent.length, 2);
  assert.ok(sender.refused({ code: 'EDIT_CONFLICT', clientId: 'command1' }));
  assert.deepEqual(failed.map(({ code, entry }) => [code, entry.content]), [['EDIT_CONFLICT', 'a']]);
  assert.equal(sent.at(-1).type, 'REACT');
  assert.ok(!sender.refused({ code: 'INTERNAL', clientId: 'of somebody else' }));
}));

test('an answer ends a command; what was done is known until the room tells itself', () => {
  const { store, events } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 1 }, messages: [message(1)] }));
  const { commands: queue } = store;
  /** @param {string[]} authors @param {number} count */
  const told = (authors, count) => queue.reacts({ ...message(1), reactions: [{ emoji: '👍', count, authors }] }, '👍', me.id);
  assert.equal(told(['a', 'b', 'c', 'd', 'e'], 9), false, 'done elsewhere or earlier: not known');
  const order = queue.add(react('m1', '👍', true));
  assert.equal(queue.reacts(message(1), '👍', me.id), true, 'what is on its way counts');
  store.receive({ type: 'ACK', payload: { clientId: order?.clientId, id: 'm1', seq: 1, rev: 2, createdAt: '' } });
  assert.deepEqual(events.filter(([type]) => type === 'done').map(([, { clientId }]) => clientId), [order?.clientId]);
  assert.equal(store.rev, 1);
  assert.equal(store.messages.length, 1);
  assert.equal(told(['a', 'b', 'c', 'd', 'e'], 9), true);
  assert.equal(told(['a'], 1), false, 'everybody is named');
  assert.equal(told(['a', me.id], 2), true);
  store.receive(welcome({ room: { id: 'r', epoch: 'e2', rev: 1 }, messages: [message(1)] }));
  assert.equal(told(['a', 'b', 'c', 'd', 'e'], 9), false, 'another life');
});
