import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test from 'node:test';
import { mixed, reactionInTurn } from '../../scripts/lib/bench/changes.mjs';
import { delays, paced } from '../../scripts/lib/bench/people.mjs';
import { FrameReader, encoded, flat, open } from '../../scripts/lib/bench/socket.mjs';

/** The payload of a client's frame. @param {Buffer} frame */
function unmasked(frame) {
  const short = (frame[1] ?? 0) & 0x7f;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  const mask = frame.subarray(at, at + 4);
  return Buffer.from(frame.subarray(at + 4).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
}

/** A server's frame: that of a client, without the mask. @param {string} text */
function served(text) {
  const payload = Buffer.from(text);
  const masked = encoded(payload);
  const head = Buffer.from(masked.subarray(0, masked.length - payload.length - 4));
  head.writeUInt8(head.readUInt8(1) & 0x7f, 1);
  return Buffer.concat([head, payload]);
}

test('a frame has its length in the shortest form, and a mask', () => {
  for (const [n, head] of /** @type {const} */ ([[0, 6], [5, 6], [125, 6], [126, 8], [65_535, 8], [65_536, 14]])) {
    const payload = Buffer.alloc(n, 'x');
    const frame = encoded(payload);
    assert.equal(frame.length, n + head, `${n}`);
    assert.equal(frame[0], 0x81);
    assert.equal((frame[1] ?? 0) & 0x80, 0x80);
    assert.deepEqual(unmasked(frame), payload);
  }
});

test('frames are the same in whatever pieces they come', () => {
  const texts = ['', 'short', 'x'.repeat(126), 'y'.repeat(70_000), '끝'];
  const bytes = Buffer.concat(texts.map(served));
  for (const size of [1, 2, 3, 7, 1000, bytes.length]) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)));
    assert.deepEqual(frames.map(({ payload }) => payload.toString()), texts, `pieces of ${size}`);
    assert.equal(frames.reduce((sum, { nBytes }) => sum + nBytes, 0), bytes.length);
  }
  assert.throws(() => new FrameReader().push(Buffer.from([0x01, 0x00])), /fragments/);
  assert.throws(() => new FrameReader().push(Buffer.from([0xc1, 0x00])), /extension/);
});

test('what stands in a BATCH comes in its order', () => {
  const [one, two] = [{ type: 'MESSAGE', payload: { rev: 1 } }, { type: 'ACK', payload: {} }];
  assert.deepEqual(flat(one), [one]);
  assert.deepEqual(flat({ type: 'BATCH', payload: { frames: [one, two] } }), [one, two]);
});

test('a server that does not take the upgrade is told, and so is one that goes away', async () => {
  for (const answer of ['HTTP/1.1 429 Too Many Requests\r\n\r\n', '']) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    try {
      await assert.rejects(open(`http://127.0.0.1:${port}`, 'room'), answer === '' ? /cut before/ : /no upgrade: HTTP\/1\.1 429/);
    } finally {
      server.close();
    }
  }
});

test('a delay is from when a change was due until a reader had it, or a later one', () => {
  const changes = [{ due: 100, rev: 2 }, { due: 90, rev: 1 }, { due: 110, rev: 4 }];
  // The second reader was told 2 and 4 in one state.
  const readers = [[[1, 95], [2, 103], [3, 105], [4, 120]], [[1, 96], [4, 130]]];
  assert.deepEqual(delays(changes, /** @type {[number, number][][]} */ (readers)), [5, 3, 10, 6, 30, 20]);
  assert.throws(() => delays(changes, [[[1, 95]]]), /nobody told a reader of change 2/);
  assert.deepEqual(delays([], [[]]), []);
});

test('acts begin when they are due, whether or not the last one is done', async () => {
  /** @type {number[]} */
  const begun = [];
  const acts = await paced(5, 200, async (index) => {
    begun.push(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 30));
    return index;
  });
  assert.deepEqual(acts.map(({ told }) => told), [0, 1, 2, 3, 4]);
  acts.slice(1).forEach(({ due }, i) => assert.ok(Math.abs(due - (acts[i]?.due ?? 0) - 5) < 1e-6));
  acts.forEach(({ due }, i) => assert.ok((begun[i] ?? 0) >= due, `${i} began too soon`));
  await assert.rejects(paced(3, 1000, async (index) => {
    if (index === 0) throw new Error('refused');
  }), /refused/);
});

test('of 500 mixed changes 200 are new messages, and the others are to fewer messages than were there', () => {
  const kinds = mixed(500);
  const n = (/** @type {string} */ kind) => kinds.filter((one) => one === kind).length;
  assert.deepEqual(['message', 'react', 'edit', 'delete'].map(n), [200, 150, 100, 50]);
  // Mixed, and not one kind behind the other.
  assert.ok(kinds.slice(0, 10).includes('delete') && kinds.slice(-10).includes('delete'));
});

test('each reaction in turn changes something, with no more emojis than a message may have', () => {
  const people = 3;
  const on = new Set();
  const emojis = new Set();
  for (let index = 0; index < people * 20 * 4; index++) {
    const { who, emoji, on: isOn } = reactionInTurn(index, people);
    const key = `${who} ${emoji}`;
    assert.notEqual(on.has(key), isOn, `${index}`);
    if (isOn) on.add(key);
    else on.delete(key);
    emojis.add(emoji);
  }
  assert.equal(emojis.size, 20);
  assert.equal(on.size, 0);
});
