// A page in a room where 200 messages come a second, and then until a hundred thousand have come. Takes minutes, so it
// is no part of scripts/test: `npm run test:long`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { BINARY, Server, launch } from '../browser/support.mjs';

const browser = await launch();
const server = await Server.start();
const ROOM = 'busy';
const MESSAGES = 100_000;
/** Rows that may stand in the page: the window, a page beyond it, dividers. */
const ROWS_MAX = 300;

/** Messages from fifty people. @param {number} rate a second @param {number} seconds */
async function load(rate, seconds) {
  const args = ['load', '--url', server.url, '--room', ROOM, '--sessions', '50', '--rate', String(rate), '--duration', `${seconds}s`];
  const child = spawn(BINARY, [...args, '--fail-if', 'lost>0'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, 'the load ran and lost nothing');
}

test('200 messages a second, and a hundred thousand in all: it stays at the end, rows and memory stay bounded', async (context) => {
  const page = await browser.newPage({ viewport: { width: 480, height: 640 } });
  // The load tester numbers its rooms.
  await page.goto(`${server.url}/room/${ROOM}-0`);
  await page.locator('#log').waitFor();
  await page.evaluate(() => {
    const list = /** @type {HTMLElement} */ (document.querySelector('#list'));
    const longTasks = /** @type {number[]} */ ([]);
    new PerformanceObserver((entries) => longTasks.push(...entries.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    const figures = { longTasks, rowsMax: 0, heapMax: 0, frames: 0 };
    const look = () => {
      figures.frames += 1;
      figures.rowsMax = Math.max(figures.rowsMax, list.children.length);
      figures.heapMax = Math.max(figures.heapMax, /** @type {any} */ (performance).memory.usedJSHeapSize);
      requestAnimationFrame(look);
    };
    look();
    Object.assign(window, { figures });
  });
  const figures = () => page.evaluate(() => {
    const { longTasks, rowsMax, heapMax, frames } = /** @type {any} */ (window).figures;
    const log = /** @type {HTMLElement} */ (document.querySelector('#log'));
    // The column is reversed: its end is at 0.
    const atEnd = Math.abs(log.scrollTop) < 100;
    return { rowsMax, heapMaxMiB: heapMax / 2 ** 20, frames, longTasks: longTasks.length, longestMs: Math.max(0, ...longTasks), atEnd };
  });
  await load(200, 60);
  const steady = await figures();
  context.diagnostic(`200 a second for 60 s: ${JSON.stringify(steady)}`);
  await load(1_000, (MESSAGES - 12_000) / 1_000);
  const all = await figures();
  context.diagnostic(`until ${MESSAGES}: ${JSON.stringify(all)}`);
  const room = await (await fetch(`${server.url}/api/v1/rooms/${ROOM}-0`)).json();
  assert.equal(room.messageCount, MESSAGES);
  await page.waitForFunction((last) => document.querySelector(`#list .msg[data-seq="${last}"]`), room.rev);
  assert.ok(steady.atEnd, 'what is newest stays in sight');
  assert.ok(all.rowsMax <= ROWS_MAX, `${all.rowsMax} rows`);
  assert.ok(all.heapMaxMiB < 64, `${all.heapMaxMiB} MiB of scripts' memory`);
});
