// The chat under a path of the blog's own host, behind nginx with the documented settings: one origin for both.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { inside } from './blog.mjs';
import { Nginx } from './nginx.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const DOCUMENT = await readFile(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');

/** @param {string} text @param {string} from @param {string} to */
function replace(text, from, to) {
  assert.ok(text.includes(from), from);
  return text.replace(from, to);
}

/**
 * nginx with what docs/OPERATIONS.md says, without TLS and under a path.
 * @param {number} target the chat's port @param {(settings: string) => string} edit @param {string} blog what stands at `/`
 */
async function nginx(target, edit, blog) {
  const settings = /```nginx\n([^]*?)```/.exec(DOCUMENT)?.[1] ?? '';
  const above = /upstream chat \{[^]*?\n\}[^]*?map [^]*?\n\}/.exec(settings)?.[0] ?? '';
  const place = /location \/ \{[^]*?\n {4}\}/.exec(settings)?.[0] ?? '';
  const proxy = await Nginx.start(({ folder, port }) => `
      ${replace(above, '127.0.0.1:8080', `127.0.0.1:${target}`)}
      server {
        listen 127.0.0.1:${port};
        location / { root ${folder}; }
        ${edit(replace(place, 'location / {', 'location /chat/ {'))}
      }`, { 'index.html': blog });
  return proxy.url;
}

const browser = await launch();
const server = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_BASE_PATH: '/chat', CHAT_TRUSTED_PROXIES: '127.0.0.1' });
const BLOG = '<!doctype html><html lang="en"><title>Blog</title><body><p>A post</p><script async src="/chat/embed.js" data-room="post" data-loading="eager"></script></body></html>';

for (const [name, edit] of /** @type {[string, (settings: string) => string][]} */ ([
  ['passes the path on', (settings) => settings],
  ['takes the path away', (settings) => replace(settings, 'proxy_pass http://chat;', 'proxy_pass http://chat/;')],
])) {
  test(`a page behind nginx under /chat/ that ${name}: embed, socket, animals and history`, async () => {
    const site = await nginx(server.port, edit, BLOG);
    const room = `path-${name.length}`;
    const host = await Visitor.open(browser, site, { locale: 'en-US' });
    /** @type {string[]} */
    const missing = [];
    host.page.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) missing.push(`${response.status()} ${response.url()}`);
    });
    await host.page.goto(site);
    await host.page.locator('iframe').waitFor();
    const chat = await inside(host);
    await chat.join('Path');
    await chat.say(`from ${room}`);
    await chat.sees(`from ${room}`);
    assert.equal(new URL(chat.where.url()).pathname, '/chat/room/post');
    const animal = chat.log.locator('li.msg img.avatar').first();
    await until(() => animal.evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth), (width) => width > 0, 'the animal');

    // A page that was not there has the history in its HTML, and more of it over the interface.
    const later = await Visitor.open(browser, `${site}/chat/room/post`, { locale: 'en-US' });
    await later.sees(`from ${room}`);
    await later.live();
    const api = await later.page.evaluate(async () => (await fetch('/chat/api/v1/rooms/post/messages')).status);
    assert.equal(api, 200);

    // The demo post shows lines that work from here, and the owner's page finds nothing wrong.
    await later.page.goto(`${site}/chat/?lang=en`);
    await later.page.getByText(`src="${site}/chat/embed.js"`).waitFor();
    await later.page.locator('iframe').first().waitFor();
    await later.page.goto(`${site}/chat/check`);
    await until(() => later.page.locator('#checks li.right').count(), (count) => count === 4, 'four things that are right');
    assert.deepEqual([missing, host.complaints, later.complaints], [[], [], []]);
    await host.leave();
    await later.leave();
  });
}

test('the owner who opens the page of checks learns that the proxy passes no Host, and readers that it is no fault of theirs', async () => {
  const site = await nginx(server.port, (settings) => replace(settings, 'proxy_set_header Host $http_host;', ''), BLOG);
  const owner = await Visitor.open(browser, `${site}/chat/check?lang=en`, { locale: 'en-US' });
  await owner.page.locator('#checks li.wrong').getByText('proxy_set_header Host $http_host').waitFor();
  assert.equal(await owner.page.locator('#checks li.wrong').count(), 1);
  await owner.page.goto(`${site}/chat/room/post?lang=en`);
  await owner.page.getByText('This discussion is not set up right yet').waitFor();
  await owner.leave();
});
