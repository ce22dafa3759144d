// What scripts/bench-keeping does with one database.
// Arguments: the program, the database's URL, how many messages, seconds of each part, whether it is a check.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const [program, database, rowsText, secondsText, check] = process.argv.slice(2);
const rows = Number(rowsText);
const seconds = Number(secondsText);
const isSqlite = database.startsWith('sqlite://');
const ROOMS = 100;
const WRITERS = 4;
/** Between two messages of a writer. */
const EVERY_MS = 100;
const PATIENCE_MS = 120_000;

/** Not everybody has the program sqlite3, and this module is part of Python. */
const SQLITE = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
if sys.argv[2].startswith('SELECT'):
    for row in c.execute(sys.argv[2]):
        print('|'.join(map(str, row)))
else:
    c.executescript(sys.argv[2])
`;

const run = promisify(execFile);

/** Asks the database from outside; the lines of the answer. A checkpoint or a batch may hold a SQLite file for a moment. @param {string} sql */
async function ask(sql) {
  const { stdout } = isSqlite
    ? await run('python3', ['-c', SQLITE, database.slice('sqlite://'.length), sql], { maxBuffer: 1 << 26 })
    : await run('psql', ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', database, '-c', sql], { maxBuffer: 1 << 26 });
  return stdout.trim().split('\n');
}

const number = async (/** @type {string} */ sql) => Number((await ask(sql))[0]);

async function until(/** @type {string} */ what, /** @type {() => Promise<unknown>} */ found) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await found())) {
    assert.ok(Date.now() < end, `waited for ${what}`);
    await sleep(100);
  }
}

/** Two years of messages in a hundred rooms: texts of 20 to 200 characters, a thousand people. */
async function fill() {
  const ids = isSqlite ? 'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ' : '';
  const epoch = '(SELECT epoch FROM meta)';
  if (isSqlite) {
    await ask(`PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN;
      ${ids} ${ROOMS}) INSERT INTO rooms (id, created_at, epoch, last_rev, message_count, last_message_at)
        SELECT 'post-' || i, unixepoch() * 1000, ${epoch}, (${rows} + ${ROOMS} - 1 - i) / ${ROOMS}, (${rows} + ${ROOMS} - 1 - i) / ${ROOMS}, unixepoch() * 1000 FROM n;
      ${ids} ${rows}) INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
        SELECT 'post-' || (i % ${ROOMS}), 'author-' || (i / ${ROOMS} % 1000), 'somebody', 'fox', substr('${'what people write about a post, 한국어로도 씁니다 '.repeat(6)}', 1, 20 + i % 180), randomblob(16),
          i / ${ROOMS} + 1, i / ${ROOMS} + 1, CAST((unixepoch() - 730 * 86400.0 * (1 - i * 1.0 / ${rows})) * 1000 AS INTEGER) FROM n;
      COMMIT; ANALYZE;`);
    return;
  }
  await ask(`INSERT INTO rooms (id, epoch, last_rev, message_count, last_message_at)
      SELECT 'post-' || i, ${epoch}, (${rows} + ${ROOMS} - 1 - i) / ${ROOMS}, (${rows} + ${ROOMS} - 1 - i) / ${ROOMS}, now() FROM generate_series(0, ${ROOMS - 1}) AS i;
    INSERT INTO messages (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
      SELECT 'post-' || (i % ${ROOMS}), 'author-' || (i / ${ROOMS} % 1000), 'somebody', 'fox', substr('${'what people write about a post, 한국어로도 씁니다 '.repeat(6)}', 1, (20 + i % 180)::int), gen_random_uuid(),
        i / ${ROOMS} + 1, i / ${ROOMS} + 1, now() - interval '730 days' * (1 - i::float8 / ${rows}) FROM generate_series(0, ${rows - 1}::bigint) AS i;`);
  await ask('ANALYZE messages');
}

/** @param {Record<string, string>} [more] */
async function serve(more = {}) {
  const settings = { DATABASE_URL: database, CHAT_LISTEN: '127.0.0.1:0', CHAT_RATE_LIMITS: 'off', CHAT_DRAIN_GRACE_SECS: '0', CHAT_DRAIN_WINDOW_SECS: '0', ...more };
  const child = spawn(program, { env: { ...process.env, ...settings }, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
  // It chooses a port that is nobody's, and says which.
  const address = () => /listening on ([\d.:]+),/.exec(log)?.[1];
  await until('a server to listen', async () => address());
  const url = `http://${address()}`;
  await until('a server to be ready', () => fetch(`${url}/readyz`).then((answer) => answer.ok, () => false));
  return {
    url,
    end: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** @param {number[]} sorted @param {number} share */
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/**
 * Writes, for as long as something is done, into rooms of its own and into those that it is done to. How long each message took.
 * @template T @param {string} url @param {() => Promise<T>} act
 */
async function beside(url, act) {
  const times = /** @type {number[]} */ ([]);
  let [goes, failed, waits, longest] = [true, 0, 0, 0];
  const write = async (/** @type {number} */ n) => {
    const secret = randomUUID();
    while (goes) {
      const room = n % 2 ? `live-${n}` : `post-${n}`;
      const begun = performance.now();
      const answer = await fetch(`${url}/api/v1/rooms/${room}/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-anonymous-id': secret },
        body: JSON.stringify({ nickname: 'writer', content: `written at ${Date.now()}` }),
      }).catch(() => null);
      await answer?.arrayBuffer();
      if (answer?.status === 201) times.push(performance.now() - begun);
      else failed += 1;
      await sleep(EVERY_MS);
    }
  };
  const look = async () => {
    while (goes && !isSqlite) {
      const waiting = await ask(`SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0), count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).catch(() => ['0|0']);
      const [time, n] = waiting[0].split('|').map(Number);
      waits += n;
      longest = Math.max(longest, time);
      await sleep(200);
    }
  };
  const all = [...Array.from({ length: WRITERS }, (_, n) => write(n)), look()];
  const done = await act().finally(() => { goes = false; });
  await Promise.all(all);
  times.sort((a, b) => a - b);
  return { done, failed, n: times.length, p50: at(times, 0.5), p99: at(times, 0.99), waits, longest };
}

/** @type {{p50: number, p99: number}} */
let before = { p50: 1, p99: 1 };
const faults = /** @type {string[]} */ ([]);

/** @param {string} what @param {number} n @param {number} ms @param {Awaited<ReturnType<typeof beside>> | null} [writers] */
function tell(what, n, ms, writers = null) {
  const parts = [`${what}: ${n.toLocaleString('en')} in ${(ms / 1000).toFixed(1)} s, ${Math.round(n / (ms / 1000)).toLocaleString('en')} a second`];
  if (writers) {
    parts.push(`writers p50 ${writers.p50.toFixed(1)} ms (${(writers.p50 / before.p50).toFixed(2)} x), p99 ${writers.p99.toFixed(1)} ms (${(writers.p99 / before.p99).toFixed(2)} x), ${writers.n} messages`);
    if (!isSqlite) parts.push(`${writers.waits} times somebody seen waiting for a lock, ${writers.longest.toFixed(2)} s at most`);
    if (writers.failed > 0) faults.push(`${what}: ${writers.failed} messages were not taken`);
  }
  if (!(n > 0)) faults.push(`${what}: nothing was done`);
  console.log(`  ${parts.join('; ')}`);
}

/** Follows a count until it stands still or the time is over. @param {string} sql */
async function follow(sql) {
  const [begun, first] = [performance.now(), await number(sql)];
  let [last, moved] = [first, performance.now()];
  // However busy the machine is, it begins at some time.
  while (performance.now() - begun < (last === first ? PATIENCE_MS : seconds * 1000)) {
    await sleep(Math.min(1000, seconds * 50));
    const now = await number(sql);
    if (now !== last) [last, moved] = [now, performance.now()];
    // It has begun, and there was nothing more to do for a while.
    if (last !== first && performance.now() - moved > 5_000) break;
  }
  return { n: Math.abs(last - first), ms: moved - begun };
}

/** @param {string[]} args */
const purge = (args) => run(program, ['purge', ...args], { env: { ...process.env, DATABASE_URL: database }, maxBuffer: 1 << 26 });
const counted = (/** @type {string} */ said) => Number(/(?:would remove|removed) (\d+) messages/.exec(said)?.[1] ?? 0);

console.log(`${isSqlite ? 'SQLite' : 'PostgreSQL'}, ${rows.toLocaleString('en')} messages`);
await run(program, ['migrate'], { env: { ...process.env, DATABASE_URL: database } });
const begun = performance.now();
await fill();
console.log(`  filled in ${((performance.now() - begun) / 1000).toFixed(0)} s`);

const border = isSqlite ? `created_at < (unixepoch() - 184 * 86400) * 1000` : `created_at < now() - interval '184 days'`;
let server = await serve();
const quiet = await beside(server.url, () => sleep(Math.min(seconds, 20) * 1000));
before = quiet;
console.log(`  writers before: p50 ${quiet.p50.toFixed(1)} ms, p99 ${quiet.p99.toFixed(1)} ms, ${quiet.n} messages`);

// A room, what one person wrote, and all before a day: what there is, and then without it.
for (const [what, args] of /** @type {[string, string[]][]} */ ([['a room', ['--room', 'post-50']], ['an author', ['--author', 'author-7']]])) {
  for (const yes of [[], ['--yes']]) {
    const writers = await beside(server.url, async () => {
      const from = performance.now();
      const { stdout } = await purge([...args, ...yes]);
      return { n: counted(stdout), ms: performance.now() - from };
    });
    tell(`purge of ${what}${yes.length ? '' : ', looked at'}`, writers.done.n, writers.done.ms, writers);
  }
}
await server.end();

server = await serve({ CHAT_ARCHIVE_MONTHS: '6' });
const archiving = await beside(server.url, () => follow('SELECT count(*) FROM messages_archive'));
tell('into the archive', archiving.done.n, archiving.done.ms, archiving);
await server.end();

server = await serve();
const [line] = await ask(`SELECT room_id || ' ' || max(seq) || ' ' || count(*) FROM messages_archive GROUP BY room_id ORDER BY max(seq) DESC LIMIT 1`);
const [room, seq, n] = line.split(' ');
for (const [what, from] of /** @type {[string, number][]} */ ([['pages of the newest', (await number(`SELECT max(seq) FROM messages WHERE room_id = '${room}'`)) + 1], ['pages across the border', Number(seq) + 25], ['pages of the archive', Number(seq) - 50]])) {
  const reading = performance.now();
  for (let i = 0; i < 50; i += 1) {
    const answer = await fetch(`${server.url}/api/v1/rooms/${room}/messages?before=${Math.max(2, from)}&limit=50`);
    assert.equal(answer.status, 200, await answer.text());
  }
  tell(`${what} of 50 messages`, 50, performance.now() - reading);
}
const old = (await ask(`SELECT id FROM messages_archive WHERE room_id = '${room}' AND deleted_at IS NULL ORDER BY seq DESC LIMIT ${Math.min(200, Number(n))}`)).filter(Boolean);
const back = await beside(server.url, async () => {
  const from = performance.now();
  const secret = randomUUID();
  for (const id of old) {
    // A server that has just started waits until it knows that every other one understands this.
    await until('a reaction to be taken', async () => {
      const answer = await fetch(`${server.url}/api/v1/rooms/${room}/messages/${id}/reactions/${encodeURIComponent('👍')}`, { method: 'PUT', headers: { 'x-anonymous-id': secret } });
      await answer.arrayBuffer();
      return answer.ok;
    });
  }
  return performance.now() - from;
});
tell('moved back, each by a reaction', old.length, back.done, back);
await server.end();

server = await serve({ CHAT_RETENTION_DAYS: '184' });
const left = `SELECT (SELECT count(*) FROM messages WHERE ${border}) + (SELECT count(*) FROM messages_archive)`;
const removing = await beside(server.url, () => follow(left));
tell('removed as too old', removing.done.n, removing.done.ms, removing);
await server.end();

for (const fault of faults) console.error(`  FAULT ${fault}`);
if (check === 'yes' && faults.length > 0) process.exitCode = 1;
