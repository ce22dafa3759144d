// Messages that others answer and that are not in the list themselves. Pure.

import { changed } from './changes.js';

/** So many are kept; the one that came first goes first. */
const MAX = 200;

export class Quotes {
  /** @param {import('./chat-store.js').ChatStore} store */
  constructor(store) {
    this.store = store;
    /** @type {Map<string, Chat.Message | null>} by id; null is one that is gone */
    this.known = new Map();
  }

  /**
   * A message that another one answers, wherever it is.
   * @param {Chat.Reply} reply
   * @returns {Chat.Message | null | undefined} null where it is gone; undefined where it is not known yet
   */
  find({ id, seq }) {
    const here = this.store.bySeq(seq);
    return here?.id === id ? here : this.known.get(id);
  }

  /** What the server has told of. @param {Iterable<[string, Chat.Message | null]>} quoted */
  add(quoted) {
    for (const [id, message] of quoted) this.#set(id, message && this.store.log.upToDate(message));
    this.store.touch();
  }

  /** @param {string} id @param {Chat.Message | null} message */
  #set(id, message) {
    const there = this.known.get(id);
    // A page may be older than what is known already.
    if (there && message && there.rev > message.rev) return;
    this.known.set(id, message);
    if (this.known.size > MAX) this.known.delete(/** @type {string} */ (this.known.keys().next().value));
  }

  /** @param {Chat.Change} change */
  changed(change) {
    for (const [id, message] of this.known) if (message?.seq === change.seq) this.known.set(id, changed(message, change));
  }
}
