// The room's stored messages, a page at a time, over HTTP.

import { backoffMs } from '../wire/backoff.js';
import { isMessage } from '../wire/protocol.js';

const PAGE = 50;
/** For so long at least is said that a page could not be had. */
const FAILED_MIN_MS = 2_000;
/** Without a line nobody is asked again before this has passed. */
const QUOTE_AGAIN_MS = 10_000;

export class History {
  /**
   * @param {import('./chat-store.js').ChatStore} store
   * @param {string} base the room's address below /api
   * @param {(where: Chat.HistorySide, state: Chat.HistoryState) => void} onState
   */
  constructor(store, base, onState) {
    this.store = store;
    this.base = base;
    this.onState = onState;
    /** @type {Record<Chat.HistorySide, Chat.HistoryState>} */
    this.states = { older: 'idle', newer: 'idle' };
    /** How often each side could not be had, since it last could. @type {Record<Chat.HistorySide, number>} */
    this.failures = { older: 0, newer: 0 };
    /** The messages that are being asked for because others answer them. @type {Set<string>} */
    this.quoting = new Set();
  }

  /** The line is back: what failed while it was down is tried again without being asked. */
  forgive() {
    for (const side of /** @type {const} */ (['older', 'newer'])) this.#forgive(side);
  }

  /** Whoever is idle is asked again by who shows it, as long as a reader is near. @param {Chat.HistorySide} side */
  #forgive(side) {
    if (this.states[side] === 'failed') this.#set(side, 'idle');
  }

  /** @param {Chat.HistorySide} side */
  load(side) {
    return side === 'older' ? this.loadOlder() : this.loadNewer();
  }

  /** The page above the list. */
  loadOlder() {
    const { store } = this;
    return this.#load('older', 'before', () => (store.hasMore ? store.oldestSeq : null),
      ({ messages, hasMore }) => store.older(messages, hasMore));
  }

  /** The page below the list, where that ends before the newest message. */
  loadNewer() {
    const { store } = this;
    return this.#load('newer', 'after', () => (store.hasNewer ? store.newestSeq : null),
      ({ messages, hasMore }) => store.newer(messages, hasMore));
  }

  /**
   * Goes to another part of the room.
   * @param {number} seq
   * @returns {Promise<boolean>} whether it is there now
   */
  async loadAround(seq) {
    const { store } = this;
    const { generation } = store;
    try {
      const page = await this.#page('around', seq);
      const { messages, hasMore, hasNewer } = page;
      // An older server, during an update, answers with the latest page and does not say what is below it.
      if (store.generation !== generation || messages.length === 0 || hasNewer === undefined || !store.admits(page)) return false;
      store.show(messages, hasMore, hasNewer);
      this.#quoted(page);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Does nothing while a page is on its way, or where there is nothing to load.
   * @param {Chat.HistorySide} side
   * @param {'before' | 'after'} direction
   * @param {() => number | null} edge
   * @param {(page: Chat.HistoryPage) => void} take
   */
  async #load(side, direction, edge, take) {
    const seq = edge();
    if (this.states[side] === 'loading' || seq === null) return;
    const { generation } = this.store;
    this.#set(side, 'loading');
    try {
      const page = await this.#page(direction, seq);
      // Meanwhile another list may have begun, or this end of it been let go.
      const belongs = this.store.generation === generation && edge() === seq;
      if (belongs && !this.store.admits(page)) {
        this.#failed(side);
        return;
      }
      this.#set(side, 'idle');
      if (!belongs) return;
      take(page);
      this.#quoted(page);
      this.failures[side] = 0;
    } catch {
      this.#failed(side);
    }
  }

  /** A server that was busy for a moment is asked again, by itself; there is a button for who will not wait. @param {Chat.HistorySide} side */
  #failed(side) {
    this.#set(side, 'failed');
    setTimeout(() => this.#forgive(side), FAILED_MIN_MS + backoffMs(this.failures[side]++));
  }

  /**
   * Asks for messages that others answer and nobody has told of yet. Each is asked for once; what cannot be had now is
   * asked for again when it is wanted again.
   * @param {string[]} ids
   */
  async quote(ids) {
    for (const id of ids) {
      if (this.quoting.has(id)) continue;
      this.quoting.add(id);
      if (await this.#quote(id)) this.quoting.delete(id);
      // Without a line, or with a server that has none: the answer stands without what it answers, and nobody is pressed.
      else setTimeout(() => this.quoting.delete(id), QUOTE_AGAIN_MS);
    }
  }

  /** @param {string} id @returns {Promise<boolean>} whether it is known now */
  async #quote(id) {
    try {
      const answer = await fetch(`${this.base}/messages/${encodeURIComponent(id)}`);
      if (answer.status === 404) {
        this.store.quotes.add([[id, null]]);
        return true;
      }
      const page = answer.ok ? await answer.json() : null;
      if (!isMessage(page?.message) || !this.store.admits(page)) return false;
      this.store.quotes.add([[id, page.message]]);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {Chat.HistoryPage} page */
  #quoted({ quoted }) {
    if (Array.isArray(quoted)) this.store.quotes.add(quoted.filter(isMessage).map((message) => [message.id, message]));
  }

  /** @param {'before' | 'after' | 'around'} where @param {number} seq @returns {Promise<Chat.HistoryPage>} */
  async #page(where, seq) {
    const answer = await fetch(`${this.base}/messages?${where}=${seq}&limit=${PAGE}`);
    if (!answer.ok) throw new Error(`history: ${answer.status}`);
    return answer.json();
  }

  /** @param {Chat.HistorySide} side @param {Chat.HistoryState} state */
  #set(side, state) {
    this.states[side] = state;
    this.onState(side, state);
  }
}
