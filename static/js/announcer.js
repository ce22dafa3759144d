// Tells screen readers what is new. Apart from the list itself, which would be read out again
// with every change, and never faster than somebody can listen.

const PAUSE_MS = 3_000;

export class Announcer {
  /** @param {HTMLElement} region @param {(n: number) => string} many */
  constructor(region, many) {
    this.region = region;
    this.many = many;
    /** @type {string[]} */
    this.waiting = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** @param {string} text */
  say(text) {
    this.waiting.push(text);
    if (this.timer === undefined) this.#speak();
  }

  #speak() {
    const texts = this.waiting.splice(0);
    if (texts.length === 0) {
      this.timer = undefined;
      return;
    }
    this.region.textContent = texts.length === 1 ? texts[0] : this.many(texts.length);
    this.timer = setTimeout(() => this.#speak(), PAUSE_MS);
  }
}
