import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id) => `${server.url}/room/${id}`;

/** How far the reader is from the newest message. @param {Visitor} visitor */
const distance = (visitor) => visitor.log.evaluate((log) => Math.round(Math.abs(log.scrollTop)));

/** The first message in sight, and where it stands. @param {Visitor} visitor */
const place = (visitor) => visitor.log.evaluate((log) => {
  const edge = log.getBoundingClientRect().top;
  const row = [...log.querySelectorAll('li.msg')].find((item) => item.getBoundingClientRect().bottom > edge + 1);
  return { text: row?.querySelector('.text')?.textContent ?? '', top: Math.round((row?.getBoundingClientRect().top ?? 0) - edge) };
});

/** Where a message stands now. @param {Visitor} visitor @param {string} text */
const placeOf = (visitor, text) => visitor.log.evaluate((log, content) => {
  const row = [...log.querySelectorAll('li.msg')].find((item) => item.querySelector('.text')?.textContent === content);
  return Math.round((row?.getBoundingClientRect().top ?? Infinity) - log.getBoundingClientRect().top);
}, text);

/** A page that is busy may take no notice of a turn of the wheel, and then nothing ever comes to rest: it is turned again. */
const NOTICED_MS = 3000;
const TURNS_MAX = 5;

/** Does nothing at the very top. @param {Visitor} visitor @param {number} by CSS px, upwards */
async function scrollUp(visitor, by) {
  for (let turns = 0; turns < TURNS_MAX; turns += 1) {
    await visitor.log.hover();
    const { room, from } = await visitor.log.evaluate((log) => {
      Object.assign(window, { rested: new Promise((resolve) => { log.addEventListener('scrollend', resolve, { once: true }); }) });
      return { room: log.scrollHeight - log.clientHeight - Math.abs(log.scrollTop), from: log.scrollTop };
    });
    if (room < 1) return;
    await visitor.page.mouse.wheel(0, -by);
    await visitor.page.evaluate((ms) => Promise.race([
      /** @type {any} */ (window).rested.then(() => undefined),
      new Promise((resolve) => { setTimeout(resolve, ms); }),
    ]), NOTICED_MS);
    if (await visitor.log.evaluate((log) => log.scrollTop) !== from) return;
  }
}

test('the latest 50 are there, at the bottom; scrolling up brings all older ones without a jump', async () => {
  await fill(browser, server.url, 'older', numbered('line', 1, 130));
  const visitor = await Visitor.open(browser, room('older'));
  await visitor.live();
  assert.equal(await visitor.messages.count(), 50);
  assert.equal(await distance(visitor), 0);
  await visitor.sees('line 130');

  /** @type {(() => void) | null} */
  let release = null;
  await visitor.page.route(/\/messages\?before=/, async (route) => {
    await new Promise((resolve) => { release = () => resolve(undefined); });
    await route.continue();
  });
  for (const count of [100, 130]) {
    // Up until the page asks for more, which we hold back.
    while (!release) await scrollUp(visitor, 500);
    const before = await place(visitor);
    const go = /** @type {() => void} */ (/** @type {unknown} */ (release));
    release = null;
    go();
    await visitor.counts(count);
    const top = await placeOf(visitor, before.text);
    assert.ok(Math.abs(top - before.top) <= 1, `${before.text} jumped from ${before.top} to ${top}`);
  }
  assert.deepEqual(await visitor.texts(), numbered('line', 1, 130));
  await visitor.leave();
});

test('a reader at the bottom follows; one who has scrolled up stays and gets a button', async () => {
  await fill(browser, server.url, 'follow', numbered('line', 1, 40));
  const reader = await Visitor.open(browser, room('follow'));
  const writer = await Visitor.open(browser, room('follow'));
  await reader.live();
  await writer.join('Writer');
  await writer.say('followed');
  await reader.sees('followed');
  assert.equal(await distance(reader), 0);
  assert.equal(await reader.newMessages.isVisible(), false);

  await scrollUp(reader, 400);
  const before = await place(reader);
  await writer.say('unseen 1');
  await writer.say('unseen 2');
  await reader.where.getByRole('button', { name: '새 메시지 2개' }).waitFor();
  await until(() => reader.texts(), (texts) => texts.at(-1) === 'unseen 2', 'the message in the list');
  const top = await placeOf(reader, before.text);
  assert.ok(Math.abs(top - before.top) <= 1, `${before.text} jumped from ${before.top} to ${top}`);

  await reader.newMessages.click();
  assert.equal(await distance(reader), 0);
  assert.equal(await reader.newMessages.isVisible(), false);
  assert.equal(await reader.log.getByText('여기부터 새 메시지').count(), 1);
  await reader.leave();
  await writer.leave();
});

test('one\'s own message leads down', async () => {
  await fill(browser, server.url, 'own', numbered('line', 1, 40));
  const visitor = await Visitor.open(browser, room('own'));
  await visitor.join('Writer');
  await scrollUp(visitor, 400);
  await visitor.say('mine');
  await visitor.sees('mine');
  assert.equal(await distance(visitor), 0);
  await visitor.leave();
});

test('a resize of the frame keeps the place', async () => {
  await fill(browser, server.url, 'resize', numbered('line', 1, 50));
  const visitor = await Visitor.open(browser, room('resize'));
  await visitor.live();
  await visitor.page.setViewportSize({ width: 480, height: 420 });
  await until(() => visitor.log.evaluate((log) => log.clientHeight), (height) => height < 420, 'the resize');
  assert.equal(await distance(visitor), 0, 'at the bottom before, at the bottom after');
  await scrollUp(visitor, 500);
  const before = await place(visitor);
  await visitor.page.setViewportSize({ width: 480, height: 560 });
  await until(() => place(visitor), (now) => now.text === before.text && Math.abs(now.top - before.top) <= 1, `the same place, ${JSON.stringify(before)}`);
  await visitor.leave();
});

test('older messages that cannot be had can be asked for again', async () => {
  await fill(browser, server.url, 'failing', numbered('line', 1, 60));
  const visitor = await Visitor.open(browser, room('failing'));
  await visitor.live();
  let failing = true;
  await visitor.page.route(/\/messages\?before=/, (route) => (failing ? route.abort() : route.continue()));
  while (!(await visitor.where.getByText('지난 대화를 불러오지 못했어요').isVisible())) await scrollUp(visitor, 2000);
  failing = false;
  await visitor.where.getByRole('button', { name: '다시 시도' }).click();
  await visitor.counts(60);
  await visitor.leave();
});
