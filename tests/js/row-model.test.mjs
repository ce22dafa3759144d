import assert from 'node:assert/strict';
import test from 'node:test';
import { strings } from '../../static/js/i18n/en.js';
import { alike, excerpt, messageModel, unsentModel } from '../../static/js/list/row-model.js';
import { continues } from '../../static/js/list/rows.js';
import { Clock } from '../../static/js/shared/time.js';
import { newReactions, reactionsOf } from '../../static/js/store/reactions.js';
import { chatStore, commands, me, message, other, welcome } from './support.mjs';

/** @param {object} [more] */
function world(more = {}) {
  const { store } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 3 }, messages: [message(1), message(2, { author: me })], hasMore: true }));
  const context = { store, clock: new Clock('en'), strings, live: true, target: null, leaving: () => false, me: () => me, ...more };
  return { store, context, model: (/** @type {object} */ changes = {}) => messageModel({ kind: 'message', key: '', message: message(1, changes), own: false, continued: false }, context) };
}

// Every field of a message that its author, the server or a crowd can change, and whether it is seen in its row. A field
// that is drawn and forgotten here cannot be: a row is drawn from its model alone.
const SEEN = {
  author: { ...other, nickname: 'Wolf' },
  content: 'another text',
  createdAt: '2026-01-02T12:00:01.000Z',
  editedAt: '2026-01-02T12:00:01.000Z',
  deletedAt: '2026-01-02T12:00:01.000Z',
  pinnedAt: '2026-01-02T12:00:01.000Z',
  replyTo: { id: 'm2', seq: 2 },
  mentions: [{ authorId: 'me', from: 0, to: 4 }],
  reactions: [{ emoji: '👍', count: 1, authors: ['other'] }],
};
/** Nothing of these is drawn. */
const UNSEEN = { id: 'another', rev: 9, clientId: 'another', version: 7, deletedBy: 'moderator' };

test('each field of a message that is drawn makes another model, and no other does', () => {
  const { model } = world();
  const plain = model();
  for (const [field, value] of Object.entries(SEEN)) assert.ok(!alike(plain, model({ [field]: value })), field);
  for (const [field, value] of Object.entries(UNSEEN)) assert.ok(alike(plain, model({ [field]: value })), field);
  assert.ok(alike(plain, model()));
});

test('those are all fields that a message has in the protocol', async () => {
  const { readFile } = await import('node:fs/promises');
  const types = await readFile(new URL('../../static/js/wire-types.d.ts', import.meta.url), 'utf8');
  const body = /type Message = \{([\s\S]*?)\n  \};/.exec(types)?.[1] ?? '';
  const fields = [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name).filter((name) => name !== 'seq');
  assert.ok(fields.length > 10);
  assert.deepEqual(fields.filter((name) => !(name in SEEN) && !(name in UNSEEN)), []);
});

test('the badge that a message was written with is seen, and begins a group of its own', () => {
  const { model } = world();
  const plain = model();
  assert.equal(plain.badge, '');
  const marked = model({ author: { ...other, badge: 'owner' } });
  assert.equal(marked.badge, 'owner');
  assert.ok(!alike(plain, marked));
  assert.ok(!continues(message(1), message(2, { author: { ...other, badge: 'owner' } })));
});

test('what is around a message is seen as well', () => {
  const { model, context, store } = world();
  const plain = model();
  for (const changes of [{ target: 1 }, { leaving: () => true }]) {
    assert.ok(!alike(plain, messageModel({ kind: 'message', key: '', message: message(1), own: false, continued: false }, { ...context, ...changes })), Object.keys(changes)[0]);
  }
  store.commands.add({ type: 'EDIT', id: 'm1', version: 1, content: 'soon' });
  assert.deepEqual([model().content, model().saving], ['soon', true]);
  store.commands.add({ type: 'DELETE', id: 'm1' });
  assert.equal(model().gone, strings.deleting);
});

test('of a deleted message nothing is left but the word', () => {
  const { content, gone, quote, reactions, edited, pinned } = world().model({ ...SEEN, content: '' });
  assert.deepEqual({ content, gone, quote, reactions, edited, pinned }, { content: '', gone: strings.deleted, quote: null, reactions: [], edited: '', pinned: false });
});

test('a quote follows what it quotes', () => {
  const { model, store } = world();
  const answer = { replyTo: { id: 'm2', seq: 2 } };
  assert.deepEqual(model(answer).quote, { seq: 2, nickname: 'Otter', text: 'text 2' });
  store.receive({ type: 'MESSAGE', payload: message(2, { author: me, rev: 4, content: 'edited' }) });
  assert.equal(model(answer).quote?.text, 'edited');
  store.receive({ type: 'MESSAGE', payload: message(2, { author: me, rev: 5, content: '', deletedAt: 'now' }) });
  assert.deepEqual(model(answer).quote, { seq: 2, nickname: '', text: strings.deleted });
  const far = { replyTo: { id: 'm0', seq: 0 } };
  assert.equal(model(far).quote?.text, '…');
  store.quotes.add([['m0', message(0, { id: 'm0', content: '\n> old\nnew' })]]);
  assert.equal(model(far).quote?.text, 'old');
  store.receive({ type: 'MESSAGE', payload: message(0, { id: 'm0', rev: 6, content: 'changed' }) });
  assert.equal(model(far).quote?.text, 'changed', 'what is not in the list is kept up to date as well');
  store.quotes.add([['m0', null]]);
  assert.equal(model(far).quote?.text, strings.quoteGone);
});

test('one line of a text', () => {
  assert.equal(excerpt('```rust\nfn main() {}\n```'), 'fn main() {}');
  assert.equal([...excerpt('가'.repeat(2000))].length, 121);
  assert.equal(excerpt('  \n a'), 'a');
});

test('what is unsent', () => {
  const { context } = world();
  /** @param {any} entry @param {object} [more] */
  const unsent = (entry, more) => unsentModel({ kind: 'unsent', key: '', continued: false, entry: { clientId: 'c', content: 'x', at: 0, state: 'waiting', ...entry } }, { ...context, ...more });
  assert.equal(unsent({}).time, strings.sending);
  assert.equal(unsent({}, { live: false }).time, strings.waiting);
  assert.deepEqual([unsent({ state: 'failed', code: 'INVALID_CONTENT' }).failed, unsent({ state: 'failed', code: 'INVALID_CONTENT' }).reason], [true, strings.errors.INVALID_CONTENT]);
  assert.equal(unsent({ replyTo: { id: 'm1', seq: 1 } }).quote?.nickname, 'Fox');
});

test('one\'s own reactions count at once, and once', () => {
  const box = commands();
  const stored = message(1, { reactions: [{ emoji: '👍', count: 7, authors: ['a', 'b', 'c', 'd', 'e'] }, { emoji: '🎉', count: 1, authors: ['me'] }] });
  const shown = () => reactionsOf(stored, box, 'me').map(({ emoji, count, mine }) => `${emoji}${count}${mine ? '*' : ''}`).join(' ');
  assert.equal(shown(), '👍7 🎉1*');
  box.add({ type: 'REACT', id: 'm1', emoji: '👍', on: true });
  box.add({ type: 'REACT', id: 'm1', emoji: '🎉', on: false });
  box.add({ type: 'REACT', id: 'm1', emoji: '🦀', on: true });
  assert.equal(shown(), '👍8* 🦀1*');
  for (const { clientId } of [...box.entries]) box.done(clientId);
  assert.equal(shown(), '👍7* 🎉1*', 'what the message tells counts, and of what it does not tell, what was done here');
});

test('who has begun to react', () => {
  const before = message(1, { reactions: [{ emoji: '👍', count: 1, authors: ['a'] }] });
  const after = message(1, { reactions: [{ emoji: '👍', count: 2, authors: ['a', 'b'] }, { emoji: '🎉', count: 1, authors: ['a'] }] });
  assert.deepEqual(newReactions(before, after), [{ id: 'b', emoji: '👍' }, { id: 'a', emoji: '🎉' }]);
  assert.deepEqual(newReactions(after, before), []);
});

test('a reader without a name sees what they have pressed', () => {
  const box = commands();
  const stored = message(1, { reactions: [{ emoji: '👍', count: 1, authors: ['who'] }] });
  const shown = () => reactionsOf(stored, box, null).map(({ emoji, count, mine }) => `${emoji}${count}${mine ? '*' : ''}`).join(' ');
  assert.equal(shown(), '👍1');
  box.add({ type: 'REACT', id: 'm1', emoji: '👍', on: true });
  assert.equal(shown(), '👍2*');
  box.done(box.entries[0].clientId);
  assert.equal(shown(), '👍1*', 'it is the one that the message tells of');
});
