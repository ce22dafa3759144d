// Blogs that embeds break on: strict policies, isolation, sandboxes.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { canaries, inside, openBlog, visit } from './blog.mjs';
import { Server, launch } from './support.mjs';

const browser = await launch();
const server = await Server.start();

const reference = await readFile('docs/EMBED.md', 'utf8');
/** The policy lines that the reference page tells blogs to add. */
const documented = /```text\n(script-src .*)\n```/.exec(reference)?.[1].replaceAll('https://chat.example', server.url) ?? '';
const sandbox = /sandbox="([^"]+)"/.exec(reference)?.[1] ?? '';

const line = `<script async src="${server.url}/embed.js" data-room="hosts" data-loading="eager"></script>`;
const element = `<script async src="${server.url}/embed.js"></script><realtime-chat room="hosts" loading="eager"></realtime-chat>`;
const framed = (/** @type {string} */ more) => `<iframe src="${server.url}/room/hosts?theme=light" title="Chat" width="480" height="480" ${more}></iframe>`;
const strict = `default-src 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; ${documented}`;
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

const HOSTS = /** @type {const} */ ({
  'a strict policy, the script line': { body: line, headers: { 'content-security-policy': strict } },
  'a strict policy, the element': { body: element, headers: { 'content-security-policy': strict } },
  'a policy with a nonce and strict-dynamic': {
    body: line.replace('<script', '<script nonce="abc"'),
    headers: { 'content-security-policy': `default-src 'none'; script-src 'nonce-abc' 'strict-dynamic'; frame-src ${server.url}` },
  },
  'COEP require-corp, the script line': { body: line, headers: isolated },
  'COEP require-corp, a bare iframe': { body: framed(''), headers: isolated },
  'COEP credentialless': { body: line, headers: { ...isolated, 'cross-origin-embedder-policy': 'credentialless' } },
  'a credentialless iframe': { body: framed('credentialless'), headers: isolated },
  'no referrer': { body: line, headers: { 'referrer-policy': 'no-referrer' } },
  'the documented sandbox': { body: framed(`sandbox="${sandbox}"`), headers: {} },
  'a sandbox without an origin': { body: framed('sandbox="allow-scripts allow-forms"'), headers: {} },
});
const paths = Object.keys(HOSTS);
const blog = await openBlog(Object.fromEntries(Object.values(HOSTS).map((page, n) => [`/${n}`, page])));

for (const [n, name] of paths.entries()) {
  test(`reading and writing under ${name}`, async () => {
    assert.ok(documented.includes('frame-src') && sandbox.includes('allow-scripts'));
    const host = await visit(browser, `${blog}/${n}`);
    const chat = await inside(host);
    await host.page.locator('iframe').waitFor({ state: 'visible' });
    await chat.join('Guest');
    await chat.say(`under ${name}`);
    await chat.sees(`under ${name}`);
    if (name.startsWith('COEP')) assert.equal(await host.page.evaluate(() => crossOriginIsolated), true);
    assert.deepEqual(host.complaints, []);
    assert.equal(await canaries(host.page), 0);
    await host.leave();
  });
}
