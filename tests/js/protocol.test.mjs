import assert from 'node:assert/strict';
import test from 'node:test';
import { afterClose, changeRev, decode, encodeJoin, readPresence } from '../../static/js/wire/protocol.js';

const frame = (/** @type {string} */ type, /** @type {object} */ payload) => ({ type, payload });

test('a batch becomes its frames, in order, nested ones too', () => {
  const text = JSON.stringify(frame('BATCH', {
    frames: [frame('A', { rev: 1 }), frame('BATCH', { frames: [frame('B', {})] }), frame('C', {})],
  }));
  assert.deepEqual(decode(text).map(({ type }) => type), ['A', 'B', 'C']);
});

test('what cannot be read is left out and costs nothing else', () => {
  for (const bad of ['', '{', '1', 'null', '[]', '"x"', '{}', '{"type":1,"payload":{}}', '{"type":"A"}', '{"type":"A","payload":[]}',
    '{"type":"BATCH","payload":{}}', '{"type":"BATCH","payload":{"frames":7}}']) {
    assert.deepEqual(decode(bad), [], bad);
  }
  assert.deepEqual(decode(new ArrayBuffer(2)), []);
  const mixed = JSON.stringify(frame('BATCH', { frames: [null, { type: 'A' }, frame('B', {})] }));
  assert.deepEqual(decode(mixed).map(({ type }) => type), ['B']);
});

test('endless nesting is cut, not followed', () => {
  /** @type {object} */
  let nested = frame('A', {});
  for (let depth = 0; depth < 50; depth += 1) nested = frame('BATCH', { frames: [nested] });
  assert.deepEqual(decode(JSON.stringify(nested)), []);
});

test('any payload with a rev is a change, also of a type that is not known yet', () => {
  assert.equal(changeRev(frame('MESSAGE', { rev: 5 })), 5);
  assert.equal(changeRev(frame('REACTION_OF_2030', { rev: 6 })), 6);
  assert.equal(changeRev(frame('ACK', { rev: 7 })), null);
  assert.equal(changeRev(frame('HEARTBEAT', { rev: 8 })), null);
  assert.equal(changeRev(frame('PRESENCE', {})), null);
  assert.equal(changeRev(frame('MESSAGE', { rev: '5' })), null);
});

test('a number of people that is only about right is told as such, and only then', () => {
  assert.deepEqual(readPresence({ count: 1204, approximate: true }), { count: 1204, approximate: true });
  for (const approximate of [false, 'true', 1, null, undefined]) {
    assert.deepEqual(readPresence({ count: 2, approximate, members: [] }), { count: 2, members: [], joined: [], left: [] });
  }
});

test('close codes 4100 to 4199 keep us away, all others do not', () => {
  for (const code of [1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 4000, 4001, 4003, 4099, 4200]) {
    assert.equal(afterClose(code), 'come back', String(code));
  }
  assert.equal(afterClose(4104), 'come back', 'as somebody else');
  for (const code of [4100, 4101, 4103, 4199]) assert.equal(afterClose(code), 'stay away', String(code));
});

test('a join carries what it is given and nothing else', () => {
  assert.deepEqual(JSON.parse(encodeJoin({ anonymousId: 'x', resume: { epoch: 'e', rev: 3 } })),
    { type: 'JOIN', payload: { anonymousId: 'x', resume: { epoch: 'e', rev: 3 } } });
});
