// Where no WebSocket passes: real proxies without the upgrade, one that collects answers, one that ends connections.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Nginx } from './nginx.mjs';
import { Line, Server, Visitor, launch, until } from './support.mjs';

/** How long a connection lives behind the proxy that ends them: 30 s where it is real. */
const CUT_MS = Number(process.env.LINES_CUT_MS ?? 3_000);

const browser = await launch();

/** What passes a WebSocket on, as docs/OPERATIONS.md has it. */
const UPGRADE = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;';
/** What keeps an answer until it ends: nginx that compresses everything, and is told not to hear what the server asks. */
const COLLECTS = 'gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;';

/** @param {string} target @param {string} more @returns {import('./nginx.mjs').Settings} */
const settings = (target, more) => ({ port }) => `
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${target};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      ${more}
    }
  }`;

/** The server, a plain line to it, and nginx in front of that: the lines stay where they are when the server starts anew. */
async function setup(more = '') {
  const server = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_TRUSTED_PROXIES: '127.0.0.1' });
  const straight = await Line.open(() => server.port);
  const nginx = await Nginx.start(settings(straight.url, more));
  return { server, straight, nginx };
}

/** @param {Visitor} visitor */
const slower = (visitor) => visitor.page.locator('#slow-line');

/** Both see the same, in the same order, each once. @param {Visitor[]} visitors @param {string[]} expected */
async function allSee(visitors, expected) {
  for (const visitor of visitors) {
    const right = (/** @type {string[]} */ texts) => texts.join('\n') === expected.join('\n');
    await until(() => visitor.texts(), right, `${expected.length} messages in order`);
  }
}

/** Counts what a visitor is told of: each once. @param {Visitor} visitor */
async function watched(visitor) {
  await visitor.page.evaluate(() => {
    const told = /** @type {string[]} */ ([]);
    Object.assign(globalThis, { told });
    const list = /** @type {HTMLElement} */ (document.querySelector('#list'));
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (node instanceof HTMLElement && node.matches('li.msg') && node.dataset.seq) told.push(node.dataset.seq);
        }
      }
    }).observe(list, { childList: true });
  });
}

test('behind nginx without upgrade headers a page reads and writes, over a restart of the server as well, and takes the socket once it may', async () => {
  const { server, straight, nginx } = await setup();
  const behind = await Visitor.open(browser, `${nginx.url}/room/post`, { locale: 'en-US' });
  /** @type {import('playwright-core').WebSocket[]} */
  const sockets = [];
  behind.page.on('websocket', (socket) => sockets.push(socket));
  const direct = await Visitor.open(browser, `${straight.url}/room/post`);
  await direct.join('Direct');
  await behind.join('Behind');
  await slower(behind).waitFor();
  assert.equal(await slower(behind).textContent(), 'Slower line');
  assert.equal(await slower(direct).count(), 0);
  await watched(direct);
  const said = [];
  for (let n = 0; n < 10; n += 1) {
    const [who, text] = n % 2 ? [direct, `direct ${n}`] : [behind, `behind ${n}`];
    await who.say(text);
    said.push(text);
    await allSee([behind, direct], said);
  }
  // Own messages are known as such, and what is done with them passes as well.
  await until(() => behind.own.count(), (count) => count === 5, 'five of one\'s own');
  await behind.composer.press('ArrowUp');
  await behind.say('behind 8, corrected');
  said[8] = 'behind 8, corrected';
  await allSee([behind, direct], said);

  // What no request can do says so, and what was meant is not lost.
  const row = behind.log.locator('li.msg', { hasText: 'direct 1' }).first();
  /** @param {string} item */
  const choose = async (item) => {
    await row.evaluate((element) => {
      element.tabIndex = -1;
      element.focus();
    });
    await behind.page.keyboard.press('Enter');
    await behind.where.getByRole('menu').getByText(item).first().click();
  };
  await choose('👍');
  await direct.log.locator('.reaction', { hasText: '👍' }).waitFor();
  await choose('Report');
  const dialog = behind.where.getByRole('dialog', { name: 'Report this message' });
  await dialog.getByRole('button', { name: 'Off topic' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'live connection' }).waitFor();
  await behind.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });

  await server.kill();
  await behind.say('behind while it is away');
  said.push('behind while it is away');
  await server.up();
  await allSee([behind, direct], said);
  await direct.say('direct after that');
  said.push('direct after that');
  await allSee([behind, direct], said);

  await nginx.change(settings(straight.url, UPGRADE));
  // Another network is a reason to look at once.
  await until(async () => {
    await behind.page.evaluate(() => dispatchEvent(new Event('online')));
    return slower(behind).count();
  }, (count) => count === 0, 'the socket');
  await direct.say('direct over a socket');
  await allSee([behind, direct], [...said, 'direct over a socket']);
  await behind.say('behind over a socket');
  await allSee([behind, direct], [...said, 'direct over a socket', 'behind over a socket']);
  assert.ok(sockets.some((socket) => !socket.isClosed()), 'a socket is open');
  const told = await direct.page.evaluate(() => /** @type {any} */ (globalThis).told);
  assert.equal(new Set(told).size, told.length, `nothing came twice: ${told}`);
  await behind.leave();
  await direct.leave();
});

test('behind nginx that collects answers a page asks for what changed', async () => {
  const { straight, nginx } = await setup(COLLECTS);
  const behind = await Visitor.open(browser, `${nginx.url}/room/post`);
  /** @type {string[]} */
  const asked = [];
  behind.page.on('request', (request) => asked.push(new URL(request.url()).pathname.split('/').at(-1) ?? ''));
  const direct = await Visitor.open(browser, `${straight.url}/room/post`);
  await direct.join('Direct');
  await behind.join('Behind');
  await slower(behind).waitFor();
  const said = [];
  for (let n = 0; n < 6; n += 1) {
    const [who, text] = n % 2 ? [direct, `direct ${n}`] : [behind, `behind ${n}`];
    await who.say(text);
    said.push(text);
    await allSee([behind, direct], said);
  }
  await until(() => behind.own.count(), (count) => count === 3, 'three of one\'s own');
  assert.equal(asked.filter((path) => path === 'events').length, 1, 'the stream was tried once');
  assert.ok(asked.filter((path) => path === 'changes').length > 1);
  await behind.leave();
  await direct.leave();
});

test(`behind a proxy that ends each connection after ${CUT_MS} ms nothing is lost and nothing comes twice`, async () => {
  const { straight, nginx } = await setup();
  const cutting = await Line.open(() => Number(new URL(nginx.url).port));
  const behind = await Visitor.open(browser, `${cutting.url}/room/post`);
  let streams = 0;
  behind.page.on('request', (request) => {
    streams += Number(request.url().endsWith('/events'));
  });
  const direct = await Visitor.open(browser, `${straight.url}/room/post`);
  await direct.join('Direct');
  await behind.join('Behind');
  await slower(behind).waitFor();
  await watched(behind);
  // Only from here on: on a busy machine the page itself may take longer to load than a connection lives.
  /** @param {import('node:net').Socket} socket */
  const endSoon = (socket) => {
    const timer = setTimeout(() => socket.destroy(), CUT_MS);
    socket.on('close', () => clearTimeout(timer));
  };
  for (const socket of cutting.sockets) endSoon(socket);
  cutting.server.on('connection', endSoon);
  const said = [];
  for (let n = 0; streams < 4 || n < 10; n += 1) {
    const [who, text] = n % 2 ? [direct, `direct ${n}`] : [behind, `behind ${n}`];
    await who.say(text);
    said.push(text);
    await allSee([behind, direct], said);
  }
  const told = await behind.page.evaluate(() => /** @type {any} */ (globalThis).told);
  assert.equal(new Set(told).size, told.length, `nothing came twice: ${told}`);
  await behind.leave();
  await direct.leave();
});
