import assert from 'node:assert/strict';
import test from 'node:test';
import { foldNotices } from '../../static/js/list/notices.js';
import { buildRows } from '../../static/js/list/rows.js';
import { me, message, other } from './support.mjs';

const day = (/** @type {string} */ iso) => iso.slice(0, 10);

/** @param {object} list */
function rows(list) {
  return buildRows({ messages: [], unsent: [], notices: [], unreadSeq: null, selfId: 'me', ...list }, day);
}

/** @param {any[]} built */
const shape = (built) => built.map((row) => (row.kind === 'message' || row.kind === 'unsent'
  ? `${row.kind}${row.continued ? '+' : ''}` : row.kind));

test('messages of one author stand together', () => {
  assert.deepEqual(shape(rows({ messages: [message(1), message(2), message(3, { author: me }), message(4)] })),
    ['day', 'message', 'message+', 'message', 'message']);
});

test('five minutes, another name or another animal part them', () => {
  const late = message(2, { createdAt: '2026-01-01T12:05:02.000Z' });
  assert.deepEqual(shape(rows({ messages: [message(1), late] })), ['day', 'message', 'message']);
  for (const change of [{ nickname: 'Renamed' }, { avatar: 'owl' }]) {
    assert.deepEqual(shape(rows({ messages: [message(1), message(2, { author: { ...other, ...change } })] })), ['day', 'message', 'message']);
  }
});

test('each day has its divider, and groups end there', () => {
  const before = message(1, { createdAt: '2026-01-01T23:59:59.000Z' });
  const after = message(2, { createdAt: '2026-01-02T00:00:01.000Z' });
  assert.deepEqual(shape(rows({ messages: [before, after] })), ['day', 'message', 'day', 'message']);
});

test('the unread line stands above its message', () => {
  assert.deepEqual(shape(rows({ messages: [message(1), message(2)], unreadSeq: 2 })), ['day', 'message', 'unread', 'message']);
});

test('the unread line is not drawn where nobody knows what lies above', () => {
  assert.deepEqual(shape(rows({ messages: [message(7), message(8)], unreadSeq: 3, hasMore: true })), ['day', 'message', 'message+']);
  assert.deepEqual(shape(rows({ messages: [message(7), message(9)], unreadSeq: 8, hasMore: true })), ['day', 'message', 'unread', 'message']);
});

test('away from the end of the room stands nothing that belongs there', () => {
  const unsent = [{ clientId: 'x', content: 'hi', at: 0, state: 'waiting' }];
  const notices = [{ afterSeq: 3, joined: [other], left: [] }, { afterSeq: 20, joined: [other], left: [] }];
  assert.deepEqual(shape(rows({ messages: [message(7), message(8)], unsent, notices, hasMore: true, hasNewer: true })), ['day', 'message', 'message+']);
});

test('a notice stands behind the message it followed', () => {
  const notices = [{ afterSeq: 1, joined: [other], left: [] }, { afterSeq: 2, joined: [], left: [other] }];
  assert.deepEqual(shape(rows({ messages: [message(1), message(2)], notices })), ['day', 'message', 'notice', 'message', 'notice']);
});

test('unsent messages come last and keep their row when they are stored', () => {
  const entry = { clientId: 'x', content: 'hi', at: 0, state: 'waiting' };
  const pending = rows({ messages: [message(1, { author: me })], unsent: [entry, { ...entry, clientId: 'y' }] });
  assert.deepEqual(shape(pending), ['day', 'message', 'unsent+', 'unsent+']);
  const stored = rows({ messages: [message(1, { author: me }), message(2, { author: me, clientId: 'x' })] });
  assert.equal(pending[2].key, stored[2].key);
});

test('row keys are unique, whatever client ids others choose', () => {
  const built = rows({ messages: [message(1, { clientId: 'x' }), message(2, { clientId: 'x', author: me })] });
  assert.equal(new Set(built.map(({ key }) => key)).size, built.length);
});

test('comings and goings fold until somebody writes', () => {
  const fox = { id: 'fox', nickname: 'Fox', avatar: 'fox' };
  const owl = { id: 'owl', nickname: 'Owl', avatar: 'owl' };
  let notices = foldNotices([], 5, [fox], []);
  notices = foldNotices(notices, 5, [owl], []);
  assert.deepEqual(notices, [{ afterSeq: 5, joined: [fox, owl], left: [] }]);
  notices = foldNotices(notices, 5, [], [fox]);
  assert.deepEqual(notices, [{ afterSeq: 5, joined: [owl], left: [] }], 'came and went: not a word');
  notices = foldNotices(notices, 6, [], [owl]);
  assert.equal(notices.length, 2);
  assert.equal(foldNotices(notices, 6, [owl], []).length, 1);
  assert.equal(foldNotices(notices, 6, [], []), notices);
});

test('notices are bounded', () => {
  /** @type {any[]} */
  let notices = [];
  for (let seq = 0; seq < 100; seq += 1) notices = foldNotices(notices, seq, [other], []);
  assert.equal(notices.length, 20);
});
