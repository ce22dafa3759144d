// Korean and English, and hostile texts in every field.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;
const HANGUL = /[\uac00-\ud7a3\u3131-\u318e]/;

/** All words of the page itself: texts, names, hints. @param {Visitor} visitor */
const words = (visitor) => visitor.page.evaluate(() => {
  const seen = [document.body.innerText];
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) seen.push(element.getAttribute(name) ?? '');
  }
  return seen.join('\n');
});

test('lang decides, else the browser; other languages read English', async () => {
  for (const [query, locale, expected] of [
    ['?lang=ko', 'en-US', 'ko'], ['?lang=en', 'ko-KR', 'en'], ['', 'ko-KR', 'ko'], ['', 'en-US', 'en'], ['', 'ja-JP', 'en'], ['?lang=fr', 'ko-KR', 'ko'],
  ]) {
    const visitor = await Visitor.open(browser, room('lang', query), { locale });
    await visitor.nickname.waitFor();
    assert.equal(await visitor.page.evaluate(() => document.documentElement.lang), expected, `${query} ${locale}`);
    assert.equal(await visitor.where.getByRole('button', { name: expected === 'ko' ? '참여하기' : 'Join' }).count(), 1);
    await visitor.leave();
  }
});

test('an English page says nothing in Korean, in no state', async () => {
  const visitor = await Visitor.open(browser, room('english', '?lang=en'));
  await visitor.nickname.waitFor();
  const check = async (/** @type {string} */ state) => {
    const found = (await words(visitor)).split('\n').filter((line) => HANGUL.test(line));
    assert.deepEqual(found, [], state);
  };
  await check('prompt');
  await visitor.where.getByRole('button', { name: 'Just reading' }).click();
  await check('reading');
  await visitor.where.getByRole('button', { name: 'Choose a nickname and join' }).click();
  await visitor.join('Writer');
  await visitor.live();
  await visitor.say('hello');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  await visitor.composer.fill('x'.repeat(1990));
  await check('writing');
  await visitor.where.getByRole('button', { name: /online/ }).click();
  await check('people');
  await visitor.page.keyboard.press('Escape');
  await visitor.where.getByRole('button', { name: 'Your profile' }).click();
  await visitor.where.getByRole('button', { name: 'Choose an animal' }).click();
  await visitor.where.getByRole('radio').first().waitFor();
  await check('profile');
  await visitor.leave();
});

/** Would run if any of it were taken for markup. */
const canary = (/** @type {string} */ where) => `"'></style></title></textarea><img src=x onerror="canary('${where}')"><script>canary('${where}')</script>`;

test('markup in every field is text, and the content policy has nothing to stop', async () => {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 480, height: 640 } });
  const page = await context.newPage();
  /** @type {string[]} */
  const trouble = [];
  await page.exposeFunction('canary', (/** @type {string} */ where) => trouble.push(`ran: ${where}`));
  await page.exposeFunction('violated', (/** @type {string} */ what) => trouble.push(`stopped: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => /** @type {any} */ (window).violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('dialog', (dialog) => trouble.push(dialog.message()));
  const id = canary('room').replaceAll('/', '|');
  // Fifteen letters at most: what fits of it.
  const nickname = '<img src=x on>';
  await fill(browser, server.url, encodeURIComponent(id), [canary('content'), `https://x.example/"onmouseover="canary('link')`, 'javascript:canary(1)'], nickname);
  const query = new URLSearchParams({ title: canary('title'), lang: canary('lang'), accent: `red;}</style><script>canary('accent')</script>`, theme: canary('theme'), mode: canary('mode') });
  await page.goto(room(encodeURIComponent(id), `?${query}`));
  const visitor = new Visitor(page, page);
  assert.equal(await page.locator('h1').textContent(), canary('title'));
  assert.equal(await page.title(), canary('title'));
  await visitor.counts(3);
  await visitor.join('<b>me</b>');
  await visitor.say(canary('own'));
  await until(() => visitor.texts(), (texts) => texts.length === 4, 'four messages');
  await visitor.where.getByRole('button', { name: /online/ }).click();
  await visitor.where.locator('#people-list').getByText('<b>me</b>').waitFor();
  await page.keyboard.press('Escape');
  await page.reload();
  await visitor.composer.waitFor();
  await visitor.live();
  const texts = await visitor.texts();
  assert.equal(texts[0], canary('content'));
  assert.equal(texts[3], canary('own'));
  assert.equal(await visitor.messages.first().locator('.nick').textContent(), nickname);
  const scripts = await page.evaluate(() => [...document.querySelectorAll('script')].map((script) => script.src.replace(/.*\/dist\//, '')));
  assert.deepEqual(scripts, ['early.js', 'room.js'], 'no script but our own');
  assert.equal(await page.locator('h1 *, .text > :not(a), .nick *').count(), 0);
  for (const link of await visitor.log.locator('.text a').all()) {
    assert.match(await link.getAttribute('href') ?? '', /^https:\/\//);
    assert.equal(await link.getAttribute('onmouseover'), null);
  }
  await page.evaluate(() => window.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: '<img src=x onerror=canary(1)>' }, '*'));
  assert.deepEqual(trouble, []);
  await context.close();
});

test('a hostile server frame is text too, whatever its kinds', async () => {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  /** @type {string[]} */
  const trouble = [];
  await page.exposeFunction('canary', (/** @type {string} */ where) => trouble.push(where));
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('console', (message) => /Content Security/.test(message.text()) && trouble.push(message.text()));
  await page.routeWebSocket(/\/ws\/room\//, (socket) => {
    const far = socket.connectToServer();
    far.onMessage((data) => {
      // Its own word on who is here would take the other one's place.
      const { type, payload } = JSON.parse(String(data));
      const frames = (type === 'BATCH' ? payload.frames : [{ type, payload }]).filter((/** @type {any} */ frame) => frame.type !== 'PRESENCE');
      for (const frame of frames) socket.send(JSON.stringify(frame));
      if (!frames.some((/** @type {any} */ frame) => frame.type === 'WELCOME')) return;
      const author = { id: canary('id'), nickname: canary('nickname'), avatar: '../../evil?x' };
      const message = { id: '1', seq: 1, rev: 1, clientId: 'c', author, content: canary('frame'), createdAt: '2026-01-01T00:00:00.000Z' };
      for (const frame of [
        'no json', '[]', '{"type":7,"payload":{}}', { type: 'MESSAGE', payload: { rev: '1', author: 7 } }, { type: 'MESSAGE', payload: message },
        { type: 'PRESENCE', payload: { count: 2, members: [author, 7, null], joined: [author], left: 'x' } },
        { type: 'PRESENCE', payload: { count: '<b>' } }, { type: 'ERROR', payload: { code: canary('code'), message: 7 } },
        { type: 'PROFILE', payload: { self: { id: 1 } } }, { type: 'BATCH', payload: { frames: 'x' } }, { type: 'RECONNECT_', payload: {} },
      ]) socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    });
  });
  await page.goto(room('hostile', '?lang=en'));
  const visitor = new Visitor(page, page);
  await visitor.sees(canary('frame'));
  assert.equal(await visitor.messages.first().locator('.avatar').getAttribute('src'), null);
  await visitor.where.locator('#people-button').getByText('2 online').click();
  await visitor.where.locator('#people-list').getByText(canary('nickname')).waitFor();
  await visitor.page.keyboard.press('Escape');
  await visitor.join('Still here');
  await visitor.say('it goes on');
  await visitor.sees('it goes on');
  assert.deepEqual(trouble, []);
  await context.close();
});
