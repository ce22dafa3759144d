// What people write and how it is shown: formats, code, folds, and texts that would harm the page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { assertStill, loadWatched } from './stillness.mjs';
import { Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

const CODE = 'fn main() {\n    println!("안녕"); // 첫 줄\n}';
const FENCED = `\`\`\`rust\n${CODE}\n\`\`\``;
const LONG = `처음 ${'긴 글이에요. '.repeat(150)}끝`;

/** The height of a message's text. @param {import('playwright-core').Locator} text */
const height = async (text) => (await text.boundingBox())?.height ?? 0;

/** What a text consists of. @param {Visitor} visitor @param {string} holds */
const shape = (visitor, holds) => visitor.log.locator('.text', { hasText: holds }).evaluate((element) => {
  /** @param {Node} node @returns {string} */
  const walk = (node) => (node instanceof Element ? `<${node.localName}>${[...node.childNodes].map(walk).join('')}</>` : node.textContent ?? '');
  return walk(element);
});

test('formats become elements, in what the server has drawn and in what comes later', async () => {
  await fill(browser, server.url, 'formats', ['**굵게**는 *기울고* ~~지우고~~ `코드` https://example.com/docs에서', '> 인용 **a**\n답', 'snake_case 2*3*4 네~~ 하하~~']);
  const visitor = await Visitor.open(browser, room('formats'));
  await visitor.join('Writer');
  await visitor.say('mine **a _b_**');
  await until(() => visitor.pending.count(), (count) => count === 0, 'its being stored');
  for (const again of ['live', 'loaded']) {
    assert.equal(await shape(visitor, '굵게'), '<p><strong>굵게</>는 <em>기울고</> <s>지우고</> <code>코드</> <a>https://example.com/docs</>에서</>', again);
    assert.equal(await shape(visitor, '인용'), '<div><blockquote>인용 <strong>a</></><p>답</></>', again);
    assert.equal(await shape(visitor, 'snake'), '<p>snake_case 2*3*4 네~~ 하하~~</>', again);
    assert.equal(await shape(visitor, 'mine'), '<p>mine <strong>a </><strong><em>b</></></>', again);
    await visitor.page.reload();
    await visitor.live();
  }
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a text without marks is not touched when the scripts come', async () => {
  await fill(browser, server.url, 'untouched', ['plain', 'two\nlines', '안녕하세요 _ * ~ 하하~~', '**bold**']);
  const visitor = await Visitor.open(browser, 'about:blank');
  await visitor.page.addInitScript(() => {
    const touched = /** @type {string[]} */ ([]);
    Object.assign(window, { touched });
    document.addEventListener('DOMContentLoaded', () => {
      const texts = new Map([...document.querySelectorAll('.text')].map((text) => [text, text.textContent ?? '']));
      for (const [text, content] of texts) new MutationObserver(() => touched.push(content)).observe(text, { childList: true, characterData: true, subtree: true });
    });
  });
  await visitor.page.goto(room('untouched'));
  await visitor.live();
  await visitor.log.locator('strong').waitFor();
  assert.deepEqual(await visitor.page.evaluate(() => /** @type {any} */ (window).touched), ['**bold**']);
  await visitor.leave();
});

test('code is coloured when it comes into sight, and not before', async () => {
  await fill(browser, server.url, 'colours', [FENCED, FENCED.replace('rust', 'js'), '```\nno language\n```', ...numbered('line', 1, 40)]);
  const visitor = await Visitor.open(browser, 'about:blank');
  /** @type {any[]} */
  const asked = [];
  visitor.page.on('request', (request) => request.url().endsWith('/highlight') && asked.push(JSON.parse(request.postData() ?? '')));
  await visitor.page.goto(room('colours'));
  await visitor.live();
  await visitor.sees('line 40');
  assert.deepEqual(asked, []);
  await visitor.log.locator('pre').first().scrollIntoViewIfNeeded();
  await visitor.log.locator('pre').first().locator('.c-keyword').first().waitFor();
  await visitor.log.locator('pre').nth(1).locator('[class^="c-"]').first().waitFor();
  assert.deepEqual(await visitor.log.locator('pre').allTextContents(), [CODE, CODE, 'no language']);
  assert.deepEqual(asked.map(({ language, code }) => [language, code]).sort(), [['js', CODE], ['rust', CODE]]);
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

for (const what of /** @type {const} */ (['503', 'nonsense', 'no module'])) {
  test(`where colours cannot be had the code is there all the same: ${what}`, async () => {
    await fill(browser, server.url, 'colourless', [FENCED]);
    const visitor = await Visitor.open(browser, 'about:blank');
    let refused = 0;
    await visitor.page.route(what === 'no module' ? /colours[^/]*\.js/ : '**/api/v1/highlight', (route) => {
      refused += 1;
      return what === '503' ? route.fulfill({ status: 503, body: '{}' }) : what === 'nonsense' ? route.fulfill({ json: { language: 'rust', spans: [[1, 'keyword'], [9999, '"><img>']] } }) : route.abort();
    });
    await visitor.page.goto(room('colourless'));
    await visitor.live();
    await until(() => refused, Boolean, 'the refusal');
    await visitor.join('Writer');
    await visitor.say('goes on');
    await visitor.sees('goes on');
    assert.equal(await visitor.log.locator('pre').first().textContent(), CODE);
    assert.equal(await visitor.log.locator('pre span, pre img').count(), 0);
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  });
}

test('in a sandboxed frame code is coloured as well', async () => {
  await fill(browser, server.url, 'sandbox', [FENCED]);
  const page = await browser.newPage();
  await page.route(`${server.url}/blog`, (route) => route.fulfill({ contentType: 'text/html', body: `<iframe sandbox="allow-scripts" width="480" height="600" src="${room('sandbox')}"></iframe>` }));
  await page.goto(`${server.url}/blog`);
  await page.frameLocator('iframe').locator('.c-keyword').first().waitFor();
  await page.close();
});

test('code is copied as it was written, by mouse and by keyboard, and that is said', async () => {
  await fill(browser, server.url, 'copy', [FENCED]);
  const visitor = await Visitor.open(browser, room('copy'), { permissions: ['clipboard-read', 'clipboard-write'] });
  await visitor.live();
  const copy = visitor.log.getByRole('button', { name: '코드 복사' });
  for (const how of ['click', 'key']) {
    await visitor.page.evaluate(() => navigator.clipboard.writeText('before'));
    if (how === 'click') await copy.click();
    else await copy.press('Enter');
    await until(() => visitor.page.evaluate(() => navigator.clipboard.readText()), (text) => text === CODE, 'the code');
    await visitor.page.locator('#announcer').getByText('복사했어요').waitFor();
    await visitor.log.locator('.copy').getByText('복사', { exact: true }).waitFor();
  }
  const scroller = visitor.log.getByRole('group', { name: 'rust 코드' });
  await scroller.focus();
  assert.ok(await scroller.evaluate((element) => element === document.activeElement));
  await visitor.leave();
});

test('wide code scrolls by itself, and pushes nothing', async () => {
  await fill(browser, server.url, 'wide', [`\`\`\`js\n${'x'.repeat(1900)}\n\`\`\``]);
  const visitor = await Visitor.open(browser, room('wide'), { viewport: { width: 320, height: 600 } });
  await visitor.live();
  const scroller = visitor.log.locator('pre');
  await scroller.focus();
  await visitor.page.keyboard.press('ArrowRight');
  await until(() => scroller.evaluate((element) => element.scrollLeft), (left) => left > 0, 'the code to scroll');
  assert.ok(await visitor.log.evaluate((log) => log.scrollWidth <= log.clientWidth && document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await visitor.leave();
});

test('a long message is folded; it opens where it stands and folds again', async () => {
  await fill(browser, server.url, 'fold', [...numbered('before', 1, 30), LONG, ...numbered('line', 1, 3)]);
  const visitor = await Visitor.open(browser, room('fold'));
  await visitor.live();
  const text = visitor.log.locator('.text', { hasText: '긴 글' });
  const more = visitor.log.getByRole('button', { name: '더 보기' });
  const folded = await height(text);
  assert.ok(folded < 320, `${folded} px`);
  assert.equal(await more.getAttribute('aria-expanded'), 'false');
  const top = (await text.boundingBox())?.y ?? 0;
  await more.focus();
  await visitor.page.keyboard.press('Enter');
  const less = visitor.log.getByRole('button', { name: '접기' });
  await until(() => height(text), (now) => now > 2 * folded, 'the whole text');
  assert.equal(await less.getAttribute('aria-expanded'), 'true');
  assert.ok(await less.evaluate((button) => button === document.activeElement));
  await until(async () => Math.round((await text.boundingBox())?.y ?? 0), (y) => Math.abs(y - Math.round(top)) <= 1, 'its beginning to be where it was');
  // What comes in draws the list anew; the text stays open.
  await fill(browser, server.url, 'fold', ['later']);
  await visitor.log.getByText('later', { exact: true }).waitFor({ state: 'attached' });
  assert.ok(await height(text) > 2 * folded);
  await less.scrollIntoViewIfNeeded();
  const pressed = (await less.boundingBox())?.y ?? 0;
  await less.click();
  await until(() => height(text), (now) => now === folded, 'the fold');
  assert.ok(Math.abs(((await more.boundingBox())?.y ?? 0) - pressed) <= 1, 'the button stays under the finger');
  await visitor.leave();
});

test('what was unfolded is so when the reader comes back to it', async () => {
  await fill(browser, server.url, 'unfolded', ['first', LONG, ...numbered('line', 1, 200)]);
  const visitor = await Visitor.open(browser, room('unfolded', '#m-2'));
  await visitor.log.getByRole('button', { name: '접기' }).waitFor();
  await visitor.log.getByRole('button', { name: '접기' }).click();
  await visitor.log.getByRole('button', { name: '더 보기' }).click();
  await visitor.page.locator('#down').click();
  await until(() => visitor.log.locator('.unfold').count(), (count) => count === 0, 'the row to be let go');
  await visitor.page.evaluate(() => {
    location.hash = '#m-1';
  });
  await visitor.log.getByText('first', { exact: true }).waitFor();
  await visitor.log.getByRole('button', { name: '접기' }).waitFor();
  await visitor.leave();
});

test('a link to a folded message unfolds it', async () => {
  await fill(browser, server.url, 'linked', [LONG, ...numbered('line', 1, 5), LONG]);
  const visitor = await Visitor.open(browser, room('linked', '#m-1'));
  await visitor.log.locator('.msg.target .text.open').waitFor();
  assert.deepEqual(await visitor.log.locator('.unfold').allTextContents(), ['접기', '더 보기']);
  await visitor.leave();
});

test('the Tab key leads to no link that is folded away', async () => {
  await fill(browser, server.url, 'hidden-link', [`${'글\n'.repeat(40)}https://example.com/`]);
  const visitor = await Visitor.open(browser, room('hidden-link'));
  await visitor.live();
  const link = visitor.log.getByRole('link', { name: 'https://example.com/' });
  await link.focus();
  await visitor.log.locator('.text.open').waitFor();
  await until(() => link.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const log = /** @type {Element} */ (document.querySelector('#log')).getBoundingClientRect();
    return top >= log.top && bottom <= log.bottom;
  }), Boolean, 'the link to be in sight');
  await visitor.leave();
});

/** Texts that would harm the page. @type {[string, string][]} */
const HARMFUL = [
  ['accents', 'Z' + 'a\u0301\u0316\u0302\u0317\u0303'.repeat(8) + `e${'\u0301'.repeat(400)}${'\u0316'.repeat(400)}`],
  ['letters as wide as a line', '\ufdfd'.repeat(3) + '\u{12031}\u{1242b}'.repeat(3)],
  ['no break', 'W'.repeat(400)],
  ['turned around', '\u202e\u2067evil\u202d abc\u202e 123'],
  ['spaces and tabs', `a${'\t'.repeat(900)}${'\u00a0'.repeat(900)}b`],
  ['code', `\`\`\`\ne${'\u0301'.repeat(300)}\n\`\`\``],
];

test('nothing that people write is drawn outside its own bubble', async () => {
  await fill(browser, server.url, 'outside', HARMFUL.flatMap(([, text]) => ['above', text, 'below']));
  for (const width of [320, 700]) {
    const visitor = await Visitor.open(browser, room('outside'), { viewport: { width, height: 2400 } });
    await visitor.join('Writer');
    await until(() => visitor.messages.count(), (count) => count === HARMFUL.length * 3, 'the messages');
    assert.ok(await visitor.log.evaluate((log) => log.scrollWidth <= log.clientWidth), 'sideways');
    // That somebody comes or leaves is told in a line of the list, at any moment.
    await visitor.page.evaluate(() => {
      const quiet = new CSSStyleSheet();
      quiet.replaceSync('.notice { display: none !important; }');
      document.adoptedStyleSheets = [quiet];
    });
    for (let n = 0; n < HARMFUL.length; n += 1) {
      const text = visitor.messages.nth(n * 3 + 1).locator('.text');
      const box = await text.boundingBox();
      const whole = await visitor.log.boundingBox();
      assert.ok(box && whole && box.x >= 0 && box.x + box.width <= width, HARMFUL[n][0]);
      // The page with and without the text, but for its bubble, is the same picture.
      const [left, right, top, bottom] = [Math.floor(box.x), Math.ceil(box.x + box.width), Math.floor(box.y), Math.ceil(box.y + box.height)];
      const around = () => Promise.all([
        { x: 0, y: top - 30, width, height: 30 }, { x: 0, y: bottom, width, height: 30 },
        { x: 0, y: top, width: left, height: bottom - top }, { x: right, y: top, width: width - right, height: bottom - top },
      ].map(async (clip) => (await visitor.page.screenshot({ clip, animations: 'disabled', caret: 'hide' })).toString('base64')));
      const shown = await around();
      await text.evaluate((element) => { element.style.visibility = 'hidden'; });
      const without = await around();
      await text.evaluate((element) => { element.style.visibility = ''; });
      assert.deepEqual(['above', 'below', 'left', 'right'].filter((_, side) => shown[side] !== without[side]), [], `${HARMFUL[n][0]} at ${width}`);
    }
    await visitor.leave();
  }
});

test('two thousand lines are a few', async () => {
  await fill(browser, server.url, 'lines', ['before', `a${'\n'.repeat(1998)}b`, 'after']);
  for (const javaScriptEnabled of [true, false]) {
    const visitor = await Visitor.open(browser, room('lines'), { javaScriptEnabled });
    if (javaScriptEnabled) await visitor.live();
    assert.ok(await height(visitor.messages.nth(1)) < 480, `with scripts: ${javaScriptEnabled}`);
    await visitor.leave();
  }
});

/** A zone where it is eleven: the server has drawn the time of another, and none is longer than that of two digits. */
function elevenOClock() {
  const ahead = 11 - new Date().getUTCHours();
  // The names count the other way round.
  return `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}

for (const width of [320, 480, 700]) {
  test(`the page holds still when the scripts come and long texts are folded (${width})`, async () => {
    const id = `still-fold-${width}`;
    await fill(browser, server.url, id, ['word '.repeat(120), 'word '.repeat(180), LONG, '🇰🇷🎉', '©', 'end']);
    const visitor = await Visitor.open(browser, 'about:blank', { viewport: { width, height: 900 }, timezoneId: elevenOClock() });
    await loadWatched(visitor, room(id));
    await visitor.live();
    await visitor.log.locator('.unfold').first().waitFor({ state: 'attached' });
    await assertStill(visitor);
    await visitor.leave();
  });
}

test('who is addressed is marked, the reader above all', async () => {
  const visitor = await Visitor.open(browser, room('mentions'));
  await visitor.join('Reader');
  await visitor.say('here');
  await until(() => visitor.pending.count(), (count) => count === 0, 'its being stored');
  const reader = await visitor.page.evaluate(() => JSON.parse(localStorage.getItem('realtime-chat:identity') ?? '{}').authorId);
  const other = await browser.newPage();
  await other.goto(room('mentions-other'));
  await other.evaluate(async (readerId) => {
    const socket = new WebSocket(`ws://${location.host}/ws/room/mentions`);
    const send = (/** @type {string} */ type, /** @type {any} */ payload) => socket.send(JSON.stringify({ type, payload }));
    await new Promise((resolve) => {
      socket.onopen = () => send('JOIN', { anonymousId: crypto.randomUUID(), nickname: 'Other' });
      /** @param {any} frame */
      const read = ({ type, payload }) => {
        if (type === 'BATCH') payload.frames.forEach(read);
        if (type === 'WELCOME') {
          const mentions = [{ authorId: readerId, from: 3, to: 10 }, { authorId: payload.self.id, from: 11, to: 17 }];
          send('MESSAGE', { clientId: crypto.randomUUID(), content: '😀, @Reader @Other `@code`', mentions });
        }
        if (type === 'ACK') resolve(undefined);
      };
      socket.onmessage = ({ data }) => read(JSON.parse(data));
    });
    socket.close();
  }, reader);
  await other.close();
  for (const again of ['live', 'loaded']) {
    await visitor.log.locator('.mention.me').waitFor();
    assert.equal(await shape(visitor, '@code'), '<p>😀, <bdi>@Reader</> <bdi>@Other</> <code>@code</></>', again);
    assert.deepEqual(await visitor.log.locator('.mention').evaluateAll((all) => all.map(({ className, textContent }) => `${className}: ${textContent}`)), ['mention me: @Reader', 'mention: @Other'], again);
    await visitor.page.reload();
    await visitor.live();
  }
  await visitor.leave();
});

test('what would draw nothing cannot be sent, and what was pasted is mended', async () => {
  const visitor = await Visitor.open(browser, room('pasted'));
  await visitor.join('Writer');
  const send = visitor.where.getByRole('button', { name: '보내기' });
  for (const nothing of ['\u3164', '\u200b\u200b', '\u2800', ' \ufeff\n']) {
    await visitor.composer.fill('a');
    await until(() => send.isDisabled(), (disabled) => !disabled, 'the button');
    await visitor.composer.fill(nothing);
    await until(() => send.isDisabled(), Boolean, `nothing to send of ${JSON.stringify(nothing)}`);
    await visitor.composer.press('Enter');
  }
  await visitor.composer.evaluate((box) => {
    const field = /** @type {HTMLTextAreaElement} */ (box);
    field.value = 'one\vtwo\fthree\x07 \x1b[31mfour';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await visitor.composer.press('Enter');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.deepEqual(await visitor.texts(), ['one\ntwo\nthree [31mfour']);
  await visitor.leave();
});

test('an Arabic title is laid out from right to left, a Korean one from left to right', async () => {
  for (const [title, direction] of [['مدونة 123', 'rtl'], ['עברית', 'rtl'], ['글 123', 'ltr']]) {
    const visitor = await Visitor.open(browser, room('title', `?title=${encodeURIComponent(title)}`));
    assert.equal(await visitor.where.locator('#title').evaluate((element) => getComputedStyle(element).direction), direction, title);
    await visitor.leave();
  }
});

test('on paper all loaded messages stand below each other, unfolded, and nothing covers them', async () => {
  await fill(browser, server.url, 'print', [...numbered('line', 1, 40), LONG]);
  const visitor = await Visitor.open(browser, room('print'), { colorScheme: 'dark' });
  await visitor.join('Writer');
  await visitor.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const found = await visitor.page.evaluate(() => {
    const rows = [...document.querySelectorAll('.msg')].map((row) => row.getBoundingClientRect());
    const text = /** @type {Element} */ (document.querySelector('.text.long'));
    return {
      rows: rows.length,
      ordered: rows.every(({ top }, n) => n === 0 || top >= rows[n - 1].bottom - 1),
      inside: rows[0].top >= 0 && rows[rows.length - 1].bottom <= document.documentElement.scrollHeight,
      whole: text.scrollHeight <= text.clientHeight + 1,
      covering: [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility() && ['fixed', 'absolute'].includes(getComputedStyle(element).position) && element.clientHeight > 1).map(({ id, className }) => `${id}.${className}`),
      foot: document.querySelector('#dock')?.checkVisibility(),
      ink: getComputedStyle(text).color,
    };
  });
  assert.deepEqual(found, { rows: 41, ordered: true, inside: true, whole: true, covering: [], foot: false, ink: 'rgb(0, 0, 0)' });
  await visitor.leave();
});

for (const lang of ['ko', 'en']) {
  for (const theme of ['light', 'dark']) {
    test(`formats, code and folds for everybody (${lang}, ${theme})`, async () => {
      const id = `all-${lang}-${theme}`;
      const all = ['`code` **b** https://example.com/', '> quote\nanswer `x`', FENCED, LONG];
      await fill(browser, server.url, id, all);
      const visitor = await Visitor.open(browser, room(id, `?lang=${lang}&theme=${theme}`), { viewport: { width: 320, height: 3000 } });
      await visitor.join('Writer');
      for (const text of all) await visitor.say(text);
      await until(() => visitor.texts(), (texts) => texts.length === 8, 'all texts');
      await until(() => visitor.log.locator('.c-keyword').count(), (count) => count >= 2, 'the colours');
      const { page } = visitor;
      await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity).map((animation) => animation.finished)));
      await page.evaluate(axe);
      const faults = await page.evaluate(async () => {
        const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ['violations'] });
        const found = violations.map((/** @type {any} */ { id: rule, nodes }) => `${rule}: ${nodes.map((/** @type {any} */ node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
        const small = [...document.querySelectorAll('.text button, .unfold')].filter((element) => {
          const { width, height: tall } = element.getBoundingClientRect();
          return width < 43.9 || tall < 43.9;
        }).map((element) => `too small: ${element.className}`);
        return [...found, ...small];
      });
      assert.deepEqual(faults, []);
      await visitor.leave();
    });
  }
}
