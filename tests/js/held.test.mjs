// Messages that wait for a moderator: kept, asked for again with each JOIN, and forgotten when they are decided.

import assert from 'node:assert/strict';
import test from 'node:test';
import { unsentModel } from '../../static/js/list/row-model.js';
import { RAID, isRaid, takenBack } from '../../static/js/store/presets.js';
import { memoryStorage } from '../../static/js/shared/storage.js';
import { Sender } from '../../static/js/wire/sender.js';
import { chatStore, me, message, messages, other, outbox, welcome, withClock } from './support.mjs';

/** A page that has joined, and what it says. @param {import('./support.mjs').FakeClock} clock */
function page(clock, storage = memoryStorage()) {
  const { store, seqs } = chatStore(outbox(storage));
  const box = store.outbox;
  /** @type {string[]} */
  const sent = [];
  const sender = new Sender(box, (text) => {
    sent.push(JSON.parse(text).payload.clientId);
    return true;
  }, () => store.self !== null, () => clock.now);
  /** @type {string[]} */
  const events = [];
  for (const type of ['held', 'failed']) {
    sender.addEventListener(type, (event) => events.push(`${type} ${/** @type {any} */ (event).detail.entry.clientId}`));
  }
  store.addEventListener('resolved', () => sender.resolved());
  const join = (more = {}) => {
    sender.interrupted();
    store.receive(welcome(more));
    box.again();
    sender.pump();
  };
  const say = (/** @type {string} */ content) => {
    const { clientId } = box.add(content, clock.now);
    sender.pump();
    return clientId;
  };
  /** @param {string} code @param {string} clientId @param {object} [more] */
  const refuse = (code, clientId, more = {}) => sender.refused({ code, clientId, ...more });
  const states = () => box.entries.map(({ state, held = '' }) => `${state} ${held}`.trim());
  return { store, box, sender, sent, events, seqs, storage, join, say, refuse, states };
}

test('a message that waits is kept with its reason, and lets the next one go', () => withClock((clock) => {
  const { join, say, refuse, sent, states, events } = page(clock);
  join();
  const one = say('one');
  const two = say('two');
  assert.ok(refuse('HELD', one, { reason: 'first' }));
  assert.deepEqual(sent, [one, two]);
  assert.deepEqual(states(), ['held first', 'sending']);
  assert.deepEqual(events, [`held ${one}`]);
}));

test('it is asked for again with each JOIN and not more often', () => withClock((clock) => {
  const { join, say, refuse, sent, states, events } = page(clock);
  join();
  const one = say('one');
  refuse('HELD', one, { reason: 'all' });
  clock.pass(3_600_000);
  const two = say('two');
  refuse('HELD', two, { reason: 'all' });
  assert.deepEqual(sent, [one, two]);
  join();
  assert.deepEqual(sent.slice(2), [one], 'one at a time');
  assert.deepEqual(states(), ['sending all', 'waiting all'], 'shown as waiting meanwhile');
  refuse('HELD', one, { reason: 'all' });
  refuse('HELD', two, { reason: 'all' });
  clock.pass(3_600_000);
  assert.deepEqual(sent.slice(2), [one, two]);
  assert.deepEqual(events, [`held ${one}`, `held ${two}`], 'it is told once');
}));

test('it survives a reload, with what it answers', () => withClock((clock) => {
  const before = page(clock);
  before.join();
  before.box.add('one', 5, { replyTo: { id: '7', seq: 3 } });
  before.sender.pump();
  before.refuse('HELD', 'id1', { reason: 'links' });
  const after = page(clock, before.storage);
  assert.deepEqual(after.box.entries, [{ clientId: 'id1', content: 'one', at: 5, state: 'held', held: 'links', by: 'me', replyTo: { id: '7', seq: 3 } }]);
  after.join();
  assert.deepEqual(after.sent, ['id1']);
  assert.deepEqual(page(clock, before.storage).states(), ['held links'], 'left while it was asked for');
  after.refuse('HELD', 'id1', { reason: 'links' });
  assert.deepEqual(after.events, [], 'no news');
}));

for (const how of ['ACK', 'live MESSAGE', 'WELCOME', 'page of the server']) {
  test(`let through, it takes its place: ${how}`, () => withClock((clock) => {
    const before = page(clock);
    before.join({ messages: messages(1, 3) });
    const clientId = before.say('one');
    before.refuse('HELD', clientId, { reason: 'first' });
    const stored = message(4, { clientId, author: me, content: 'one' });
    const { store, seqs, storage } = how === 'page of the server' ? page(clock, before.storage) : before;
    store.selfId = 'me';
    if (how === 'ACK') store.receive({ type: 'ACK', payload: { clientId, id: 'm4', seq: 4, rev: 4, createdAt: stored.createdAt } });
    if (how === 'live MESSAGE') store.receive({ type: 'MESSAGE', payload: stored });
    if (how === 'WELCOME') store.receive(welcome({ resumed: true, room: { id: 'r', epoch: 'e1', rev: 4 }, messages: [stored] }));
    if (how === 'page of the server') store.hydrate({ epoch: 'e1', rev: 4, messages: [...messages(1, 3), stored], hasMore: false });
    assert.deepEqual(seqs(), [1, 2, 3, 4]);
    assert.deepEqual(store.outbox.entries, []);
    assert.equal(storage.get('unsent'), null);
  }));
}

test('what becomes of one that waits leaves what is on its way alone', () => withClock((clock) => {
  for (const end of ['REJECTED', 'MESSAGE']) {
    const { store, join, say, refuse, sent } = page(clock);
    join();
    const one = say('one');
    refuse('HELD', one, { reason: 'all' });
    const two = say('two');
    if (end === 'REJECTED') refuse('REJECTED', one);
    else store.receive({ type: 'MESSAGE', payload: message(1, { clientId: one, author: me }) });
    const three = store.outbox.add('three', 0).clientId;
    assert.deepEqual(sent, [one, two], 'the next one waits for its turn');
    clock.pass(15_000);
    assert.deepEqual(sent, [one, two, two], 'its lost answer is asked for again');
    store.receive({ type: 'ACK', payload: { clientId: two, id: 'm2', seq: 2, rev: 2, createdAt: '2026-01-01T12:00:00.000Z' } });
    assert.deepEqual(sent.at(-1), three);
  }
}));

test('refused by a moderator, at any time: the text stays, and never goes again by itself', () => withClock((clock) => {
  const { join, say, refuse, sent, events, storage, box } = page(clock);
  join();
  const one = say('one');
  refuse('HELD', one, { reason: 'first' });
  assert.ok(refuse('REJECTED', one));
  join();
  clock.pass(60_000);
  assert.deepEqual(sent, [one]);
  assert.deepEqual(events, [`held ${one}`, `failed ${one}`]);
  assert.deepEqual(page(clock, storage).states(), ['failed']);
  assert.deepEqual(box.entries.map(({ content, code }) => [content, code]), [['one', 'REJECTED']]);
}));

for (const code of ['SLOW_MODE', 'BANNED', 'LOCKED', 'REPEATED', 'BLOCKED', 'TOO_YOUNG']) {
  test(`asked for again and answered ${code}, it waits on: the server has it`, () => withClock((clock) => {
    const { join, say, refuse, states, events } = page(clock);
    join();
    const one = say('one');
    refuse('HELD', one, { reason: 'first' });
    join();
    refuse(code, one, { retryAfterMs: 1000 });
    assert.deepEqual(states(), ['held first']);
    assert.deepEqual(events, [`held ${one}`]);
  }));
}

test('under another identity it is neither shown nor asked for, and is back with its own', () => withClock((clock) => {
  const { join, say, refuse, sent, box } = page(clock);
  join();
  const one = say('one');
  refuse('HELD', one, { reason: 'first' });
  join({ self: other });
  assert.deepEqual([sent, box.own], [[one], []]);
  join();
  assert.deepEqual([sent, box.own.length], [[one, one], 1]);
}));

test('its row says why it waits, as soon as there are words for it; one that was refused is not sent again', () => withClock((clock) => {
  const { store, join, say, refuse, box } = page(clock);
  join();
  const one = say('one');
  refuse('HELD', one, { reason: 'first' });
  /** @type {any} */
  const context = {
    store, live: true, strings: { sending: 'sending', waiting: 'waiting', errors: { REJECTED: 'no' } }, clock: { timeOf: () => '12:00' },
    me: () => me,
  };
  const model = () => unsentModel({ kind: 'unsent', key: 'k', entry: box.entries[0], continued: false }, context);
  assert.deepEqual([model().waits, model().time], ['', 'sending'], 'never as if it were there');
  box.why = ({ held }) => (held ? `waits: ${held}` : '');
  assert.deepEqual([model().waits, model().time, model().failed], ['waits: first', '12:00', false]);
  refuse('REJECTED', one);
  assert.deepEqual([model().waits, model().failed, model().final, model().reason], ['', true, true, 'no']);
}));

test('the raid preset is on where all of it is that visitors notice, and is taken back as a whole', () => {
  assert.ok(isRaid({ slowSeconds: 30, linksMax: 0, holdNew: 'all' }));
  for (const settings of [{}, { slowSeconds: 30, linksMax: 0 }, { slowSeconds: 10, linksMax: 0, holdNew: 'all' }, { slowSeconds: 30, holdNew: 'all' }]) {
    assert.equal(isRaid(/** @type {Chat.Settings} */ (settings)), false);
  }
  assert.deepEqual(takenBack(RAID), { slowSeconds: null, linksMax: null, uniqueSeconds: null, holdNew: null, holdYoungerSeconds: null });
});

test('how much waits for a moderator: an earlier server holds nothing, and nobody else is told', () => {
  const { store } = chatStore();
  store.receive(welcome({ rights: 255 }));
  store.receive({ type: 'QUEUE', payload: { reported: 2 } });
  assert.deepEqual([store.standing.reported, store.standing.held], [2, 0]);
  store.receive({ type: 'QUEUE', payload: { reported: 1, held: 3 } });
  assert.deepEqual([store.standing.reported, store.standing.held], [1, 3]);
  assert.ok(store.standing.may('REVIEW'));
  store.receive(welcome());
  assert.deepEqual([store.standing.reported, store.standing.held], [0, 0]);
});
