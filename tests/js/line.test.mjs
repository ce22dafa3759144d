import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../static/js/wire/connection.js';
import { Line, forgetCollected } from '../../static/js/wire/line.js';
import { Sender } from '../../static/js/wire/sender.js';
import { LineServer } from './line-server.mjs';
import { chatStore, outbox } from './support.mjs';

/** @param {string} what @param {() => unknown} is */
async function until(what, is) {
  for (const end = Date.now() + 10_000; !is(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    assert.ok(Date.now() < end, `it never came: ${what}`);
  }
}

class Page extends EventTarget {
  hidden = false;

  /** @param {boolean} hidden */
  set(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

/**
 * A page as far as it reads and writes, over a line.
 * @param {import('node:test').TestContext} t @param {{nickname?: string, times?: object, server?: (server: LineServer) => void}} [options]
 */
async function setup(t, { nickname = 'Otter', times = {}, server: prepare = () => {} } = {}) {
  forgetCollected();
  const server = await new LineServer().start();
  prepare(server);
  const box = outbox();
  const { store, seqs, events } = chatStore(box);
  const page = new Page();
  const who = { anonymousId: '0b0b7a0e-0000-4000-8000-000000000001', nickname, avatar: 'otter' };
  /** @type {string[]} */
  const states = [];
  /** @type {Chat.Frame[]} */
  const frames = [];
  const join = () => JSON.stringify({ type: 'JOIN', payload: { ...who, ...(store.resume && { resume: store.resume }) } });
  const connection = new Connection({
    url: 'ws://x', join, cursor: () => store.rev, startOver: () => store.forget(), random: () => 0.1,
    open: () => /** @type {any} */ (new Line({
      api: server.api ?? '', join, self: () => store.self, page, times: { firstBytes: 2_000, steady: 0, poll: 10, ...times },
    })),
  });
  const transmit = (/** @type {string} */ text) => connection.send(text);
  const sender = new Sender(box, transmit, () => connection.state === 'live' && store.self !== null);
  const commander = new Sender(store.commands, transmit, () => connection.state === 'live');
  connection.addEventListener('state', () => {
    states.push(connection.state);
    for (const one of [sender, commander]) connection.state === 'live' ? one.pump() : one.interrupted();
  });
  connection.addEventListener('frame', (event) => {
    const frame = /** @type {any} */ (event).detail;
    frames.push(frame);
    if (frame.type === 'ERROR') sender.refused(frame.payload) || commander.refused(frame.payload);
    else store.receive(frame);
  });
  store.addEventListener('resolved', () => sender.resolved());
  store.addEventListener('done', () => commander.resolved());
  connection.start();
  t.after(async () => {
    connection.stop();
    sender.destroy();
    commander.destroy();
    await server.stop();
  });
  return {
    server, store, connection, sender, commander, page, who, states, frames, seqs, box,
    write(/** @type {string} */ text) {
      const entry = box.add(text, Date.now());
      sender.pump();
      return entry.clientId;
    },
    /** @param {any} order */
    command(order) {
      store.commands.add(order);
      commander.pump();
    },
    texts: () => store.messages.map(({ content }) => content),
    arrived: () => events.filter(([type]) => type === 'arrived').flatMap(([, list]) => list.map((/** @type {any} */ one) => one.seq)),
  };
}

test('what others write comes, and what one writes goes, each once', async (t) => {
  const { server, states, seqs, write, texts, box, store, who } = await setup(t, { server: (one) => one.say() });
  await until('the first', () => seqs().length === 1);
  server.say();
  const key = write('mine');
  await until('the answer', () => box.entries.length === 0 && texts().length === 3);
  assert.deepEqual(texts(), ['text 1', 'text 2', 'mine']);
  assert.deepEqual(states, ['live']);
  assert.equal(store.self?.nickname, 'Otter');
  const [posted, ...more] = server.requests('messages');
  assert.deepEqual([posted.method, posted.headers['idempotency-key'], posted.headers['x-anonymous-id'], more.length], ['POST', key, who.anonymousId, 0]);
  assert.deepEqual(posted.body, { content: 'mine', nickname: 'Otter', avatar: 'otter' });
  assert.ok(server.asked.every(({ path }) => !path.includes(who.anonymousId)), 'the secret stands in no address');
});

test('what comes byte by byte is whole', async (t) => {
  const { server, texts } = await setup(t, { server: (one) => { one.piece = 1; } });
  await until('a stream', () => server.streams.size === 1);
  server.say({ content: '한글과 🦊' });
  server.say({ content: 'and more' });
  await until('both', () => texts().length === 2);
  assert.deepEqual(texts(), ['한글과 🦊', 'and more']);
});

test('a proxy that cuts what takes long is not noticed: nothing is lost, nothing comes twice', async (t) => {
  const { server, states, seqs, arrived, write, box } = await setup(t);
  await until('a stream', () => server.streams.size === 1);
  for (let n = 0; n < 10; n += 1) {
    server.say();
    server.cut();
    server.say();
    if (n === 5) write('in between');
    await until('the next stream', () => server.streams.size === 1 && seqs().length === server.rev);
  }
  await until('the answer', () => box.entries.length === 0);
  assert.deepEqual(seqs(), [...Array(21)].map((_, n) => n + 1));
  const others = server.messages.filter(({ author }) => author.id !== 'me').map(({ seq }) => seq);
  assert.deepEqual(arrived(), others, 'each was told of once');
  assert.deepEqual(states, ['live'], 'and the page never said that it was away');
  assert.ok(server.requests('events').length >= 11);
  assert.deepEqual(server.requests('events').at(-1)?.body.resume?.epoch, 'e1');
});

test('a proxy that collects is noticed, and changes are asked for instead', async (t) => {
  const { server, states, texts, write, box, store, seqs } = await setup(t, {
    times: { firstBytes: 50 }, server: (one) => { one.proxy = 'collects'; one.say(); },
  });
  await until('the first', () => texts().length === 1);
  assert.deepEqual(states, ['live']);
  for (let n = 0; n < 120; n += 1) server.say();
  await until('more than one answer holds', () => seqs().length === 121);
  write('mine');
  await until('mine', () => box.entries.length === 0 && seqs().length === 122);
  assert.equal(store.self?.id, 'me', 'who one is is told with the first message');
  assert.deepEqual(seqs(), [...Array(122)].map((_, n) => n + 1));
  assert.equal(server.requests('events').length, 1);
});

test('a proxy that passes the beginning on and collects the rest is noticed as well', async (t) => {
  const { server, texts, states, connection } = await setup(t, {
    times: { quiet: 40 }, server: (one) => { one.proxy = 'swallows'; one.say(); },
  });
  await until('the first', () => texts().length === 1);
  server.say();
  // As a connection does to what has been silent for too long.
  await new Promise((resolve) => setTimeout(resolve, 60));
  connection.rejoin();
  await until('what was collected', () => texts().length === 2);
  server.say();
  await until('more of it', () => texts().length === 3);
  assert.equal(server.requests('events').length, 1);
  assert.ok(states.includes('connecting'));
});

test('what collected may stop doing so: then it is a stream again', async (t) => {
  const { server, texts, states } = await setup(t, {
    times: { firstBytes: 50, collected: 100 }, server: (one) => { one.proxy = 'collects'; one.say(); },
  });
  await until('the first', () => texts().length === 1);
  server.proxy = 'passes';
  await until('a stream', () => server.streams.size === 1);
  server.say();
  await until('what it brings', () => texts().length === 2);
  assert.deepEqual(states, ['live']);
});

test('a server without the stream is asked for changes', async (t) => {
  const { server, texts } = await setup(t, { server: (one) => { one.proxy = 'none'; one.say(); } });
  await until('the first', () => texts().length === 1);
  server.say();
  await until('the second', () => texts().length === 2);
});

test('another life of the room begins anew, with either way of reading', async (t) => {
  for (const proxy of /** @type {const} */ (['passes', 'none'])) {
    const { server, texts, store } = await setup(t, { server: (one) => { one.proxy = proxy; one.say(); } });
    await until('the first', () => texts().length === 1);
    Object.assign(server, { epoch: 'e2', rev: 0, messages: [] });
    server.say({ content: 'anew' });
    server.cut();
    await until('the other life', () => store.epoch === 'e2' && texts().join() === 'anew');
  }
});

test('refusals mean what they mean on a socket', async (t) => {
  const { server, sender, write, box, texts } = await setup(t);
  await until('a stream', () => server.streams.size === 1);
  /** @type {string[]} */
  const told = [];
  for (const type of ['hold', 'failed', 'held']) {
    sender.addEventListener(type, (event) => told.push(`${type} ${/** @type {any} */ (event).detail?.code ?? ''}`.trim()));
  }
  server.refusals.push({ status: 429, body: { error: { code: 'RATE_LIMITED', retryAfterMs: 20 } } });
  write('waits');
  await until('it went after the pause', () => box.entries.length === 0);
  server.refusals.push({ status: 400, body: { error: { code: 'INVALID_CONTENT' } } });
  write('is not taken');
  await until('it failed', () => box.entries[0]?.state === 'failed');
  server.refusals.push({ status: 202, body: { held: { reason: 'links' } } });
  write('waits for a moderator');
  await until('it is held', () => box.entries[1]?.held === 'links');
  assert.deepEqual(told, ['hold RATE_LIMITED', 'hold', 'failed INVALID_CONTENT', 'held HELD']);
  assert.deepEqual(texts(), ['waits']);
});

test('where an answer is lost the same is sent again with the same key, and stored once', async (t) => {
  for (const stores of [false, true]) {
    const { server, write, box, texts, states } = await setup(t);
    await until('a stream', () => server.streams.size === 1);
    server.refusals.push({ status: 502, body: 'bad gateway', stores });
    const key = write('once');
    await until('it is stored, and that is known', () => box.entries.length === 0 && texts().length === 1);
    await until('the way was looked for anew', () => states.join() === 'live,connecting,live');
    const keys = server.requests('messages').map(({ headers }) => headers['idempotency-key']);
    assert.ok(keys.length >= (stores ? 1 : 2) && keys.every((one) => one === key), keys.join());
    assert.deepEqual([texts(), server.messages.length], [['once'], 1]);
  }
});

test('each command has its request, and what has none is refused with words', async (t) => {
  const { server, command, commander, connection, frames, store } = await setup(t, { server: (one) => one.say() });
  await until('the first', () => store.messages.length === 1);
  const orders = [
    [{ type: 'EDIT', id: 'm1', version: 1, content: 'new' }, 'PATCH messages/m1', { version: 1, content: 'new' }],
    [{ type: 'REACT', id: 'm1', emoji: '👍', on: true }, `PUT messages/m1/reactions/${encodeURIComponent('👍')}`, undefined],
    [{ type: 'REACT', id: 'm1', emoji: '👍', on: false }, `DELETE messages/m1/reactions/${encodeURIComponent('👍')}`, undefined],
    [{ type: 'PIN', id: 'm1', on: true }, 'PUT messages/m1/pin', undefined],
    [{ type: 'PIN', id: 'm1', on: false }, 'DELETE messages/m1/pin', undefined],
    [{ type: 'DELETE', id: 'm1' }, 'DELETE messages/m1', undefined],
  ];
  for (const [order, request, body] of orders) {
    command(order);
    await until(String(request), () => store.commands.entries.length === 0);
    const asked = /** @type {any} */ (server.asked.at(-1));
    assert.deepEqual([`${asked.method} ${asked.path}`, asked.body], [request, body]);
    assert.match(asked.headers['idempotency-key'], /^command/);
  }
  server.refusals.push({ status: 409, body: { error: { code: 'EDIT_CONFLICT' } } });
  const failed = new Promise((resolve) => commander.addEventListener('failed', (event) => resolve(/** @type {any} */ (event).detail.code)));
  command({ type: 'EDIT', id: 'm1', version: 1, content: 'late' });
  assert.equal(await failed, 'EDIT_CONFLICT');
  const n = server.asked.length;
  connection.send(JSON.stringify({ type: 'TYPING', payload: {} }));
  connection.send(JSON.stringify({ type: 'BAN', payload: { clientId: 'x', authorId: 'other' } }));
  await until('a refusal', () => frames.some(({ payload }) => payload.clientId === 'x'));
  assert.deepEqual(frames.find(({ payload }) => payload.clientId === 'x'), { type: 'ERROR', payload: { code: 'NEEDS_SOCKET', clientId: 'x' } });
  assert.equal(server.asked.length, n, 'neither went anywhere');
});

test('another profile comes with another stream, and one that is refused leaves the first', async (t) => {
  const { server, connection, store, who, frames, states, seqs } = await setup(t, { server: (one) => one.say() });
  await until('a stream', () => store.self?.nickname === 'Otter');
  who.nickname = 'Seal';
  connection.send(JSON.stringify({ type: 'PROFILE', payload: { nickname: 'Seal', avatar: 'otter' } }));
  await until('the new name', () => store.self?.nickname === 'Seal' && server.streams.size === 1);
  assert.ok(frames.some(({ type }) => type === 'PROFILE'), 'the choice was answered');
  server.refuses = ({ nickname }) => (nickname === 'Owner' ? { status: 409, body: { error: { code: 'NICKNAME_TAKEN' } } } : null);
  who.nickname = 'Owner';
  connection.send(JSON.stringify({ type: 'PROFILE', payload: { nickname: 'Owner', avatar: 'otter' } }));
  await until('the refusal', () => frames.some(({ payload }) => payload.code === 'NICKNAME_TAKEN'));
  assert.deepEqual([store.self?.nickname, server.streams.size, states], ['Seal', 1, ['live']]);
  server.say();
  await until('what the stream brings', () => seqs().length === 2);
});

test('a token that the blog has renewed comes with another stream', async (t) => {
  const { server, connection, who, states } = await setup(t);
  await until('a stream', () => states.length === 1);
  Object.assign(who, { token: 'the next one' });
  connection.send(JSON.stringify({ type: 'AUTH', payload: { token: 'the next one' } }));
  await until('the other stream', () => server.streams.size === 1 && [...server.streams][0].join.token === 'the next one');
  assert.deepEqual(states, ['live']);
});

test('a page that nobody sees reads nothing, and goes on from where it was', async (t) => {
  const { server, page, seqs, states, write, box } = await setup(t, { times: { unseen: 20, alive: 10 } });
  await until('a stream', () => server.streams.size === 1);
  server.say();
  await until('the first', () => seqs().length === 1);
  page.set(true);
  await until('it is let go', () => server.streams.size === 0);
  server.say();
  write('undone in time');
  await until('what is written goes all the same', () => box.entries.length === 0);
  page.set(false);
  await until('what was missed', () => seqs().length === 3);
  assert.deepEqual([seqs(), states], [[1, 2, 3], ['live']]);
});

test('a stream that is refused says what a socket is closed with', async (t) => {
  const { connection } = await setup(t, { server: (one) => { one.refuses = () => ({ status: 403, body: { error: { code: 'FORBIDDEN' } } }); } });
  const refused = await new Promise((resolve) => connection.addEventListener('refused', (event) => resolve(/** @type {any} */ (event).detail)));
  assert.equal(refused, 4101);
});

test('a stream for which there is no place is asked for again when that may be had', async (t) => {
  let n = 0;
  const { connection, server, states } = await setup(t, {
    server: (one) => { one.refuses = () => (n++ === 0 ? { status: 503, body: { error: { code: 'OVERLOADED', retryAfterMs: 20 } } } : null); },
  });
  const reason = await new Promise((resolve) => connection.addEventListener('delayed', (event) => resolve(/** @type {any} */ (event).detail)));
  assert.equal(reason, 'OVERLOADED');
  await until('a stream', () => server.streams.size === 1 && states.join() === 'live');
});

test('a server that is away is waited for', async (t) => {
  const { server, states, seqs, connection } = await setup(t);
  await until('a stream', () => server.streams.size === 1);
  const { port } = new URL(server.api ?? '');
  await server.stop();
  await until('it is missed', () => states.includes('connecting'));
  server.server.listen(Number(port), '127.0.0.1');
  await until('it is back', () => connection.state === 'live');
  server.say();
  await until('what it brings', () => seqs().length === 1);
});
