// What a writer is told of a message of theirs that waits for a moderator, as long as it does and when it is let through.

export class Held {
  /** @param {Chat.OfficeParts} parts @param {() => Chat.OfficeWords} words */
  constructor({ store, sender, announcer, signal }, words) {
    this.store = store;
    this.words = words;
    const { outbox } = store;
    outbox.why = (entry) => this.#why(entry);
    /** @param {Chat.Unsent} entry */
    const tell = (entry) => announcer.say(this.#why(entry));
    // What has called for these words, or was there when the page came.
    outbox.own.filter(({ held }) => held !== undefined).forEach(tell);
    sender.addEventListener('held', (event) => tell(/** @type {any} */ (event).detail.entry), { signal });
    store.addEventListener('resolved', (event) => {
      const { held } = /** @type {Chat.Unsent} */ (/** @type {any} */ (event).detail);
      if (held !== undefined) announcer.say(words().held.approved);
    }, { signal });
    this.relabel();
  }

  /** @param {Chat.Unsent} entry */
  #why({ held }) {
    if (held === undefined) return '';
    const { waits, reasons } = this.words().held;
    return [waits, reasons[/** @type {Chat.HoldReason} */ (held)]].filter(Boolean).join('\n');
  }

  /** The words have come, or are others now. */
  relabel() {
    this.store.touch();
  }
}
