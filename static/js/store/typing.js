// Who is typing, as the server tells it, and for no longer than that can be true.

import { isAuthor } from '../wire/protocol.js';

/** Who types says so again within this; then a lost end of it must not stay. */
const LASTS_MS = 6_000;
/** Of more than these only the number is told. */
const NAMED_MAX = 5;

export class Typing {
  /** @param {() => string | null} selfId @param {(now: Chat.Typing) => void} changed */
  constructor(selfId, changed) {
    this.selfId = selfId;
    this.changed = changed;
    /** @type {Chat.Typing} */
    this.now = { authors: [], more: 0 };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.ends = undefined;
  }

  /** @param {any} payload */
  receive({ authors, more }) {
    if (!Array.isArray(authors)) return;
    clearTimeout(this.ends);
    const others = authors.filter((author) => isAuthor(author) && author.id !== this.selfId()).slice(0, NAMED_MAX);
    this.now = { authors: others, more: others.length && more > 0 ? more : 0 };
    if (others.length) this.ends = setTimeout(() => this.end(), LASTS_MS);
    this.changed(this.now);
  }

  end() {
    this.receive({ authors: [], more: 0 });
  }

  destroy() {
    clearTimeout(this.ends);
  }
}
