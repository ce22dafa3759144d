import assert from 'node:assert/strict';
import test from 'node:test';
import { OwnReactions } from '../../static/js/store/own-reactions.js';
import { chatStore, message, welcome } from './support.mjs';

const crowd = { emoji: '👍', count: 7, authors: ['a', 'b', 'c', 'd', 'e'] };

/** @param {any} answer @param {(world: {store: any, own: OwnReactions, asked: any[]}) => Promise<void>} run @param {string | null} [secret] */
async function withAnswer(answer, run, secret = 'secret') {
  const { fetch } = globalThis;
  /** @type {any[]} */
  const asked = [];
  globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ url, /** @type {any} */ options) => {
    asked.push([url, options.headers]);
    if (answer instanceof Error) throw answer;
    return { ok: true, json: async () => answer };
  });
  try {
    const { store } = chatStore();
    store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 3 }, messages: [message(1), message(2, { reactions: [crowd] }), message(3, { reactions: [crowd, { emoji: '🎉', count: 1, authors: ['me'] }] })] }));
    await run({ store, own: new OwnReactions(store, '/api', () => secret), asked });
  } finally {
    globalThis.fetch = fetch;
  }
}

test('what the messages do not tell is asked for, once', () => withAnswer({ reactions: [{ id: 'm3', emojis: ['👍', '🎉'] }] }, async ({ store, own, asked }) => {
  await own.ask();
  await own.ask();
  assert.deepEqual(asked, [['/api/reactions/mine?from=2&to=3', { 'X-Anonymous-Id': 'secret' }]]);
  assert.deepEqual([2, 3].map((seq) => store.commands.reacts(store.bySeq(seq), '👍', 'me')), [false, true]);
}));

test('nobody is asked where there is nothing to ask, or no reader that the server knows', () => withAnswer({ reactions: [] }, async ({ own, asked }) => {
  await own.ask();
  assert.deepEqual(asked, []);
}, null));

test('an answer that does not come changes nothing', () => withAnswer(new Error('no line'), async ({ store, own, asked }) => {
  await own.ask();
  assert.equal(asked.length, 1);
  assert.equal(store.commands.reacts(store.bySeq(3), '👍', 'me'), false);
}));
