// For everybody: axe in each state, the keyboard, sizes, motion, zoom, what a screen reader is told.

import assert from 'node:assert/strict';
import test from 'node:test';
import { clean, fits, large } from './judges.mjs';
import { Line, Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

for (const lang of /** @type {const} */ (['ko', 'en'])) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing, all is large enough and fits, in each state (${lang}, ${theme})`, async () => {
      const line = await Line.open(() => server.port);
      const id = `axe-${lang}-${theme}`;
      const visitor = await Visitor.open(browser, `${line.url}/room/${id}?lang=${lang}&theme=${theme}&title=A%20post`, { viewport: { width: 320, height: 600 } });
      const { page, where } = visitor;
      /** @type {string[]} */
      const faults = [];
      const check = async (/** @type {string} */ state, of = visitor) => {
        for (const found of [await clean(of), await large(of), await fits(of)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
      };
      await until(() => visitor.nickname.inputValue(), Boolean, 'the suggestion');
      await visitor.live();
      await check('prompt in an empty room');
      await visitor.nickname.fill('a');
      await visitor.nickname.press('Enter');
      await until(() => where.locator('#fault').textContent(), Boolean, 'the fault');
      await check('prompt with a fault');
      await visitor.nickname.press('Escape');
      await check('empty');
      await fill(browser, server.url, id, ['안녕하세요', 'Hello, see https://example.com/', '👍'], 'Filler');
      await visitor.counts(3);
      await check('reading');
      await where.locator('#join-bar').click();
      await visitor.join('Writer');
      await visitor.say('mine');
      await until(() => visitor.texts(), (texts) => texts.length === 4, 'four messages');
      await visitor.sayRefused('not this');
      await visitor.log.locator('.failed').waitFor();
      await visitor.composer.fill('x'.repeat(1990));
      await check('joined, one not sent, near the limit');
      await visitor.composer.fill('');
      await where.locator('#people-button').click();
      await where.locator('#people-list li').first().waitFor();
      await check('people open');
      await page.keyboard.press('Escape');
      await where.locator('#me').click();
      await where.locator('#face').click();
      await where.getByRole('radio').first().waitFor();
      await check('profile open');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await visitor.composer.waitFor();
      await page.context().setOffline(true);
      line.cut();
      await visitor.say('from the tunnel');
      await where.locator('#status.offline').waitFor();
      await check('offline');
      await visitor.leave();

      const refused = await browser.newContext({ viewport: { width: 320, height: 600 } });
      const last = await refused.newPage();
      await last.routeWebSocket(/\/ws\/room\//, (socket) => socket.close({ code: 4103 }));
      await last.goto(`${server.url}/room/${id}?lang=${lang}&theme=${theme}`);
      const shut = new Visitor(last, last);
      await last.locator('#status.closed').waitFor();
      await check('refused', shut);
      await refused.close();
      assert.deepEqual(faults, []);
    });
  }
}

for (const [lang, theme] of [['ko', 'light'], ['en', 'dark']]) {
  test(`axe finds nothing, all is large enough and fits, where messages live (${lang}, ${theme})`, async () => {
    const id = `axe-living-${lang}`;
    const visitor = await Visitor.open(browser, `${server.url}/room/${id}?lang=${lang}&theme=${theme}`, { viewport: { width: 320, height: 640 } });
    const other = await Visitor.open(browser, `${server.url}/room/${id}?lang=en`);
    const { page } = visitor;
    /** @type {string[]} */
    const faults = [];
    const check = async (/** @type {string} */ state) => {
      for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
    };
    /** @param {string} text @param {string} key */
    const press = async (text, key) => {
      await visitor.log.locator('li.msg:not(.pending)', { hasText: text }).first().evaluate((row) => {
        /** @type {HTMLElement} */ (row).tabIndex = -1;
        /** @type {HTMLElement} */ (row).focus();
      });
      await page.keyboard.press(key);
    };
    await other.join('Other long name');
    await visitor.join('Writer');
    await other.say('**bold**, `code`, ~~no~~ and https://example.com/ in one');
    await other.say('```rust\nfn main() { println!("a line that is longer than any phone is wide"); }\n```');
    await other.say(`> quoted\n${'word '.repeat(300)}`);
    await visitor.say('first of mine');
    await visitor.sees('first of mine');
    await press('in one', 'r');
    await visitor.say('@Other long name yes');
    await visitor.log.locator('a.quote').waitFor();
    await press('yes', '+');
    await page.getByRole('menu').waitFor();
    await check('menu');
    await page.getByRole('menu').getByText('👍').click();
    await visitor.log.locator('.reaction').waitFor();
    await press('first of mine', 'e');
    await check('editing');
    await visitor.say('edited');
    await visitor.log.locator('.edited').waitFor();
    await visitor.composer.fill('@Oth');
    await page.getByRole('option').waitFor();
    await check('mentions offered');
    await page.keyboard.press('Escape');
    await visitor.composer.fill('');
    await press('yes', 'r');
    await check('answering');
    await press('yes', 'Delete');
    await visitor.log.locator('.undo').waitFor();
    await check('undo');
    assert.deepEqual(faults, []);
    for (const one of [visitor, other]) await one.leave();
  });
}

test('the keyboard reaches everything in order, shows where it is, and leaves', async () => {
  await fill(browser, server.url, 'keys', numbered('message', 1, 30));
  const visitor = await Visitor.open(browser, `${server.url}/room/keys?lang=en`);
  const { page } = visitor;
  await visitor.join('Writer');
  await visitor.live();
  await visitor.composer.fill('x');
  const at = () => page.evaluate(() => {
    const element = /** @type {HTMLElement} */ (document.activeElement);
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return { id: element.id || element.className || element.tagName, visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
  });
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
  await page.locator('#people-button').focus();
  const stops = [];
  for (const expected of ['people-button', 'log', 'me', 'message', 'send']) {
    const { id, visible } = await at();
    stops.push(id);
    assert.ok(visible, `the focus on ${expected} is to be seen`);
    await page.keyboard.press('Tab');
  }
  assert.deepEqual(stops, ['people-button', 'log', 'me', 'message', 'send']);
  assert.ok(!['people-button', 'log', 'me', 'message', 'send'].includes((await at()).id), 'Tab leaves at the end');
  await visitor.leave();
});

test('the messages from the keyboard: arrows, Home, End, Escape', async () => {
  await fill(browser, server.url, 'arrows', numbered('message', 1, 30));
  const visitor = await Visitor.open(browser, `${server.url}/room/arrows?lang=en`);
  const { page } = visitor;
  await visitor.join('Writer');
  await visitor.live();
  const on = () => page.evaluate(() => document.activeElement?.id.replace(/^m-.*/, '') || document.activeElement?.querySelector('.text')?.textContent);
  const press = async (/** @type {string} */ key, /** @type {string} */ expected) => {
    await page.keyboard.press(key);
    assert.equal(await on(), expected, key);
    const inside = await page.evaluate(() => {
      const row = /** @type {Element} */ (document.activeElement).getBoundingClientRect();
      const log = /** @type {Element} */ (document.querySelector('#log')).getBoundingClientRect();
      return row.bottom > log.top && row.top < log.bottom;
    });
    assert.ok(inside || expected === 'message', `${expected} is in sight`);
  };
  await visitor.composer.press('Escape');
  assert.equal(await on(), 'log');
  await press('ArrowUp', 'message 30');
  await press('ArrowUp', 'message 29');
  await press('ArrowDown', 'message 30');
  await press('ArrowDown', 'message 30');
  await press('Home', 'message 1');
  await press('ArrowUp', 'message 1');
  await press('ArrowDown', 'message 2');
  await page.keyboard.press('Escape');
  assert.equal(await on(), 'message', 'Escape leads to the box');
  await page.keyboard.press('Escape');
  await press('ArrowUp', 'message 2');
  await press('End', 'message 30');
  await until(() => page.evaluate(() => Math.abs(Number(document.querySelector('#log')?.scrollTop))), (top) => top <= 1, 'the end in sight');
  await visitor.leave();
});

test('a screen reader hears new messages apart from the list, merged, never in a stream', async () => {
  const visitor = await Visitor.open(browser, `${server.url}/room/heard?lang=en`);
  await visitor.join('Listener');
  await visitor.live();
  assert.equal(await visitor.log.getAttribute('aria-live'), 'off');
  await visitor.page.evaluate(() => {
    const heard = /** @type {[number, string][]} */ ([]);
    Object.assign(window, { heard });
    const region = /** @type {Element} */ (document.querySelector('#announcer'));
    new MutationObserver(() => region.textContent && heard.push([performance.now(), region.textContent])).observe(region, { childList: true, characterData: true, subtree: true });
  });
  await fill(browser, server.url, 'heard', numbered('word', 1, 20), 'Fox');
  await visitor.sees('word 20');
  const heard = await until(() => visitor.page.evaluate(() => /** @type {any} */ (window).heard), (list) => list.map((/** @type {[number, string]} */ [, text]) => Number(/^(\d+) new/.exec(text)?.[1] ?? 1)).reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0) === 20, 'all twenty told or counted');
  assert.ok(heard.length <= 4, JSON.stringify(heard));
  for (let n = 1; n < heard.length; n += 1) assert.ok(heard[n][0] - heard[n - 1][0] >= 2900, 'three seconds apart');
  await visitor.say('mine');
  await until(() => visitor.page.evaluate(() => document.querySelector('#announcer')?.textContent), (text) => text === 'Sent', 'one\'s own to be confirmed');
  await visitor.leave();
});

test('reduced motion: nothing glides, nothing slides', async () => {
  const visitor = await Visitor.open(browser, `${server.url}/room/motion?lang=en`, { reducedMotion: 'reduce' });
  await visitor.join('Still');
  await visitor.say('hello');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  const moving = await visitor.page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const style = getComputedStyle(element);
    return style.scrollBehavior === 'smooth' || style.transitionDuration.split(',').some((time) => parseFloat(time) > 0.001);
  }).map((element) => element.id || element.className));
  assert.deepEqual(moving, []);
  await visitor.leave();
});

test('200 % zoom of a phone: everything is there and can be used', async () => {
  const visitor = await Visitor.open(browser, `${server.url}/room/zoom?lang=ko&title=${encodeURIComponent('긴 제목이 있는 글의 토론방입니다')}`, { viewport: { width: 180, height: 320 }, deviceScaleFactor: 2 });
  await until(() => visitor.nickname.inputValue(), Boolean, 'the suggestion');
  assert.deepEqual(await fits(visitor), [], 'prompt');
  await visitor.join('작은화면');
  await visitor.say('잘 보여요');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.deepEqual(await fits(visitor), [], 'joined');
  await visitor.leave();
});
