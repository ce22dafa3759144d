// The room's stored messages, a page at a time, over HTTP.

const PAGE = 50;
/** Of a message that is opened by its link: so many around it on each side. */
const AROUND = 25;

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
      const [above, below] = await Promise.all([this.#page('before', seq, AROUND), this.#page('after', seq - 1, AROUND)]);
      const messages = [...above.messages, ...below.messages];
      if (store.generation !== generation || messages.length === 0 || !store.admits(above) || !store.admits(below)) return false;
      store.show(messages, above.hasMore, below.hasMore);
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
      const page = await this.#page(direction, seq, PAGE);
      // Meanwhile another list may have begun, or this end of it been let go.
      const belongs = this.store.generation === generation && edge() === seq;
      this.#set(side, belongs && !this.store.admits(page) ? 'failed' : 'idle');
      if (belongs && this.store.admits(page)) take(page);
    } catch {
      this.#set(side, 'failed');
    }
  }

  /** @param {'before' | 'after'} direction @param {number} seq @param {number} limit @returns {Promise<Chat.HistoryPage>} */
  async #page(direction, seq, limit) {
    const answer = await fetch(`${this.base}/messages?${direction}=${seq}&limit=${limit}`);
    if (!answer.ok) throw new Error(`history: ${answer.status}`);
    return answer.json();
  }

  /** @param {Chat.HistorySide} side @param {Chat.HistoryState} state */
  #set(side, state) {
    this.states[side] = state;
    this.onState(side, state);
  }
}
