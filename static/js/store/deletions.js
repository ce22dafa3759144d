// Messages that their author has deleted and may still keep: nothing is sent before the time for that is over.

/** So long a deletion can be taken back. */
const UNDO_MS = 5_000;

export class Deletions {
  /**
   * @param {(id: string) => void} send deletes a message for good
   * @param {() => void} changed
   */
  constructor(send, changed) {
    this.send = send;
    this.changed = changed;
    /** @type {Map<string, ReturnType<typeof setTimeout>>} by the message's id */
    this.waiting = new Map();
  }

  /** @param {string} id */
  has(id) {
    return this.waiting.has(id);
  }

  /** @param {string} id */
  add(id) {
    if (this.has(id)) return;
    this.waiting.set(id, setTimeout(() => this.#end(id), UNDO_MS));
    this.changed();
  }

  /** @param {string} id */
  keep(id) {
    clearTimeout(this.waiting.get(id));
    if (this.waiting.delete(id)) this.changed();
  }

  /** Whoever leaves has said what they wanted: it is sent at once. */
  flush() {
    for (const id of [...this.waiting.keys()]) this.#end(id);
  }

  /** @param {string} id */
  #end(id) {
    clearTimeout(this.waiting.get(id));
    this.waiting.delete(id);
    this.send(id);
    this.changed();
  }
}
