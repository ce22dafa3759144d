// Which reactions are the reader's own, of those that do not say so themselves: each names only the first who use it.

/** Waits for what comes with the same page, and spares the server a question for each change. */
const PAUSE_MS = 500;

export class OwnReactions {
  /**
   * @param {import('./chat-store.js').ChatStore} store
   * @param {string} base the room's address below /api
   * @param {() => string | null} secret of the reader, where they are known to the server
   */
  constructor(store, base, secret) {
    this.store = store;
    this.base = base;
    this.secret = secret;
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
    const { store, asked } = this;
    const secret = this.secret();
    const { ownId } = store;
    if (secret === null || ownId === null) return;
    const unsure = store.messages.filter(({ id, reactions = [] }) => !asked.has(id)
      && reactions.some(({ count, authors }) => count > authors.length && !authors.includes(ownId)));
    if (unsure.length === 0) return;
    for (const { id } of unsure) asked.add(id);
    const { generation } = store;
    try {
      const answer = await fetch(`${this.base}/reactions/mine?from=${unsure[0].seq}&to=${unsure[unsure.length - 1].seq}`, { headers: { 'X-Anonymous-Id': secret } });
      const { reactions } = await answer.json();
      if (!answer.ok || store.generation !== generation) return;
      for (const { id, emojis } of reactions) for (const emoji of emojis) store.commands.remember({ id, emoji, on: true });
      store.touch();
    } catch {
      // No line, or a server of before.
    }
  }
}
