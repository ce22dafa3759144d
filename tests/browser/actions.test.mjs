// What can be done with a message: by mouse, by finger, from the keyboard. On a page of its own (`actions-page.mjs`), which
// this test serves, with the content policy that the server sends.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import test, { after } from 'node:test';
import { PATIENCE_MS, launch, until } from './support.mjs';

/** @typedef {import('playwright-core').Page} Page */

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await launch();
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

const server = createServer(async ({ url = '/' }, answer) => {
  const { pathname, searchParams } = new URL(url, 'http://page');
  answer.setHeader('Content-Security-Policy', POLICY);
  if (pathname === '/') {
    answer.setHeader('Content-Type', 'text/html; charset=utf-8');
    answer.end(`<!doctype html>
<html lang="${searchParams.get('lang')}" data-theme="${searchParams.get('theme')}"><head><title>Actions</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/css/chat.css"><script type="module" src="/tests/browser/actions-page.mjs"></script></head>
<body><header class="bar"><h1>Discussion</h1></header><main class="stage">
<div id="log" class="log" role="log" aria-live="off" tabindex="0" aria-label="Conversation"><div class="inner"><ol id="list" class="list"></ol></div></div>
</main><footer class="dock"><div class="composer"><div class="writing"><textarea id="message" class="box" rows="1" aria-label="Message"></textarea></div></div></footer></body></html>`);
    return;
  }
  try {
    const file = await readFile(new URL(`../..${pathname}`, import.meta.url));
    answer.setHeader('Content-Type', pathname.endsWith('.css') ? 'text/css' : 'text/javascript');
    answer.end(file);
  } catch {
    answer.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
after(() => {
  server.close();
  server.closeAllConnections();
});
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

/** @param {import('playwright-core').BrowserContextOptions & {lang?: string, theme?: string}} [options] */
async function open({ lang = 'en', theme = 'light', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 480, height: 640 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  /** @type {string[]} */
  const loaded = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => /Content Security Policy|Uncaught/.test(message.text()) && complaints.push(message.text()));
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto(`http://127.0.0.1:${port}/?lang=${lang}&theme=${theme}`);
  await page.locator('#m-30').waitFor();
  const bar = page.locator('.act-bar');
  const popup = page.locator('.act-popup');
  const sheet = page.locator('.act-sheet');
  return {
    page, complaints, loaded, bar, popup, sheet,
    /** @returns {Promise<any[][]>} */
    did: () => page.evaluate(() => /** @type {any} */ (window).did),
    /** @param {number} seq */
    async hover(seq) {
      await page.locator(`#m-${seq} .text`).hover();
      await bar.waitFor();
    },
    /** @param {string} name */
    button: (name) => bar.getByRole('button', { name, exact: true }),
    /** What has the focus: its id, else its name, else its text. */
    focus: () => page.evaluate(() => {
      const { activeElement: at } = document;
      return at && (at.id || at.getAttribute('aria-label') || at.textContent);
    }),
    /** @param {number} seq */
    async toRow(seq) {
      await page.locator('#log').focus();
      await page.keyboard.press('End');
      for (let n = 30; await page.evaluate(() => document.activeElement?.id) !== `m-${seq}`; n -= 1) {
        assert.ok(n > 0, `the arrows do not lead to message ${seq}`);
        await page.keyboard.press('ArrowUp');
      }
    },
    async leave() {
      assert.deepEqual(complaints, []);
      await context.close();
    },
  };
}

/** Where every row stands. @param {Page} page */
const places = (page) => page.evaluate(() => [...document.querySelectorAll('.msg')].map((row) => {
  const { left, top, width, height } = row.getBoundingClientRect();
  return [left, top, width, height].join(' ');
}));

test('a mouse on a message brings up a bar at its corner, and nothing moves; before that nothing was loaded', async () => {
  const { page, bar, loaded, hover, leave } = await open();
  const before = await places(page);
  assert.deepEqual(loaded.filter((path) => /menu|emoji|actions\.css/.test(path)), []);
  for (const seq of [26, 27, 28]) {
    await hover(seq);
    const at = await until(() => page.evaluate((n) => {
      const box = /** @type {Element} */ (document.querySelector('.act-bar')).getBoundingClientRect();
      const bubble = /** @type {Element} */ (document.querySelector(`#m-${n} .text`)).getBoundingClientRect();
      const log = /** @type {Element} */ (document.querySelector('#log')).getBoundingClientRect();
      return {
        overlaps: box.left < bubble.right && box.right > bubble.left && box.top < bubble.top && box.bottom > bubble.top,
        within: box.left >= log.left && box.right <= log.right && box.top >= log.top && box.bottom <= log.bottom,
      };
    }, seq), ({ overlaps }) => overlaps, `the bar at message ${seq}`);
    assert.ok(at.within, `within the list at ${seq}`);
  }
  assert.deepEqual(await places(page), before);
  assert.deepEqual(loaded.filter((path) => /emoji/.test(path)), [], 'the emojis wait until they are asked for');
  // From the message to the bar and back it stays; elsewhere it is gone.
  await bar.getByRole('button', { name: 'Reply' }).hover();
  assert.equal(await bar.count(), 1);
  await page.locator('#message').hover();
  await bar.waitFor({ state: 'detached' });
  await leave();
});

test('the bar goes with scrolling and with Escape, and comes back when the pointer comes again', async () => {
  const { page, bar, hover, leave } = await open();
  await hover(28);
  await page.evaluate(() => new Promise((resolve) => {
    const log = /** @type {Element} */ (document.querySelector('#log'));
    log.addEventListener('scrollend', resolve, { once: true });
    log.scrollTop = -200;
  }));
  await bar.waitFor({ state: 'detached' });
  await page.locator('#message').hover();
  // In sight by now: to hover it scrolls nothing more.
  await hover(25);
  await page.keyboard.press('Escape');
  await bar.waitFor({ state: 'detached' });
  const { x, y } = /** @type {{x: number, y: number}} */ (await page.locator('#m-25 .text').boundingBox());
  await page.mouse.move(x + 5, y + 8);
  await page.mouse.move(x + 9, y + 9);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  assert.equal(await bar.count(), 0, 'dismissed is dismissed');
  await hover(24);
  await hover(25);
  await leave();
});

test('react by mouse: six at hand, on and off; who is writing goes on writing', async () => {
  const { page, bar, popup, did, hover, button, focus, leave } = await open();
  const input = await page.context().newCDPSession(page);
  await page.locator('#message').focus();
  await input.send('Input.imeSetComposition', { text: '하', selectionStart: 1, selectionEnd: 1 });
  await hover(28);
  await button('React').click();
  await popup.waitFor();
  assert.deepEqual(await popup.getByRole('menuitemcheckbox').allTextContents(), ['👍', '❤️', '😂', '😮', '😢', '🎉']);
  await popup.getByRole('menuitemcheckbox', { name: '🎉' }).click();
  assert.deepEqual(await did(), [['react', 'm28', '🎉', true]]);
  await popup.waitFor({ state: 'detached' });
  assert.equal(await focus(), 'message');
  await input.send('Input.imeSetComposition', { text: '한', selectionStart: 1, selectionEnd: 1 });
  await input.send('Input.insertText', { text: '한' });
  assert.equal(await page.locator('#message').inputValue(), '한', 'one syllable, not two');
  await page.locator('#message').hover();
  await hover(28);
  await button('React').click();
  assert.deepEqual(await popup.getByRole('menuitemcheckbox', { checked: true }).allTextContents(), ['🎉']);
  assert.equal(await button('React').getAttribute('aria-expanded'), 'true');
  // The same button closes again, and so does a press anywhere else.
  await button('React').click();
  await popup.waitFor({ state: 'detached' });
  await button('React').click();
  await popup.waitFor();
  await page.locator('#m-26 .who').click();
  await popup.waitFor({ state: 'detached' });
  await hover(28);
  await button('React').click();
  await popup.getByRole('menuitemcheckbox', { name: '🎉' }).click();
  assert.deepEqual((await did()).at(-1), ['react', 'm28', '🎉', false]);
  await page.locator('#message').hover();
  await bar.waitFor({ state: 'detached' });
  await leave();
});

test('more by mouse: one\'s own message and another\'s', async () => {
  const { popup, did, hover, button, leave } = await open();
  await hover(28);
  await button('More').click();
  assert.deepEqual(await popup.getByRole('menuitem').allTextContents(), ['Copy text', 'Copy link']);
  await popup.getByRole('menuitem', { name: 'Copy link' }).click();
  await hover(30);
  await button('More').click();
  assert.deepEqual(await popup.getByRole('menuitem').allTextContents(), ['Edit', 'Copy text', 'Copy link', 'Delete']);
  await popup.getByRole('menuitem', { name: 'Delete' }).click();
  await hover(29);
  await button('Reply').click();
  assert.deepEqual(await did(), [['link', 'm28'], ['remove', 'm30'], ['reply', 'm29']]);
  await leave();
});

test('all emojis: filtered while a syllable grows, chosen by Enter, arrows and mouse', async () => {
  const { page, popup, did, hover, button, focus, leave } = await open({ lang: 'ko' });
  const input = await page.context().newCDPSession(page);
  const grid = async () => {
    await page.locator('#message').hover();
    await hover(28);
    await button('반응 남기기').click();
    await popup.getByRole('menuitem', { name: '이모지 더 보기' }).click();
    await until(focus, (at) => at === '이모지 찾기', 'the focus in the filter');
  };
  await page.locator('#message').focus();
  await grid();
  const options = popup.getByRole('option');
  assert.ok(await options.count() >= 64);
  // As an input method does it: the Enter that it takes ends the syllable and chooses nothing.
  for (const text of ['펭', '펭귄']) await input.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  assert.deepEqual(await options.allTextContents(), ['🐧']);
  await input.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 });
  await input.send('Input.insertText', { text: '펭귄' });
  assert.deepEqual(await did(), []);
  assert.equal(await options.first().getAttribute('aria-label'), '펭귄');
  await page.keyboard.press('Enter');
  await popup.waitFor({ state: 'detached' });
  assert.deepEqual(await did(), [['react', 'm28', '🐧', true]]);
  assert.equal(await focus(), 'message', 'the focus is back');

  await grid();
  await page.keyboard.type('no such emoji');
  assert.equal(await popup.getByRole('status').textContent(), '맞는 이모지가 없어요');
  await page.keyboard.press('Enter');
  assert.equal((await did()).length, 1, 'there is nothing to choose');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('heart');
  assert.match(String(await popup.getByRole('status').textContent()), /^이모지 \d+개$/);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focus(), '활짝 웃는 얼굴');
  const where = () => page.evaluate(() => {
    const { offsetLeft, offsetTop } = /** @type {HTMLElement} */ (document.activeElement);
    return { offsetLeft, offsetTop };
  });
  const first = await where();
  await page.keyboard.press('ArrowRight');
  const second = await where();
  assert.ok(second.offsetLeft > first.offsetLeft && second.offsetTop === first.offsetTop);
  await page.keyboard.press('ArrowDown');
  const below = await where();
  assert.ok(below.offsetLeft === second.offsetLeft && below.offsetTop > second.offsetTop);
  await page.keyboard.press('End');
  assert.equal(await focus(), '벌레');
  await page.keyboard.press('Home');
  assert.equal(await focus(), '활짝 웃는 얼굴');
  assert.equal(await popup.locator('[role=option][tabindex="0"]').count(), 1, 'one stop of the Tab key');
  await page.keyboard.press('Tab');
  assert.equal(await focus(), '이모지 찾기', 'Tab goes round within');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('ArrowUp');
  assert.equal(await focus(), '이모지 찾기');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.type('dog');
  assert.deepEqual(await options.allTextContents(), ['🐶'], 'letters go to the filter from anywhere');
  await page.keyboard.press('Escape');
  await popup.waitFor({ state: 'detached' });
  assert.equal(await focus(), 'message');

  await grid();
  await options.nth(3).click();
  assert.deepEqual((await did()).at(-1), ['react', 'm28', '😆', true]);
  await leave();
});

test('from the keyboard: the menu of the focused message, and back', async () => {
  const { page, popup, did, focus, toRow, leave } = await open();
  await toRow(30);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  assert.equal(await popup.getByRole('menu').getAttribute('aria-label'), 'Message actions');
  assert.equal(await focus(), '👍');
  for (const [key, expected] of [
    ['ArrowRight', '❤️'], ['ArrowLeft', '👍'], ['ArrowLeft', 'More emoji'], ['ArrowDown', 'Reply'], ['ArrowDown', 'Edit'], ['End', 'Delete'],
    ['ArrowDown', '👍'], ['ArrowUp', 'Delete'], ['Home', '👍'], ['c', 'Copy text'], ['c', 'Copy link'],
  ]) {
    await page.keyboard.press(key);
    assert.equal(await focus(), expected, key);
  }
  await page.keyboard.press('Escape');
  await popup.waitFor({ state: 'detached' });
  assert.equal(await focus(), 'm-30');
  for (const key of ['Shift+F10', 'ContextMenu', '+']) {
    await page.keyboard.press(key);
    await popup.waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await popup.waitFor({ state: 'detached' });
    assert.deepEqual((await did()).at(-1), ['remove', 'm30'], key);
    assert.equal(await focus(), 'm-30', key);
  }
  // Tab goes on from the message.
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.keyboard.press('Tab');
  await popup.waitFor({ state: 'detached' });
  await toRow(30);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await until(focus, (at) => at === 'Find an emoji', 'the filter');
  await page.keyboard.press('Escape');
  assert.equal(await focus(), 'm-30', 'from all emojis as well');
  await leave();
});

test('shortcuts on the focused message, there only and without other keys', async () => {
  const { page, did, toRow, leave } = await open();
  await toRow(30);
  for (const key of ['r', 'e', 'Delete']) await page.keyboard.press(key);
  assert.deepEqual(await did(), [['reply', 'm30'], ['edit', 'm30'], ['remove', 'm30']]);
  for (const key of ['Control+e', 'Alt+r', 'Shift+r', 'Shift+Delete']) await page.keyboard.press(key);
  assert.equal((await did()).length, 3, 'with another key they mean something else');
  await page.keyboard.press('ArrowUp');
  for (const key of ['e', 'Delete']) await page.keyboard.press(key);
  assert.equal((await did()).length, 3, 'another person\'s message');
  await page.locator('#message').focus();
  await page.keyboard.type('reE+');
  await page.keyboard.press('Enter');
  assert.equal((await did()).length, 3);
  // A Korean layout: the key with the letter R.
  await toRow(28);
  await page.evaluate(() => document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ㄱ', code: 'KeyR', bubbles: true })));
  assert.deepEqual((await did()).at(-1), ['reply', 'm28']);
  await leave();
});

test('the focused message has a button for its menu, large enough and to be seen', async () => {
  const { page, popup, focus, toRow, leave } = await open();
  await toRow(28);
  await page.keyboard.press('Tab');
  const button = page.getByRole('button', { name: 'Message actions' });
  await until(() => button.boundingBox(), (box) => box !== null && box.width >= 44 && box.height >= 44, 'the button to be seen');
  assert.equal(await focus(), 'Message actions');
  const before = await places(page);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await focus(), 'Message actions', 'the focus is back at the button');
  assert.deepEqual(await places(page), before);
  // There is one, and it goes along.
  await toRow(27);
  assert.equal(await page.locator('.act-open').count(), 1);
  assert.equal(await page.locator('#m-27 .act-open').count(), 1);
  await leave();
});

const TOUCH = { hasTouch: true, isMobile: true, viewport: { width: 360, height: 640 } };

/** A finger. @param {Page} page */
async function finger(page) {
  const input = await page.context().newCDPSession(page);
  const touch = (/** @type {'touchStart' | 'touchMove' | 'touchEnd'} */ type, /** @type {{x: number, y: number}[]} */ touchPoints) => input.send('Input.dispatchTouchEvent', { type, touchPoints });
  let x = 0;
  let y = 0;
  return {
    /** @param {string} where */
    async down(where) {
      const box = await page.locator(where).boundingBox();
      assert.ok(box, where);
      x = box.x + 16;
      y = box.y + box.height / 2;
      await touch('touchStart', [{ x, y }]);
    },
    /** @param {number} dy */
    async move(dy) {
      y += dy;
      await touch('touchMove', [{ x, y }]);
    },
    up: () => touch('touchEnd', []),
  };
}

test('a finger held on a message brings up the sheet, and does nothing else', async () => {
  const { page, sheet, did, focus, leave } = await open(TOUCH);
  const { down, up } = await finger(page);
  await page.evaluate(() => document.addEventListener('contextmenu', (event) => Object.assign(window, { menuStopped: event.defaultPrevented })));
  await down('#m-28 .text');
  await sheet.waitFor();
  assert.deepEqual(await page.evaluate(() => [String(getSelection()), /** @type {any} */ (window).menuStopped !== false]), ['', true], 'no selection, no other menu');
  await up();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  assert.ok(await sheet.isVisible(), 'lifting the finger presses nothing');
  assert.deepEqual(await did(), []);
  assert.equal(await page.locator('#m-28').evaluate((row) => row.style.userSelect), '', 'only for this press');
  assert.equal(await focus(), 'Message actions', 'the focus is in it');
  for (const { width, height } of await sheet.getByRole('menuitem').evaluateAll((items) => items.map((item) => item.getBoundingClientRect().toJSON()))) {
    assert.ok(width >= 44 && height >= 48, `${width} x ${height}`);
  }
  const inside = () => sheet.evaluate((element) => element.contains(document.activeElement));
  for (const key of ['Tab', 'Tab', 'Tab', 'Shift+Tab']) {
    await page.keyboard.press(key);
    assert.ok(await inside(), `${key} stays within`);
  }
  await sheet.getByRole('menuitem', { name: 'Reply' }).tap();
  await sheet.waitFor({ state: 'detached' });
  assert.deepEqual(await did(), [['reply', 'm28']]);
  await leave();
});

test('the sheet closes by a touch beside it, by Escape, by its handle; the emojis open in it', async () => {
  const { page, sheet, did, focus, leave } = await open(TOUCH);
  const { down, move, up } = await finger(page);
  const press = async () => {
    await down('#m-28 .text');
    await sheet.waitFor();
    await up();
  };
  await page.locator('#m-28').evaluate((row) => { row.tabIndex = -1; row.focus(); });
  await press();
  await page.touchscreen.tap(180, 40);
  await sheet.waitFor({ state: 'detached' });
  assert.equal(await focus(), 'm-28', 'the focus is back');
  await press();
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
  await press();
  await sheet.getByRole('button', { name: 'Close' }).tap();
  await sheet.waitFor({ state: 'detached' });
  await press();
  // Pulled down, as one is used to.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await down('.act-handle');
  await move(60);
  await sheet.waitFor({ state: 'detached' });
  await up();
  assert.deepEqual(await did(), []);
  await press();
  await sheet.getByRole('menuitem', { name: 'More emoji' }).tap();
  await until(focus, (at) => at === 'grinning face', 'a picture to have the focus: no keyboard comes up');
  await sheet.getByRole('textbox').fill('rocket');
  await sheet.getByRole('option', { name: 'rocket' }).tap();
  await sheet.waitFor({ state: 'detached' });
  assert.deepEqual(await did(), [['react', 'm28', '🚀', true]]);
  await leave();
});

test('a finger that moves, scrolls, leaves early or is on a link opens nothing', async () => {
  const { page, sheet, leave } = await open(TOUCH);
  const { down, move, up } = await finger(page);
  // The page's time passes when told, so that it is not the test's waiting that decides.
  await page.clock.install();
  const unchanged = async (/** @type {string} */ why) => {
    await page.clock.fastForward(2000);
    await page.evaluate(() => 0);
    assert.equal(await sheet.count(), 0, why);
    assert.equal(await page.locator('[style*=select]').count(), 0, `${why}: text can be selected again`);
  };
  // Once as it should be: what opens is here from now on, and would open at once.
  await down('#m-28 .text');
  await page.clock.fastForward(2000);
  await sheet.waitFor();
  await up();
  await page.keyboard.press('Escape');
  await down('#m-27 .text');
  await up();
  await unchanged('left early');
  await down('#m-27 .text');
  await move(12);
  await unchanged('moved');
  await up();
  await down('#m-28 .text');
  await page.evaluate(() => /** @type {Element} */ (document.querySelector('#log')).dispatchEvent(new Event('scroll')));
  await unchanged('scrolled');
  await up();
  await down('#m-29 .text a');
  await unchanged('a link has a menu of its own');
  await up();
  await leave();
});

test('what is open goes with its message, and the focus to the list', async () => {
  const { page, popup, bar, did, hover, button, focus, toRow, leave } = await open();
  await toRow(28);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.evaluate(() => document.querySelector('#m-28')?.remove());
  await popup.waitFor({ state: 'detached' });
  assert.equal(await focus(), 'log');
  // Deleted, with its row still there.
  await toRow(27);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.evaluate(() => document.querySelector('#m-27')?.classList.add('deleted'));
  await popup.waitFor({ state: 'detached' });
  await hover(30);
  await page.evaluate(() => document.querySelector('#m-30')?.remove());
  await bar.waitFor({ state: 'detached' });
  // A new message moves everything: what is open follows.
  await page.locator('#message').hover();
  await hover(26);
  await button('More').click();
  await popup.waitFor();
  const before = await popup.boundingBox();
  await page.evaluate(() => /** @type {any} */ (window).add(31, 'new'));
  await until(() => popup.boundingBox(), (box) => Number(box?.y) < Number(before?.y), 'the menu to follow');
  await popup.getByRole('menuitem', { name: 'Copy text' }).click();
  assert.deepEqual(await did(), [['copy', 'm26']]);
  await leave();
});

test('language, theme and reactions change while it is open', async () => {
  const { page, popup, focus, toRow, leave } = await open();
  await toRow(28);
  await page.keyboard.press('Enter');
  await popup.waitFor();
  await page.keyboard.press('ArrowDown');
  await page.evaluate(() => { document.documentElement.lang = 'ko'; });
  await popup.getByRole('menuitem', { name: '답장하기' }).waitFor();
  assert.equal(await focus(), '답장하기', 'the focus stays');
  const paper = () => popup.evaluate((element) => getComputedStyle(element).backgroundColor);
  const light = await paper();
  await page.evaluate(() => { document.documentElement.dataset.theme = 'dark'; });
  assert.notEqual(await paper(), light);
  await page.evaluate(() => {
    /** @type {any} */ (window).reactions.add('m28 😢');
    document.querySelector('#m-28 .body')?.append(document.createElement('div'));
  });
  await popup.getByRole('menuitemcheckbox', { name: '😢', checked: true }).waitFor();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await until(focus, (at) => at === '이모지 찾기', 'the filter');
  await page.keyboard.type('bear');
  await page.evaluate(() => { document.documentElement.lang = 'en'; });
  await popup.getByRole('option', { name: 'bear', exact: true }).waitFor();
  assert.equal(await focus(), 'Find an emoji');
  await leave();
});

test('where it cannot be loaded it says so, and the next wish tries again', async () => {
  const { page, popup, bar, toRow, leave } = await open();
  const said = () => page.evaluate(() => /** @type {any} */ (window).said);
  for (const file of ['**/actions/menu.js', '**/actions.css', '**/emoji-grid.js']) {
    await page.route(file, (route) => route.abort());
    const before = (await said()).length;
    if (file.includes('emoji')) {
      await popup.getByRole('menuitem', { name: 'More emoji' }).click();
    } else {
      await page.locator('#m-26 .text').hover();
      await toRow(28);
      await page.keyboard.press('Enter');
    }
    await until(said, (words) => words.length === before + 1, `words on ${file}`);
    assert.equal((await said()).at(-1), 'This could not be loaded. Please try once more.');
    await page.unroute(file);
    if (file.includes('css')) {
      await page.keyboard.press('Enter');
      await popup.waitFor();
    }
  }
  await popup.getByRole('menuitem', { name: 'More emoji' }).click();
  await popup.getByRole('option').first().waitFor();
  assert.equal(await bar.count(), 0);
  await leave();
});

test('after its end nothing is left of it', async () => {
  const { page, bar, popup, hover, button, toRow, did, leave } = await open();
  await toRow(28);
  await hover(28);
  await button('More').click();
  await popup.waitFor();
  await page.evaluate(() => /** @type {any} */ (window).end());
  await popup.waitFor({ state: 'detached' });
  assert.equal(await bar.count() + await page.locator('.act-open').count(), 0);
  await page.locator('#m-26 .text').hover();
  await toRow(30);
  for (const key of ['r', 'Enter']) await page.keyboard.press(key);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  assert.equal(await bar.count() + await popup.count(), 0);
  assert.deepEqual(await did(), []);
  await leave();
});

/** @param {Page} page @param {boolean} fingers whether what is shown is for fingers */
async function faults(page, fingers) {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe);
  return page.evaluate(async (isForFingers) => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ['violations'] });
    const found = violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
    const wide = document.documentElement.clientWidth;
    const parts = [...document.querySelectorAll('.act-bar, .act-popup, .act-sheet, .act-item, .act-emoji, .act-emojis')].filter((element) => element.checkVisibility());
    for (const element of parts) {
      const { left, right, width, height } = element.getBoundingClientRect();
      if (left < -0.5 || right > wide + 0.5 || element.scrollWidth > element.clientWidth + 1) found.push(`sticks out: ${element.className} ${left} ${right}`);
      if (isForFingers && (width < 43.9 || height < 43.9)) found.push(`too small: ${element.textContent} ${width} x ${height}`);
    }
    if (document.documentElement.scrollWidth > wide) found.push('scrolls sideways');
    return found;
  }, fingers);
}

for (const lang of ['ko', 'en']) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing, all is large enough and fits (${lang}, ${theme})`, async () => {
      /** @type {string[]} */
      const all = [];
      const small = { width: 320, height: 568 };
      const mouse = await open({ lang, theme, viewport: small });
      const check = async (/** @type {string} */ state, /** @type {Page} */ page, fingers = false) => {
        all.push(...(await faults(page, fingers)).map((/** @type {string} */ fault) => `${state}: ${fault}`));
      };
      await mouse.hover(28);
      await check('bar', mouse.page);
      await mouse.bar.getByRole('button').first().click();
      await check('quick', mouse.page, false);
      await mouse.popup.getByRole('menuitem').click();
      await mouse.popup.getByRole('option').first().waitFor();
      await check('emojis', mouse.page);
      await mouse.page.keyboard.type('xyz');
      await check('no emoji', mouse.page);
      await mouse.page.keyboard.press('Escape');
      await mouse.hover(30);
      await mouse.bar.getByRole('button').last().click();
      await check('more', mouse.page);
      await mouse.page.keyboard.press('Escape');
      await mouse.page.locator('#message').hover();
      await mouse.toRow(30);
      await mouse.page.keyboard.press('Enter');
      await mouse.popup.waitFor();
      await check('menu', mouse.page);
      await mouse.leave();

      const touch = await open({ ...TOUCH, lang, theme, viewport: small });
      const { down, up } = await finger(touch.page);
      await down('#m-30 .text');
      await touch.sheet.waitFor();
      await up();
      await check('sheet', touch.page, true);
      await touch.sheet.getByRole('group').getByRole('menuitem').tap();
      await touch.sheet.getByRole('option').first().waitFor();
      await check('emojis in the sheet', touch.page, true);
      await touch.leave();
      assert.deepEqual(all, []);
    });
  }
}

test('reduced motion: nothing slides or fades', async () => {
  const { page, sheet, leave } = await open({ ...TOUCH, reducedMotion: 'reduce' });
  const { down, up } = await finger(page);
  await down('#m-28 .text');
  await sheet.waitFor();
  assert.deepEqual(await sheet.evaluate((element) => ['', '::backdrop'].map((part) => getComputedStyle(element, part).animationName)), ['none', 'none']);
  await up();
  await leave();
});

test('200 % zoom of a phone: everything fits', async () => {
  const { page, sheet, leave } = await open({ ...TOUCH, viewport: { width: 180, height: 320 }, deviceScaleFactor: 2 });
  const { down, up } = await finger(page);
  await down('#m-30 .text');
  await sheet.waitFor();
  await up();
  assert.deepEqual(await faults(page, true), []);
  await sheet.getByRole('menuitem', { name: 'More emoji' }).tap();
  await sheet.getByRole('option').first().waitFor();
  assert.deepEqual(await faults(page, true), []);
  await leave();
});
