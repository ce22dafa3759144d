// Who has reacted to what the reader wrote. Once a message: a crowd that applauds must not talk over everything else.

import { newReactions } from './reactions.js';

export class ReactionNews {
  /** Those whose author has no name here yet, by message: who is here is told a moment after they came. @type {Map<string, {id: string, emoji: string}>} */
  #waiting = new Map();
  /** @type {Set<string>} */
  #told = new Set();

  /** @param {import('./chat-store.js').ChatStore} store @param {(nickname: string, emoji: string) => void} tell */
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
  }

  /** @param {Chat.Message} before @param {Chat.Message} after */
  reacted(before, after) {
    const first = newReactions(before, after).find(({ id }) => id !== this.store.ownId);
    if (!first || !this.store.isOwn(after) || this.#told.has(after.id)) return;
    this.#waiting.set(after.id, first);
    this.named();
  }

  /** Somebody may have got a name. */
  named() {
    for (const [message, { id, emoji }] of this.#waiting) {
      const nickname = this.store.authors.get(id)?.nickname;
      if (!nickname) continue;
      this.#waiting.delete(message);
      // It may be taken back by now.
      if (!this.store.find(message)?.reactions?.some((one) => one.emoji === emoji && one.authors.includes(id))) continue;
      this.#told.add(message);
      this.tell(nickname, emoji);
    }
  }
}
