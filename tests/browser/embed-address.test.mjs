// Which server and which room a chat belongs to: what the script knows for certain, and what it tells the owner of the blog.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { inside, openBlog, visit } from './blog.mjs';
import { Server, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const other = await Server.start();
const source = await readFile('static/embed.js', 'utf8');

/** @param {string} body */
const script = (body) => ({ body, bare: true, headers: { 'content-type': 'text/javascript' } });
const line = (/** @type {string} */ more, src = `${server.url}/embed.js`) => `<script src="${src}" data-loading="eager" ${more}></script>`;
const named = `data-server="${server.url}"`;
const element = (/** @type {string} */ more) => `<realtime-chat room="post" loading="eager" ${more}></realtime-chat>`;
const ofServer = `server="${server.url}"`;

/** @type {Parameters<typeof openBlog>[0]} */
const pages = {
  '/assets/main.js': script(`console.info('a bundle');\n${source}`),
  '/assets/embed.js': script(source),
  '/widget/embed.js': script('window.widget = true;'),
  // Blogs of one page answer every address with it.
  '/assets/room/post': '<h1>A blog</h1>',
  '/loader.js': script(`import(${JSON.stringify(`${server.url}/embed.js`)});`),
};
/** What an owner may do with the script, and whether there is a chat. @type {Record<string, [string, boolean]>} */
const WAYS = {
  'bundled, the tag names a room': [line('data-room="post"', '/assets/main.js'), false],
  'bundled, an element': [`${line('', '/assets/main.js')}${element('')}`, false],
  'bundled, the tag names the server': [line(`data-room="post" ${named}`, '/assets/main.js'), true],
  'bundled, the tag names the server for an element': [`${line(named, '/assets/main.js')}${element('')}`, true],
  'bundled, the element names the server': [`${line('', '/assets/main.js')}${element(ofServer)}`, true],
  'a module': [line('type="module" data-room="post"'), false],
  'a module that names the server': [line(`type="module" data-room="post" ${named}`), true],
  'a bundle as a module that names the server': [line(`type="module" data-room="post" ${named}`, '/assets/main.js'), true],
  'imported, an element': [`<script src="/loader.js"></script>${element('')}`, false],
  'imported, the element names the server': [`<script src="/loader.js"></script>${element(ofServer)}`, true],
  'imported beside a widget whose file has our name': [`<script src="/widget/embed.js" data-room="post"></script><script src="/loader.js"></script>${element('')}`, false],
  'a copy': [line('data-room="post"', '/assets/embed.js'), false],
  'a copy that names the server': [line(`data-room="post" ${named}`, '/assets/embed.js'), true],
  'a server that is no address': [line('data-room="post" data-server="chat.example"'), false],
  'an element whose server is no address': [`${line('')}${element('server="javascript:alert(1)"')}`, false],
  'two servers, an element that names none': [`${line('')}${line('', `${other.url}/embed.js`)}${element('')}`, false],
  'two servers, the second comes after an element that names none': [`${line('')}${element('')}${line('', `${other.url}/embed.js`)}`, false],
};
for (const [n, [body]] of Object.values(WAYS).entries()) pages[`/way/${n}`] = body;

/** By path: the tag, the canonical link, the room of `/path?query`, and what is said about it. @type {[string, string, string, string, RegExp?][]} */
const ROOMS = [
  ['data-room-from="permalink"', '', '/blog?utm_source=x&p=12', 'HOST:blog?p=12'],
  ['data-room-from="permalink"', 'https://blog.example/?p=12', '/home?p=7', 'blog.example?p=12'],
  ['data-room-from="permalink"', 'https://blog.example/2026/otter/', '/plain?p=12', 'blog.example:2026:otter'],
  ['data-room-from="permalink"', '/notice', '/notice?mod=document&uid=5', 'HOST:notice?uid=5'],
  ['data-room-from="permalink"', '/', '/posts/1', 'HOST', /share the room "localhost%3A\d+"\. .*data-room/],
  ['data-room-from="canonical"', '', '/lost?p=12', 'PORT:lost', /share the room "localhost:\d+:lost".*data-room-from="permalink"/],
  ['data-room-from="canonical"', '/strict', '/strict?p=12', 'PORT:strict', /share the room/],
  ['data-room-from="canonical"', 'https://blog.example/?p=12', '/wp?x=1', 'blog.example', /share the room "blog\.example"/],
  ['data-room-from="canonical"', '/pretty/12', '/ugly?p=12', 'PORT:pretty:12'],
  ['data-room-from="pathname"', '', '/path/of?id=3', 'path:of', /share the room "path:of"/],
  ['data-room-from="pathname"', '', '/path/alone?utm_source=x', 'path:alone'],
  ['data-room="/2026/05/hello/"', '', '/r1', '2026:05:hello', /"\/2026\/05\/hello\/".*"2026:05:hello"/],
  ['data-room="https://blog.example/%EA%B8%80/index.html"', '', '/r2', 'blog.example:글', /"blog\.example:글"/],
  ['data-room="  as it stands 50%"', '', '/r3', '  as it stands 50%'],
  ['data-room="&#10;  /lines/&#10;"', '', '/r4', 'lines', /"lines"/],
  ['data-room="/"', '', '/r5', 'index', /"index"/],
  ['data-room=".."', '', '/r6', 'index', /"index"/],
];
for (const [more, canonical, address] of ROOMS) {
  pages[new URL(address, 'http://blog').pathname] = { bare: true, body: `<!doctype html><html lang="en"><head><title>Blog</title>
${canonical && `<link rel="canonical" href="${canonical}">`}</head><body>${line(more)}</body></html>` };
}
pages['/both'] = `${line('data-room="here"')}${line('data-room="there"', `${other.url}/embed.js`)}${element(`${ofServer} id="named"`)}`;
pages['/later'] = `${line('', '/assets/main.js')}${element('')}`;
pages['/again'] = `${line('data-room="/a/"')}`;
const blog = await openBlog(pages);
pages['/elsewhere'] = line('data-room="post"', `${blog.replace('localhost', '127.0.0.1')}/assets/embed.js`);

/** A page, with what its console has from us. @param {string} address */
async function open(address) {
  const host = await visit(browser, 'about:blank');
  /** @type {string[]} */
  const said = [];
  host.page.on('console', (message) => {
    if (message.text().startsWith('realtime-chat:')) said.push(`${message.type()} ${message.text()}`);
  });
  await host.page.goto(address);
  return { host, said };
}

for (const [n, [name, [, works]]] of Object.entries(WAYS).entries()) {
  test(`${name}: ${works ? 'there is a chat' : 'there is none, and the console says what is missing'}`, async () => {
    const { host, said } = await open(`${blog}/way/${n}`);
    if (works) {
      await host.page.locator('iframe').waitFor();
      const chat = await inside(host);
      await chat.live();
      assert.equal(new URL(chat.where.url()).origin, server.url);
      assert.deepEqual(said, []);
    } else {
      await until(() => said.length, (count) => count > 0, 'a word in the console');
      assert.match(said[0], /^error realtime-chat: no chat, .*data-server="https:/);
      // Not even an empty place is left.
      await until(() => host.page.locator('iframe').count(), (count) => count === 0, 'no frame');
      assert.equal(await host.page.locator('realtime-chat:visible').count(), 0);
      assert.equal(said.length, 1, said.join('\n'));
    }
    assert.deepEqual(host.complaints, []);
    await host.leave();
  });
}

test('a copy on another host: what it shows is not ours to see, and the console says so', async () => {
  const { host, said } = await open(`${blog}/elsewhere`);
  await until(() => said.length, (count) => count > 0, 'a word in the console');
  assert.match(said[0], /^error realtime-chat: no chat, .*\(http:\/\/127\.0\.0\.1:\d+\/assets\/\?\).*data-server="https:/);
  assert.equal(said.length, 1);
  await host.leave();
});

test('chats of two servers on one page, each with its own', async () => {
  const { host, said } = await open(`${blog}/both`);
  const first = await inside(host, 'realtime-chat[room=here] iframe');
  const second = await inside(host, 'realtime-chat[room=there] iframe');
  const third = await inside(host, '#named iframe');
  await Promise.all([first.live(), second.live(), third.live()]);
  assert.deepEqual([first, second, third].map((chat) => new URL(chat.where.url()).origin), [server.url, other.url, server.url]);
  await second.join('Guest');
  await second.say('on the other server');
  await second.sees('on the other server');
  assert.deepEqual(said, []);
  await host.leave();
});

test('an element that is told its server later comes to life, and moves when it is told another', async () => {
  const { host, said } = await open(`${blog}/later`);
  await until(() => said.length, (count) => count === 1, 'a word in the console');
  for (const { url } of [server, other]) {
    await host.page.evaluate((address) => document.querySelector('realtime-chat')?.setAttribute('server', address), url);
    await until(() => host.page.frames().map((frame) => frame.url()).filter((address) => address.startsWith(`${url}/room/post`)).length, (count) => count === 1, 'the frame');
    await (await inside(host)).live();
    assert.equal(await host.page.locator('realtime-chat:visible').count(), 1);
  }
  assert.equal(said.length, 1);
  await host.leave();
});

for (const [more, canonical, address, expected, warning] of ROOMS) {
  test(`${more} at ${address}${canonical && ` with the canonical address ${canonical}`}`, async () => {
    const { host, said } = await open(`${blog}${address}`);
    await host.page.locator('iframe').waitFor();
    const chat = await inside(host);
    await chat.live();
    const room = expected.replace('HOST', encodeURIComponent(new URL(blog).host)).replace('PORT', new URL(blog).host);
    assert.equal(await chat.where.locator('body').getAttribute('data-room'), room);
    if (warning) {
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0], /^warning /);
      assert.match(said[0], warning);
    } else assert.deepEqual(said, []);
    await host.leave();
  });
}

test('the owner is told of a thing once for each chat', async () => {
  const { host, said } = await open(`${blog}/again`);
  for (const room of ['/b/', '/c/']) {
    await host.page.evaluate((name) => document.querySelector('realtime-chat')?.setRoom(name), room);
    await until(() => host.page.locator('iframe').getAttribute('src'), (src) => String(src).includes(`/room/${room[1]}?`), 'the room');
  }
  assert.equal(said.length, 1, said.join('\n'));
  await host.leave();
});
