// Tells screen readers what is new. Apart from the list itself, which would be read out again
// with every change, and never faster than somebody can listen.

const PAUSE_MS = 3_000;

export class Announcer {
  /** @param {HTMLElement} region @param {(n: number) => string} many */
  constructor(region, many) {
    this.region = region;
    this.many = many;
    /** What happened to the reader's own doing; each of these is told. @type {Set<string>} */
    this.words = new Set();
    /** Messages of others: one is read out, several are counted. @type {string[]} */
    this.messages = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {string} text */
  say(text) {
    this.words.add(text);
    this.#soon();
  }

  /** @param {string} text */
  message(text) {
    this.messages.push(text);
    this.#soon();
  }

  /** The first word at once, whatever comes within the pause together behind it. */
  #soon() {
    if (this.timer === undefined) this.#speak();
  }

  #speak() {
    const count = this.messages.length;
    const texts = [...this.words, ...(count > 1 ? [this.many(count)] : this.messages)];
    this.words.clear();
    this.messages = [];
    // Emptied when there is nothing more, so that the same word said again is a change again.
    this.region.textContent = texts.join('. ');
    this.timer = texts.length ? setTimeout(() => this.#speak(), PAUSE_MS) : undefined;
  }

  destroy() {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
