// The theme, by its pixels: what is painted first, and everything painted on the way.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate, film, inside, isLight, openBlog, picture, themeOf, visit } from './blog.mjs';
import { Server, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

const PAPER = /** @type {Record<string, string>} */ ({ light: 'rgb(250, 249, 246)', dark: 'rgb(16, 20, 24)' });
/** A box with rounded corners and text in it: a few pixels are of another kind. */
const FEW = 0.1;

/** @param {string} scheme @param {string} content @param {string} [more] */
const paged = (scheme, content, more = '') => ({
  bare: true,
  body: `<!doctype html><html lang="en"${more}><head><title>Blog</title>
<style>html { color-scheme: ${scheme}; background: ${PAPER[scheme]} } body { margin: 0 }</style></head><body>${content}</body></html>`,
});

/** @type {Parameters<typeof openBlog>[0]} */
const pages = {};
for (const host of ['light', 'dark']) {
  for (const frame of ['light', 'dark']) {
    pages[`/script/${host}/${frame}`] = paged(host, `<script async src="${server.url}/embed.js" data-room="flash" data-theme="${frame}" data-loading="eager"></script>`);
    pages[`/iframe/${host}/${frame}`] = paged(host, `<iframe src="${server.url}/room/flash?theme=${frame}" title="Discussion"
 style="display: block; width: 100%; height: 480px; border: 0; color-scheme: ${frame}"></iframe>`);
  }
  pages[`/follows/${host}`] = paged(host, `<script async src="${server.url}/embed.js" data-room="flash" data-loading="eager"></script>`);
}
/** A blog with a switch of some kind. @param {string} name @param {string} css @param {string} attributes @param {string} [bodyAttributes] */
function switchable(name, css, attributes, bodyAttributes = '') {
  pages[name] = { bare: true, body: `<!doctype html><html lang="en" ${attributes}><head><title>Blog</title><style>${css}</style></head>
<body ${bodyAttributes}><script async src="${server.url}/embed.js" data-room="switch" data-loading="eager"></script></body></html>` };
}
switchable('/class', '', 'class="light"');
switchable('/body-class', '', '', 'class="post light-mode has-dark-header"');
switchable('/attribute', '', 'data-theme="light" data-dark-theme="dark_dimmed"');
switchable('/scheme', 'html { color-scheme: light } html.night { color-scheme: dark }', '');
switchable('/inline', '', 'style="color-scheme: light"');
switchable('/paper', 'body { background: #fff; transition: background-color 60ms } body.night { background: oklch(0.2 0.02 250) }', '');
switchable('/sheet', '</style><style media="not all" id="night">html { color-scheme: dark }', '');
switchable('/both', 'html { color-scheme: light dark }', '');
const blog = await openBlog(pages);

for (const host of ['light', 'dark']) {
  for (const frame of ['light', 'dark']) {
    for (const form of ['script', 'iframe']) {
      test(`a ${frame} chat on a ${host} page, by ${form}: its first frame and all before it`, async () => {
        // The reader's own setting is the other one: it must not shine through.
        const visitor = await visit(browser, 'about:blank', { colorScheme: frame === 'dark' ? 'light' : 'dark' });
        const { page } = visitor;
        const gates = {
          page: await Gate.on(page, ({ pathname }) => pathname === '/room/flash'),
          style: await Gate.on(page, ({ pathname }) => pathname.endsWith('/chat.css')),
          script: await Gate.on(page, ({ pathname }) => pathname.endsWith('/room.js')),
        };
        // The embed shows a chat that says nothing after five seconds anyway: a busy machine may need them all until here.
        await page.addInitScript(() => {
          const { setTimeout } = window;
          Object.assign(window, { setTimeout: (/** @type {() => void} */ act, /** @type {number} */ ms) => (ms === 5000 ? 0 : setTimeout(act, ms)) });
        });
        const reel = await film(page);
        const loaded = page.goto(`${blog}/${form}/${host}/${frame}`);
        await gates.page.reached();
        const box = await page.locator('iframe').boundingBox();
        assert.ok(box && box.width === 480 && box.height === 480);
        const whole = [[PAPER[host], 1]];
        assert.deepEqual((await picture(page)).colours(box), whole, 'before the page is here');
        gates.page.release();
        await gates.style.reached();
        assert.deepEqual((await picture(page)).colours(box), whole, 'before its style is here');
        gates.style.release();
        await gates.script.reached();
        if (form === 'script') assert.deepEqual((await picture(page)).colours(box), whole, 'before its scripts are here');
        gates.script.release();
        await loaded;
        await until(() => visitor.page.locator('iframe').evaluate((element) => getComputedStyle(element).visibility), (now) => now === 'visible', 'the frame in sight');
        const chat = await inside(visitor);
        const paper = await chat.where.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(isLight(paper), frame === 'light');
        const [first] = (await picture(visitor.page)).colours(box);
        assert.equal(first[0], paper);
        await chat.live();
        const all = await reel.stop();
        // The empty page that the browser came from is not ours.
        const pictures = all.slice(all.findIndex((each) => each.colours({ x: 0, y: 500, width: 480, height: 100 })[0][0] === PAPER[host]));
        let shown = 0;
        for (const [n, each] of pictures.entries()) {
          const light = each.light(box);
          const isHost = host === 'light' ? light > 1 - FEW : light < FEW;
          const isFrame = frame === 'light' ? light > 1 - 2 * FEW : light < 2 * FEW;
          assert.ok(isHost || isFrame, `frame ${n} of ${pictures.length}: ${light} light, ${JSON.stringify(each.colours(box).slice(0, 3))}`);
          // Nothing around the chat flickers.
          const around = each.colours({ x: 0, y: box.y + box.height + 2, width: 480, height: 100 });
          if (each.colours(box)[0][0] === paper) shown += 1;
          if (shown > 0) assert.deepEqual(around, [[PAPER[host], 1]], `around the chat in frame ${n}`);
        }
        assert.ok(shown > 0, 'the chat was filmed');
        await visitor.leave();
      });
    }
  }
}
test('a chat that follows is right from its first frame, and while the reader\'s setting changes', async () => {
  for (const host of ['light', 'dark']) {
    const visitor = await visit(browser, `${blog}/follows/${host}`, { colorScheme: host === 'dark' ? 'light' : 'dark' });
    await visitor.page.locator('iframe').waitFor({ state: 'visible' });
    const chat = await inside(visitor);
    await chat.live();
    assert.equal(await themeOf(/** @type {any} */ (chat.where)), host);
    await visitor.page.emulateMedia({ colorScheme: host === 'dark' ? 'dark' : 'light' });
    assert.equal(await themeOf(/** @type {any} */ (chat.where)), host);
    await visitor.leave();
  }
});

/** @type {[string, string, (page: import('playwright-core').Page) => Promise<unknown>][]} */
const SWITCHES = [
  ['/class', 'a class of html', (page) => page.evaluate(() => { document.documentElement.className = 'dark'; })],
  ['/body-class', 'a class of body', (page) => page.evaluate(() => document.body.classList.replace('light-mode', 'dark-mode'))],
  ['/attribute', 'data-theme', (page) => page.evaluate(() => { document.documentElement.dataset.theme = 'dark'; })],
  ['/scheme', 'color-scheme by a class of any name', (page) => page.evaluate(() => { document.documentElement.className = 'night'; })],
  ['/inline', 'color-scheme in the style attribute', (page) => page.evaluate(() => { document.documentElement.style.colorScheme = 'dark'; })],
  ['/paper', 'the colour of the paper, which changes slowly', (page) => page.evaluate(() => document.body.classList.add('night'))],
  ['/sheet', 'another style sheet', (page) => page.evaluate(() => { /** @type {HTMLStyleElement} */ (document.querySelector('#night')).media = 'all'; })],
  ['/both', 'the reader\'s setting', (page) => page.emulateMedia({ colorScheme: 'dark' })],
];

for (const [path, name, change] of SWITCHES) {
  test(`the blog's switch is followed live: ${name}`, async () => {
    const visitor = await visit(browser, blog + path, { colorScheme: 'light' });
    await visitor.page.locator('iframe').waitFor({ state: 'visible' });
    const chat = await inside(visitor);
    await chat.live();
    const paper = () => chat.where.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(isLight(await paper()));
    await change(visitor.page);
    await until(paper, (colour) => !isLight(colour), 'dark paper');
    const box = await visitor.page.locator('iframe').boundingBox();
    assert.ok(box);
    await until(async () => (await picture(visitor.page)).colours(box)[0][0], (colour) => !isLight(colour), 'dark pixels');
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  });
}

test('a switch that was thrown while the frame loaded is not shown late', async () => {
  const visitor = await visit(browser, 'about:blank');
  const gate = await Gate.on(visitor.page, ({ pathname }) => pathname.endsWith('/room.js'));
  const loaded = visitor.page.goto(`${blog}/class`);
  await gate.reached();
  const reel = await film(visitor.page);
  await visitor.page.evaluate(() => { document.documentElement.className = 'dark'; });
  gate.release();
  await loaded;
  await visitor.page.locator('iframe').waitFor({ state: 'visible' });
  const chat = await inside(visitor);
  assert.equal(await themeOf(/** @type {any} */ (chat.where)), 'dark');
  await chat.live();
  const box = await visitor.page.locator('iframe').boundingBox();
  assert.ok(box);
  const pictures = await reel.stop();
  const paper = await chat.where.evaluate(() => getComputedStyle(document.body).backgroundColor);
  // The blog itself is white here: what is light with a line in it would be a light chat.
  for (const each of pictures) {
    const [[colour]] = each.colours(box);
    assert.ok(colour === 'rgb(255, 255, 255)' ? each.colours(box).length < 30 : colour === paper, colour);
  }
  await visitor.leave();
});
