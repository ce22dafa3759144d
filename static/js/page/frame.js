// The page's end of the talk with the blog that embeds it. embed.js is the other end, but a blog
// may speak to a bare iframe itself. The one secret that ever crosses is what the blog has signed for
// its reader, and that only comes in. What comes in is checked here: the window, the origin, the type, the kind of each field.

import { isAccent, isTheme } from '../shared/theme.js';

const NS = 'realtime-chat';
/** `ready` is repeated until the blog answers: its script may start later than we do. */
const READY_FIRST_MS = 100;
const READY_LAST_MS = 5_000;
/** Code points, as the server has it. */
const TITLE_MAX = 200;
const LANGUAGE = /^[a-z]{2,3}([-_][a-z0-9]{1,8}){0,8}$/i;

/** What a blog may say, and which fields count with it. */
const FIELDS = new Map([
  ['init', ['theme', 'title', 'lang', 'accent']],
  ['set-theme', ['theme']],
  ['set-title', ['title']],
  ['set-lang', ['lang']],
  ['focus', []],
  ['auth', ['token']],
]);

/**
 * A message without what is not for us or not of the right kind.
 * @param {unknown} data
 * @returns {Chat.FrameMessage | null} null where nothing of it is for us
 */
export function fromBlog(data) {
  if (typeof data !== 'object' || data === null) return null;
  const { ns, v, type, theme, title, lang, accent, token } = /** @type {Record<string, unknown>} */ (data);
  if (ns !== NS || v !== 1 || typeof type !== 'string') return null;
  const fields = FIELDS.get(type);
  if (!fields) return null;
  return {
    type,
    ...(fields.includes('theme') && isTheme(theme) ? { theme } : {}),
    ...(fields.includes('title') && typeof title === 'string' ? { title: shortened(title) } : {}),
    ...(fields.includes('lang') && typeof lang === 'string' && LANGUAGE.test(lang) ? { lang } : {}),
    ...(fields.includes('accent') && isAccent(accent) ? { accent } : {}),
    ...(fields.includes('token') && (token === null || typeof token === 'string') ? { token } : {}),
  };
}

/** @param {string} title */
function shortened(title) {
  // Cut before it is trimmed and split: a blog may send megabytes.
  return [...title.slice(0, 4 * TITLE_MAX).trim()].slice(0, TITLE_MAX).join('');
}

export class Frame {
  /** @param {(message: Chat.FrameMessage) => void} receive @param {Window} [page] */
  constructor(receive, page = window) {
    this.page = page;
    this.embedded = page.parent !== page;
    /** The blog's origin, as soon as it is known for certain. A referrer is no certainty. */
    this.origin = page.location.ancestorOrigins?.[0] ?? null;
    this.answered = false;
    this.initialized = false;
    this.lastHeight = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @param {MessageEvent} event */
    this.listener = (event) => {
      if (!this.embedded || event.source !== page.parent) return;
      if (this.origin !== null && event.origin !== this.origin) return;
      const message = fromBlog(event.data);
      if (!message) return;
      this.answered = true;
      this.origin = event.origin;
      receive(message);
      if (message.type !== 'init' || this.initialized) return;
      // Said once: a blog that answers each `ready` must not be led round in circles.
      this.initialized = true;
      this.#report();
    };
    page.addEventListener('message', this.listener);
  }

  ready() {
    let pause = READY_FIRST_MS;
    const announce = () => {
      if (this.answered || pause > READY_LAST_MS) return;
      this.#report();
      this.timer = setTimeout(announce, pause);
      pause *= 2;
    };
    announce();
  }

  /** Ends the talk: nothing is heard or repeated any more. */
  destroy() {
    clearTimeout(this.timer);
    this.page.removeEventListener('message', this.listener);
  }

  /** @param {number} height CSS px */
  resize(height) {
    const rounded = Math.round(height);
    // A pixel to and fro is the blog's own rounding; answering it would never end.
    if (Math.abs(rounded - this.lastHeight) < 2) return;
    this.lastHeight = rounded;
    this.post('resize', { height: rounded });
  }

  /** @param {string} type as docs/EMBED.md has them @param {Record<string, unknown>} [fields] of `unread`: `count` and `mentions`, integers from 0 */
  post(type, fields) {
    if (!this.embedded) return;
    // `null` is the origin of a sandboxed page; it cannot be named as a target.
    const target = this.origin && this.origin !== 'null' ? this.origin : '*';
    this.page.parent.postMessage({ ns: NS, v: 1, type, ...fields }, target);
  }

  #report() {
    const { theme = 'auto' } = this.page.document.documentElement.dataset;
    this.post('ready', { theme, initialized: this.initialized });
  }
}
