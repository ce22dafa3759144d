import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../static/js/wire/connection.js';
import { FakeClock, welcome, withClock } from './support.mjs';

class FakeSocket extends EventTarget {
  constructor() {
    super();
    this.readyState = 0;
    /** @type {any[]} */
    this.sent = [];
    /** @type {number | null} */
    this.closedWith = null;
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** @param {number} code */
  close(code) {
    this.readyState = 3;
    this.closedWith = code;
  }

  opens() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  /** @param {any[]} frames */
  says(...frames) {
    for (const frame of frames) this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
  }

  /** @param {number} code */
  closes(code) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
}

/** @param {object} [options] */
function setup(options = {}) {
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {string[]} */
  const states = [];
  const world = { online: true, rev: 0, startedOver: 0 };
  const connection = new Connection({
    url: 'ws://x', join: () => JSON.stringify({ type: 'JOIN', payload: { n: sockets.length } }),
    cursor: () => world.rev, startOver: () => { world.startedOver += 1; }, online: () => world.online,
    open: () => { const socket = new FakeSocket(); sockets.push(socket); return /** @type {any} */ (socket); },
    random: () => 0.5, ...options,
  });
  connection.addEventListener('state', () => states.push(connection.state));
  connection.start();
  const last = () => sockets[sockets.length - 1];
  const live = () => { last().opens(); last().says(welcome()); };
  return { connection, sockets, states, world, last, live };
}

test('it joins when the socket opens and is live with the welcome', () => withClock(() => {
  const { connection, last, states } = setup();
  assert.equal(connection.send('{}'), false, 'nothing goes out before the welcome');
  last().opens();
  assert.equal(last().sent[0].type, 'JOIN');
  last().says(welcome());
  assert.deepEqual(states, ['live']);
  assert.equal(connection.send('{}'), true);
}));

test('a welcome that takes longer than we waited is waited for longer the next time', () => withClock((clock) => {
  const { connection, sockets, last } = setup();
  for (const patience of [12_000, 24_000, 48_000, 96_000, 96_000]) {
    last().opens();
    const { length } = sockets;
    clock.pass(patience - 1);
    assert.equal(sockets.length, length);
    assert.equal(last().closedWith, null);
    clock.pass(1);
    assert.equal(last().closedWith, 1000);
    while (sockets.length === length) clock.pass(1_000);
  }
  last().opens();
  clock.pass(90_000);
  last().says(welcome());
  assert.equal(connection.state, 'live');
}));

test('a socket that does not even open is not waited for longer', () => withClock((clock) => {
  const { sockets, last } = setup();
  for (let n = 0; n < 3; n += 1) {
    const { length } = sockets;
    clock.pass(11_999);
    assert.equal(last().closedWith, null);
    clock.pass(1);
    assert.equal(last().closedWith, 1000);
    while (sockets.length === length) clock.pass(1);
  }
}));

test('pieces of what was missed count as progress, and sending does not wait for them', () => withClock((clock) => {
  const { connection, sockets, world, last } = setup();
  last().opens();
  last().says(welcome({ room: { id: 'r', epoch: 'e', rev: 0 }, head: 9, resumed: true }));
  assert.equal(connection.send('{}'), true);
  last().says({ type: 'HEARTBEAT', payload: { rev: 9 } });
  for (world.rev = 1; world.rev < 9; world.rev += 1) {
    clock.pass(11_000);
    last().says({ type: 'BATCH', payload: { frames: [] } });
    connection.nudge();
  }
  assert.equal(sockets.length, 1);
  assert.equal(last().closedWith, null);
}));

test('a reader who falls behind while nothing comes leaves', () => withClock((clock) => {
  const { world, last } = setup();
  last().opens();
  last().says(welcome({ head: 9, resumed: true }));
  last().says({ type: 'HEARTBEAT', payload: { rev: 9 } });
  world.rev = 3;
  for (let seconds = 0; seconds < 25; seconds += 5) {
    assert.equal(last().closedWith, null);
    clock.pass(5_000);
    last().says({ type: 'HEARTBEAT', payload: { rev: 9 } });
  }
  assert.equal(last().closedWith, 1000, 'heartbeats alone are no progress');
}));

test('it comes back with full jitter, and a good connection resets the backoff', () => withClock((clock) => {
  const { sockets, last, live } = setup();
  for (const [n, ceiling] of [500, 1000, 2000].entries()) {
    last().closes(1006);
    clock.pass(ceiling / 2 - 1);
    assert.equal(sockets.length, n + 1);
    clock.pass(1);
    assert.equal(sockets.length, n + 2);
  }
  live();
  clock.pass(29_000);
  last().says({ type: 'HEARTBEAT', payload: { rev: 0 } });
  last().closes(1006);
  clock.pass(1999);
  assert.equal(sockets.length, 4, 'too short to count as good');
  clock.pass(1);
  live();
  clock.pass(30_000);
  last().closes(1006);
  clock.pass(250);
  assert.equal(sockets.length, 6);
}));

test('codes that say "stay away" are obeyed until the reader asks', () => withClock((clock) => {
  const { connection, sockets, states, last } = setup();
  /** @type {number[]} */
  const refused = [];
  connection.addEventListener('refused', (event) => refused.push(/** @type {any} */ (event).detail));
  last().opens();
  last().closes(4103);
  clock.pass(600_000);
  connection.nudge();
  assert.equal(sockets.length, 1);
  assert.deepEqual(states, ['closed']);
  assert.deepEqual(refused, [4103]);
  connection.retry();
  assert.equal(sockets.length, 2);
}));

test('RECONNECT says when to come back', () => withClock((clock) => {
  const { connection, sockets, last, live } = setup();
  live();
  const planned = () => connection.planned;
  connection.addEventListener('state', () => told.push(planned()));
  /** @type {boolean[]} */
  const told = [];
  last().says({ type: 'RECONNECT', payload: { afterMs: 730 } });
  last().closes(1012);
  assert.deepEqual(told, [true], 'whoever draws the state knows that it is planned');
  clock.pass(729);
  assert.equal(sockets.length, 1);
  clock.pass(1);
  assert.equal(sockets.length, 2);
}));

test('an announced restart is not waited for longer than it takes', () => withClock((clock) => {
  const { sockets, last, live } = setup();
  live();
  last().says({ type: 'RECONNECT', payload: { afterMs: 0 } });
  last().closes(1012);
  clock.pass(1);
  for (let n = 2; n < 8; n += 1) {
    assert.equal(sockets.length, n, 'at most a second apart');
    last().closes(1006);
    clock.pass(1_000);
  }
}));

test('offline it tries seldom, in case the browser is wrong; online it comes at once', () => withClock((clock) => {
  const { connection, sockets, states, world, live, last } = setup();
  live();
  world.online = false;
  connection.networkLost();
  for (let n = 0; n < 8; n += 1) {
    clock.pass(10_000);
    if (last().readyState === 0) last().closes(1006);
  }
  assert.ok(sockets.length > 2 && sockets.length < 10, String(sockets.length));
  assert.deepEqual(states, ['live', 'offline'], 'no flicker between the attempts');
  const before = sockets.length;
  clock.pass(20_000);
  world.online = true;
  connection.networkBack();
  assert.ok(sockets.length > before);
  live();
  assert.deepEqual(states.slice(-2), ['connecting', 'live']);
}));

test('a socket that was opening while the network was away is not waited for', () => withClock(() => {
  const { connection, sockets } = setup();
  connection.networkBack();
  assert.equal(sockets.length, 2);
  assert.equal(sockets[0].closedWith, 1000);
}));

test('a nudge cuts the waiting short and asks a live socket for a sign of life', () => withClock((clock) => {
  const { connection, sockets, last, live } = setup();
  last().closes(1006);
  connection.nudge();
  assert.equal(sockets.length, 2);
  live();
  connection.nudge();
  connection.nudge();
  assert.deepEqual(last().sent.map(({ type }) => type), ['JOIN', 'PING']);
  last().says({ type: 'PONG', payload: {} });
  clock.pass(60_000);
  assert.equal(sockets.length, 2);
  connection.nudge();
  clock.pass(5_000);
  assert.equal(sockets[1].closedWith, 1000, 'silent for five seconds: dead');
  clock.pass(500);
  assert.equal(sockets.length, 3);
}));

test('a server that lets us wait says why', () => withClock((clock) => {
  const { connection, last } = setup();
  /** @type {string[]} */
  const delays = [];
  connection.addEventListener('delayed', (event) => delays.push(/** @type {any} */ (event).detail));
  last().opens();
  last().says({ type: 'ERROR', payload: { code: 'STORE_UNAVAILABLE', retryAfterMs: 2000 } });
  last().closes(4005);
  clock.pass(250);
  last().opens();
  last().says({ type: 'ERROR', payload: { code: 'INTERNAL' } });
  last().closes(1006);
  clock.pass(20_000);
  last().closes(1006);
  assert.deepEqual(delays, ['STORE_UNAVAILABLE', 'SERVER_FULL', 'INTERNAL', null], 'and says once that it is the line now');
}));

test('two tries without a WELCOME: it asks for less, and the line is left to that', async () => {
  /** @type {(() => void)[]} */
  const asked = [];
  const { setTimeout, clearTimeout } = globalThis;
  const clock = new FakeClock();
  // Longer than `withClock` holds it: a promise is answered in between.
  Object.assign(globalThis, {
    setTimeout: (/** @type {() => void} */ act, /** @type {number} */ ms) => clock.set(act, ms),
    clearTimeout: (/** @type {number} */ id) => clock.clear(id),
  });
  try {
    const { sockets, last, connection } = setup({ askLess: () => new Promise((resolve) => { asked.push(() => resolve(undefined)); }) });
    for (const [patience, count] of [[12_000, 0], [24_000, 1]]) {
      last().opens();
      clock.pass(patience);
      assert.equal(asked.length, count);
      if (count === 0) clock.pass(1_000);
    }
    const before = [...sockets];
    clock.pass(600_000);
    assert.deepEqual(sockets, before, 'nothing else is downloaded meanwhile');
    asked[0]();
    await new Promise((resolve) => setTimeout(resolve, 0));
    clock.pass(2_000);
    assert.equal(sockets.length, before.length + 1);
    last().opens();
    last().says(welcome());
    assert.equal(connection.state, 'live');
    assert.equal(connection.unanswered, 0);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
});

test('a page that was in and finds its own sessions too many waits until the dead ones are forgotten', () => withClock((clock) => {
  const { connection, sockets, last, live } = setup();
  /** @type {any[]} */
  const heard = [];
  connection.addEventListener('delayed', (event) => heard.push(/** @type {any} */ (event).detail));
  connection.addEventListener('refused', () => heard.push('refused'));
  live();
  last().closes(1006);
  clock.pass(500);
  last().opens();
  last().closes(4103);
  const { length } = sockets;
  clock.pass(75_000);
  assert.equal(sockets.length, length, 'not before the server has forgotten them');
  clock.pass(45_000);
  assert.equal(sockets.length, length + 1);
  assert.deepEqual(heard, ['OWN_FULL']);
  assert.equal(connection.state, 'connecting');
}));

test('an address that is full is a passing condition: said, and tried again slowly', () => withClock((clock) => {
  const { connection, sockets, last, live } = setup();
  /** @type {string[]} */
  const heard = [];
  connection.addEventListener('delayed', (event) => heard.push(/** @type {any} */ (event).detail));
  connection.addEventListener('refused', () => heard.push('refused'));
  for (let n = 1; n <= 3; n += 1) {
    last().opens();
    last().closes(4006);
    clock.pass(44_999);
    assert.equal(sockets.length, n, 'not before its time');
    clock.pass(1);
    assert.equal(sockets.length, n + 1);
  }
  live();
  assert.equal(connection.state, 'live');
  assert.deepEqual(heard, ['ADDRESS_FULL', 'ADDRESS_FULL', 'ADDRESS_FULL']);
}));

test('silence of two and a half heartbeats ends the socket', () => withClock((clock) => {
  const { sockets, last } = setup();
  last().opens();
  last().says(welcome({ heartbeatSeconds: 10 }));
  clock.pass(24_000);
  last().says({ type: 'HEARTBEAT', payload: { rev: 0 } });
  clock.pass(25_000 + 999);
  assert.equal(sockets[0].closedWith, null);
  clock.pass(1);
  assert.equal(sockets[0].closedWith, 1000, 'after a random part of two seconds');
  clock.pass(250);
  assert.equal(sockets.length, 2);
}));

test('a heartbeat ahead of the cursor: two seconds to catch up, then it joins anew', () => withClock((clock) => {
  const { sockets, world, last, live } = setup();
  live();
  last().says({ type: 'HEARTBEAT', payload: { rev: 5 } });
  world.rev = 5;
  clock.pass(5000);
  assert.equal(sockets[0].closedWith, null, 'caught up in time');
  last().says({ type: 'HEARTBEAT', payload: { rev: 6 } });
  clock.pass(2999);
  assert.equal(sockets[0].closedWith, null);
  clock.pass(1);
  assert.equal(sockets[0].closedWith, 1000);
}));

test('4003 starts over', () => withClock((clock) => {
  const { sockets, world, last, live } = setup();
  live();
  last().closes(4003);
  assert.equal(world.startedOver, 1);
  clock.pass(250);
  assert.equal(sockets.length, 2);
}));

test('a refused join is tried again on the same socket', () => withClock((clock) => {
  const { sockets, last, states } = setup();
  last().opens();
  last().says({ type: 'ERROR', payload: { code: 'STORE_UNAVAILABLE', retryAfterMs: 2000 } });
  clock.pass(2000);
  assert.equal(last().sent.length, 2);
  last().says(welcome());
  assert.deepEqual(states, ['live']);
  assert.equal(sockets.length, 1);
}));

test('a socket that neither opens nor answers is given up', () => withClock((clock) => {
  const { sockets } = setup();
  clock.pass(12_250);
  assert.equal(sockets.length, 2);
  sockets[1].opens();
  clock.pass(12_500);
  assert.equal(sockets.length, 3);
}));

test('what an abandoned socket still says is not heard', () => withClock((clock) => {
  const { connection, sockets } = setup();
  sockets[0].opens();
  connection.rejoin();
  sockets[0].says(welcome());
  sockets[0].closes(4101);
  assert.equal(connection.state, 'connecting');
  clock.pass(10);
  assert.equal(sockets.length, 2);
}));

test('stopped, it leaves no timer behind', () => withClock((clock) => {
  const { connection, live } = setup();
  live();
  connection.stop();
  assert.equal(clock.timers.size, 0);
}));

/** A page whose JOIN has to be asked for. */
function asking() {
  /** @type {{give: (text: string) => void, refuse: () => void}[]} */
  const asked = [];
  const world = setup({
    join: () => new Promise((resolve, reject) => { asked.push({ give: resolve, refuse: () => reject(new Error('away')) }); }),
  });
  return { ...world, asked };
}

/** Until all promises have told. */
const told = () => new Promise((resolve) => setImmediate(resolve));

test('a JOIN that has to be asked for goes out when it is there, and is asked for anew on each socket', async () => {
  const { asked, last, connection } = asking();
  last().opens();
  assert.deepEqual([asked.length, last().sent.length], [1, 0]);
  asked[0].give('{"type":"JOIN","payload":{"token":"one"}}');
  await told();
  assert.deepEqual(last().sent, [{ type: 'JOIN', payload: { token: 'one' } }]);
  last().says(welcome());
  connection.rejoin();
  last().opens();
  asked[1].give('{"type":"JOIN","payload":{"token":"two"}}');
  await told();
  assert.deepEqual(last().sent, [{ type: 'JOIN', payload: { token: 'two' } }]);
  connection.stop();
});

test('a page that was left, or has another socket, says nothing with what it had asked for', async () => {
  const { asked, sockets, last, connection } = asking();
  last().opens();
  connection.stop();
  asked[0].give('{"type":"JOIN","payload":{}}');
  await told();
  connection.start();
  last().opens();
  connection.networkBack();
  asked[1].refuse();
  await told();
  assert.deepEqual([sockets.length, sockets.flatMap(({ sent }) => sent).length], [3, 0]);
  assert.equal(last().closedWith, null, 'what was asked for another socket does not end this one');
  connection.stop();
});

test('a JOIN that cannot be had is a failed attempt, and one that never comes is not waited for', async () => {
  const { asked, last, connection, states } = asking();
  last().opens();
  asked[0].refuse();
  await told();
  assert.equal(last().closedWith, 1000);
  assert.ok(connection.timers.has('retry'), 'it comes back');
  assert.deepEqual([connection.attempt, states], [1, []]);
  connection.stop();
  withClock((clock) => {
    const hanging = asking();
    hanging.last().opens();
    clock.pass(11_999);
    assert.equal(hanging.last().closedWith, null);
    clock.pass(1);
    assert.equal(hanging.last().closedWith, 1000);
    hanging.connection.stop();
  });
});

test('after two sockets in a row that do not open another way is looked for', () => withClock((clock) => {
  let looks = 0;
  const { sockets, last } = setup({ otherwise: () => { looks += 1; } });
  const next = () => {
    const { length } = sockets;
    while (sockets.length === length) clock.pass(500);
  };
  last().closes(1006);
  assert.equal(looks, 0, 'one may be chance');
  next();
  last().opens();
  last().closes(1006);
  next();
  last().closes(1006);
  assert.equal(looks, 0, 'one that opened was between them');
  next();
  clock.pass(12_000);
  assert.equal(looks, 1, 'one that hangs does not open either');
  next();
  last().closes(1006);
  assert.equal(looks, 2, 'where there was none it is looked for again');
}));
