// Which reactions are the reader's own, of those that do not say so themselves: each names only the first who use it.
// Few have more; what asks about those comes with the first (mine.js).

/** Waits for what comes with the same page, and spares the server a question for each change. */
const PAUSE_MS = 500;

export class OwnReactions {
  /**
   * @param {import('./chat-store.js').ChatStore} store
   * @param {string} path of the room below /api/v1
   * @param {() => {token: string | null, anonymousId: string} | null} reader where they are known to the server
   */
  constructor(store, path, reader) {
    this.store = store;
    this.path = path;
    this.reader = reader;
    /** The messages that were asked about, each once. @type {Set<string>} */
    this.asked = new Set();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Another list, or another reader. */
  forget() {
    this.asked.clear();
  }

  /** The list has changed. */
  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.ask();
    }, PAUSE_MS);
  }

  destroy() {
    clearTimeout(this.timer);
  }

  /** Asks about what nobody has told yet. What cannot be had now is not asked for again: it is shown as not pressed. */
  async ask() {
    if (!this.store.messages.some(({ reactions = [] }) => reactions.some(({ count, authors }) => count > authors.length))) return;
    try {
      const { askMine } = await import('./mine.js');
      await askMine(this);
    } catch {
      // No line, or a server of before.
    }
  }
}
