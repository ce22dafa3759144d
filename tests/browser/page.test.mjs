import assert from 'node:assert/strict';
import test from 'node:test';
import { conversation, visit, weights } from '../../scripts/lib/bench/visit.mjs';
import { Server, Visitor, fill, launch, numbered } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

/** The colour of the paper: light or dark. @param {import('playwright-core').Page | import('playwright-core').Frame} where */
const paper = (where) => where.evaluate(() => {
  const [red, green, blue] = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []).map(Number);
  return red + green + blue > 384 ? 'light' : 'dark';
});

for (const scheme of /** @type {const} */ (['light', 'dark'])) {
  test(`themes on a ${scheme} system`, async () => {
    for (const [theme, expected] of [['light', 'light'], ['dark', 'dark'], ['auto', scheme]]) {
      const visitor = await Visitor.open(browser, room('theme', `?theme=${theme}`), { colorScheme: scheme });
      assert.equal(await paper(visitor.page), expected, theme);
      assert.equal(await visitor.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), expected);
      await visitor.leave();
    }
  });
}

test('the history is readable without scripts, in order, at the bottom', async () => {
  await fill(browser, server.url, 'plain', numbered('line', 1, 60));
  const visitor = await Visitor.open(browser, room('plain', '?title=A+post'), { javaScriptEnabled: false });
  assert.deepEqual(await visitor.texts(), numbered('line', 11, 60));
  await visitor.where.getByText('line 60', { exact: true }).waitFor({ state: 'visible' });
  const newest = await visitor.messages.last().boundingBox();
  assert.ok(newest && newest.y > 0 && newest.y + newest.height < 640, 'the newest is in sight');
  assert.equal(await visitor.where.locator('h1').textContent(), 'A post');
  assert.match(await visitor.where.locator('noscript').innerText(), /자바스크립트/);
  await visitor.leave();
});

test('the language follows the parameter, and everything has its accessible name in it', async () => {
  for (const [lang, names] of /** @type {const} */ ([
    ['ko', { title: '게시물 토론방', nickname: '닉네임', log: '대화', message: '메시지', send: '보내기' }],
    ['en', { title: 'Discussion', nickname: 'Nickname', log: 'Conversation', message: 'Message', send: 'Send' }],
  ])) {
    const visitor = await Visitor.open(browser, room('language', `?lang=${lang}`));
    assert.equal(await visitor.page.locator('html').getAttribute('lang'), lang);
    await visitor.where.getByRole('heading', { name: names.title }).waitFor();
    await visitor.where.getByRole('log', { name: names.log }).waitFor();
    await visitor.where.getByRole('textbox', { name: names.nickname, exact: true }).waitFor();
    await visitor.join('Somebody');
    await visitor.where.getByRole('textbox', { name: names.message, exact: true }).waitFor();
    await visitor.where.getByRole('button', { name: names.send, exact: true }).waitFor();
    await visitor.leave();
  }
});

test('an empty room invites', async () => {
  const visitor = await Visitor.open(browser, room('empty', '?lang=en'));
  await visitor.where.getByText('Nobody has said anything yet').waitFor();
  await visitor.join('First');
  await visitor.say('Hello');
  await visitor.sees('Hello');
  assert.equal(await visitor.where.getByText('Nobody has said anything yet').isVisible(), false);
  await visitor.leave();
});

test('a first visit to a room with 50 messages is light', async () => {
  for (const { author, contents } of conversation()) await fill(browser, server.url, 'weight', contents, author);
  const seen = await visit(browser, server.url, '/room/weight');
  const bodies = seen.requests.reduce((total, { body }) => total + body, 0);
  const list = `\n${weights(seen.requests)}\nuntil one could write: ${seen.before.map(({ path }) => path).join(' ')}`;
  const names = seen.requests.map(({ path }) => path.replace(/^.*\//, ''));
  for (const name of ['weight', 'chat.css', 'room.js', 'ko.js']) assert.ok(names.includes(name), `${name} was counted${list}`);
  assert.ok(!names.includes('en.js'), `one language is enough${list}`);
  assert.ok(bodies <= 48 * 1024, `${bodies} bytes of bodies${list}`);
  assert.ok(seen.before.length <= 12, `${seen.before.length} requests before one can write${list}`);
  // As counted on the way: what the browser tells of itself may leave something out.
  assert.ok(seen.nBytesDown >= bodies, `${seen.nBytesDown} bytes came${list}`);
  assert.ok(seen.nBytesDown <= 52 * 1024, `${seen.nBytesDown} bytes with headers${list}`);
});

test('the page asks no other host', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {Set<string>} */
  const hosts = new Set();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(room('hosts'));
  await page.locator('#people-button').waitFor();
  await page.waitForLoadState('networkidle');
  assert.deepEqual([...hosts], [new URL(server.url).host]);
  await context.close();
});

test('targets are large enough to touch', async () => {
  const visitor = await Visitor.open(browser, room('touch'), { viewport: { width: 320, height: 480 } });
  await visitor.join('Finger');
  const small = await visitor.page.evaluate(() => [...document.querySelectorAll('button, textarea, input')]
    .map((element) => ({ id: element.id, box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && (box.width < 44 || box.height < 44)).map(({ id }) => id));
  assert.deepEqual(small, []);
  assert.ok(await visitor.composer.evaluate((box) => parseFloat(getComputedStyle(box).fontSize) >= 16), 'phones zoom in on smaller ones');
  await visitor.leave();
});
