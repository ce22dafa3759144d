// Readers whom the blog vouches for, as its own users: takes what it has signed, keeps it in memory, joins by it, and asks for
// a new one before it is over. Loaded with the first word of it. Nothing of it is ever stored, or stands in an address.

import { loadWords } from '../i18n/moderation.js';
import { uuid } from '../store/identity.js';

const NS = 'realtime-chat';
/** The blog is asked for a new token so long before the server takes the old one no more, which is a minute past its end. */
const ASK_BEFORE_MS = 120_000;
/** So long a blog that has said that it will say who its reader is may take for it. */
const TOKEN_WAIT_MS = 3_000;
/** It is asked no more often than this: one whose tokens are all refused would be led round in circles. */
const ASK_EVERY_MS = 5_000;
/** A window of its own asks the page that has opened it, as long as nobody is named there. */
const WONDER_EVERY_MS = 2_000;
/** So many windows that have asked are told of the next token. */
const ASKERS_MAX = 8;
/** Timers take no more than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Refusals of a token itself: another try with the same one ends as the first. */
const REFUSED = new Set(['BAD_TOKEN', 'INVALID_NICKNAME', 'INVALID_AVATAR']);

/**
 * What a token says, as far as it can be read. The server alone knows whether it is true.
 * @param {string} token
 * @returns {{iss?: unknown, sub?: unknown, name?: unknown}}
 */
export function claimsOf(token) {
  try {
    const bytes = atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

/** Whom a token is for. @param {string} token */
const subjectOf = (token) => {
  const { iss, sub } = claimsOf(token);
  return JSON.stringify([iss, sub]);
};

export class BlogUser {
  /** @param {Chat.OfficeParts} parts @param {Chat.OfficeWords} words */
  constructor(parts, words) {
    this.parts = parts;
    this.words = words;
    /** The newest token; null where the reader is none of the blog's users. @type {string | null} */
    this.token = null;
    /** A token that the server does not take. @type {string | null} */
    this.refused = null;
    /** When the blog was last asked. */
    this.askedAt = -ASK_EVERY_MS;
    /** What stands there is ours. */
    this.explains = false;
    /** Windows that this page has opened, and that have asked. @type {Set<Window>} */
    this.askers = new Set();
    /** @type {Map<string, ReturnType<typeof setTimeout>>} one timer of each name */
    this.timers = new Map();
    const { connection, identity, frame, signal, changedIdentity } = parts;
    const on = { signal };
    connection.addEventListener('frame', (event) => this.#hear(/** @type {any} */ (event).detail), on);
    // Who is signed out as the one who runs the blog is the blog's user again.
    parts.changedIdentity = () => {
      changedIdentity();
      if (identity.token === null && identity.vouched === null && this.token) this.#become(this.token);
    };
    // The blog says what its users are called: there is nothing to choose here.
    document.addEventListener('click', (event) => {
      if (identity.vouched === null || !(/** @type {Element} */ (event.target)).closest('#me')) return;
      event.stopPropagation();
      parts.status.note(this.words.blogUser.named);
    }, { capture: true, signal });
    // A window of its own asks the page that has opened it.
    addEventListener('message', ({ source, origin, data }) => {
      if (origin !== location.origin || data?.ns !== NS || data.type !== 'who' || !source) return;
      const asker = /** @type {Window} */ (source);
      if (this.askers.size < ASKERS_MAX) this.askers.add(asker);
      if (this.token) this.#tell(asker);
    }, on);
    if (!frame.embedded && window.opener) {
      addEventListener('message', ({ source, origin, data }) => {
        if (source !== window.opener || origin !== location.origin || data?.ns !== NS || data.type !== 'auth') return;
        if (typeof data.token === 'string' || data.token === null) this.take(data.token);
      }, on);
    }
    signal.addEventListener('abort', () => {
      for (const timer of this.timers.values()) clearTimeout(timer);
    });
  }

  /** @param {Chat.OfficeParts} parts */
  static async load(parts) {
    return new BlogUser(parts, await loadWords(parts.strings().locale));
  }

  /** The blog says who its reader is. @param {string | null} [token] undefined: it is about to say */
  take(token) {
    const { frame, connection, identity } = this.parts;
    if (token === undefined) {
      if (!frame.embedded) this.#ask('expired');
      this.#after('wait', TOKEN_WAIT_MS, () => this.#begin());
      return;
    }
    // The origin of a sandboxed page is nobody's.
    if (frame.embedded && frame.origin === 'null') return this.#begin();
    if (token !== this.token && (token === null || token !== this.refused)) {
      const same = token !== null && this.token !== null && subjectOf(token) === subjectOf(this.token);
      this.token = token;
      this.#cancel('wonder');
      for (const asker of this.askers) {
        if (asker.closed) this.askers.delete(asker);
        else this.#tell(asker);
      }
      if (identity.token !== null) {
        // Who runs the blog has said so here: that counts for more.
      } else if (token === null) this.#leave();
      else if (same && identity.vouched !== null) this.#renew(token);
      else this.#become(token);
    } else if (token === null && !frame.embedded) this.#wonder();
    if (connection.stopped && connection.state !== 'closed') this.#begin();
  }

  /** @param {Window} asker a page of this origin: it has asked from there */
  #tell(asker) {
    asker.postMessage({ ns: NS, v: 1, type: 'auth', token: this.token }, { targetOrigin: location.origin });
  }

  /** The page that has opened this window may be told later who its reader is: until then it has nobody who would hear of it. */
  #wonder() {
    const { opener } = window;
    if (this.token !== null || !opener || opener.closed) return;
    opener.postMessage({ ns: NS, v: 1, type: 'who' }, location.origin);
    this.#after('wonder', WONDER_EVERY_MS, () => this.#wonder());
  }

  /** @param {string} token */
  #become(token) {
    const { identity } = this.parts;
    const { name } = claimsOf(token);
    Object.assign(identity, { vouched: token, nickname: typeof name === 'string' ? name : '', avatar: '', authorId: null, unnamed: `~${uuid()}` });
    this.#changed();
  }

  /** The same person, by a new token. @param {string} token */
  #renew(token) {
    const { identity, connection, store } = this.parts;
    identity.vouched = token;
    // Who came in without a token comes in anew; on a line that is not there it goes along with the next JOIN.
    const asked = store.self !== null && connection.send(JSON.stringify({ type: 'AUTH', payload: { token } }));
    if (!asked) connection.rejoin();
  }

  /** Back to the visitor that this browser is without the blog. */
  #leave() {
    const { identity } = this.parts;
    this.#cancel('ask');
    this.#cancel('over');
    if (identity.vouched === null) return;
    identity.vouched = identity.unnamed = null;
    identity.signOut();
    this.#changed();
  }

  #changed() {
    const { connection } = this.parts;
    this.#explain('');
    const isLive = connection.state === 'live';
    this.parts.changedIdentity();
    // A JOIN as who we were may be on its way.
    if (!isLive) connection.rejoin();
  }

  #begin() {
    this.#cancel('wait');
    const { connection } = this.parts;
    if (connection.stopped) connection.start();
  }

  /** @param {Chat.Frame} frame */
  #hear({ type, payload }) {
    const { identity, connection } = this.parts;
    if (identity.vouched === null) return;
    if (type === 'AUTH') this.#proven(Number(payload.expiresInMs) || 0);
    // In again, without a token: the blog may have one by now.
    if (type === 'WELCOME' && identity.vouched === '') this.#ask('expired');
    if (type !== 'ERROR') return;
    const { code, message, clientId } = payload;
    if (code === 'TOKEN_EXPIRED') this.#over();
    if (clientId) return;
    // Another one than has joined: what the token says was not what it seemed.
    if (code === 'OTHER_USER') connection.rejoin();
    else if (code === 'NICKNAME_TAKEN') this.#nameless();
    else if (REFUSED.has(code)) {
      // For the blog's owner: which rule it is that the token breaks.
      console.warn(`${NS}: the server does not take the token of this page's user: ${message}`);
      const joined = connection.state === 'live';
      const first = this.refused === null;
      this.refused = this.token;
      // What was proven before holds for as long as it said.
      if (!joined) {
        this.token = null;
        this.#leave();
      }
      // A blog whose tokens are wrong makes the next one wrong as well.
      if (first) this.#ask('refused');
    }
  }

  /** For so long we may write. @param {number} ms */
  #proven(ms) {
    const { sender, commander } = this.parts;
    this.refused = null;
    this.#after('ask', Math.max(ms / 2, ms - ASK_BEFORE_MS), () => this.#ask('expiring'));
    this.#after('over', ms, () => this.#over());
    this.#explain('');
    sender.pump();
    commander.pump();
  }

  /** From here on we read, until the blog has signed anew. What was written waits. */
  #over() {
    const { identity } = this.parts;
    if (identity.vouched !== '') this.#cancel('ask');
    this.#cancel('over');
    identity.vouched = '';
    this.#explain(this.words.blogUser.over);
    this.#ask('expired');
  }

  /** The blog's name for its user is one of those who keep order here. */
  #nameless() {
    const { identity, dock } = this.parts;
    const { name } = claimsOf(this.token ?? '');
    identity.nickname = typeof name === 'string' ? name : '';
    dock.show('rest');
    this.#explain(this.words.blogUser.taken);
  }

  /** @param {string} text nothing: what stood there is over, where it was ours */
  #explain(text) {
    if (text || this.explains) this.parts.status.note(text);
    this.explains = text !== '';
  }

  /** @param {'expiring' | 'expired' | 'refused'} reason */
  #ask(reason) {
    const { frame } = this.parts;
    const wait = this.askedAt + ASK_EVERY_MS - performance.now();
    if (wait > 0) return this.#after('ask', wait, () => this.#ask(reason));
    this.askedAt = performance.now();
    if (frame.embedded) frame.post('token-needed', { reason });
    else if (window.opener) window.opener.postMessage({ ns: NS, v: 1, type: 'who' }, location.origin);
  }

  /** @param {string} name @param {number} ms @param {() => void} act */
  #after(name, ms, act) {
    this.#cancel(name);
    this.timers.set(name, setTimeout(act, Math.min(ms, TIMER_MS_MAX)));
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.timers.get(name));
  }
}
