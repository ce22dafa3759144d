import assert from 'node:assert/strict';
import test from 'node:test';
import { ReactionNews } from '../../static/js/store/reaction-news.js';

/** A message of the reader's own, with these reactions. @param {{emoji: string, authors: string[]}[]} reactions */
const own = (...reactions) => /** @type {any} */ ({ id: '1', author: { id: 'me' }, reactions: reactions.map((one) => ({ count: one.authors.length, ...one })) });

/** What is told of changes. */
function news() {
  const names = new Map([['fox', { nickname: 'Fox' }], ['me', { nickname: 'Me' }]]);
  /** @type {string[]} */
  const told = [];
  let now = own();
  const store = /** @type {any} */ ({
    ownId: 'me', authors: names, find: () => now, isOwn: (/** @type {any} */ { author }) => author.id === 'me',
  });
  const reactions = new ReactionNews(store, (nickname, emoji) => told.push(`${nickname} ${emoji}`));
  const becomes = (/** @type {any} */ next) => {
    const before = now;
    now = next;
    reactions.reacted(before, next);
  };
  return { names, told, becomes, reactions };
}

test('a reaction to what the reader wrote is told, once a message, and nobody\'s own', () => {
  const { told, becomes } = news();
  becomes(own({ emoji: '👍', authors: ['me'] }));
  assert.deepEqual(told, []);
  becomes(own({ emoji: '👍', authors: ['me', 'fox'] }));
  becomes(own({ emoji: '👍', authors: ['me', 'fox'] }, { emoji: '🎉', authors: ['fox'] }));
  assert.deepEqual(told, ['Fox 👍']);
});

test('one of what somebody else wrote is not told', () => {
  const { told, becomes } = news();
  becomes({ ...own({ emoji: '👍', authors: ['fox'] }), author: { id: 'panda' } });
  assert.deepEqual(told, []);
});

test('one whose author has no name yet is told with the name, if it is still there', () => {
  const { names, told, becomes, reactions } = news();
  becomes(own({ emoji: '👍', authors: ['otter'] }));
  reactions.named();
  assert.deepEqual(told, []);
  names.set('otter', { nickname: 'Otter' });
  reactions.named();
  reactions.named();
  assert.deepEqual(told, ['Otter 👍']);

  const late = news();
  late.becomes(own({ emoji: '👍', authors: ['otter'] }));
  late.becomes(own());
  late.names.set('otter', { nickname: 'Otter' });
  late.reactions.named();
  assert.deepEqual(late.told, []);
});
