import assert from 'node:assert/strict';
import test from 'node:test';
import { askLess } from '../../static/js/store/less.js';
import { chatStore, message, messages } from './support.mjs';

/**
 * A room at some `rev`, as the routes of the server answer for it.
 * @param {{head: number, startOver?: boolean, breaksAt?: number}} room
 */
function server({ head, startOver = false, breaksAt = Infinity }) {
  /** @type {string[]} */
  const asked = [];
  return {
    asked,
    async get(/** @type {string} */ url) {
      asked.push(url.replace(/^\/api/, ''));
      if (asked.length >= breaksAt) throw new Error('the line broke');
      const query = new URL(url, 'http://x').searchParams;
      const limit = Number(query.get('limit'));
      if (url.includes('/messages?')) {
        return { epoch: startOver ? 'e2' : 'e1', rev: head, messages: messages(head - limit + 1, head), hasMore: true };
      }
      const after = Number(query.get('after'));
      const rev = Math.min(head, after + limit);
      return { messages: startOver ? [] : messages(after + 1, rev), rev: startOver ? after : rev, room: { epoch: 'e1', rev: head }, startOver };
    },
  };
}

/** @param {number} rev */
function known(rev) {
  const world = chatStore();
  world.store.hydrate({ epoch: 'e1', rev, messages: messages(rev - 4, rev), hasMore: true });
  world.store.standing.room = { title: 'Post', settings: { slowSeconds: 1 }, settingsRev: 3 };
  world.store.standing.rights = 255;
  world.store.pinned = [message(2, { pinnedAt: 'x' })];
  return world;
}

test('what was missed comes step by step, and nothing that was there goes', async () => {
  const { store, seqs } = known(10);
  const { asked, get } = server({ head: 35 });
  await askLess(store, '/api', get);
  assert.deepEqual(seqs(), messages(6, 35).map(({ seq }) => seq));
  assert.equal(store.rev, 35);
  assert.deepEqual(asked, [10, 20, 30].map((after) => `/changes?epoch=e1&after=${after}&limit=10`));
});

test('a step that came counts when the next one fails', async () => {
  const { store } = known(10);
  await assert.rejects(askLess(store, '/api', server({ head: 35, breaksAt: 3 }).get));
  assert.equal(store.rev, 30);
  const { asked, get } = server({ head: 35 });
  await askLess(store, '/api', get);
  assert.deepEqual(asked, ['/changes?epoch=e1&after=30&limit=10']);
});

for (const [what, room] of /** @type {[string, {head: number, startOver?: boolean}][]} */ ([['far behind', { head: 5000 }], ['another life of the room', { head: 50, startOver: true }]])) {
  test(`${what}: a few of the newest messages, and all else that was known stays`, async () => {
    const { store, seqs, events } = known(10);
    const { get } = server(room);
    const { generation } = store;
    await askLess(store, '/api', get);
    assert.deepEqual(seqs(), messages(room.head - 9, room.head).map(({ seq }) => seq));
    assert.deepEqual(store.resume, { epoch: room.startOver ? 'e2' : 'e1', rev: room.head });
    assert.equal(store.hasMore, true);
    assert.notEqual(store.generation, generation);
    assert.ok(events.some(([type]) => type === 'reset'));
    assert.deepEqual([store.standing.room.title, store.standing.rights, store.pinned.length], ['Post', 255, 1]);
  });
}

test('without a place to go on from it is the newest messages', async () => {
  const { store, seqs } = chatStore();
  await askLess(store, '/api', server({ head: 30 }).get);
  assert.equal(seqs().length, 10);
  assert.equal(store.rev, 30);
});

test('an answer that a socket has overtaken is left alone', async () => {
  for (const head of [20, 5000]) {
    const { store, seqs } = known(10);
    const { get } = server({ head });
    await askLess(store, '/api', async (url) => {
      const answer = await get(url);
      store.receive({ type: 'MESSAGE', payload: message(11) });
      return answer;
    });
    assert.deepEqual([store.rev, seqs().at(-1)], [11, 11]);
  }
});
