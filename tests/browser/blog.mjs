// What the tests of the embed share: a blog on another site, browsers that keep storage as people's
// do, a gate that holds requests, and a look at the pixels.

import http from 'node:http';
import { after } from 'node:test';
import { inflateSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { PATIENCE_MS, Visitor, until } from './support.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Frame} Frame */
/** @typedef {import('playwright-core').Browser} Browser */

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-component-update', '--disable-sync'];

/**
 * A browser as people have it: storage in frames of other sites is partitioned, and pages go into
 * the back/forward cache. Playwright switches both off, and without partitions such storage is
 * blocked altogether.
 * @returns {Promise<Browser>}
 */
export async function launchAsPeopleDo() {
  // The list of what is switched off changes with versions, so the browser is asked for it.
  const asked = await chromium.launch({ executablePath: EXECUTABLE, args: [...ARGS, '--enable-automation'] });
  const session = await asked.newBrowserCDPSession();
  const { arguments: given } = /** @type {{arguments: string[]}} */ (
    await session.send(/** @type {any} */ ('Browser.getBrowserCommandLine')));
  await asked.close();
  const features = given.filter((argument) => argument.startsWith('--disable-features=') && argument.includes('ThirdPartyStoragePartitioning'));
  if (features.length !== 1) throw new Error('this version of Playwright disables features in another way');
  const kept = features[0].slice('--disable-features='.length).split(',').filter((name) => name !== 'ThirdPartyStoragePartitioning');
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    ignoreDefaultArgs: [features[0], '--disable-back-forward-cache'],
    args: [...ARGS, `--disable-features=${kept.join(',')}`],
  });
  after(() => browser.close());
  return browser;
}

/**
 * A blog on another site than the chat: browsers treat the two loopback names as strangers.
 * @param {Record<string, string | {body: string, headers?: Record<string, string>, bare?: boolean}>} pages by path
 */
export async function openBlog(pages) {
  const server = http.createServer((request, response) => {
    const page = pages[decodeURIComponent(new URL(request.url ?? '/', 'http://blog').pathname)];
    if (page === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { body, headers = {}, bare = false } = typeof page === 'string' ? { body: page } : page;
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers });
    response.end(bare ? body : `<!doctype html><html lang="en"><head><title>Blog</title></head><body>${body}</body></html>`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `http://localhost:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
}

/** The chat inside a page. @param {Visitor} host @param {string} [selector] */
export async function inside(host, selector = 'iframe') {
  const element = await host.page.locator(selector).first().elementHandle();
  const frame = await element?.contentFrame();
  // A handle would keep the element alive after its end.
  await element?.dispose();
  if (!frame) throw new Error('no frame');
  return new Visitor(frame, host.page);
}

/** @param {Frame | Page} where */
export const themeOf = (where) => where.evaluate(() => document.documentElement.dataset.theme);

/**
 * Opens a page in a context of its own with a trap in it and in all its frames: `canary` is what
 * hostile text tries to set, and what a content policy stops is counted.
 * @param {Browser} browser @param {string} address
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function visit(browser, address, options = {}) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 480, height: 640 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const visitor = new Visitor(page, page);
  page.on('pageerror', (error) => visitor.complaints.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Uncaught|violates/.test(message.text())) visitor.complaints.push(message.text());
  });
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => console.error(`violates ${violatedDirective} ${blockedURI}`));
  });
  await page.goto(address);
  return visitor;
}

/** Whether any frame of the page ran what it must not. @param {Page} page */
export async function canaries(page) {
  const found = await Promise.all(page.frames().map((frame) => frame.evaluate(() => 'canary' in window)));
  return found.filter(Boolean).length;
}

/** Holds requests until it is opened. */
export class Gate {
  /** @param {Page} page @param {(url: URL) => boolean} matches */
  static async on(page, matches) {
    const gate = new Gate();
    await page.route(matches, async (route) => {
      gate.waiting += 1;
      await gate.open;
      await route.continue();
    });
    return gate;
  }

  constructor() {
    this.waiting = 0;
    this.release = () => {};
    this.open = new Promise((resolve) => {
      this.release = () => resolve(undefined);
    });
  }

  async reached() {
    await until(() => this.waiting, (waiting) => waiting > 0, 'a request at the gate');
  }
}

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

export class Picture {
  /** @param {Buffer} png 8 bits a channel, not interlaced: as browsers write it */
  constructor(png) {
    this.width = png.readUInt32BE(16);
    this.height = png.readUInt32BE(20);
    this.channels = png[25] === 6 ? 4 : 3;
    const parts = [];
    for (let at = 8; at < png.length;) {
      const length = png.readUInt32BE(at);
      if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
      at += length + 12;
    }
    this.data = this.#unfilter(inflateSync(Buffer.concat(parts)));
  }

  /** @param {Buffer} raw */
  #unfilter(raw) {
    const { channels } = this;
    const stride = this.width * channels;
    const out = Buffer.alloc(stride * this.height);
    for (let y = 0; y < this.height; y += 1) {
      const filter = raw[y * (stride + 1)];
      for (let x = 0; x < stride; x += 1) {
        const at = y * stride + x;
        const left = x >= channels ? out[at - channels] : 0;
        const up = y > 0 ? out[at - stride] : 0;
        const corner = x >= channels && y > 0 ? out[at - stride - channels] : 0;
        const estimate = left + up - corner;
        const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(estimate - value));
        const paeth = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
        out[at] = raw[y * (stride + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth][filter];
      }
    }
    return out;
  }

  /** The share of each colour in a box, most frequent first. @param {Box} box @returns {[string, number][]} */
  colours({ x, y, width, height }) {
    /** @type {Map<string, number>} */
    const counts = new Map();
    let total = 0;
    // Every other pixel tells enough.
    for (let row = Math.ceil(y); row < Math.min(this.height, Math.floor(y + height)); row += 2) {
      for (let column = Math.ceil(x); column < Math.min(this.width, Math.floor(x + width)); column += 2) {
        const at = (row * this.width + column) * this.channels;
        const colour = `rgb(${this.data[at]}, ${this.data[at + 1]}, ${this.data[at + 2]})`;
        counts.set(colour, (counts.get(colour) ?? 0) + 1);
        total += 1;
      }
    }
    return [...counts].map(([colour, count]) => /** @type {[string, number]} */ ([colour, count / total])).sort((a, b) => b[1] - a[1]);
  }

  /** The share of light pixels in a box. @param {Box} box */
  light(box) {
    return this.colours(box).filter(([colour]) => isLight(colour)).reduce((sum, [, share]) => sum + share, 0);
  }
}

/** @param {string} colour `rgb(r, g, b)` */
export function isLight(colour) {
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

/** What stands on the screen now. Playwright's own screenshot waits for frames that we hold. @param {Page} page */
export async function picture(page) {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'png' });
  await session.detach();
  return new Picture(Buffer.from(data, 'base64'));
}

/** Every frame that the browser paints from now on. @param {Page} page */
export async function film(page) {
  const session = await page.context().newCDPSession(page);
  /** @type {Buffer[]} */
  const frames = [];
  session.on('Page.screencastFrame', ({ data, sessionId }) => {
    frames.push(Buffer.from(data, 'base64'));
    session.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
  });
  await session.send('Page.startScreencast', { format: 'png', everyNthFrame: 1 });
  return {
    count: () => frames.length,
    async stop() {
      await session.send('Page.stopScreencast');
      await session.detach();
      return frames.map((png) => new Picture(png));
    },
  };
}
