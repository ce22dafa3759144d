// What the browser tests share: the real server as a process, a way to cut the line to it, and
// visitors. Everything waits for conditions; nothing waits for a time.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';
import { pipeline } from 'node:stream';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Frame} Frame */
/** @typedef {import('playwright-core').Locator} Locator */

export const BINARY = process.env.CHAT_BIN ?? 'target/debug/realtime-chat';
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Long enough for a slow machine under load; a test that needs it has failed anyway. */
export const PATIENCE_MS = 60_000;
const ASK_AGAIN_MS = 10;
/** About what one packet holds: so much at a time goes over a slow line. */
const PIECE_BYTES = 1400;

export async function launch() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      // How far ahead of the reader pictures are loaded follows from it; a busy machine looks like a slow line.
      '--force-effective-connection-type=4G'],
  });
  after(() => browser.close());
  return browser;
}

export class Server {
  /** @param {Record<string, string>} env @param {string} folder */
  constructor(env, folder) {
    this.env = env;
    this.folder = folder;
    this.url = '';
    /** What it printed. */
    this.said = '';
    /** @type {import('node:child_process').ChildProcess | null} */
    this.process = null;
  }

  /** A server on an empty database of its own. @param {Record<string, string>} [env] */
  static async start(env = { CHAT_RATE_LIMITS: 'off' }) {
    const folder = await mkdtemp(join(tmpdir(), 'realtime-chat-'));
    const server = new Server(env, folder);
    await server.up();
    after(async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    });
    return server;
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  async up() {
    const child = spawn(BINARY, ['--listen', '127.0.0.1:0'], {
      // A test's crowd is no raid.
      env: { ...process.env, CHAT_GUARD: 'off', DATABASE_URL: `sqlite://${join(this.folder, 'chat.db')}`, ...this.env },
      cwd: process.cwd(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    let log = '';
    child.stderr.on('data', (data) => {
      log = (log + data).slice(-4000);
    });
    this.url = await new Promise((resolve, reject) => {
      const lines = readline.createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        this.said += `${line}\n`;
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
        if (found) resolve(found[0]);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened:\n${log}`)));
    });
  }

  /** As a crash: nothing is said, nothing is flushed. */
  async kill() {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** A line to the server that can be cut and slow: what the browser's own "offline" and throttling do not do to open sockets. */
export class Line {
  /** @param {() => number} target the port behind it, which may change */
  constructor(target) {
    this.target = target;
    this.whole = true;
    /** Bytes a second towards the browser, for all connections together. */
    this.rate = Infinity;
    /** Bytes that the browser was given. */
    this.bytes = 0;
    /** When the line is free again, in milliseconds. */
    this.freeAt = 0;
    /** @type {Set<net.Socket>} */
    this.sockets = new Set();
    this.server = net.createServer((near) => this.#connect(near));
    this.url = '';
  }

  /** @param {() => number} target */
  static async open(target) {
    const line = new Line(target);
    await new Promise((resolve) => line.server.listen(0, '127.0.0.1', () => resolve(undefined)));
    line.url = `http://127.0.0.1:${/** @type {net.AddressInfo} */ (line.server.address()).port}`;
    after(() => {
      line.cut();
      line.server.close();
    });
    return line;
  }

  cut() {
    this.whole = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.whole = true;
  }

  /** @param {net.Socket} near */
  #connect(near) {
    if (!this.whole) {
      near.destroy();
      return;
    }
    const far = net.connect(this.target(), '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      this.sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
    near.pipe(far);
    pipeline(far, (data) => this.#slowly(data), near, () => far.destroy());
  }

  /** @param {AsyncIterable<Buffer>} data */
  async* #slowly(data) {
    for await (const chunk of data) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const piece = chunk.subarray(at, at + PIECE_BYTES);
        if (this.rate < Infinity) {
          this.freeAt = Math.max(this.freeAt, Date.now()) + (piece.length * 1000) / this.rate;
          await new Promise((resolve) => setTimeout(resolve, this.freeAt - Date.now()));
        }
        this.bytes += piece.length;
        yield piece;
      }
    }
  }
}

/** One person with a browser of their own. */
export class Visitor {
  /** @param {Page | Frame} where @param {Page} page */
  constructor(where, page) {
    this.where = where;
    this.page = page;
    this.log = where.getByRole('log');
    this.composer = where.getByRole('textbox', { name: /메시지|Message/ });
    this.nickname = where.getByRole('textbox', { name: /닉네임|Nickname/ });
    this.newMessages = where.getByRole('button', { name: /새 메시지|New messages/ });
    this.messages = this.log.locator('li.msg');
    this.own = this.log.locator('li.msg.own');
    this.pending = this.log.locator('li.msg.pending');
  }

  /**
   * @param {import('playwright-core').Browser} browser
   * @param {string} address
   * @param {import('playwright-core').BrowserContextOptions} [options]
   */
  static async open(browser, address, options = {}) {
    const context = await browser.newContext({ locale: 'ko-KR', timezoneId: 'Asia/Seoul', viewport: { width: 480, height: 640 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    /** @type {string[]} */
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text());
    });
    const visitor = new Visitor(page, page);
    visitor.complaints = complaints;
    await page.goto(address);
    return visitor;
  }

  /** @type {string[]} errors of scripts, and what the content policy has stopped */
  complaints = [];

  /** @param {string} name */
  async join(name) {
    await this.nickname.waitFor();
    await this.nickname.fill(name);
    await this.nickname.press('Enter');
    await this.composer.waitFor();
  }

  /** @param {string} text */
  async say(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** Says something that the server refuses: the page mends what is written, so it is broken on its way. @param {string} text */
  async sayRefused(text) {
    await this.where.evaluate((content) => {
      const { send } = WebSocket.prototype;
      /** @this {WebSocket} @param {any} data */
      WebSocket.prototype.send = function (data) {
        send.call(this, typeof data === 'string' ? data.replace(JSON.stringify(content), JSON.stringify(`${content}\u0001`)) : data);
      };
    }, text);
    await this.say(text);
  }

  /**
   * Presses a button in the moment in which it comes, for those that stay for a few seconds only: on a busy machine a
   * test may take longer. To be called before what brings the button, and awaited after it.
   * @param {string} name
   */
  pressAsItComes(name) {
    return this.where.evaluate((wanted) => new Promise((resolve) => {
      const press = () => {
        const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent?.trim() === wanted);
        if (!button) return;
        observer.disconnect();
        button.click();
        resolve(undefined);
      };
      const observer = new MutationObserver(press);
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    }), name);
  }

  /** @param {string} text */
  async sees(text) {
    await this.log.getByText(text, { exact: true }).first().waitFor();
  }

  /** The texts of all stored messages, top to bottom. */
  async texts() {
    return this.log.locator('li.msg:not(.pending):not(.failed) .text').allTextContents();
  }

  /** @param {number} n */
  async counts(n) {
    await until(() => this.messages.count(), (count) => count === n, `${n} messages`);
  }

  async live() {
    await this.where.locator('#people-button').waitFor();
  }

  async leave() {
    await this.page.context().close();
  }
}

/**
 * Asks again until the answer is right.
 * @template T
 * @param {() => Promise<T> | T} ask
 * @param {(answer: T) => boolean} right
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function until(ask, right, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/**
 * Fills a room over a socket of its own.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {string} room
 * @param {string[]} contents
 * @param {string} [nickname]
 */
export async function fill(browser, url, room, contents, nickname = 'Filler') {
  const page = await browser.newPage();
  await page.goto(`${url}/room/${room}-filler`);
  await page.evaluate(async ([name, texts, nick]) => {
    const socket = new WebSocket(`ws://${location.host}/ws/room/${name}`);
    const uuid = () => '00000000-0000-4000-8000-000000000000'.replace(/0/g, () => Math.floor(Math.random() * 16).toString(16));
    const said = new Promise((resolve, reject) => {
      let stored = 0;
      /** What each clientId says. */
      const said = new Map(texts.map((content) => [uuid(), content]));
      const say = (/** @type {string} */ clientId) => socket.send(JSON.stringify({ type: 'MESSAGE', payload: { clientId, content: said.get(clientId) } }));
      /** @param {any} frame */
      const read = ({ type, payload }) => {
        if (type === 'BATCH') payload.frames.forEach(read);
        if (type === 'WELCOME') for (const clientId of said.keys()) say(clientId);
        if (type === 'ACK') stored += Number(said.delete(payload.clientId));
        // A busy machine's disk may take longer than a message waits.
        if (type === 'ERROR' && payload.retryAfterMs && said.has(payload.clientId)) setTimeout(say, payload.retryAfterMs, payload.clientId);
        else if (type === 'ERROR') reject(new Error(JSON.stringify(payload)));
        if (stored === texts.length) resolve(undefined);
      };
      socket.onmessage = ({ data }) => read(JSON.parse(data));
      socket.onclose = () => reject(new Error('closed'));
    });
    socket.onopen = () => socket.send(JSON.stringify({ type: 'JOIN', payload: { anonymousId: uuid(), nickname: nick } }));
    await said;
    socket.onclose = null;
    socket.close();
  }, /** @type {[string, string[], string]} */ ([room, contents, nickname]));
  await page.close();
}

/** @param {string} word @param {number} from @param {number} to */
export function numbered(word, from, to) {
  const list = [];
  for (let n = from; n <= to; n += 1) list.push(`${word} ${n}`);
  return list;
}
