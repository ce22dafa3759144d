// Counts and latest messages on a blog of another site.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openBlog, visit } from './blog.mjs';
import { Server, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const LINE = `<script async src="${server.url}/embed.js"></script>`;
const MARKUP = '<img src=x onerror=canary=1>';

/** @type {Parameters<typeof openBlog>[0]} */
const pages = {
  '/list': `${LINE}<ul><li>One <a href="/one/"><span id="one" data-realtime-chat-count="/one/">some</span></a></li>
<li><span id="two" data-realtime-chat-count="two-by-name">?</span></li><li><span id="none" data-realtime-chat-count="/nobody/"></span></li></ul>
<ol data-realtime-chat-latest="2"></ol><div id="own" data-realtime-chat-latest data-rooms="two-by-name"></div>`,
  '/none': `${LINE}<p>No list here.</p>`,
  '/later': `${LINE}<main></main>`,
  '/away': `<script async src="${server.url}/embed.js"></script><span id="one" data-realtime-chat-count="two-by-name">Talk</span>`,
  '/many': `${LINE}${Array.from({ length: 100 }, (_, n) => `<i data-realtime-chat-count="/post-${n}/"></i>`).join('')}`,
};
const blog = await openBlog(pages);
const host = new URL(blog).host;
await fill(browser, server.url, encodeURIComponent(`${host.replace(':', '%3A')}:one`), numbered('first', 1, 3), 'Otter');
await fill(browser, server.url, 'two-by-name', [MARKUP, `${MARKUP} last`], '<b>Bold</b>');

/** @param {string} path */
async function open(path) {
  const seen = await visit(browser, `${blog}${path}`);
  /** @type {string[]} */
  const asked = [];
  seen.page.on('request', (request) => asked.push(request.url()));
  return { ...seen, page: seen.page, asked };
}

test('a list of posts is filled by one question, and text stays text', async () => {
  const { page, complaints } = await open('/list');
  await until(() => page.locator('#one').textContent(), (text) => text === '3', 'the count');
  assert.equal(await page.locator('#two').textContent(), '2');
  assert.equal(await page.locator('#none').textContent(), '0');
  const latest = page.locator('ol li');
  await until(() => latest.count(), (n) => n === 2, 'the latest messages');
  assert.equal(await latest.nth(0).locator('b').textContent(), '<b>Bold</b>');
  assert.match(await latest.nth(0).textContent() ?? '', /onerror=canary=1> last/);
  assert.equal(await latest.nth(1).locator('a').getAttribute('href'), `${new URL(page.url()).origin}/one/`);
  assert.equal(await page.locator('#own > div').count(), 1);
  assert.equal(await page.evaluate(() => 'canary' in window || document.querySelectorAll('img').length > 0), false);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a hundred posts are one question, and a page without a list asks nothing', async () => {
  const { page, asked } = await open('/none');
  await page.reload();
  await page.waitForLoadState('networkidle');
  assert.deepEqual(asked.filter((url) => /widgets|api/.test(url)), []);
  asked.length = 0;
  await page.goto(`${blog}/many`);
  await until(() => page.locator('[data-count]').count(), (n) => n === 100, 'all of them');
  assert.equal(asked.filter((url) => url.includes('/api/v1/rooms?')).length, 1);
  await page.context().close();
});

test('what comes later is filled when the page says so; where nobody answers all stays as it was', async () => {
  const { page } = await open('/later');
  await page.waitForFunction(() => 'RealtimeChat' in window);
  await page.evaluate(() => {
    const place = document.createElement('span');
    place.setAttribute('data-realtime-chat-count', 'two-by-name');
    document.querySelector('main')?.append(place);
    return /** @type {any} */ (window).RealtimeChat.fill();
  });
  assert.equal(await page.locator('main span').textContent(), '2');
  await page.route('**/api/v1/rooms?**', (route) => route.abort());
  await page.goto(`${blog}/away`);
  const warned = page.waitForEvent('console', (message) => message.type() === 'warning');
  await page.reload();
  await warned;
  assert.equal(await page.locator('#one').textContent(), 'Talk');
  await page.context().close();
});
