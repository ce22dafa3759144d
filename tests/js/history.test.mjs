import assert from 'node:assert/strict';
import test from 'node:test';
import { History } from '../../static/js/store/history.js';
import { chatStore, message, messages, welcome } from './support.mjs';

/** Answers each question when it is told to. @param {(pages: {url: string, answer: (page: object) => void}[], settle: () => Promise<void>) => Promise<void>} run */
async function withPages(run) {
  const { fetch } = globalThis;
  /** @type {any[]} */
  const pages = [];
  globalThis.fetch = /** @type {any} */ ((/** @type {string} */ url) => new Promise((resolve) => {
    pages.push({ url, answer: (/** @type {object} */ page) => resolve({ ok: true, json: async () => page }) });
  }));
  try {
    await run(pages, () => new Promise((resolve) => { setImmediate(resolve); }));
  } finally {
    globalThis.fetch = fetch;
  }
}

function reader() {
  const { store, seqs } = chatStore();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 9 }, messages: messages(7, 9), hasMore: true }));
  /** @type {string[]} */
  const states = [];
  const history = new History(store, '/api', (side, state) => states.push(`${side} ${state}`));
  return { store, seqs, history, states };
}

test('a page that was on its way during a deletion does not bring the text back', () => withPages(async (pages, settle) => {
  const { store, history, states } = reader();
  history.loadOlder();
  assert.equal(pages[0].url, '/api/messages?before=7&limit=50');
  store.receive({ type: 'MESSAGE', payload: message(5, { rev: 10, content: '', deletedAt: 'now' }) });
  pages[0].answer({ epoch: 'e1', rev: 9, messages: messages(1, 6), hasMore: false });
  await settle();
  assert.deepEqual(store.messages.map(({ content }) => content).slice(3, 6), ['text 4', '', 'text 6']);
  assert.deepEqual(states, ['older loading', 'older idle']);
}));

test('a page of another life is not taken, and can be asked for again', () => withPages(async (pages, settle) => {
  const { seqs, history, states } = reader();
  history.loadOlder();
  pages[0].answer({ epoch: 'e2', rev: 50, messages: messages(1, 6), hasMore: false });
  await settle();
  assert.deepEqual(seqs(), [7, 8, 9]);
  assert.deepEqual(states, ['older loading', 'older failed']);
  const gone = history.loadAround(3);
  pages[1].answer({ epoch: 'e2', rev: 50, messages: messages(1, 6), hasMore: false, hasNewer: true });
  assert.equal(await gone, false);
  // A server that knows no changes says neither.
  history.loadOlder();
  pages[2].answer({ messages: messages(1, 6), hasMore: false });
  await settle();
  assert.equal(seqs().length, 9);
}));

test('a page that could not be had is asked for again by itself, later each time', () => withPages(async (pages, settle) => {
  const { history, states, seqs } = reader();
  const { setTimeout, Math: { random } } = globalThis;
  /** @type {{run: () => void, ms: number}[]} */
  const timers = [];
  globalThis.setTimeout = /** @type {any} */ ((/** @type {() => void} */ run, /** @type {number} */ ms) => timers.push({ run, ms }));
  Math.random = () => 1;
  try {
    for (const [n, ms] of [2500, 3000, 4000].entries()) {
      history.loadOlder();
      pages[n].answer({ epoch: 'e1', rev: 9 });
      await settle();
      assert.equal(states.at(-1), 'older failed');
      assert.equal(timers[n].ms, ms);
      timers[n].run();
      assert.equal(states.at(-1), 'older idle');
    }
    history.loadOlder();
    // A pause that ends while a page is on its way changes nothing.
    timers[2].run();
    assert.equal(states.at(-1), 'older loading');
    pages[3].answer({ epoch: 'e1', rev: 9, messages: messages(1, 6), hasMore: true });
    await settle();
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(history.failures.older, 0);
  } finally {
    Object.assign(globalThis, { setTimeout });
    Math.random = random;
  }
}));

test('a page for a list that began anew meanwhile is nobody\'s', () => withPages(async (pages, settle) => {
  const { store, seqs, history, states } = reader();
  history.loadOlder();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 40 }, messages: messages(7, 9), hasMore: true }));
  pages[0].answer({ epoch: 'e1', rev: 9, messages: messages(1, 6), hasMore: false });
  await settle();
  assert.deepEqual(seqs(), [7, 8, 9]);
  assert.deepEqual(states, ['older loading', 'older idle']);
}));

test('another part of the room is one question', () => withPages(async (pages, settle) => {
  const { store, seqs, history } = reader();
  store.receive(welcome({ room: { id: 'r', epoch: 'e1', rev: 200 }, messages: messages(151, 200), hasMore: true }));
  const there = history.loadAround(60);
  assert.deepEqual(pages.map(({ url }) => url), ['/api/messages?around=60&limit=50']);
  pages[0].answer({ epoch: 'e1', rev: 200, messages: messages(35, 84), hasMore: true, hasNewer: true, quoted: [message(3)] });
  assert.equal(await there, true);
  assert.deepEqual([seqs()[0], seqs().at(-1), store.hasMore, store.hasNewer], [35, 84, true, true]);
  assert.equal(store.quotes.find({ id: 'm3', seq: 3 })?.content, 'text 3');
  // What comes behind it comes on from there.
  history.loadNewer();
  assert.equal(pages[1].url, '/api/messages?after=84&limit=50');
  pages[1].answer({ epoch: 'e1', rev: 200, messages: messages(85, 134), hasMore: true });
  await settle();
  assert.equal(seqs().at(-1), 134);
}));

test('a server that does not know the question answers another one, and is not believed', () => withPages(async (pages) => {
  const { seqs, history } = reader();
  const there = history.loadAround(3);
  pages[0].answer({ epoch: 'e1', rev: 9, messages: messages(7, 9), hasMore: true });
  assert.equal(await there, false);
  assert.deepEqual(seqs(), [7, 8, 9]);
}));
