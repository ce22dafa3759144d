import assert from 'node:assert/strict';
import test from 'node:test';
import { OwnReactions } from '../../static/js/store/own-reactions.js';
import { chatStore, message, welcome } from './support.mjs';

const crowd = { emoji: '👍', count: 7, authors: ['a', 'b', 'c', 'd', 'e'] };

/** @param {any} answer @param {(world: {store: any, own: OwnReactions, asked: any[]}) => Promise<void>} run @param {string | null | undefined} token undefined where the server knows no reader */
async function withAnswer(answer, run, token) {
  const { fetch } = globalThis;
  /** @type {any[]} */
  const asked = [];
  globalThis.fetch = /** @type {any} */ (async (/** @type {string} */ url, /** @type {any} */ options) => {
    asked.push([url, options.headers, ...(options.credentials ? [options.credentials] : [])]);
    if (answer instanceof Error) throw answer;
    return Response.json(typeof answer === 'function' ? answer() : answer);
  });
  try {
    const { store } = chatStore();
    store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 3 }, messages: [message(1), message(2, { reactions: [crowd] }), message(3, { reactions: [crowd, { emoji: '🎉', count: 1, authors: ['me'] }] })] }));
    await run({ store, own: new OwnReactions(store, 'rooms/r', () => (token === undefined ? null : { token, anonymousId: 'id' })), asked });
  } finally {
    globalThis.fetch = fetch;
  }
}

const MINE = { reactions: [{ id: 'm3', emojis: ['👍', '🎉'] }] };
const ADDRESS = '/api/v1/rooms/r/reactions/mine?from=2&to=3';

test('what the messages do not tell is asked for, once, as whoever reads', async () => {
  for (const [token, how] of /** @type {const} */ ([
    [null, [{ 'X-Anonymous-Id': 'id' }]],
    ['secret', [{ Authorization: 'Bearer secret' }]],
    // By cookies, which go along by themselves: the visitor's secret does not.
    ['', [{}, 'same-origin']],
  ])) {
    await withAnswer(MINE, async ({ store, own, asked }) => {
      await own.ask();
      await own.ask();
      assert.deepEqual(asked, [[ADDRESS, ...how]]);
      assert.deepEqual([2, 3].map((seq) => store.commands.reacts(store.bySeq(seq), '👍', 'me')), [false, true]);
    }, token);
  }
});

test('nobody is asked where there is nothing to ask, or no reader that the server knows', async () => {
  await withAnswer({ reactions: [] }, async ({ own, asked }) => {
    await own.ask();
    assert.deepEqual(asked, []);
  }, undefined);
  await withAnswer({ reactions: [] }, async ({ store, own, asked }) => {
    store.receive(welcome({ room: { id: 'r', epoch: 'e2', rev: 1 }, messages: [message(1, { reactions: [{ emoji: '🎉', count: 1, authors: ['a'] }] })] }));
    await own.ask();
    assert.deepEqual(asked, []);
  }, null);
});

test('an answer that does not come changes nothing', () => withAnswer(new Error('no line'), async ({ store, own, asked }) => {
  await own.ask();
  assert.equal(asked.length, 1);
  assert.equal(store.commands.reacts(store.bySeq(3), '👍', 'me'), false);
}, null));

test('an answer that comes when somebody else has signed in is not theirs', async () => {
  let signsIn = () => {};
  await withAnswer(() => {
    signsIn();
    return MINE;
  }, async ({ store, own, asked }) => {
    signsIn = () => store.receive({ type: 'PROFILE', payload: { self: { id: 'account', nickname: 'Owner', avatar: 'owl' } } });
    await own.ask();
    assert.equal(asked.length, 1);
    assert.equal(store.commands.reacts(store.bySeq(3), '👍', 'account'), false);
  }, null);
});
