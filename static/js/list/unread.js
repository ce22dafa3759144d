// What the reader has not seen yet: how many messages, how many of them address the reader, and where they begin. Pure.

export class Unread {
  /**
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {{read: (seq: number) => void, unread: (count: number, mentions: number) => void}} actions
   */
  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    this.count = 0;
    /** Of those, the ones that address the reader. */
    this.mentions = 0;
    /** @type {number | null} the `seq` that they begin at */
    this.since = null;
    /** @type {number | null} the `seq` that they begin at, as long as that is further up than the list */
    this.above = null;
    this.readSeq = 0;
  }

  /** Another list: where the line was means nothing in it. */
  forget() {
    this.since = null;
    this.above = null;
  }

  /** Others have written, out of the reader's sight. @param {Chat.Message[]} messages not empty */
  arrived(messages) {
    if (this.count === 0) this.since = messages[0].seq;
    this.#add(messages);
  }

  /** What is new since an earlier visit. @param {number} readSeq the last message that was seen then */
  sinceLastVisit(readSeq) {
    const { store } = this;
    this.readSeq = readSeq;
    const unread = store.messages.filter((message) => message.seq > readSeq && !message.deletedAt && !store.isOwn(message));
    if (unread.length === 0) return;
    const reaches = !store.hasMore || store.messages[0].seq <= readSeq;
    if (reaches) this.since = unread[0].seq;
    else this.above = readSeq + 1;
    this.#add(unread);
  }

  /** The newest message is in sight. @returns {boolean} whether anything was unread */
  seen() {
    const { newestSeq } = this.store;
    if (newestSeq !== null && newestSeq > this.readSeq) {
      this.readSeq = newestSeq;
      this.actions.read(newestSeq);
    }
    if (this.count === 0) return false;
    this.count = 0;
    this.mentions = 0;
    this.actions.unread(0, 0);
    return true;
  }

  /** @param {Chat.Message[]} messages */
  #add(messages) {
    this.count += messages.length;
    this.mentions += messages.filter((message) => this.store.mentionsMe(message)).length;
    this.actions.unread(this.count, this.mentions);
  }
}
