// What scripts/bench-webhooks does with one database.
// Arguments: the program, the URLs of the database and of one for a server without webhooks, how many messages wait, whether
// it is a check.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const [program, database, quietDatabase, messagesText, check] = process.argv.slice(2);
const MESSAGES = Number(messagesText);
const ROOMS = 8;
const WRITERS = 16;
/** So many messages are timed, one after the other. */
const TIMED = 400;
const PATIENCE_MS = 600_000;
const TOKEN = randomUUID();
/** The limits of doors.md, section 7. What one side has by chance moves the middle of 400 times by less. */
const BYTES_MAX = 50 * 1024 * 1024;
const RATIO_MAX = 1.3;

/** @param {string} what @param {() => unknown} found */
async function until(what, found) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await found())) {
    assert.ok(Date.now() < end, `waited for ${what}`);
    await sleep(50);
  }
}

/** @param {string} url */
async function serve(url) {
  const settings = {
    DATABASE_URL: url,
    CHAT_LISTEN: '127.0.0.1:0',
    CHAT_RATE_LIMITS: 'off',
    CHAT_ADMIN_TOKEN: TOKEN,
    CHAT_WEBHOOK_NETWORKS: '127.0.0.0/8',
    CHAT_DRAIN_GRACE_SECS: '0',
    CHAT_DRAIN_WINDOW_SECS: '0',
  };
  const child = spawn(program, { env: { ...process.env, ...settings }, stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { log = (log + text).slice(-20_000); });
  const address = () => /listening on ([\d.:]+),/.exec(log)?.[1];
  await until('a server to listen', address);
  const at = `http://${address()}`;
  await until('a server to be ready', () => fetch(`${at}/readyz`).then((answer) => answer.ok, () => false));
  return { child, url: at };
}

const server = await serve(database);
/** The same without a webhook: what one message takes here it is compared with, one after the other. */
const quiet = await serve(quietDatabase);

/** @param {{ url: string }} to @param {string} room @param {string} content @param {string} author */
async function write(to, room, content, author) {
  const key = randomUUID();
  const post = () => fetch(`${to.url}/api/v1/rooms/${room}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-anonymous-id': author, 'idempotency-key': key },
    body: JSON.stringify({ nickname: 'writer', content }),
  });
  let answer = await post();
  // A machine that is busy with other things lets a database answer late: sent again under its key, it is one message.
  while (answer.status === 503) {
    await answer.arrayBuffer();
    await sleep(500);
    answer = await post();
  }
  assert.ok([200, 201].includes(answer.status), await answer.text());
}

/** So many messages, each room's by the same writers. @param {{ url: string }} to @param {string} name */
async function fill(to, name) {
  let n = 0;
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    const author = randomUUID();
    while (n < MESSAGES) {
      n += 1;
      await write(to, `post-${n % ROOMS}`, `${name} ${n}: what people write about a post`, author);
    }
  }));
}

/** How long messages take, in ms, and on the server without a webhook: the middle, and what one in a hundred takes. */
async function timed() {
  const times = /** @type {[number[], number[]]} */ ([[], []]);
  const author = randomUUID();
  for (let n = 0; n < TIMED; n += 1) {
    // What the machine is busy with besides, both meet alike.
    for (const which of n % 2 ? [0, 1] : [1, 0]) {
      const begun = performance.now();
      await write([server, quiet][which], 'timed', `message ${n}`, author);
      times[which].push(performance.now() - begun);
    }
  }
  const [ours, theirs] = times.map((all) => {
    all.sort((a, b) => a - b);
    return { p50: all[TIMED >> 1], p99: all[Math.floor(TIMED * 0.99)] };
  });
  const say = (/** @type {'p50' | 'p99'} */ of) => `${of} ${ours[of].toFixed(1)} ms (${(ours[of] / theirs[of]).toFixed(2)} x)`;
  return { ratio: ours.p50 / theirs.p50, text: `${say('p50')}, ${say('p99')}` };
}

/** What the server has in memory now, in bytes. */
const resident = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))?.[1]) * 1024;

/** What it settles at: the least of ten seconds, in which it gives back what it needs no more. */
async function settled() {
  let least = Infinity;
  for (let n = 0; n < 20; n += 1) {
    await sleep(500);
    least = Math.min(least, resident());
  }
  return least;
}

/** @param {string} method @param {string} path @param {object} [body] */
async function admin(method, path, body) {
  const answer = await fetch(`${server.url}/api/v1/admin/${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, text);
  return text === '' ? null : JSON.parse(text);
}

/** @type {{ id: string, room: string, rev: number, seq: number }[]} */
const heard = [];
const receiver = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { data } = JSON.parse(Buffer.concat(parts).toString());
  heard.push({ id: String(request.headers['webhook-id']), room: data.roomId, rev: data.rev, seq: data.message.seq });
  response.writeHead(204).end();
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const target = /** @type {import('node:net').AddressInfo} */ (receiver.address());
receiver.close();
receiver.closeAllConnections();
await once(receiver, 'close');

const faults = /** @type {string[]} */ ([]);

console.log(`${database.startsWith('sqlite://') ? 'SQLite' : 'PostgreSQL'}, ${MESSAGES.toLocaleString('en')} messages for a receiver that is away; x: of what the same takes on a server without webhooks`);
await Promise.all([fill(server, 'before'), fill(quiet, 'before')]);
await timed();
const memory = await settled();
const before = await timed();
console.log(`  without a webhook: ${before.text}; ${(memory / 1048576).toFixed(1)} MiB in memory`);

const hook = await admin('POST', 'webhooks', { url: `http://127.0.0.1:${target.port}/`, events: ['message.created'] });
await Promise.all([fill(server, 'waits'), fill(quiet, 'waits')]);
const state = async () => (await admin('GET', 'webhooks')).webhooks[0].state;
await until('the webhook to fail', async () => (await state()) === 'failing');
const more = (await settled()) - memory;
const waiting = await timed();
console.log(`  while they wait: ${waiting.text}; ${(more / 1048576).toFixed(1)} MiB more in memory`);
if (more > BYTES_MAX) faults.push(`${more} bytes more in memory`);
if (waiting.ratio > RATIO_MAX) faults.push(`a message takes ${waiting.ratio.toFixed(2)} times as long`);
assert.equal(heard.length, 0);

receiver.listen(target.port, '127.0.0.1');
await once(receiver, 'listening');
await admin('POST', `webhooks/${hook.id}/wake`);
const begun = performance.now();
await until('the first', () => heard.length > 0);
const during = await timed();
const all = MESSAGES + 2 * TIMED;
await until('all of them', () => heard.length >= all);
const seconds = (performance.now() - begun) / 1000;
await until('the webhook to be well', async () => (await state()) === 'on');
console.log(`  when it is back: ${heard.length.toLocaleString('en')} in ${seconds.toFixed(1)} s, ${Math.round(heard.length / seconds)} a second; meanwhile ${during.text}`);

const ids = new Set(heard.map((one) => one.id));
const last = /** @type {Map<string, { rev: number, seq: number }>} */ (new Map());
let late = 0;
let gaps = 0;
for (const { room, rev, seq } of heard) {
  const known = last.get(room);
  if (known && rev <= known.rev) late += 1;
  if (known && seq !== known.seq + 1) gaps += 1;
  last.set(room, { rev, seq });
}
console.log(`  ${ids.size.toLocaleString('en')} different ids, ${heard.length - ids.size} twice, ${late} out of order, ${gaps} gaps`);
if (ids.size !== all || heard.length !== all) faults.push(`${ids.size} of ${all}, ${heard.length - ids.size} twice`);
if (late + gaps > 0) faults.push(`${late} out of order, ${gaps} gaps`);
receiver.close();
receiver.closeAllConnections();
for (const { child } of [server, quiet]) {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}
for (const fault of faults) console.error(`  FAULT ${fault}`);
process.exitCode = check === 'yes' && faults.length > 0 ? 1 : 0;
