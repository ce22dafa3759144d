// The forms of the embed on a blog of another site, and what a hostile page or text may try.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { canaries, inside, openBlog, themeOf, visit } from './blog.mjs';
import { Server, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

/** @param {import('./support.mjs').Visitor} chat */
const themeIn = (chat) => themeOf(/** @type {any} */ (chat.where));

const reference = await readFile('docs/EMBED.md', 'utf8');
/** The blocks of the reference page that are to work as pasted, with what a template engine would put in. */
const recipes = [...reference.matchAll(/```html runs\n([\s\S]*?)```/g)].map(([, text]) => text
  .replaceAll('https://chat.example', server.url)
  .replaceAll(/\{\{.*?\}\}|\[##.*?##\]/g, 'filled'));

/** Text that would set the canary wherever it became markup or script. */
const MARKUP = '"\'><img src=x onerror="canary=1"><script>canary=1</script>';
const LINE = `<script async src="${server.url}/embed.js" data-loading="eager"`;
/** @param {string} text */
const quoted = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** @type {Parameters<typeof openBlog>[0]} */
const pages = {
  '/': `<main>${LINE} data-room="blog" data-title="A post" data-lang="en"></script></main>`,
  '/element': `<script async src="${server.url}/embed.js"></script><realtime-chat room="blog" title="A post" loading="eager"></realtime-chat>`,
  '/bare': `<iframe src="${server.url}/room/blog?theme=light" width="480" height="480"></iframe>`,
  '/two': `${LINE} data-room="first"></script>${LINE} data-room="second"></script>`,
  '/far': `<script async src="${server.url}/embed.js" data-room="far"></script>`.replace(/^/, '<div style="height: 8000px"></div>'),
  '/head': { bare: true, body: `<!doctype html><html lang="ko"><head><title>Blog</title>
<script src="${server.url}/embed.js" data-room-from="canonical" data-target="#here"></script>
<link rel="canonical" href="https://blog.example/2026/%EC%88%98%EB%8B%AC/index.html?utm=1#top"></head>
<body><p>Above</p><div id="here"></div><p>Below</p></body></html>` },
  '/nowhere': `${LINE} data-room="x" data-target="#absent"></script>${LINE} data-room="x" data-target="]["></script>`,
  '/path/of/a post/': `${LINE} data-room-from="pathname"></script>`,
  '/hostile': ['server', 'room', 'title', 'lang', 'accent', 'theme', 'height', 'room-from', 'loading'].map((name) => `<script async src="${server.url}/embed.js"
 ${name === 'room' ? '' : 'data-room="hostile"'} data-${name}="${quoted(MARKUP)}"></script>`).join(''),
  '/huge': `${LINE} data-room="huge" data-title="${'제목 '.repeat(100_000)}"></script>`,
  '/hugeroom': `${LINE} data-room="${'x'.repeat(100_000)}"></script>${LINE} data-room=".."></script>`,
};
for (const [n, recipe] of recipes.entries()) pages[`/recipe/${n}`] = recipe;
const blog = await openBlog(pages);

test('the demo post: the chat in it works, and follows the post\'s own dark switch', async () => {
  const host = await visit(browser, `${server.url}/?lang=ko`, { colorScheme: 'light' });
  const chat = await inside(host, 'realtime-chat iframe');
  await chat.join('손님');
  await chat.say('데모에서 인사');
  await chat.sees('데모에서 인사');
  await host.page.locator('#theme').click();
  await until(() => themeIn(chat), (now) => now === 'dark', 'the dark chat');
  assert.equal(await host.page.locator('iframe').evaluate((frame) => frame.style.colorScheme), 'dark');
  await host.page.locator('#theme').click();
  await until(() => themeIn(chat), (now) => now === 'light', 'the light chat');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

for (const [n, recipe] of recipes.entries()) {
  test(`recipe ${n + 1} of the reference page works as pasted: ${recipe.split('\n')[0].slice(0, 60)}`, async () => {
    const host = await visit(browser, `${blog}/recipe/${n}`);
    await host.page.locator('iframe').waitFor({ state: 'visible' });
    const chat = await inside(host);
    await chat.live();
    if (recipe.includes('id="night"')) {
      await host.page.locator('#night').click();
      await until(() => themeIn(chat), (now) => now === 'dark', 'the dark chat');
    }
    if (/title="(My post|filled)"/.test(recipe)) {
      await chat.where.getByRole('heading', { name: /My post|filled/ }).waitFor();
    }
    assert.deepEqual(host.complaints, []);
    await host.leave();
  });
}

test('a script in the head waits for its target, and takes the room of the canonical address', async () => {
  const host = await visit(browser, `${blog}/head`);
  const chat = await inside(host, '#here > realtime-chat > iframe');
  await chat.live();
  const { pathname, searchParams } = new URL(String(await host.page.locator('iframe').getAttribute('src')));
  assert.equal(decodeURIComponent(pathname), '/room/blog.example:2026:수달');
  assert.equal(searchParams.get('lang'), 'ko');
  await host.page.goto(`${blog}/path/of/a%20post/`);
  await (await inside(host)).live();
  assert.equal(decodeURIComponent(new URL(String(await host.page.locator('iframe').getAttribute('src'))).pathname), '/room/path:of:a post');
  await host.leave();
});

test('a target that is not there, or no selector: no chat, a word to the developer, no error', async () => {
  const host = await visit(browser, 'about:blank');
  /** @type {string[]} */
  const warnings = [];
  host.page.on('console', (message) => warnings.push(message.text()));
  await host.page.goto(`${blog}/nowhere`);
  await until(() => warnings, ({ length }) => length === 2, 'two warnings');
  assert.deepEqual(warnings.sort(), ['realtime-chat: nothing on this page is #absent', 'realtime-chat: nothing on this page is ][']);
  assert.equal(await host.page.locator('realtime-chat, iframe').count(), 0);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('far below, nothing is requested until it comes near', async () => {
  const host = await visit(browser, 'about:blank');
  /** @type {string[]} */
  const requests = [];
  host.page.on('request', (request) => {
    if (request.url().startsWith(server.url)) requests.push(new URL(request.url()).pathname);
  });
  await host.page.goto(`${blog}/far`);
  const chat = host.page.locator('realtime-chat');
  await chat.waitFor({ state: 'attached' });
  // Two frames painted: the observer has spoken.
  await host.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))));
  assert.deepEqual(requests, ['/embed.js']);
  assert.deepEqual(await chat.boundingBox().then((box) => box && [box.width, box.height]), [464, 480], 'its place is kept');
  await host.page.evaluate(() => scrollTo(0, 8000 - innerHeight - 700));
  await (await inside(host)).live();
  assert.ok(requests.includes('/room/far'));
  await host.leave();
});

test('two chats on one page stay apart', async () => {
  const host = await visit(browser, `${blog}/two`);
  await until(() => host.page.locator('realtime-chat').count(), (count) => count === 2, 'two chats');
  const first = await inside(host, 'realtime-chat[room=first] iframe');
  const second = await inside(host, 'realtime-chat[room=second] iframe');
  await first.join('Guest');
  await first.say('only in the first');
  await first.sees('only in the first');
  await second.live();
  assert.equal(await second.messages.count(), 0);
  await host.page.evaluate(() => document.querySelectorAll('realtime-chat')[1].setAttribute('theme', 'dark'));
  await until(() => themeIn(second), (now) => now === 'dark', 'the dark chat');
  assert.equal(await themeIn(first), 'light');
  // Taking one away leaves the other alone.
  await host.page.evaluate(() => document.querySelector('realtime-chat')?.destroy());
  await host.page.evaluate(() => document.querySelector('realtime-chat')?.setTheme('light'));
  await until(() => themeIn(second), (now) => now === 'light', 'the light chat');
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('the element: events, attributes, setTheme, setRoom, destroy', async () => {
  const host = await visit(browser, 'about:blank');
  await host.page.addInitScript(() => {
    /** @type {string[]} */
    const heard = [];
    Object.assign(window, { heard });
    for (const name of /** @type {const} */ (['ready', 'unread', 'state'])) {
      document.addEventListener(`realtime-chat:${name}`, ({ detail }) => heard.push(`${name} ${JSON.stringify(detail)}`));
    }
  });
  await host.page.goto(`${blog}/element`);
  const heard = () => host.page.evaluate(() => /** @type {any} */ (window).heard);
  await until(heard, (events) => events.includes('ready {}') && events.includes('state {"state":"live"}'), 'ready and live');
  const chat = await inside(host);
  assert.equal(await host.page.locator('iframe').evaluate((frame) => getComputedStyle(frame).visibility), 'visible');

  await host.page.evaluate(() => document.querySelector('realtime-chat')?.setTheme('dark'));
  await until(() => themeIn(chat), (now) => now === 'dark', 'the dark chat');
  await host.page.evaluate(() => document.querySelector('realtime-chat')?.setAttribute('title', 'Another title'));
  await chat.where.getByRole('heading', { name: 'Another title' }).waitFor();
  assert.equal(await host.page.locator('iframe').getAttribute('title'), 'Another title');
  await host.page.evaluate(() => document.querySelector('realtime-chat')?.removeAttribute('title'));
  await chat.where.getByRole('heading', { name: 'Discussion' }).waitFor();
  await host.page.evaluate(() => { document.documentElement.lang = 'ko-KR'; });
  await until(() => chat.where.locator('html').getAttribute('lang'), (lang) => lang === 'ko', 'the page\'s language');
  for (const [height, px] of [['300', 300], ['20em', 320], ['junk;position:fixed', 480], ['-5', 480], ['50vh', 320]]) {
    await host.page.evaluate((value) => document.querySelector('realtime-chat')?.setAttribute('height', String(value)), height);
    assert.equal((await host.page.locator('realtime-chat').boundingBox())?.height, px, String(height));
  }

  await host.page.evaluate(() => document.querySelector('realtime-chat')?.setRoom('another'));
  await until(() => host.page.locator('iframe').getAttribute('src'), (src) => String(src).includes('/room/another'), 'the other room');
  const other = await inside(host);
  await other.join('Guest');
  assert.equal(await themeIn(other), 'dark');

  await host.page.evaluate(() => document.querySelector('realtime-chat')?.destroy());
  assert.equal(await host.page.locator('iframe, realtime-chat').count(), 0);
  const same = await host.page.evaluate(() => {
    const one = window.RealtimeChat.mount(document.body, { room: 'mounted', roomFrom: 'pathname', loading: 'eager' });
    return one === window.RealtimeChat.mount('body') && one.getAttribute('room-from') === 'pathname';
  });
  assert.ok(same, 'mounting twice gives the first');
  await (await inside(host)).live();
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('the window of its own: a link to the same room, in the theme of now', async () => {
  const host = await visit(browser, blog);
  const chat = await inside(host);
  await chat.where.locator('#popout').waitFor();
  await host.page.evaluate(() => { document.documentElement.className = 'dark'; });
  await until(() => themeIn(chat), (now) => now === 'dark', 'the dark chat');
  const opened = host.page.waitForEvent('popup');
  await chat.where.locator('#popout').click();
  const popup = await opened;
  await popup.locator('#people-button').waitFor();
  const { pathname, searchParams } = new URL(popup.url());
  assert.deepEqual([pathname, searchParams.get('mode'), searchParams.get('theme')], ['/room/blog', 'popout', 'dark']);
  assert.equal(await popup.locator('#popout').isVisible(), false);
  await host.leave();
});

test('a bare iframe needs no script on the blog, and takes messages from it', async () => {
  const host = await visit(browser, `${blog}/bare`);
  const chat = await inside(host);
  await chat.join('Guest');
  await chat.say('bare');
  await chat.sees('bare');
  /** @param {object} message */
  const post = (message) => host.page.evaluate((fields) => document.querySelector('iframe')?.contentWindow?.postMessage({ ns: 'realtime-chat', v: 1, ...fields }, '*'), message);
  await post({ type: 'set-theme', theme: 'dark' });
  await until(() => themeIn(chat), (now) => now === 'dark', 'the dark chat');
  await post({ type: 'init', theme: 'light', title: 'By init', lang: 'ko', accent: '#123456' });
  await chat.where.getByRole('heading', { name: 'By init' }).waitFor();
  await until(() => chat.where.evaluate(() => document.documentElement.style.getPropertyValue('--accent')), (accent) => accent === '#123456', 'the accent');
  await host.page.locator('iframe').evaluate((frame) => frame.blur());
  await post({ type: 'focus' });
  await until(() => chat.composer.evaluate((box) => box === document.activeElement), Boolean, 'the cursor in the composer');
  await host.leave();
});

test('messages that are not of the contract, or not from the blog, do nothing', async () => {
  const host = await visit(browser, `${blog}/bare`);
  const chat = await inside(host);
  await chat.nickname.waitFor();
  const before = await themeIn(chat);
  await host.page.evaluate((markup) => {
    const target = document.querySelector('iframe')?.contentWindow;
    const said = { ns: 'realtime-chat', v: 1 };
    for (const message of [null, 7, 'set-theme', [], { type: 'set-theme', theme: 'dark' }, { ns: 'other', v: 1, type: 'set-theme', theme: 'dark' },
      { ...said, v: 2, type: 'set-theme', theme: 'dark' }, { ...said, type: 'set-theme', theme: markup },
      { ...said, type: 'set-theme', theme: { toString: 'dark' } }, { ...said, type: 'unheard-of' }, { ...said, type: ['focus'] },
      ...['constructor', '__proto__', 'toString', 'valueOf'].map((type) => ({ ...said, type, theme: 'dark' })),
      { ...said, type: 'set-title', title: 5 }, { ...said, type: 'set-title', theme: 'dark' },
      { ...said, type: 'init', accent: 'red;}', lang: 3, theme: [] }, { ...said, type: 'init', accent: markup, lang: markup, theme: markup },
      { ...said, type: 'set-lang', lang: '../../../evil' }, new Map([['type', 'focus']]), new Uint8Array(9)]) {
      target?.postMessage(message, '*');
    }
    // Last, one that counts: when it is done, all before it have been.
    target?.postMessage({ ...said, type: 'set-title', title: markup }, '*');
  }, MARKUP);
  await chat.where.getByRole('heading', { name: MARKUP.replaceAll(/\s+/g, ' ') }).waitFor();
  assert.equal(await themeIn(chat), before);
  // Huge: cut, and the page lives on.
  await host.page.evaluate(() => document.querySelector('iframe')?.contentWindow?.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: '큰 제목'.repeat(500_000) }, '*'));
  await until(() => chat.where.locator('h1').textContent(), (title) => [...String(title)].length === 200, 'a cut title');

  // A window of another origin that has the frame in reach, and the page's own window, are not the blog.
  await host.page.evaluate((url) => new Promise((resolve) => {
    const stranger = Object.assign(document.createElement('iframe'), { src: url, onload: resolve });
    document.body.append(stranger);
  }), `${blog.replace('localhost', '127.0.0.1')}/element`);
  const strangers = host.page.frames().filter((frame) => frame.url().startsWith(blog.replace('localhost', '127.0.0.1')));
  assert.equal(strangers.length, 1);
  await strangers[0].evaluate(() => parent.frames[0].postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: 'forged' }, '*'));
  await chat.where.evaluate(() => window.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: 'forged' }, '*'));
  await host.page.evaluate(() => document.querySelector('iframe')?.contentWindow?.postMessage({ ns: 'realtime-chat', v: 1, type: 'set-title', title: 'last' }, '*'));
  await chat.where.getByRole('heading', { name: 'last' }).waitFor();
  assert.equal(await canaries(host.page), 0);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('the blog\'s end hears its own frame only', async () => {
  const host = await visit(browser, `${blog}/element`);
  const chat = await inside(host);
  await chat.live();
  await host.page.evaluate(() => {
    Object.assign(window, { heard: [] });
    for (const name of ['ready', 'unread', 'state']) {
      document.addEventListener(`realtime-chat:${name}`, (event) => /** @type {any} */ (window).heard.push(/** @type {any} */ (event).detail));
    }
  });
  // From the blog itself, and from the chat's frame with the wrong kinds.
  await host.page.evaluate(() => {
    for (const origin of ['*', location.origin]) postMessage({ ns: 'realtime-chat', v: 1, type: 'unread', count: 66 }, origin);
  });
  await chat.where.evaluate((markup) => {
    const said = { ns: 'realtime-chat', v: 1 };
    for (const message of [null, { ...said, type: 'unread', count: markup }, { ...said, type: 'unread', count: -1 }, { ...said, type: 'unread', count: 1e999 },
      { ...said, type: 'state', state: markup }, { ...said, type: 'state', state: { toString: 'live' } }, { ...said, type: 'constructor' },
      { ...said, type: 'resize', height: 1e9 }, { ...said, type: 'error', code: markup },
      { ...said, type: 'unread', count: 7 }, { ...said, type: 'unread', count: 7, mentions: 2 },
      ...[-1, 1.5, '3', null, NaN, {}].map((mentions) => ({ ...said, type: 'unread', count: 8, mentions })), { ...said, type: 'unread', count: 0, mentions: 0 }]) {
      parent.postMessage(message, '*');
    }
  }, MARKUP);
  const heard = () => host.page.evaluate(() => /** @type {any} */ (window).heard);
  await until(heard, (details) => details.at(-1)?.count === 0, 'the last one');
  // A page of before mentions does not tell how many they are.
  const unsure = { count: 8, mentions: 0 };
  assert.deepEqual(await heard(), [{ count: 7, mentions: 0 }, { count: 7, mentions: 2 }, unsure, unsure, unsure, unsure, unsure, unsure, { count: 0, mentions: 0 }]);
  assert.equal((await host.page.locator('realtime-chat').boundingBox())?.height, 480);
  assert.equal(await canaries(host.page), 0);
  await host.leave();
});

test('markup in every attribute is text or nothing', async () => {
  const host = await visit(browser, `${blog}/hostile`);
  await until(() => host.page.locator('realtime-chat').count(), (count) => count === 8, 'eight chats');
  for (const name of ['room', 'title', 'lang', 'accent', 'theme', 'height', 'room-from', 'loading']) {
    await host.page.locator(`realtime-chat[${name}*=canary]`).scrollIntoViewIfNeeded();
    await host.page.locator(`realtime-chat[${name}*=canary] iframe[src]`).waitFor({ state: 'attached' });
    const chat = await inside(host, `realtime-chat[${name}*=canary] iframe`);
    await chat.live();
    assert.equal(await chat.where.locator('img[src=x]').count(), 0);
    if (name === 'title') await chat.where.getByRole('heading', { name: 'canary=1' }).waitFor();
  }
  assert.equal(await canaries(host.page), 0);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('markup in every parameter of the page is text or nothing', async () => {
  for (const name of ['title', 'lang', 'accent', 'theme', 'mode']) {
    const host = await visit(browser, `${server.url}/room/parameters?${new URLSearchParams({ [name]: MARKUP })}`);
    await host.live();
    if (name === 'title') await host.where.getByRole('heading', { name: 'canary=1' }).waitFor();
    assert.equal(await canaries(host.page), 0, name);
    assert.deepEqual(host.complaints, []);
    await host.leave();
  }
  // A room may be called so, as long as there is no slash in it.
  const name = MARKUP.replaceAll('/', '');
  const host = await visit(browser, `${server.url}/room/${encodeURIComponent(name)}`);
  await host.join('Guest');
  await host.say(MARKUP);
  await host.sees(MARKUP);
  assert.equal(await canaries(host.page), 0);
  assert.deepEqual(host.complaints, []);
  await host.leave();
});

test('a huge title is cut; a huge room, and one that is a path, are written so that the server takes them', async () => {
  const host = await visit(browser, `${blog}/huge`);
  const chat = await inside(host);
  await chat.live();
  assert.equal([...String(await chat.where.locator('h1').textContent())].length <= 200, true);
  /** @type {[string, number][]} */
  const answers = [];
  host.page.on('response', (response) => {
    if (response.url().startsWith(`${server.url}/room/`)) answers.push([response.url(), response.status()]);
  });
  await host.page.goto(`${blog}/hugeroom`);
  await until(() => answers.length, (count) => count === 2, 'two answers');
  assert.deepEqual(answers.map(([, status]) => status), [200, 200]);
  assert.ok(answers.every(([url]) => url.length < 500));
  await host.leave();
});
