// Older messages, a page at a time, over HTTP.

const PAGE = 50;

export class History {
  /**
   * @param {import('./chat-store.js').ChatStore} store
   * @param {string} base the room's address below /api
   * @param {(state: Chat.HistoryState) => void} onState
   */
  constructor(store, base, onState) {
    this.store = store;
    this.base = base;
    this.onState = onState;
    /** @type {Chat.HistoryState} */
    this.state = 'idle';
  }

  /** Loads the page above what is here. Does nothing while one is on its way, or at the beginning. */
  async loadOlder() {
    const before = this.store.oldestSeq;
    if (this.state === 'loading' || before === null || !this.store.hasMore) return;
    const generation = this.store.generation;
    this.#set('loading');
    try {
      const answer = await fetch(`${this.base}/messages?before=${before}&limit=${PAGE}`);
      if (!answer.ok) throw new Error(`history: ${answer.status}`);
      const page = await answer.json();
      this.#set('idle');
      // Meanwhile another list may have begun; this page belongs above the old one.
      if (this.store.generation === generation) this.store.older(page.messages, page.hasMore);
    } catch {
      this.#set('failed');
    }
  }

  /** @param {Chat.HistoryState} state */
  #set(state) {
    this.state = state;
    this.onState(state);
  }
}
