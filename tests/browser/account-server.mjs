// A server that knows accounts, as far as a page can tell: the real one, with the answers of accounts put in between.

import { Visitor } from './support.mjs';

/** @typedef {import('playwright-core').Route} Route */

export const PASSWORD = 'a long walk by the sea';
export const WEAK = 'password1';
export const CODE = 'ABCD-EFGH-JKMN';

export class AccountServer {
  constructor() {
    /** @type {{registration: string, mail: boolean, contact?: boolean, setup: boolean}} */
    this.settings = { registration: 'open', mail: false, contact: false, setup: false };
    /** @type {{email: string, password: string, nickname: string, avatar: string, role: string} | null} */
    this.account = { email: 'mina@example.com', password: PASSWORD, nickname: 'Mina', avatar: 'otter', role: 'owner' };
    /** Whether the browser's cookies are those of a login that lives. */
    this.signedIn = false;
    /** Whether the short-lived of the two cookies has run out. */
    this.stale = false;
    /** @type {any[]} */
    this.logins = [];
    /** What was asked: method, path, body and the header that says so. @type {{method: string, path: string, body: any, csrf: string | undefined}[]} */
    this.asked = [];
    /** Answers that are given once in place of others, by path. @type {Map<string, {status: number, code: string, headers?: Record<string, string>}>} */
    this.refusals = new Map();
    /** Nobody answers. */
    this.away = false;
    /** What waits before it is answered, by path. @type {Map<string, Promise<void>>} */
    this.held = new Map();
  }

  /** @param {import('playwright-core').BrowserContext} context */
  async in(context) {
    await context.route(/\/api\/v1\/(auth|me)\b/, (route) => this.#answer(route));
  }

  /** @param {string} path @param {number} status @param {string} code @param {Record<string, string>} [headers] */
  refuseOnce(path, status, code, headers) {
    this.refusals.set(path, { status, code, headers });
  }

  /** @param {string} path */
  requests(path) {
    return this.asked.filter((one) => one.path === path);
  }

  get #me() {
    const { nickname, avatar, role, email } = this.account ?? { nickname: '', avatar: '', role: '', email: '' };
    return { user: { id: email, nickname, avatar }, email, locale: null, role, rights: 511 };
  }

  /** @param {Route} route */
  async #answer(route) {
    const request = route.request();
    const path = new URL(request.url()).pathname.replace(/^.*\/api\/v1\//, '');
    const method = request.method();
    const body = request.postData() ? request.postDataJSON() : null;
    this.asked.push({ method, path, body, csrf: request.headers()['x-csrf'] });
    if (this.away) return route.abort();
    await this.held.get(path);
    const refusal = this.refusals.get(path);
    this.refusals.delete(path);
    if (refusal) return refuse(route, refusal.status, refusal.code, refusal.headers);
    if (path.startsWith('auth/')) return this.#auth(route, path, body);
    if (!this.signedIn || this.stale) return refuse(route, 401, 'BAD_TOKEN');
    return this.#own(route, method, path, body);
  }

  /** @param {Route} route @param {string} path @param {any} body */
  #auth(route, path, body) {
    switch (path) {
      case 'auth/settings':
        return route.fulfill({ json: this.settings });
      case 'auth/login':
        if (body.email !== this.account?.email || body.password !== this.account?.password) return refuse(route, 401, 'BAD_CREDENTIALS');
        return this.#signIn(route, 200);
      case 'auth/register':
      case 'auth/setup':
        if (body.password === WEAK) return refuse(route, 422, 'WEAK_PASSWORD');
        this.account = { email: body.email, password: body.password, nickname: body.nickname, avatar: body.avatar ?? 'fox', role: path === 'auth/setup' ? 'owner' : 'member' };
        return this.#signIn(route, path === 'auth/setup' ? 200 : 201);
      case 'auth/refresh':
        if (!this.signedIn) return refuse(route, 401, 'BAD_TOKEN');
        this.stale = false;
        return route.fulfill({ json: this.#me });
      case 'auth/logout':
        if (this.stale) return refuse(route, 401, 'BAD_TOKEN');
        this.signedIn = false;
        return route.fulfill({ status: 204 });
      case 'auth/password/reset':
        if (body.password === WEAK) return refuse(route, 422, 'WEAK_PASSWORD');
        return route.fulfill({ status: 204 });
      case 'auth/password/forgot':
        return route.fulfill({ status: 202, json: {} });
      default:
        return refuse(route, 404, 'NOT_FOUND');
    }
  }

  /** @param {Route} route @param {number} status */
  #signIn(route, status) {
    this.signedIn = true;
    return route.fulfill({ status, json: this.#me });
  }

  /** @param {Route} route @param {string} method @param {string} path @param {any} body */
  #own(route, method, path, body) {
    const account = this.account;
    if (!account) return refuse(route, 404, 'NOT_FOUND');
    switch (`${method} ${path.replace(/^(me\/logins)\/.+/, '$1/')}`) {
      case 'GET me':
        return route.fulfill({ json: this.#me });
      case 'PATCH me':
        Object.assign(account, body);
        return route.fulfill({ json: this.#me });
      case 'DELETE me':
        if (body.password !== account.password) return refuse(route, 401, 'BAD_CREDENTIALS');
        this.signedIn = false;
        return route.fulfill({ status: 204 });
      case 'POST me/password':
        if (body.old !== account.password) return refuse(route, 401, 'BAD_CREDENTIALS');
        if (body.new === WEAK) return refuse(route, 422, 'WEAK_PASSWORD');
        account.password = body.new;
        this.logins = this.logins.filter(({ current }) => current);
        return route.fulfill({ status: 204 });
      case 'GET me/logins':
        return route.fulfill({ json: this.logins });
      case 'DELETE me/logins/':
        this.logins = this.logins.filter(({ id }) => id !== decodeURIComponent(path.slice('me/logins/'.length)));
        return route.fulfill({ status: 204 });
      case 'GET me/export':
        return route.fulfill({ json: { user: account.nickname, messages: [], complete: true } });
      case 'POST me/claim':
        return route.fulfill({ status: 204 });
      default:
        return refuse(route, 404, 'NOT_FOUND');
    }
  }
}

/** @param {Route} route @param {number} status @param {string} code @param {Record<string, string>} [headers] */
function refuse(route, status, code, headers = {}) {
  return route.fulfill({ status, headers, json: { error: { code, message: 'a sentence of the server' } } });
}

const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36',
];

/** Three of them, the first of which is this one. */
export function logins() {
  return AGENTS.map((userAgent, n) => ({
    id: `login-${n + 1}`, userAgent, createdAt: `2026-10-0${n + 1}T09:30:00.000Z`, lastSeenAt: `2026-11-2${3 - n}T18:05:00.000Z`, current: n === 0,
  }));
}

/** @param {AccountServer} accounts */
export function signedIn(accounts) {
  accounts.signedIn = true;
  accounts.logins = logins();
}

/**
 * @typedef {object} Visit
 * @property {(accounts: AccountServer) => void} [with] sets what the server knows
 * @property {string} [url] another server than most ask
 * @property {string} [locale]
 * @property {Record<string, string>} [kept] what is in the browser's storage
 */

/**
 * Opens pages, each in a browser of its own with a server of its own.
 * @param {import('playwright-core').Browser} browser
 * @param {string} home the server's address
 */
export function opener(browser, home) {
  return async (/** @type {string} */ path, /** @type {Visit} */ { with: set = () => {}, url = home, locale = 'en-US', kept = {} } = {}) => {
    const accounts = new AccountServer();
    set(accounts);
    const { page, complaints } = await Visitor.open(browser, 'about:blank', { locale });
    await accounts.in(page.context());
    // Once: what the page takes away stays away.
    await page.addInitScript((values) => {
      for (const [key, value] of Object.entries(values)) if (localStorage.getItem('was-kept') === null) localStorage.setItem(key, value);
      localStorage.setItem('was-kept', '1');
    }, kept);
    await page.goto(url + path);
    await page.locator('h1').first().waitFor();
    return {
      page, accounts, complaints,
      fault: page.locator('.fault:not(:empty)'),
      button: (/** @type {string} */ name) => page.getByRole('button', { name, exact: true }),
      box: (/** @type {string} */ name) => page.getByLabel(name, { exact: true }),
    };
  };
}
