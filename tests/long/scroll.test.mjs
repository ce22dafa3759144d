// A hundred thousand messages scrolled through from the newest to the first. Takes minutes, so it is
// no part of scripts/test: `npm run test:long`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, fill, launch, numbered } from '../browser/support.mjs';

const browser = await launch();
const server = await Server.start();
const MESSAGES = 100_000;
/** Rows that may stand in the page: the window, a page beyond it, dividers. */
const ROWS_MAX = 300;

test('a hundred thousand messages: each is shown, rows and memory stay bounded', async (context) => {
  for (let from = 1; from <= MESSAGES; from += 500) {
    await fill(browser, server.url, 'big', numbered('line', from, from + 499));
  }
  const page = await browser.newPage({ viewport: { width: 480, height: 640 } });
  await page.goto(`${server.url}/room/big`);
  await page.locator('#list .msg').first().waitFor();
  const found = await page.evaluate(async () => {
    const log = /** @type {HTMLElement} */ (document.querySelector('#log'));
    const list = /** @type {HTMLElement} */ (document.querySelector('#list'));
    const memory = () => /** @type {any} */ (performance).memory.usedJSHeapSize;
    const longTasks = /** @type {number[]} */ ([]);
    new PerformanceObserver((entries) => longTasks.push(...entries.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    const seen = new Set();
    let [rowsMax, heapMax] = [0, 0];
    for (let idle = 0; idle < 2000 && !seen.has(1); idle += 1) {
      const before = seen.size;
      for (const row of list.querySelectorAll('.msg[data-seq]')) seen.add(Number(/** @type {HTMLElement} */ (row).dataset.seq));
      if (seen.size > before) idle = 0;
      rowsMax = Math.max(rowsMax, list.children.length);
      heapMax = Math.max(heapMax, memory());
      log.scrollBy(0, -100_000);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    }
    return { seen: seen.size, rowsMax, heapMaxMiB: heapMax / 2 ** 20, heapMiB: memory() / 2 ** 20, longTasks: longTasks.length, longestMs: Math.max(0, ...longTasks) };
  });
  context.diagnostic(JSON.stringify(found));
  assert.equal(found.seen, MESSAGES);
  assert.ok(found.rowsMax <= ROWS_MAX, `${found.rowsMax} rows`);
  assert.ok(found.heapMaxMiB < 64, `${found.heapMaxMiB} MiB of scripts' memory`);
});
