// A server with an owner, a moderator, rooms, people, and what waits for somebody to look at it: the real one, by its interface.

import { Server, Visitor, fill, until } from './support.mjs';

const TOKEN = 'the-operators-token-of-these-tests';
const [OWNER, MODERATOR] = [{ email: 'mina@example.com', password: 'a long walk by the sea' }, { email: 'otto@example.com', password: 'nine otters in a row' }];

/** As long as names can be, and as wide. */
export const WIDE = 'W'.repeat(15);
/** Text that would act where it became markup. */
export const MARKUP = '<img src=x onerror=canary=1>';

export class ConsoleServer {
  /** @param {Server} server @param {import('playwright-core').Browser} browser */
  constructor(server, browser) {
    this.server = server;
    this.browser = browser;
    this.url = server.url;
  }

  /** @param {import('playwright-core').Browser} browser @param {Record<string, string>} [env] */
  static async start(browser, env = {}) {
    const server = await Server.start({ CHAT_RATE_LIMITS: 'off', CHAT_ADMIN_TOKEN: TOKEN, ...env });
    const made = new ConsoleServer(server, browser);
    const said = await until(() => server.said, (text) => /\/setup#\S/.test(text), 'the link to be printed');
    const code = decodeURIComponent(/\/setup#(\S+)/.exec(said)?.[1] ?? '');
    await made.post('auth/setup', { code, ...OWNER, nickname: '미나' });
    const invite = await made.post('admin/invites', { role: 'moderator', uses: 1, hours: 1 });
    await made.post('auth/register', { ...MODERATOR, nickname: 'Otto', invite: new URL(invite.url).hash.slice(1) });
    return made;
  }

  /** As the operator. @param {string} path below /api/v1 @param {object} [content] @returns {Promise<any>} */
  async ask(method = 'GET', path = '', content = undefined) {
    const headers = { ...(/^auth/.test(path) ? {} : { Authorization: `Bearer ${TOKEN}` }), 'Content-Type': 'application/json' };
    // For its first seconds a server does not know whether an older one lives.
    return until(async () => {
      const answer = await fetch(`${this.url}/api/v1/${path}`, { method, headers, body: content && JSON.stringify(content) });
      const body = await answer.json().catch(() => ({}));
      return answer.status === 503 ? null : { status: answer.status, body };
    }, (answer) => answer !== null, path).then((answer) => {
      if (!answer || answer.status >= 400) throw new Error(`${path}: ${JSON.stringify(answer)}`);
      return answer.body;
    });
  }

  /** @param {string} path @returns {Promise<any>} */
  get(path) { return this.ask('GET', path); }
  /** @param {string} path @param {object} content @returns {Promise<any>} */
  post(path, content) { return this.ask('POST', path, content); }

  /** @param {string} room @param {Record<string, any>} settings */
  async set(room, settings) {
    const path = `admin/rooms/${encodeURIComponent(room)}`;
    const { settingsRev } = await this.get(path);
    return this.post(path, { settings, settingsRev });
  }

  /** @param {string} room @param {string[]} texts @param {string} [nickname] */
  say(room, texts, nickname) {
    return fill(this.browser, this.url, encodeURIComponent(room), texts, nickname);
  }

  /** A message that waits, and one that is reported. @param {string} room @param {string} text @param {{nickname?: string, reason?: string}} [more] */
  async report(room, text, { nickname = 'Spammer', reason = 'spam' } = {}) {
    await this.say(room, [text], nickname);
    const { messages } = await (await fetch(`${this.url}/api/v1/rooms/${encodeURIComponent(room)}/messages`)).json();
    const { id } = messages.find((/** @type {any} */ one) => one.content === text);
    await this.#frames(room, [{ type: 'REPORT', payload: { clientId: crypto.randomUUID(), id, reason } }]);
    return id;
  }

  /** What new people write there waits. @param {string} room @param {string} text @param {string} [nickname] */
  async hold(room, text, nickname = 'Newcomer') {
    await this.set(room, { holdNew: 'first' });
    await this.#frames(room, [{ type: 'MESSAGE', payload: { clientId: crypto.randomUUID(), content: text } }], nickname);
  }

  /** Sends frames as somebody new, until each is answered. @param {string} room @param {object[]} frames @param {string} [nickname] */
  async #frames(room, frames, nickname = 'Reader') {
    const page = await this.browser.newPage();
    await page.goto(`${this.url}/check`);
    await page.evaluate(({ room, frames, nickname }) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/ws/room/${encodeURIComponent(room)}`);
      let left = frames.length;
      const send = () => frames.forEach((frame) => socket.send(JSON.stringify(frame)));
      /** @param {any} frame */
      const read = ({ type, payload }) => {
        if (type === 'BATCH') payload.frames.forEach(read);
        if (type === 'WELCOME') send();
        if (type === 'ERROR' && payload.retryAfterMs && payload.code !== 'RATE_LIMITED') setTimeout(send, payload.retryAfterMs);
        else if (type === 'ERROR' && payload.code !== 'HELD') reject(new Error(JSON.stringify(payload)));
        else if (type === 'ACK' || type === 'ERROR') left -= 1;
        if (left <= 0) resolve(undefined);
      };
      socket.onmessage = ({ data }) => read(JSON.parse(data));
      socket.onopen = () => socket.send(JSON.stringify({ type: 'JOIN', payload: { anonymousId: crypto.randomUUID(), nickname } }));
    }), { room, frames, nickname });
    await page.close();
  }

  /** Somebody signed in. @param {'owner' | 'moderator'} who @param {string} path @param {import('playwright-core').BrowserContextOptions} [options] */
  async open(who, path, options = {}) {
    const visitor = await Visitor.open(this.browser, 'about:blank', { locale: 'en-US', viewport: { width: 1100, height: 800 }, ...options });
    const { page } = visitor;
    await page.goto(`${this.url}/login?lang=en`);
    await page.locator('form').first().waitFor();
    const { email, password } = who === 'owner' ? OWNER : MODERATOR;
    await page.evaluate(async (content) => {
      const body = JSON.stringify({ ...content, session: 'cookie' });
      const answer = await fetch('/api/v1/auth/login', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF': '1' }, body });
      if (!answer.ok) throw new Error(await answer.text());
    }, { email, password });
    await page.goto(this.url + path);
    await page.locator('h1').first().waitFor();
    return visitor;
  }
}

/** Nothing is on its way any more. @param {import('./support.mjs').Page} page */
export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('[aria-busy]') && ![...document.querySelectorAll('.con-empty, .account-hint')].some(({ textContent }) => /Loading|불러오는|Counting|세는 중/.test(textContent ?? '')));
}
