// What the chat's own pages ask the interface as somebody with an account. Who asks is known by cookies that no script can read; each request that
// changes something says by a header that a page of ours has made it.

import { base } from '../shared/base.js';

/** Tabs of one browser renew their login one after the other: each then goes by the cookie that the one before it got. */
const LOCK = 'realtime-chat:refresh';
/** Refusals of what was typed: no other login would change them. */
const TYPED = ['BAD_CREDENTIALS', 'BAD_CODE'];
/** Nobody has to be signed in for these. */
const OPEN = /^(inquiries\?|answers\/|auth\/(?!(logout|ticket)$))/;
/** Whoever asks too often, or waited too long, is not told that nobody is signed in. */
const LATER = [408, 425, 429];

/** What a JOIN waits for, or another tab: it must not hang. Within half a minute the same may be asked again. */
const QUICK = /^auth\/(refresh|ticket)$/;
const QUICK_MS = 10_000;

/** @typedef {(act: () => Promise<unknown>) => Promise<unknown>} Turn runs something when no other tab does the same */

/** @type {Turn} */
function inTurn(act) {
  const { locks } = globalThis.navigator ?? {};
  return locks ? locks.request(LOCK, act) : act();
}

export class Api {
  /**
   * @param {object} [options]
   * @param {typeof fetch} [options.send]
   * @param {Turn} [options.turn]
   */
  constructor({ send = (address, request) => fetch(address, request), turn = inTurn } = {}) {
    this.send = send;
    this.turn = turn;
    /** Under way, for all who wait for it. @type {Promise<unknown> | null} */
    this.renewing = null;
  }

  /** @param {string} path below /api/v1 */
  get(path) {
    return this.#ask('GET', path);
  }

  /** @param {string} path @param {object} [content] */
  post(path, content) {
    return this.#ask('POST', path, content);
  }

  /** @param {string} path @param {object} content */
  patch(path, content) {
    return this.#ask('PATCH', path, content);
  }

  /** @param {string} path @param {object} [content] */
  remove(path, content) {
    return this.#ask('DELETE', path, content);
  }

  /**
   * Asks, and where the login's token has run out once more with a new one. A login that cannot be renewed is left as it
   * is: to end it is nobody's business but its owner's.
   * @param {string} method @param {string} path @param {object} [content]
   * @returns {Promise<Chat.AccountAnswer>}
   */
  async #ask(method, path, content) {
    const answer = await this.#once(method, path, content);
    if (answer.status !== 401 || OPEN.test(path) || TYPED.includes(answer.code)) return answer;
    this.renewing ??= this.turn(() => this.#once('POST', 'auth/refresh', {})).finally(() => { this.renewing = null; });
    const renewed = /** @type {Chat.AccountAnswer | null} */ (await this.renewing.catch(() => null));
    // Refused: nobody is signed in. Unanswered: nobody knows, which is not the same.
    if (!renewed || renewed.status === 401) return answer;
    return renewed.ok ? this.#once(method, path, content) : renewed;
  }

  /** @param {string} method @param {string} path @param {object} [content] @returns {Promise<Chat.AccountAnswer>} */
  async #once(method, path, content) {
    try {
      const answer = await this.send(`${base}/api/v1/${path}`, {
        method,
        cache: 'no-store',
        credentials: 'same-origin',
        ...(QUICK.test(path) ? { signal: AbortSignal.timeout?.(QUICK_MS) } : {}),
        headers: {
          ...(method === 'GET' ? {} : { 'X-CSRF': '1' }),
          ...(content ? { 'Content-Type': 'application/json' } : {}),
        },
        ...(content ? { body: JSON.stringify(content) } : {}),
      });
      const body = await answer.json().catch(() => ({}));
      const { code, retryAfterMs } = body?.error ?? {};
      const seconds = Number(answer.headers.get('Retry-After') ?? 0);
      return {
        ok: answer.ok,
        status: answer.status,
        body,
        code: answer.ok ? '' : String(code ?? answer.status),
        retryAfterMs: Number(retryAfterMs) || seconds * 1000 || 0,
      };
    } catch {
      return { ok: false, status: 0, body: {}, code: '', retryAfterMs: 0 };
    }
  }
}

/** @type {Api | undefined} */
let shared;

/** The one of this page: what is renewed for one request is renewed for all. */
export function ownApi() {
  return shared ??= new Api();
}

/**
 * What JOIN takes as `token`, good once and for half a minute: asked for with each JOIN, and never kept.
 * @param {Api} [api]
 * @returns {Promise<string | null>} null where nobody is signed in; fails where nobody knows
 */
export async function ticket(api = ownApi()) {
  const { ok, status, body } = await api.post('auth/ticket');
  if (ok && typeof body.ticket === 'string') return body.ticket;
  if (status >= 400 && status < 500 && !LATER.includes(status)) return null;
  throw new Error(`no ticket: ${status}`);
}
