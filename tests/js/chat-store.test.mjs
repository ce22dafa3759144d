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

test('a start over leaves a gap behind what is shown, and what is new is still news', () => {
  const { store, events, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  assert.deepEqual(seqs(), [1, 2, 3, ...messages(851, 900).map(({ seq }) => seq)]);
  assert.deepEqual(store.gap, { after: 3, before: 851 });
  assert.equal(store.hasMore, false);
  assert.equal(/** @type {any} */ (events.find(([type]) => type === 'arrived'))[1].length, 50);
  assert.ok(!events.some(([type]) => type === 'reset'));
});

test('a gap is filled page by page, and closes where it meets what follows', () => {
  const { store, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 2, messages: messages(1, 2), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(8, 9), hasMore: true }));
  store.receive(MESSAGE(message(4, { rev: 10 })));
  assert.deepEqual(seqs(), [1, 2, 8, 9], 'a change within the gap comes with its page');
  store.fillGap(messages(3, 5), true);
  assert.deepEqual(store.gap, { after: 5, before: 8 });
  store.fillGap(messages(6, 8), true);
  assert.equal(store.gap, null);
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a start over that joins up leaves no gap; one that goes back throws away', () => {
  const { store, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 6 }, messages: messages(4, 6), hasMore: true }));
  assert.equal(store.gap, null);
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6]);
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5 }, messages: messages(4, 5), hasMore: true }));
  assert.deepEqual(seqs(), [4, 5], 'the database itself was behind us: what it does not know did not happen');
});

test('a second gap lets go of what lies above the first', () => {
  const { store, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 2, messages: messages(1, 2), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(8, 9), hasMore: true }));
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 20 }, messages: messages(19, 20), hasMore: true }));
  assert.deepEqual(seqs(), [8, 9, 19, 20]);
  assert.deepEqual(store.gap, { after: 9, before: 19 });
  assert.equal(store.hasMore, true);
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

test('a reader at the end keeps the newest, and there is more above', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(1, 9) }));
  store.bound(4);
  assert.deepEqual(seqs(), [6, 7, 8, 9]);
  assert.equal(store.hasMore, true);
  assert.equal(store.hasNewer, false);
});

/** A reader far above the end of a room of `count` messages, with `kept` around them. @param {number} count @param {number} kept */
function farAbove(count, kept) {
  const made = chatStore();
  made.store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: count }, messages: messages(1, count) }));
  made.store.bound(kept, 1);
  return made;
}

test('a reader far above keeps what is around them; new messages wait at the end of the room', () => {
  const { store, events, seqs } = farAbove(100, 10);
  assert.deepEqual(seqs(), messages(1, 10).map(({ seq }) => seq));
  assert.equal(store.hasNewer, true);
  events.length = 0;
  for (let seq = 101; seq <= 200; seq += 1) store.receive(MESSAGE(message(seq)));
  assert.equal(store.messages.length, 10);
  assert.ok(store.tail.length <= 50, 'memory is bounded');
  assert.equal(events.filter(([type]) => type === 'arrived').length, 100, 'they are news all the same');
  assert.equal(store.rev, 200);
  store.toLatest();
  assert.deepEqual(seqs(), messages(151, 200).map(({ seq }) => seq));
  assert.equal(store.hasMore, true);
  assert.equal(store.hasNewer, false);
});

test('scrolling down joins up with the end without a hole, whatever comes meanwhile', () => {
  const { store, seqs } = farAbove(100, 10);
  // Asked before 101 was stored, answered after it has come over the socket.
  store.receive(MESSAGE(message(101)));
  store.newer(messages(11, 40), true);
  assert.equal(store.hasNewer, true);
  store.newer(messages(41, 60), false);
  assert.equal(store.hasNewer, false, 'it has reached the tail');
  assert.deepEqual(seqs(), messages(1, 101).map(({ seq }) => seq));
});

test('a page that says it is the last one is believed only once the tail is reached', () => {
  const { store } = farAbove(100, 10);
  for (let seq = 101; seq <= 160; seq += 1) store.receive(MESSAGE(message(seq)));
  store.newer(messages(11, 100), false);
  assert.equal(store.hasNewer, true, 'from 101 to the tail something is missing');
  store.newer(messages(101, 150), true);
  assert.equal(store.hasNewer, false);
  assert.equal(store.messages.length, 160);
});

test('another part of the room may be shown, and the end is not forgotten', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  store.show(messages(400, 450), true, true);
  assert.deepEqual([seqs()[0], seqs().length, store.hasMore, store.hasNewer], [400, 51, true, true]);
  store.receive(MESSAGE(message(901)));
  store.toLatest();
  assert.equal(seqs().at(-1), 901);
  store.show(messages(840, 870), true, true);
  assert.equal(store.hasNewer, false, 'it overlaps the end');
  assert.equal(seqs().at(-1), 901);
});

test('letting go of one side of a gap closes it', () => {
  const { store } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 50, messages: messages(1, 50), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  store.bound(40, 1);
  assert.deepEqual([store.gap, store.hasNewer, store.newestSeq], [null, true, 40]);
  assert.equal(store.tail[0].seq, 851);
});

test('a long absence while far above leaves no gap in the list: it lies below', () => {
  const { store } = farAbove(100, 10);
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  assert.deepEqual([store.gap, store.messages.length, store.tail[0].seq, store.tail.length], [null, 10, 851, 50]);
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
