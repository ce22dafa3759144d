import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, numbered, until } from './support.mjs';

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

test('the page with 50 messages stays under 48 KiB and asks no other host', async () => {
  // As people write: words that differ, lengths that differ, a few authors.
  const words = ('글 정말 잘 읽었습니다 혹시 여기서 메시지 순서는 어떻게 보장하나요 서버가 둘이면 방마다 카운터 하나를 두고 커밋된 다음에만 보여 주면 '
    + '그런데 느린 독자는요 저도 궁금했어요 감사합니다 the actor model keeps each room in one place so nothing races and that is rather elegant I think').split(' ');
  let seed = 7;
  const next = (/** @type {number} */ below) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const sentence = () => Array.from({ length: 4 + next(14) }, () => words[next(words.length)]).join(' ');
  for (const author of ['수달', 'Fox', '익명의 너구리', 'Anonymous Owl', '지나가던 사람']) {
    await fill(browser, server.url, 'weight', Array.from({ length: 10 }, sentence), author);
  }
  const context = await browser.newContext();
  const page = await context.newPage();
  let bytes = 0;
  /** @type {Promise<void>[]} */
  const sizes = [];
  /** @type {Set<string>} */
  const hosts = new Set();
  page.on('requestfinished', (request) => {
    const { host, pathname } = new URL(request.url());
    hosts.add(host);
    if (pathname.startsWith('/room/') || /\.(js|css)$/.test(pathname)) {
      sizes.push(request.sizes().then(({ responseBodySize }) => { bytes += responseBodySize; }));
    }
  });
  await page.goto(room('weight'));
  await page.locator('#people-button').waitFor();
  await until(() => page.locator('li.msg').count(), (count) => count === 50, '50 messages');
  await page.waitForLoadState('networkidle');
  await Promise.all(sizes);
  assert.ok(sizes.length > 10, 'the modules were counted');
  assert.ok(bytes <= 48 * 1024, `${bytes} bytes`);
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
