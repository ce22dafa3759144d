// Writing: drafts, the count, what is refused and how that is told.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

test('the button sends; it waits for something to send', async () => {
  const visitor = await Visitor.open(browser, room('button'));
  await visitor.join('Writer');
  const send = visitor.where.getByRole('button', { name: '보내기' });
  assert.equal(await send.isDisabled(), true);
  await visitor.composer.fill('  \n ');
  assert.equal(await send.isDisabled(), true);
  await visitor.composer.fill(' hello ');
  await send.click();
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.deepEqual(await visitor.texts(), ['hello']);
  assert.equal(await visitor.composer.evaluate((box) => box === document.activeElement), true, 'the box keeps the focus');
});

test('on a touch screen Enter is a line break and the button sends', async () => {
  const visitor = await Visitor.open(browser, room('touch'), { hasTouch: true, isMobile: true });
  await visitor.join('Writer');
  await visitor.composer.pressSequentially('one');
  await visitor.composer.press('Enter');
  await visitor.composer.pressSequentially('two');
  assert.equal(await visitor.composer.inputValue(), 'one\ntwo');
  await visitor.where.getByRole('button', { name: '보내기' }).tap();
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.deepEqual(await visitor.texts(), ['one\ntwo']);
});

test('a draft belongs to its room and survives a reload', async () => {
  const visitor = await Visitor.open(browser, room('draft-a'));
  await visitor.join('Writer');
  await visitor.composer.fill('for a');
  await visitor.page.goto(room('draft-b'));
  await visitor.composer.waitFor();
  assert.equal(await visitor.composer.inputValue(), '');
  await visitor.page.goto(room('draft-a'));
  await visitor.composer.waitFor();
  assert.equal(await visitor.composer.inputValue(), 'for a');
  await visitor.composer.press('Enter');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  await visitor.page.reload();
  await visitor.composer.waitFor();
  assert.equal(await visitor.composer.inputValue(), '', 'what was sent is no draft');
});

test('without any storage one can still write', async () => {
  const context = await browser.newContext({ locale: 'en-US' });
  const page = await context.newPage();
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
    }
  });
  await page.goto(room('no-storage', '?lang=en'));
  const visitor = new Visitor(page, page);
  await visitor.join('Nobody');
  await visitor.say('hello');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  await context.close();
});

test('near the limit the code points are counted; beyond it nothing is sent and nothing lost', async () => {
  const visitor = await Visitor.open(browser, room('count'));
  await visitor.join('Writer');
  const count = visitor.where.locator('#count');
  await visitor.composer.fill('가'.repeat(1799));
  assert.equal(await count.isVisible(), false);
  await visitor.composer.fill('😀'.repeat(1900));
  await visitor.where.getByText('100자 남음').waitFor();
  await visitor.composer.fill('😀'.repeat(2003));
  await visitor.where.locator('#count').getByText('3자를 줄여 주세요').waitFor();
  assert.equal(await visitor.where.getByRole('button', { name: '보내기' }).isDisabled(), true);
  await visitor.composer.press('Enter');
  await visitor.where.getByRole('alert').getByText('3자를 줄여 주세요').waitFor();
  assert.equal(await visitor.composer.inputValue(), '😀'.repeat(2003));
  await visitor.composer.fill('😀'.repeat(2000));
  await visitor.composer.press('Enter');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.equal(await visitor.where.getByRole('alert').getByText('줄여').isVisible(), false);
});

/** What the server answers to a message, by its code; then how the page tells it, in each language. */
const REFUSALS = /** @type {const} */ ([
  ['INVALID_CONTENT', undefined, '보낼 수 없는 문자', 'cannot be sent'],
  ['CLIENT_ID_CONFLICT', undefined, '이미 다른 메시지로', 'already stored'],
  ['BAD_FRAME', undefined, '서버가 읽지 못했어요', 'could not read it'],
  ['RATE_LIMITED', 90_000, /조금 천천히요\. \d+초/, /slower, please.* \d+ s/],
  ['OVERLOADED', 90_000, /붐벼요\. \d+초/, /very busy.* \d+ s/],
  ['STORE_UNAVAILABLE', 90_000, /저장할 수 없어요\. \d+초/, /Nothing can be saved.* \d+ s/],
  ['SOMETHING_NEW', undefined, '보내지 못했어요', 'Not sent'],
]);

for (const lang of ['ko', 'en']) {
  test(`each refusal of a message is explained (${lang})`, async () => {
    for (const [code, retryAfterMs, ko, en] of REFUSALS) {
      const context = await browser.newContext({ viewport: { width: 480, height: 640 } });
      const page = await context.newPage();
      await page.routeWebSocket(/\/ws\/room\//, (socket) => {
        const far = socket.connectToServer();
        socket.onMessage((data) => {
          const { type, payload } = JSON.parse(String(data));
          if (type !== 'MESSAGE') far.send(data);
          else socket.send(JSON.stringify({ type: 'ERROR', payload: { code, message: 'in English', clientId: payload.clientId, retryAfterMs } }));
        });
      });
      await page.goto(room(`refused-${lang}`, `?lang=${lang}`));
      const visitor = new Visitor(page, page);
      await visitor.join('Writer');
      await visitor.say(`about ${code}`);
      await page.getByText(lang === 'ko' ? ko : en).first().waitFor();
      await visitor.log.getByText(`about ${code}`, { exact: true }).waitFor();
      assert.equal(await page.getByText('in English').count(), 0);
      await context.close();
    }
  });
}

test('the countdown counts', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.routeWebSocket(/\/ws\/room\//, (socket) => {
    const far = socket.connectToServer();
    let refused = false;
    socket.onMessage((data) => {
      const { type, payload } = JSON.parse(String(data));
      if (type !== 'MESSAGE' || refused) return far.send(data);
      refused = true;
      return socket.send(JSON.stringify({ type: 'ERROR', payload: { code: 'RATE_LIMITED', message: '', clientId: payload.clientId, retryAfterMs: 3000 } }));
    });
  });
  await page.goto(room('countdown', '?lang=en'));
  const visitor = new Visitor(page, page);
  await visitor.join('Writer');
  await visitor.say('later');
  for (const seconds of [3, 2, 1]) await page.locator('#note').getByText(`in ${seconds} s`).waitFor();
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  await until(() => page.locator('#note').isVisible(), (shown) => !shown, 'the note to go');
  await context.close();
});
