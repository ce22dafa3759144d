import assert from 'node:assert/strict';
import test from 'node:test';
import { chatStore, me, message, messages, other, welcome, withClock } from './support.mjs';

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

test('what an identity wrote that our account has taken over is our own', () => {
  const { store } = chatStore();
  const [mine, theirs] = [message(1, { author: { ...me, id: 'as a guest' } }), message(2, { author: other })];
  assert.equal(store.isOwn(mine), false);
  store.receive(welcome({ self: { ...me, also: ['as a guest'] }, messages: [mine, theirs] }));
  assert.deepEqual([mine, theirs, message(3, { author: me })].map((of) => store.isOwn(of)), [true, false, true]);
  // Signed out, it is somebody else's again.
  store.receive(welcome({ self: other }));
  assert.deepEqual([store.isOwn(mine), store.isOwn(theirs)], [false, true]);
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
    assert.deepEqual(events.flatMap(([type, detail]) => (type === 'resolved' ? detail.clientId : [])), [clientId]);
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

test('a start over in the same life clears what is shown, and what is new is still news', () => {
  const { store, events, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 3, messages: messages(1, 3), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  assert.deepEqual(seqs(), messages(851, 900).map(({ seq }) => seq));
  assert.equal(store.hasMore, true);
  assert.equal(/** @type {any} */ (events.find(([type]) => type === 'arrived'))[1].length, 50);
  assert.ok(events.some(([type]) => type === 'reset'));
});

test('a start over that goes back throws away', () => {
  const { store, events, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 6, messages: messages(1, 6), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5 }, messages: messages(4, 5), hasMore: true }));
  assert.deepEqual(seqs(), [4, 5], 'the database itself was behind us: what it does not know did not happen');
  assert.ok(!events.some(([type]) => type === 'arrived'));
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

test('a start over while far above begins at the end of the room', () => {
  const { store, seqs } = farAbove(100, 10);
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 900 }, messages: messages(851, 900), hasMore: true }));
  assert.deepEqual([seqs()[0], seqs().length, store.hasNewer, store.tail.length], [851, 50, false, 0]);
});

test('what is changed while it is both in the list and among the newest is changed in both', () => {
  const { store } = farAbove(60, 40);
  store.receive(MESSAGE(message(30, { rev: 61, content: 'edited' })));
  store.receive({ type: 'REACTION', payload: { id: 'm31', seq: 31, rev: 62, reactions: [thumb(1)] } });
  for (const list of [store.messages, store.tail]) {
    const [edited, reacted] = [30, 31].map((seq) => list.find((other) => other.seq === seq));
    assert.equal(edited?.content, 'edited');
    assert.deepEqual(reacted?.reactions, [thumb(1)]);
  }
});

/** @param {number} count */
const thumb = (count) => ({ emoji: '👍', count, authors: ['other'].slice(0, count) });

test('figures of reactions are absolute; at or below what is known they move only the cursor', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 2 }, messages: messages(1, 2) }));
  /** @param {number} rev @param {any[]} reactions */
  const react = (rev, ...reactions) => store.receive({ type: 'REACTION', payload: { id: 'm1', seq: 1, rev, reactions } });
  const heart = { emoji: '❤️', count: 1, authors: ['x'] };
  react(3, thumb(1), heart);
  react(4, thumb(2));
  assert.deepEqual(store.messages[0].reactions, [thumb(2), heart]);
  react(5, thumb(0));
  assert.deepEqual(store.messages[0].reactions, [heart]);
  // A page that is ahead of the cursor.
  store.older([message(1, { rev: 7 })], false);
  react(6, thumb(9));
  assert.equal(store.rev, 6);
  assert.equal(store.messages[0].reactions, undefined);
  react(8, { emoji: 5 });
  assert.equal(store.rev, 8, 'what cannot be read is still a change');
});

test('a page asked before a deletion and arriving after it does not bring the text back', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(7, 9), hasMore: true }));
  store.receive(MESSAGE(message(5, { rev: 10, content: '', deletedAt: 'now', deletedBy: 'author' })));
  store.receive({ type: 'REACTION', payload: { id: 'm4', seq: 4, rev: 11, reactions: [thumb(1)] } });
  const page = { epoch: 'e1', rev: 9, messages: messages(1, 6) };
  assert.ok(store.admits(page));
  store.older(page.messages, false);
  assert.equal(store.messages[4].content, '');
  assert.deepEqual(store.messages[3].reactions, [thumb(1)]);
});

test('a page of another life, or from before all that is remembered, is not taken', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(7, 9), hasMore: true }));
  assert.ok(!store.admits({ epoch: 'e2', rev: 50 }));
  assert.ok(!store.admits({ epoch: 'e1', rev: 8 }));
  assert.ok(store.admits({ epoch: 'e1', rev: 9 }));
  assert.ok(store.admits({}), 'a server that knows no changes');
  for (let rev = 10; rev <= 1000; rev += 1) store.receive(MESSAGE(message(5, { rev })));
  assert.ok(store.log.changes.length <= 200, 'memory is bounded');
  assert.ok(!store.admits({ epoch: 'e1', rev: 700 }));
  assert.ok(store.admits({ epoch: 'e1', rev: 900 }));
});

test('what was missed follows in pieces, and a cut loses none that came', () => {
  const { store, seqs } = chatStore();
  store.hydrate({ epoch: 'e1', rev: 2, messages: messages(1, 2), hasMore: false });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 2 }, head: 6, resumed: true }));
  store.receive(MESSAGE(message(4)));
  assert.deepEqual(store.resume, { epoch: 'e1', rev: 4 });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 4 }, head: 6, resumed: true }));
  store.receive(MESSAGE(message(3, { rev: 5, content: 'edited' })));
  store.receive(MESSAGE(message(1, { rev: 6, content: '', deletedAt: 'now' })));
  assert.deepEqual(seqs(), [1, 2, 3, 4]);
  assert.deepEqual(store.messages.map(({ content }) => content), ['', 'text 2', 'edited', 'text 4']);
});

test('what was written and deleted meanwhile is no news', () => {
  const { store, events } = chatStore();
  store.receive(welcome({ resumed: true, messages: [message(1, { rev: 2, content: '', deletedAt: 'now' })] }));
  assert.ok(!events.some(([type]) => type === 'arrived'));
});

test('pins are the newest first, change with their messages and go with them', () => {
  const { store } = chatStore();
  /** @param {number} seq @param {number} rev @param {number} minute @param {object} [more] */
  const pin = (seq, rev, minute, more) => message(seq, { rev, pinnedAt: `2026-01-02T00:0${minute}:00.000Z`, ...more });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 20 }, messages: messages(11, 12), hasMore: true, pinned: [pin(3, 15, 3), pin(5, 14, 1)] }));
  const shown = () => store.pinned.map(({ seq, content }) => `${seq} ${content}`);
  store.receive(MESSAGE(pin(11, 21, 2)));
  store.receive(MESSAGE(pin(5, 22, 1, { content: 'edited' })));
  assert.deepEqual(shown(), ['3 text 3', '11 text 11', '5 edited']);
  store.receive({ type: 'REACTION', payload: { id: 'm3', seq: 3, rev: 23, reactions: [thumb(1)] } });
  assert.deepEqual(store.pinned[0].reactions, [thumb(1)]);
  store.receive(MESSAGE(message(11, { rev: 24 })));
  store.receive(MESSAGE(message(3, { rev: 25, content: '', deletedAt: 'now' })));
  assert.deepEqual(shown(), ['5 edited']);
});

test('who types is told without us, and for 6 s at most', () => withClock((clock) => {
  const { store } = chatStore();
  store.receive(welcome());
  const typing = (/** @type {any[]} */ authors, more = 0) => store.receive({ type: 'TYPING', payload: { authors, more } });
  typing([me, other], 3);
  assert.deepEqual(store.typing, { authors: [other], more: 3 });
  clock.pass(5_000);
  typing([other]);
  clock.pass(5_999);
  assert.deepEqual(store.typing.authors, [other]);
  clock.pass(1);
  assert.deepEqual(store.typing, { authors: [], more: 0 });
  typing([other]);
  store.receive(welcome({ resumed: true }));
  assert.deepEqual(store.typing.authors, [], 'another session, another tale');
  store.receive({ type: 'TYPING', payload: {} });
}));

test('the answer to a repeat does not undo what has become of the message', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 3 }, messages: messages(2, 3), hasMore: true }));
  const { clientId } = store.outbox.add('hello', 0);
  store.receive(MESSAGE(message(1, { rev: 4, clientId: 'elsewhere', content: '', deletedAt: 'now' })));
  store.hasMore = false;
  store.receive({ type: 'ACK', payload: { clientId, id: 'm1', seq: 1, rev: 1, createdAt: message(1).createdAt } });
  assert.equal(store.messages[0].content, '');
});

test('what the room is and allows is kept', () => {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 0, title: 'T', settings: { slow: 5 }, settingsRev: 2 }, limits: { contentMax: 9, editWindowSeconds: 900 } }));
  assert.deepEqual(store.standing.room, { title: 'T', settings: { slow: 5 }, settingsRev: 2 });
  assert.equal(store.limits?.editWindowSeconds, 900);
});

/** @param {object} settings @param {number} settingsRev @param {number} [rev] */
const ROOM = (settings, settingsRev, rev = 0) => ({ type: 'ROOM', payload: { rev, room: { settings, settingsRev } } });

test('ROOM is a state: the one with the higher number counts, and the cursor stays', () => {
  const { store, events } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5, settings: {}, settingsRev: 2 } }));
  store.receive(ROOM({ locked: true }, 3, 9));
  assert.deepEqual([store.standing.room.settings, store.rev], [{ locked: true }, 5]);
  store.receive(ROOM({ slowSeconds: 10 }, 2, 4));
  assert.deepEqual(store.standing.room.settings, { locked: true }, 'an older one that came late');
  // Another server may be behind for a moment.
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 5, settings: {}, settingsRev: 2 }, resumed: true }));
  assert.deepEqual(store.standing.room, { title: undefined, settings: { locked: true }, settingsRev: 3 });
  store.receive(welcome({ room: { id: 'r', epoch: 'e2', rev: 1, settings: {}, settingsRev: 1 } }));
  assert.deepEqual(store.standing.room, { title: undefined, settings: {}, settingsRev: 1 }, 'another life counts anew');
  for (const payload of [{}, { room: null }, { room: { settings: 5, settingsRev: 9 } }, { room: { settings: {}, settingsRev: 'x' } }]) store.receive({ type: 'ROOM', payload });
  assert.equal(store.standing.room.settingsRev, 1);
  assert.ok(!events.some(([type]) => type === 'arrived'));
});

test('what is gone for good is dropped, wherever it was', async () => {
  const { store, seqs } = chatStore();
  const reply = { id: 'm2', seq: 2 };
  store.receive(welcome({
    room: { id: 'r', epoch: 'e1', rev: 9 }, messages: [...messages(3, 8), message(9, { replyTo: reply })], hasMore: true,
    pinned: [message(4, { pinnedAt: '2026-01-02T00:00:00.000Z' }), message(7, { pinnedAt: '2026-01-01T00:00:00.000Z' })],
  }));
  store.quotes.add([['m2', message(2)]]);
  assert.equal(store.quotes.find(reply)?.seq, 2);
  const { generation } = store;
  const dropped = new Promise((resolve) => { store.addEventListener('pinned', resolve, { once: true }); });
  store.receive({ type: 'ROOM', payload: { rev: 9, room: { settings: {}, settingsRev: 0, firstSeq: 6 } } });
  await dropped;
  assert.deepEqual([seqs(), store.hasMore, store.rev], [[6, 7, 8, 9], false, 9]);
  assert.deepEqual(store.pinned.map(({ seq }) => seq), [7]);
  assert.equal(store.quotes.find(reply), null, 'an answer stands without what it answered');
  assert.ok(store.generation > generation, 'a page of before is asked for again');
});

test('who comes back drops what went meanwhile, and a reader far up is brought to what is left', async () => {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 90 }, messages: messages(60, 90), hasMore: true }));
  store.show(messages(1, 20), false, true);
  assert.deepEqual([seqs().at(0), store.hasNewer], [1, true]);
  const dropped = new Promise((resolve) => { store.addEventListener('messages', () => { if (seqs()[0] === 60) resolve(null); }); });
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 91, firstSeq: 40 }, resumed: true, messages: [message(91)] }));
  await dropped;
  assert.deepEqual([seqs()[0], seqs().at(-1), store.hasNewer], [60, 91, false]);
});

test('rights come with each WELCOME and go with it; a closed room is closed to all others', () => {
  const { store } = chatStore();
  const { standing } = store;
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 0, settings: { locked: true }, settingsRev: 1 } }));
  assert.deepEqual([standing.rights, standing.moderates, standing.shut, standing.may('BAN')], [0, false, true, false]);
  store.receive(welcome({ rights: 7 }));
  assert.deepEqual([standing.moderates, standing.shut], [false, true], 'what everybody may');
  store.receive(welcome({ rights: 8 + 32 }));
  assert.deepEqual([standing.moderates, standing.shut, standing.may('BAN'), standing.may('PIN')], [true, false, true, false]);
  store.receive({ type: 'QUEUE', payload: { reported: 3, held: 0 } });
  assert.equal(standing.reported, 3);
  store.receive(welcome({}));
  assert.deepEqual([standing.moderates, standing.shut, standing.reported], [false, true, 0]);
  store.receive(welcome({ rights: 'all' }));
  assert.equal(standing.rights, 0);
});

test('malformed payloads are ignored', () => {
  const { store, seqs } = chatStore();
  store.receive(welcome());
  for (const payload of [{}, { seq: 1 }, { ...message(1), author: null }, { ...message(1), content: 5 }]) store.receive(MESSAGE(payload));
  store.receive({ type: 'PRESENCE', payload: { count: 'many' } });
  store.receive({ type: 'PROFILE', payload: { self: { id: 1 } } });
  store.receive({ type: 'TYPING', payload: { authors: [null, 5, {}], more: 'x' } });
  store.receive({ type: 'REACTION', payload: { id: 'm1', seq: 1, rev: 'x', reactions: [null] } });
  store.receive({ type: 'REACTION', payload: { id: 'm1', seq: 1, rev: 2, reactions: [null] } });
  store.receive({ type: 'WELCOME', payload: { ...welcome().payload, pinned: 5, limits: undefined, messages: [null, { seq: 1 }] } });
  assert.deepEqual(seqs(), []);
  assert.equal(store.presence.count, 1);
});
