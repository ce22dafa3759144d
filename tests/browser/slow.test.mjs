// A line of mobile speed: what was missed arrives, what was written goes, and nothing is downloaded again and again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { decode } from '../../static/js/wire/protocol.js';
import { Line, Server, Visitor, fill, launch, until } from './support.mjs';

const browser = await launch();
// Uncompressed, as through a proxy that takes the offer away: what is measured here is what a slow line does.
const server = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_COMPRESSION: 'off' });

/** What 200 kbit/s brings in a second, in bytes. */
const SLOW = 25_000;

/** Korean text that cannot be compressed to nothing, and tells itself apart. @param {number} n @param {number} letters of 3 bytes */
function prose(n, letters) {
  let state = n + 1;
  let text = `${n}번 `;
  while (text.length < letters) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += String.fromCodePoint(0xac00 + (state >>> 8) % 11_172);
  }
  return text;
}

/** @param {number} count @param {number} letters */
const proses = (count, letters) => Array.from({ length: count }, (_, n) => prose(n, letters));

/** The newest messages of a room as stored. @param {string} room */
async function newest(room) {
  const answer = await fetch(`${server.url}/api/v1/rooms/${room}/messages?limit=10`);
  const { messages } = await answer.json();
  return messages.map((/** @type {any} */ { content }) => content);
}

test('260 messages missed: all of them come, what waited goes, and they come once', async () => {
  const line = await Line.open(() => server.port);
  const visitor = await Visitor.open(browser, `${line.url}/room/missed`);
  await visitor.join('Traveller');
  await visitor.live();
  line.cut();
  await visitor.say('from the tunnel');
  await until(() => visitor.pending.count(), (count) => count === 1, 'one that waits');
  const missed = proses(260, 400);
  await fill(browser, server.url, 'missed', missed);

  /** What each message said that came over a socket, as often as it came. @type {string[]} */
  const came = [];
  visitor.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
    for (const { type, payload: { content, messages = [] } } of decode(payload)) {
      if (type === 'MESSAGE') came.push(content);
      if (type === 'WELCOME') came.push(...messages.map((/** @type {any} */ message) => message.content));
    }
  }));
  line.bytes = 0;
  line.rate = SLOW;
  line.mend();
  await until(() => newest('missed'), (texts) => texts.includes('from the tunnel'), 'what waited to be stored');
  await until(() => came.length, (length) => length >= 261, 'all messages');
  await visitor.sees(missed[259]);
  await until(() => visitor.pending.count(), (count) => count === 0, 'nothing to wait');
  assert.deepEqual(came, [...missed, 'from the tunnel'], 'each once, in order');
  const once = missed.reduce((sum, text) => sum + Buffer.byteLength(text) + 400, 0);
  assert.ok(line.bytes < 2 * once, `${line.bytes} bytes for ${once}`);
  await visitor.leave();
});

test('a first visit: the room is read, joined and answered, at no more than it costs on a fast line', async () => {
  await fill(browser, server.url, 'first', proses(50, 400));
  /** @param {number} rate */
  const visit = async (rate) => {
    const line = await Line.open(() => server.port);
    line.rate = rate;
    const visitor = await Visitor.open(browser, `${line.url}/room/first`);
    await visitor.sees(prose(49, 400));
    await visitor.join('Newcomer');
    await visitor.live();
    const text = `at ${rate}`;
    await visitor.say(text);
    await until(() => newest('first'), (texts) => texts.includes(text), 'the message to be stored');
    await visitor.leave();
    return line.bytes;
  };
  const fast = await visit(Infinity);
  const slow = await visit(SLOW);
  assert.ok(slow < 1.5 * fast, `${slow} bytes instead of ${fast}`);
});

test('a line too slow for a whole WELCOME: after two tries it asks for less', async () => {
  const line = await Line.open(() => server.port);
  const visitor = await Visitor.open(browser, `${line.url}/room/crawl`);
  await visitor.join('Traveller');
  await visitor.live();
  line.cut();
  await visitor.say('from the tunnel');
  // More than the server gives to somebody who comes back: it starts over with 50 messages, 300 KB in one frame.
  const missed = proses(90, 1900);
  await fill(browser, server.url, 'crawl', missed);
  // Two tries and the pauses before each take the page up to 76 s by its own rules; the file's own limit ends a page that
  // never asks.
  const asks = visitor.page.waitForRequest(/\/changes\?/, { timeout: 0 });

  line.bytes = 0;
  line.rate = 6_000;
  line.mend();
  await asks;
  await visitor.sees(missed[89]);
  await until(() => newest('crawl'), (texts) => texts.includes('from the tunnel'), 'what waited to be stored');
  await until(() => visitor.texts(), (texts) => texts.at(-1) === 'from the tunnel', 'it to be shown');
  assert.deepEqual(await visitor.texts(), [...missed.slice(-10), 'from the tunnel']);
  assert.ok(line.bytes < 600_000, `${line.bytes} bytes`);
  await visitor.leave();
});
