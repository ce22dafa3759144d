// Restarts, a database that is away, refusals for good: what a visitor sees of them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Line, Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
/** A drain that takes its time over nobody. */
const QUICK = { CHAT_RATE_LIMITS: 'off', CHAT_DRAIN_GRACE_SECS: '0', CHAT_DRAIN_WINDOW_SECS: '1' };

/** Remembers whether anything was ever said of the connection. @param {Visitor} visitor */
async function watchStrip(visitor) {
  await visitor.page.evaluate(() => {
    const shown = { ever: '' };
    Object.assign(window, { shown });
    const strip = /** @type {HTMLElement} */ (document.querySelector('#status'));
    new MutationObserver(() => { if (!strip.hidden) shown.ever += strip.textContent; }).observe(strip, { attributes: true, childList: true });
  });
  return () => visitor.page.evaluate(() => /** @type {any} */ (window).shown.ever);
}

/** As an orchestrator stops it. @param {Server} server */
async function drain(server) {
  const child = server.process;
  assert.ok(child);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await ended;
  server.process = null;
  assert.equal(code, 0, 'a drained server ends well');
}

/** The PostgreSQL that scripts/test has started. */
function postgres() {
  const url = process.env.TEST_POSTGRES_URL;
  assert.ok(url, 'TEST_POSTGRES_URL is not set: run scripts/test, which starts a PostgreSQL');
  return new URL(url);
}

test('a restart on the same SQLite: drained, away, back; nothing lost, nothing shown', async () => {
  const server = await Server.start(QUICK);
  const line = await Line.open(() => server.port);
  const one = await Visitor.open(browser, `${line.url}/room/restart`);
  const two = await Visitor.open(browser, `${line.url}/room/restart`);
  await one.join('One');
  await two.join('Two');
  await one.say('before');
  await two.sees('before');
  const shown = [await watchStrip(one), await watchStrip(two)];
  await drain(server);
  await one.say('meanwhile');
  await server.up();
  await two.sees('meanwhile');
  await two.say('after');
  await one.sees('after');
  for (const visitor of [one, two]) {
    await until(() => visitor.texts(), (texts) => texts.length === 3, 'three messages');
    assert.deepEqual(await visitor.texts(), ['before', 'meanwhile', 'after']);
  }
  for (const ever of shown) assert.equal(await ever(), '');
});

test('a rolling update on PostgreSQL, the new server beside the old one: nothing lost, nothing shown', async () => {
  const env = { ...QUICK, DATABASE_URL: postgres().href };
  const old = await Server.start(env);
  let port = old.port;
  const line = await Line.open(() => port);
  const room = `rolling-${Date.now()}`;
  const one = await Visitor.open(browser, `${line.url}/room/${room}`);
  await one.join('One');
  await one.say('on the old one');
  await until(() => one.texts(), (texts) => texts.length === 1, 'the first');
  const shown = await watchStrip(one);
  const young = await Server.start(env);
  port = young.port;
  const drained = drain(old);
  const texts = numbered('during', 1, 5);
  for (const text of texts) await one.say(text);
  await drained;
  await one.say('on the new one');
  const two = await Visitor.open(browser, `${young.url}/room/${room}`);
  await two.sees('on the new one');
  const expected = ['on the old one', ...texts, 'on the new one'];
  for (const visitor of [one, two]) {
    await until(() => visitor.texts(), (seen) => seen.length === expected.length, 'all messages');
    assert.deepEqual(await visitor.texts(), expected);
  }
  assert.equal(await shown(), '');
});

test('opened while the database is away: told, then there by itself', async () => {
  const direct = postgres();
  const line = await Line.open(() => Number(direct.port));
  const through = new URL(direct);
  through.port = new URL(line.url).port;
  const room = `away-${Date.now()}`;
  const writer = await Server.start({ CHAT_RATE_LIMITS: 'off', DATABASE_URL: direct.href });
  await fill(browser, writer.url, room, ['written before']);
  // This server has never had the room in memory.
  const server = await Server.start({ CHAT_RATE_LIMITS: 'off', DATABASE_URL: through.href });
  line.cut();
  const context = await browser.newContext({ locale: 'ko-KR' });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const answer = await page.goto(`${server.url}/room/${room}`);
  assert.equal(answer?.status(), 200);
  const visitor = new Visitor(page, page);
  await page.getByText('지금은 대화를 불러올 수 없어요').waitFor();
  assert.equal(await visitor.messages.count(), 0);
  // Writing is possible already; it goes out when there is somewhere for it to go.
  await visitor.join('기다리는수달');
  await visitor.say('기다렸어요');
  line.mend();
  await visitor.sees('written before');
  await until(() => visitor.texts(), (texts) => texts.length === 2, 'both messages');
  assert.deepEqual(await visitor.texts(), ['written before', '기다렸어요']);
  await until(() => page.locator('#status').isVisible(), (seen) => !seen, 'the notice to go');
  await context.close();
});

test('the database goes away while people talk: kept, delivered later, once; who comes meanwhile can read', async () => {
  const direct = postgres();
  const line = await Line.open(() => Number(direct.port));
  const through = new URL(direct);
  through.port = new URL(line.url).port;
  const room = `leaves-${Date.now()}`;
  const server = await Server.start({
    CHAT_RATE_LIMITS: 'off', CHAT_STORE_WAIT_SECS: '1', CHAT_READ_WAIT_SECS: '1', DATABASE_URL: through.href,
  });
  const one = await Visitor.open(browser, `${server.url}/room/${room}`);
  const two = await Visitor.open(browser, `${server.url}/room/${room}`);
  await one.join('One');
  await one.say('before');
  await two.sees('before');
  line.cut();
  await one.say('meanwhile');
  // The server has said "send again later"; the page keeps it and says so.
  await one.where.getByText(/저장할 수 없어요/).waitFor();
  assert.equal(await one.pending.count(), 1);
  assert.deepEqual(await two.texts(), ['before'], 'nothing is shown before it is stored');
  // The live room serves who comes.
  const three = await Visitor.open(browser, `${server.url}/room/${room}`);
  await three.sees('before');
  line.mend();
  for (const visitor of [one, two, three]) {
    await until(() => visitor.texts(), (texts) => texts.length === 2, 'both messages');
    assert.deepEqual(await visitor.texts(), ['before', 'meanwhile'], 'once');
  }
  await until(() => one.pending.count(), (count) => count === 0, 'nothing to wait');
  await until(() => one.page.locator('#status').isVisible(), (seen) => !seen, 'the notice to go');
});

for (const [code, text] of /** @type {[number, RegExp][]} */ ([[4101, /not set up right yet/], [4102, /was closed/], [4103, /too many windows/], [4150, /was closed/]])) {
  test(`close code ${code}: an explanation and a button, and no attempt before it is pressed`, async () => {
    const server = await Server.start();
    const context = await browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    let attempts = 0;
    let refusing = true;
    await page.routeWebSocket(/\/ws\/room\//, (socket) => {
      attempts += 1;
      if (refusing) socket.close({ code, reason: 'no' });
      else socket.connectToServer();
    });
    await page.goto(`${server.url}/room/refused?lang=en`);
    await page.getByText(text).waitFor();
    // What would bring it back otherwise does not.
    await page.evaluate(() => { dispatchEvent(new Event('online')); document.dispatchEvent(new Event('visibilitychange')); });
    assert.equal(attempts, 1);
    refusing = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('#people-button').waitFor();
    assert.equal(attempts, 2);
    assert.equal(await page.locator('#status').isVisible(), false);
    await context.close();
  });
}

test('a heartbeat that runs ahead leads to a resume', async () => {
  const server = await Server.start();
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  /** @type {any[]} */
  const joins = [];
  let swallow = true;
  await page.routeWebSocket(/\/ws\/room\//, (socket) => {
    const far = socket.connectToServer();
    socket.onMessage((data) => {
      const { type, payload } = JSON.parse(String(data));
      if (type === 'JOIN') joins.push(payload);
      far.send(data);
    });
    far.onMessage((data) => {
      if (swallow && String(data).includes('lost on the way')) {
        // The change is lost, the heartbeat is not.
        socket.send(JSON.stringify({ type: 'HEARTBEAT', payload: { rev: 1 } }));
        swallow = false;
      } else {
        socket.send(data);
      }
    });
  });
  await page.goto(`${server.url}/room/ahead?lang=en`);
  const visitor = new Visitor(page, page);
  await visitor.live();
  await fill(browser, server.url, 'ahead', ['lost on the way']);
  await visitor.sees('lost on the way');
  assert.equal(joins.length, 2);
  assert.equal(joins[1].resume.rev, 0);
  assert.equal(typeof joins[1].resume.epoch, 'string');
  assert.equal(await visitor.messages.count(), 1);
  await context.close();
});

for (const [code, text] of /** @type {[number, string][]} */ ([[4005, 'no room for more people'], [4006, 'Many people on your network']])) {
  test(`full (${code}): told after a while, let in by itself`, async () => {
    const server = await Server.start();
    const context = await browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    let full = true;
    await page.routeWebSocket(/\/ws\/room\//, (socket) => {
      if (full) socket.close({ code });
      else socket.connectToServer();
    });
    await page.goto(`${server.url}/room/full?lang=en`);
    await page.getByText(text).waitFor();
    full = false;
    // Looking at the page again is reason enough to try at once.
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.locator('#people-button').waitFor();
    assert.equal(await page.locator('#status').isVisible(), false);
    await context.close();
  });
}
