// What a reader finds again: the unread line, the room after a long absence, a page that holds still.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test from 'node:test';
import { assertStill, loadWatched } from './stillness.mjs';
import { Line, Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

/** How far above the end the reader is. @param {Visitor} visitor */
const distance = (visitor) => visitor.log.evaluate((log) => Math.round(Math.abs(log.scrollTop)));

/** Whether an element of the list is in sight. @param {Visitor} visitor @param {string} selector */
const inSight = (visitor, selector) => visitor.log.evaluate((log, wanted) => {
  const box = log.querySelector(wanted)?.getBoundingClientRect();
  const { top, bottom } = log.getBoundingClientRect();
  return Boolean(box && box.top >= top && box.bottom <= bottom);
}, selector);

test('after a long absence the list begins anew, without a hole', async () => {
  await fill(browser, server.url, 'absence', numbered('line', 1, 20));
  const line = await Line.open(() => server.port);
  const visitor = await Visitor.open(browser, `${line.url}/room/absence`);
  await visitor.live();
  line.cut();
  // More than a resume brings.
  await fill(browser, server.url, 'absence', numbered('missed', 1, 350));
  await fill(browser, server.url, 'absence', numbered('missed', 351, 620));
  line.mend();
  await visitor.page.evaluate(() => dispatchEvent(new Event('online')));
  await visitor.sees('missed 620');
  const texts = await visitor.texts();
  assert.ok(texts.length >= 50);
  assert.deepEqual(texts, [...numbered('line', 1, 20), ...numbered('missed', 1, 620)].slice(-texts.length));
  await visitor.leave();
});

test('the next visit begins at the first unread message', async () => {
  await fill(browser, server.url, 'unread', numbered('line', 1, 30));
  const visitor = await Visitor.open(browser, room('unread'));
  await visitor.join('Reader');
  await visitor.say('seen it all');
  await visitor.sees('seen it all');
  await until(() => visitor.page.evaluate(() => localStorage.getItem('realtime-chat:read')), (kept) => /"unread".*31\]/.test(kept ?? ''), 'the position');
  await visitor.page.goto('about:blank');
  await fill(browser, server.url, 'unread', numbered('fresh', 1, 30));
  await visitor.page.goto(room('unread'));
  await visitor.log.getByText('여기부터 새 메시지').waitFor();
  assert.ok(await inSight(visitor, '.divider.unread'));
  assert.equal(await visitor.log.evaluate((log) => log.querySelector('.divider.unread')?.nextElementSibling?.querySelector('.text')?.textContent), 'fresh 1');
  await visitor.where.getByRole('button', { name: '새 메시지 30개' }).click();
  assert.equal(await distance(visitor), 0);

  await visitor.page.reload();
  await visitor.live();
  assert.equal(await visitor.log.locator('.divider.unread').count(), 0, 'all is read');
  assert.equal(await distance(visitor), 0);
  await visitor.leave();
});

test('an unread line far above is a click away', async () => {
  const visitor = await Visitor.open(browser, room('far'));
  await visitor.join('Reader');
  await visitor.say('before');
  await until(() => visitor.page.evaluate(() => localStorage.getItem('realtime-chat:read')), (kept) => /"far".*1\]/.test(kept ?? ''), 'the position');
  await visitor.page.goto('about:blank');
  await fill(browser, server.url, 'far', numbered('fresh', 1, 200));
  await visitor.page.goto(room('far'));
  await visitor.sees('fresh 200');
  assert.equal(await distance(visitor), 0);
  await visitor.where.getByRole('button', { name: '안 읽은 곳으로' }).click();
  await until(() => inSight(visitor, '.divider.unread'), Boolean, 'the unread line');
  assert.equal(await visitor.log.evaluate((log) => log.querySelector('.divider.unread')?.nextElementSibling?.querySelector('.text')?.textContent), 'fresh 1');
  await visitor.leave();
});

test('somebody who only looks leaves nothing behind', async () => {
  const visitor = await Visitor.open(browser, room('far'));
  await visitor.live();
  assert.equal(await visitor.page.evaluate(() => localStorage.length), 0);
  await visitor.leave();
});

for (const who of /** @type {const} */ (['newcomer', 'author'])) {
  test(`the page holds still when the scripts come: ${who}`, async () => {
    await fill(browser, server.url, `still-${who}`, ['안녕하세요', '🎉👍', 'a\nb\nc', 'https://example.com/'.padEnd(120, 'x'), ...numbered('line', 1, 3)]);
    const visitor = await Visitor.open(browser, room(`still-${who}`));
    if (who === 'author') {
      await visitor.join('Writer');
      await visitor.say('mine');
      await until(() => visitor.own.count(), (count) => count === 1, 'the message');
      await until(() => visitor.pending.count(), (count) => count === 0, 'its being stored');
    }
    await loadWatched(visitor, room(`still-${who}`));
    await visitor.live();
    await assertStill(visitor);
    await visitor.leave();
  });
}

test('the page holds still while it comes in pieces', async (t) => {
  await fill(browser, server.url, 'pieces', Array.from({ length: 30 }, (_, n) => `${n} ${'word '.repeat(30)}`));
  const line = createServer(async ({ url = '/' }, response) => {
    const answer = await fetch(server.url + url);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    const body = Buffer.from(await answer.arrayBuffer());
    if (url.startsWith('/room/')) {
      const first = body.indexOf('id="m-2"');
      for (const [from, to] of [[0, first], [first, body.indexOf('id="m-4"')]]) {
        response.write(body.subarray(from, to));
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      response.end(body.subarray(body.indexOf('id="m-4"')));
    } else response.end(body);
  }).listen(0, '127.0.0.1');
  t.after(() => {
    line.closeAllConnections();
    line.close();
  });
  await once(line, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (line.address());
  const visitor = await Visitor.open(browser, 'about:blank');
  await loadWatched(visitor, `http://127.0.0.1:${port}/room/pieces`);
  await visitor.page.waitForLoadState();
  assert.equal(await visitor.messages.count(), 30);
  await assertStill(visitor);
  await visitor.leave();
});

test('the first paint does not wait for the socket', async () => {
  await fill(browser, server.url, 'paint', numbered('line', 1, 5));
  const visitor = await Visitor.open(browser, 'about:blank');
  await visitor.page.addInitScript(() => {
    Object.assign(window, { WebSocket: class extends EventTarget { send() {} close() {} } });
  });
  await visitor.page.goto(room('paint'));
  await visitor.sees('line 5');
  await visitor.nickname.waitFor();
  await until(() => visitor.page.evaluate(() => performance.getEntriesByName('first-contentful-paint').length), Boolean, 'the first paint');
  await visitor.leave();
});
