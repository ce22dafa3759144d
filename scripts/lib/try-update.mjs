// What scripts/try-update does: a server of the release before and one of this release on one database.
// Arguments: the two programs, the database's URL.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [oldProgram, newProgram, database] = process.argv.slice(2);
const PATIENCE_MS = 30_000;
/** @type {import('node:child_process').ChildProcess[]} */
const servers = [];

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  return port;
}

/** @param {string} what @param {() => Promise<any>} ask */
async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found) return found;
    assert.ok(Date.now() < end, `waited for ${what}`);
    await sleep(100);
  }
}

/** @param {string} program */
async function start(program) {
  const port = await freePort();
  const settings = {
    CHAT_LISTEN: `127.0.0.1:${port}`, DATABASE_URL: database, CHAT_RATE_LIMITS: 'off', CHAT_DRAIN_GRACE_SECS: '0', CHAT_DRAIN_WINDOW_SECS: '0',
  };
  const child = spawn(program, { env: { ...process.env, ...settings }, stdio: 'ignore' });
  servers.push(child);
  await until('a server to be ready', () => fetch(`http://127.0.0.1:${port}/readyz`).then((r) => r.ok, () => false));
  return { child, port };
}

class Client {
  /** @param {number} port */
  static async join(port) {
    const client = new Client();
    /** @type {Map<string, (frame: any) => void>} */
    client.waiting = new Map();
    /** @type {string[]} */
    client.seen = [];
    client.socket = new WebSocket(`ws://127.0.0.1:${port}/ws/room/update`, 'realtime-chat.v1');
    const welcome = new Promise((resolve) => {
      const take = (/** @type {any} */ frame) => {
        if (frame.type === 'BATCH') frame.payload.frames.forEach(take);
        if (frame.type === 'WELCOME') resolve(frame.payload);
        if (frame.type === 'MESSAGE') client.seen.push(frame.payload.content);
        if (frame.type === 'ACK' || frame.type === 'ERROR') client.waiting.get(frame.payload.clientId)?.(frame);
      };
      client.socket.onmessage = ({ data }) => take(JSON.parse(data));
    });
    await new Promise((resolve, reject) => Object.assign(client.socket, { onopen: resolve, onerror: reject }));
    client.socket.send(JSON.stringify({ type: 'JOIN', payload: { anonymousId: crypto.randomUUID(), nickname: 'somebody' } }));
    client.welcome = await welcome;
    return client;
  }

  /** The ACK's type, or the code of the ERROR. @param {string} type @param {object} payload */
  async send(type, payload) {
    const clientId = crypto.randomUUID();
    const answer = new Promise((resolve) => { this.waiting.set(clientId, resolve); });
    this.socket.send(JSON.stringify({ type, payload: { clientId, ...payload } }));
    const frame = await answer;
    return { said: frame.type === 'ACK' ? 'ACK' : frame.payload.code, ...frame.payload };
  }
}

try {
  const old = await start(oldProgram);
  const onOld = await Client.join(old.port);
  const first = await onOld.send('MESSAGE', { content: 'of the old server' });
  assert.equal(first.said, 'ACK');
  const onNew = await Client.join((await start(newProgram)).port);
  const own = await onNew.send('MESSAGE', { content: 'of the new server' });
  // Long enough that it knows who lives.
  await sleep(6_000);
  assert.equal((await onNew.send('EDIT', { id: own.id, version: 1, content: 'edited' })).said, 'OVERLOADED');
  assert.equal((await onNew.send('REACT', { id: first.id, emoji: '👍', on: true })).said, 'OVERLOADED');
  await until('messages to come across', async () => onOld.seen.includes('of the new server'));
  console.log('beside a server of the release before: changes are refused for now, messages go both ways');

  old.child.kill('SIGTERM');
  await once(old.child, 'exit');
  const stopped = Date.now();
  await until('changes to be taken', async () => (await onNew.send('EDIT', { id: own.id, version: 1, content: 'edited' })).said === 'ACK');
  assert.equal((await onNew.send('REACT', { id: first.id, emoji: '👍', on: true })).said, 'ACK');
  console.log(`without it: changes are taken, ${Date.now() - stopped} ms after its stop`);

  const onLate = await Client.join((await start(oldProgram)).port);
  assert.deepEqual(onLate.welcome.messages.map((/** @type {any} */ m) => m.content), ['of the old server', 'edited']);
  await until('changes to be refused again', async () => (await onNew.send('REACT', { id: own.id, emoji: '👍', on: true })).said === 'OVERLOADED');
  console.log('a server of the release before that comes later reads what was changed, and changes wait again');
} finally {
  for (const server of servers) server.kill('SIGKILL');
}
// Sockets are open still.
process.exit(process.exitCode ?? 0);
