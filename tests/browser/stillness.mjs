// Whether anything in a page moves by itself while it loads: what the browser calls a layout shift.

import assert from 'node:assert/strict';
import { Visitor, until } from './support.mjs';

/** More than this is seen: https://web.dev/articles/cls calls up to 0.1 good. */
const SHIFT_MAX = 0.01;

/** Loads a room and notes what moves; the scripts come only once the page has been painted. @param {Visitor} visitor @param {string} address */
export async function loadWatched(visitor, address) {
  await visitor.page.addInitScript(() => {
    // That somebody leaves is told in a line of the list, which may come at any moment and moves what is above it.
    const quiet = new CSSStyleSheet();
    quiet.replaceSync('.notice { display: none !important; }');
    document.adoptedStyleSheets = [quiet];
    const shifts = Object.assign(window, { shift: 0, moved: '' });
    new PerformanceObserver((list) => {
      for (const entry of /** @type {any[]} */ (list.getEntries())) {
        if (entry.hadRecentInput) continue;
        shifts.shift += entry.value;
        for (const { node, previousRect, currentRect } of entry.sources) {
          shifts.moved += ` ${node?.nodeName}.${node?.className} from ${JSON.stringify(previousRect)} to ${JSON.stringify(currentRect)}`;
        }
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  let held = 0;
  await visitor.page.route('**/room.js', async (route) => {
    held += 1;
    await until(() => visitor.page.evaluate(() => performance.getEntriesByName('first-contentful-paint').length), Boolean, 'the first paint');
    await route.continue();
  });
  await visitor.page.goto(address, { waitUntil: 'commit' });
  await until(() => held, Boolean, 'the page asking for its scripts');
}

/** Once what is painted by now is measured. @param {Visitor} visitor */
export async function assertStill(visitor) {
  await visitor.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const { shift, moved } = await visitor.page.evaluate(() => ({ shift: /** @type {any} */ (window).shift, moved: /** @type {any} */ (window).moved }));
  assert.ok(shift < SHIFT_MAX, `layout shift of ${shift}:${moved}`);
}
