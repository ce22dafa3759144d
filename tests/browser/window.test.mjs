// A room with many thousands of messages: only the part around the reader stands in the page.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

/** Rows that may stand in the page: the window, a page beyond it, dividers. */
const ROWS_MAX = 300;
const MESSAGES = 6000;
/**
 * How far a row may move by itself in one step, in pixels; a jump is a row or more. Places in the page are rounded each
 * time that older rows come in, and on a busy machine several pages of them come in within one step.
 */
const JUMP_MAX = 5;
/** Who comes as near to the end of the room as this, in pixels, is taken to it: two frames later, or within them. */
const FOLLOW_PX = 48;

/** In slices: whoever sends more at once than the socket takes is cut off. @param {string} id @param {string} word @param {number} count */
async function fillFar(id, word, count) {
  for (let from = 1; from <= count; from += 500) await fill(browser, server.url, id, numbered(word, from, Math.min(from + 499, count)));
}

await fillFar('long', 'line', MESSAGES);

/**
 * Scrolls through the room in steps of most of a screen, and notes each message that comes into
 * sight, how many rows there are, and how far what stayed in sight has moved beside the scrolling.
 * @param {Visitor} visitor
 * @param {-1 | 1} direction up or down
 * @param {number} until the `seq` to go to
 */
const travel = (visitor, direction, until) => visitor.log.evaluate(async (log, [way, goal, end]) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  /** @returns {[number, number][]} the `seq` and top of each message in sight */
  const inSight = () => {
    const { top, bottom } = log.getBoundingClientRect();
    return [...log.querySelectorAll('li.msg')].map((row) => /** @type {[number, DOMRect]} */ ([Number(/** @type {HTMLElement} */ (row).dataset.seq), row.getBoundingClientRect()]))
      .filter(([, box]) => box.bottom > top && box.top < bottom).map(([seq, box]) => [seq, box.top - top]);
  };
  const seen = new Set();
  let rowsMax = 0;
  let jumpMax = 0;
  for (let idle = 0; idle < 2000; idle += 1) {
    const before = new Map(inSight());
    for (const seq of before.keys()) seen.add(seq);
    if (seen.has(goal)) return { seqs: [...seen], rowsMax, jumpMax };
    const from = log.scrollTop;
    log.scrollTop += way * log.clientHeight * 0.8;
    const moved = log.scrollTop - from;
    if (moved !== 0) idle = 0;
    await frame();
    await frame();
    rowsMax = Math.max(rowsMax, log.querySelectorAll('#list > *').length);
    for (const [seq, top] of inSight()) {
      const was = before.get(seq);
      const jump = was === undefined ? 0 : Math.abs(was - moved - top);
      const taken = way === 1 && log.scrollTop === 0 && jump <= end;
      if (!taken) jumpMax = Math.max(jumpMax, jump);
    }
  }
  const ends = [...log.querySelectorAll('.top, .end')].map((end) => `${end.className}: ${end.textContent}`);
  throw new Error(`stuck at ${JSON.stringify(inSight())}; ${JSON.stringify(ends)}; the furthest were ${Math.min(...seen)} and ${Math.max(...seen)}`);
}, [direction, until, FOLLOW_PX]);

/** What was never in sight, from one message to the newest. @param {number[]} seqs @param {number} from */
function missing(seqs, from) {
  const seen = new Set(seqs);
  return Array.from({ length: MESSAGES - from + 1 }, (_, n) => from + n).filter((seq) => !seen.has(seq));
}

test('thousands of messages up and down again: each is shown, in order, nothing jumps, rows stay few', async () => {
  const visitor = await Visitor.open(browser, room('long'));
  await visitor.live();
  const goal = MESSAGES - 2500;
  const up = await travel(visitor, -1, goal);
  assert.ok(up.rowsMax <= ROWS_MAX, `${up.rowsMax} rows`);
  assert.ok(up.jumpMax <= JUMP_MAX, `a jump by ${up.jumpMax} px`);
  assert.deepEqual(missing(up.seqs, goal), []);

  const down = await travel(visitor, 1, MESSAGES);
  assert.ok(down.rowsMax <= ROWS_MAX, `${down.rowsMax} rows`);
  assert.ok(down.jumpMax <= JUMP_MAX, `a jump by ${down.jumpMax} px`);
  assert.deepEqual(missing(down.seqs, goal), []);
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a server that is busy for a moment while older messages are asked for is asked again', async () => {
  const visitor = await Visitor.open(browser, room('long'));
  let asked = 0;
  await visitor.page.route(/messages\?(before|after)=/, (route) => {
    asked += 1;
    return asked % 4 === 2 ? route.fulfill({ status: 503, headers: { 'retry-after': '1' } }) : route.continue();
  });
  await visitor.live();
  const goal = MESSAGES - 600;
  const up = await travel(visitor, -1, goal);
  assert.deepEqual(missing(up.seqs, goal), []);
  assert.ok(asked >= 12, `${asked} pages`);
  await visitor.leave();
});

test('a reader who scrolls in the moment in which older messages come in is not thrown back', async () => {
  const visitor = await Visitor.open(browser, room('long'));
  await visitor.live();
  const { wanted, got } = await visitor.log.evaluate(async (log) => {
    const list = /** @type {HTMLElement} */ (log.querySelector('#list'));
    const top = (/** @type {Element} */ row) => row.getBoundingClientRect().top;
    const scrolled = new Promise((resolve) => {
      // Right behind the drawing, before the page hears that its list has another size.
      const observer = new MutationObserver(() => {
        observer.disconnect();
        const row = [...list.querySelectorAll('li.msg')].find((li) => top(li) > log.getBoundingClientRect().top);
        const from = log.scrollTop;
        log.scrollTop -= 100;
        if (row) resolve({ row, wanted: top(row), moved: from - log.scrollTop });
      });
      observer.observe(list, { childList: true });
    });
    log.scrollTop = -log.scrollHeight;
    const { row, wanted, moved } = await /** @type {Promise<{row: Element, wanted: number, moved: number}>} */ (scrolled);
    for (let n = 0; n < 3; n += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
    return { wanted: moved === 100 ? wanted : NaN, got: top(row) };
  });
  assert.ok(Math.abs(wanted - got) <= JUMP_MAX, `${wanted} px from above, not ${got}`);
  await visitor.leave();
});

test('who stands at the end of what is drawn when the end of the room comes in stays there', async () => {
  const visitor = await Visitor.open(browser, room('long'));
  await visitor.live();
  await travel(visitor, -1, MESSAGES - 600);
  const { before, after, drawn } = await visitor.log.evaluate(async (log, end) => {
    const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const last = () => Number(/** @type {HTMLElement} */ ([...log.querySelectorAll('li.msg')].at(-1)).dataset.seq);
    while (last() < end - 120) {
      log.scrollTop += 200;
      await pause(10);
    }
    // From here on nothing is drawn, as on a machine with too much to do, while the rest of the room comes in.
    const draw = window.requestAnimationFrame.bind(window);
    /** @type {FrameRequestCallback[]} */
    const held = [];
    window.requestAnimationFrame = (callback) => held.push(callback);
    const drawn = last();
    log.scrollTop = 0;
    for (let n = 0; n < 30; n += 1) {
      await pause(50);
      log.dispatchEvent(new Event('scroll'));
    }
    const top = () => {
      const edge = log.getBoundingClientRect().top;
      const row = /** @type {HTMLElement} */ ([...log.querySelectorAll('li.msg')].find((li) => li.getBoundingClientRect().top >= edge));
      return Number(row.dataset.seq);
    };
    const before = top();
    window.requestAnimationFrame = draw;
    held.forEach((callback) => draw(callback));
    await new Promise((resolve) => draw(() => draw(resolve)));
    return { before, after: top(), drawn };
  }, MESSAGES);
  assert.ok(drawn < MESSAGES, `all was drawn to ${drawn}`);
  assert.equal(after, before);
  await visitor.leave();
});

test('far above, new messages wait at the end of the room; the button leads there at once', async () => {
  const visitor = await Visitor.open(browser, room('long'));
  await visitor.live();
  await travel(visitor, -1, MESSAGES - 600);
  const place = () => visitor.log.evaluate((log) => [...log.querySelectorAll('li.msg')]
    .map((row) => ({ text: row.querySelector('.text')?.textContent, top: row.getBoundingClientRect().top }))
    .find(({ top }) => top > 100));
  await until(() => visitor.log.evaluate((log) => log.querySelectorAll('li.msg').length), (count) => count <= 200, 'the window at rest');
  const before = await place();
  await fill(browser, server.url, 'long', numbered('late', 1, 120), 'Latecomer');
  await visitor.where.getByRole('button', { name: '새 메시지 120개' }).waitFor();
  assert.deepEqual(await place(), before);
  assert.ok(await visitor.log.locator('li').count() <= ROWS_MAX);
  await visitor.newMessages.click();
  await visitor.sees('late 120');
  assert.equal(await visitor.log.evaluate((log) => log.scrollTop), 0);
  assert.equal(await visitor.newMessages.isVisible(), false);
  await visitor.leave();
});

test('a reader who stays at the end for thousands of messages keeps few of them', async () => {
  await fill(browser, server.url, 'stay', numbered('first', 1, 10));
  const visitor = await Visitor.open(browser, room('stay'));
  await visitor.live();
  await fillFar('stay', 'more', 2000);
  await visitor.sees('more 2000');
  assert.ok(await visitor.log.locator('li').count() <= ROWS_MAX);
  assert.equal(await visitor.log.evaluate((log) => log.scrollTop), 0);
  await visitor.leave();
});
