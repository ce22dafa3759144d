import assert from 'node:assert/strict';
import test from 'node:test';
import { chatStore, me, message, messages, welcome } from './support.mjs';

/** @param {any} payload */
const MESSAGE = (payload) => ({ type: 'MESSAGE', payload });

test('the page as the server drew it is the start, and the first join resumes from it', () => {
  const { store, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  assert.deepEqual(store.resume, { epoch: 'e1', rev: 3 });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5 }, resumed: true, messages: messages(4, 5) }));
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5]);
  assert.deepEqual(store.resume, { epoch: 'e1', rev: 5 });
});

test('what the page shows already is no longer unsent', () => {
  const { store } = chatStore();
  const { clientId } = store.outbox.add('hello', 0);
  store.outbox.add('still unsent', 0);
  store.selfId = me.id;
  store.hydrate({ epoch: 'e1', rev: 1, messages: [message(1, { clientId, author: me })], hasMore: false });
  assert.deepEqual(store.outbox.entries.map(({ content }) => content), ['still unsent']);
});

test('without an epoch there is nothing to resume', () => {
  assert.equal(chatStore().store.resume, undefined);
});

test('a change at or below the cursor is dropped', () => {
  const { store, events, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5 }, messages: messages(4, 5) }));
  store.receive(MESSAGE(message(5, { content: 'again' })));
  store.receive(MESSAGE(message(3)));
  assert.deepEqual(seqs(), [4, 5]);
  assert.equal(store.messages[1].content, 'text 5');
  assert.ok(!events.some(([type]) => type === 'arrived'));
});

test('order is by seq, whatever the order of arrival', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome());
  store.receive(MESSAGE(message(2, { rev: 4 })));
  store.receive(MESSAGE(message(7, { rev: 7 })));
  store.receive(MESSAGE(message(5, { rev: 9 })));
  assert.deepEqual(seqs(), [2, 5, 7]);
  assert.equal(store.rev, 9);
});

test('a message whose seq is shown replaces it, and is not new', () => {
  const { store, events, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 3 }, messages: messages(1, 3) }));
  events.length = 0;
  store.receive(MESSAGE(message(2, { rev: 4, content: 'edited' })));
  assert.deepEqual(seqs(), [1, 2, 3]);
  assert.equal(store.messages[1].content, 'edited');
  assert.deepEqual(events, []);
});

test('a change of an unknown type moves the cursor; heartbeats and acks do not', () => {
  const { store } = chatStore();
  store.receive(welcome());
  store.receive({ type: 'REACTION', payload: { rev: 4 } });
  assert.equal(store.rev, 4);
  store.receive({ type: 'HEARTBEAT', payload: { rev: 9 } });
  store.receive({ type: 'ACK', payload: { clientId: 'x', id: 'm', seq: 9, rev: 9, createdAt: '' } });
  assert.equal(store.rev, 4);
});

for (const order of ['ACK first', 'MESSAGE first']) {
  test(`an own message is shown once: ${order}`, () => {
    const { store, events, seqs } = chatStore();
    store.receive(welcome());
    const { clientId } = store.outbox.add('hello', 0);
    const stored = message(1, { clientId, author: me, content: 'hello' });
    const ack = { type: 'ACK', payload: { clientId, id: 'm1', seq: 1, rev: 1, createdAt: stored.createdAt } };
    const frames = order === 'ACK first' ? [ack, MESSAGE(stored)] : [MESSAGE(stored), ack];
    store.receive(frames[0]);
    assert.deepEqual(seqs(), [1]);
    assert.deepEqual(store.outbox.entries, []);
    store.receive(frames[1]);
    assert.deepEqual(seqs(), [1]);
    assert.equal(store.rev, 1);
    assert.deepEqual(events.filter(([type]) => type === 'resolved'), [['resolved', clientId]]);
    assert.ok(!events.some(([type]) => type === 'arrived'), 'our own message is no news');
  });
}

test('another author with our client id takes nothing out of the outbox', () => {
  const { store } = chatStore();
  store.receive(welcome());
  const { clientId } = store.outbox.add('hello', 0);
  store.receive(MESSAGE(message(1, { clientId })));
  assert.equal(store.outbox.entries.length, 1);
});

test('an ack before changes that are still missing leaves them their place', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 1 }, messages: messages(1, 1) }));
  const { clientId } = store.outbox.add('mine', 0);
  store.receive({ type: 'ACK', payload: { clientId, id: 'm4', seq: 4, rev: 4, createdAt: message(4).createdAt } });
  for (const change of [message(2), message(3), message(4, { clientId, author: me })]) store.receive(MESSAGE(change));
  assert.deepEqual(seqs(), [1, 2, 3, 4]);
});

test('a start over empties the list, and what is new in it is still news', () => {
  const { store, events, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  assert.equal(seqs().length, 50);
  assert.equal(store.hasMore, true);
  assert.equal(/** @type {any} */ (events.find(([type]) => type === 'arrived'))[1].length, 50);
  assert.ok(events.some(([type]) => type === 'reset'));
});

test('another life of the room starts over in silence', () => {
  const { store, events, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 30, messages: messages(29, 30), hasMore: true });
  store.receive(welcome({ room: { id: 'r', epoch: 'e2', rev: 2 }, messages: messages(1, 2) }));
  assert.deepEqual(seqs(), [1, 2]);
  assert.deepEqual(store.resume, { epoch: 'e2', rev: 2 });
  assert.ok(!events.some(([type]) => type === 'arrived'));
});

test('told to start over, it joins without a cursor', () => {
  const { store } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  store.forget();
  assert.equal(store.resume, undefined);
});

test('older pages go on top, overlaps are not doubled, the cursor stays', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(7, 9), hasMore: true }));
  store.older(messages(4, 7), true);
  assert.deepEqual(seqs(), [4, 5, 6, 7, 8, 9]);
  assert.equal(store.rev, 9);
  store.older(messages(1, 3), false);
  assert.equal(store.hasMore, false);
});

test('a page of history never undoes a newer change', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: [message(7, { rev: 9, content: 'edited' })], hasMore: true }));
  store.older([message(6), message(7)], false);
  assert.equal(store.messages[1].content, 'edited');
});

test('a change above the loaded part moves the cursor and waits for its page', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(7, 9), hasMore: true }));
  store.receive(MESSAGE(message(2, { rev: 10 })));
  assert.deepEqual(seqs(), [7, 8, 9]);
  assert.equal(store.rev, 10);
});

test('trimming keeps the newest and remembers that there is more', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(1, 9) }));
  store.trim(4);
  assert.deepEqual(seqs(), [6, 7, 8, 9]);
  assert.equal(store.hasMore, true);
});

test('malformed payloads are ignored', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome());
  for (const payload of [{}, { seq: 1 }, { ...message(1), author: null }, { ...message(1), content: 5 }]) store.receive(MESSAGE(payload));
  store.receive({ type: 'PRESENCE', payload: { count: 'many' } });
  store.receive({ type: 'PROFILE', payload: { self: { id: 1 } } });
  assert.deepEqual(seqs(), []);
  assert.equal(store.presence.count, 1);
});
