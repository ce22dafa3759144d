// What the reader is told about the connection and about waiting. Short breaks are not worth a
// word: nothing is said in the first two seconds.

import { make } from '../shared/dom.js';

const SILENT_MS = 2_000;
/** A restart that the server has announced is over within moments, the pause it asked for included. */
const PLANNED_MS = 8_000;
/** After this long it is no passing matter any more. */
const LONG_MS = 15_000;

export class Status {
  /**
   * @param {{strip: HTMLElement, note: HTMLElement}} parts
   * @param {() => Chat.Strings} strings
   */
  constructor({ strip, note }, strings) {
    this.strip = strip;
    this.noteElement = note;
    this.strings = strings;
    /** @type {Chat.State} */
    this.state = 'connecting';
    /** Whether the room has ever been reached. */
    this.reached = false;
    this.long = false;
    /** Why the server lets us wait: an error code, or what is full. @type {string | null} */
    this.delay = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.countdown = undefined;
    this.holding = false;
  }

  /** @param {Chat.State} state @param {boolean} [planned] */
  connection(state, planned = false) {
    this.state = state;
    if (state === 'closed') return;
    if (state === 'live') {
      this.#rest();
      this.reached = true;
      this.strip.hidden = true;
    } else if (!this.strip.hidden) {
      this.#draw();
    } else {
      this.timer ??= setTimeout(() => {
        this.#draw();
        this.timer = setTimeout(() => {
          this.long = true;
          this.#draw();
        }, LONG_MS);
      }, planned ? PLANNED_MS : SILENT_MS);
    }
  }

  /** It is the server that lets us wait, or (null) not any more. @param {string | null} code */
  delayed(code) {
    this.delay = code;
    if (!this.strip.hidden) this.#draw();
  }

  /** After the language changed. */
  relabel() {
    if (!this.strip.hidden && this.state !== 'closed') this.#draw();
  }

  #rest() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.long = false;
    this.delay = null;
  }

  #draw() {
    const { strip, state, delay, long } = this;
    const strings = this.strings();
    /** @type {Record<string, string>} */
    const passing = {
      STORE_UNAVAILABLE: strings.awayReading, INTERNAL: strings.serverFault, OVERLOADED: strings.crowded, RATE_LIMITED: strings.profileLater,
      SERVER_FULL: strings.full, ADDRESS_FULL: strings.addressFull, OWN_FULL: strings.manyWindows,
    };
    const why = delay === null ? undefined : passing[delay];
    const text = state === 'offline' ? strings.offline
      : why ?? (long ? strings.unreachable : this.reached ? strings.reconnecting : strings.connecting);
    // A live region that is drawn again is read again.
    if (!strip.hidden && strip.textContent === text) return;
    const still = state === 'offline' || long;
    strip.className = `strip ${still ? 'offline' : state}`;
    strip.replaceChildren(make('span', still ? 'dot' : 'spinner'), make('span', '', text));
    strip.hidden = false;
  }

  destroy() {
    this.#rest();
    clearInterval(this.countdown);
  }

  /** @param {string} text @param {() => void} again */
  refused(text, again) {
    this.#rest();
    const button = make('button', 'link', this.strings().tryAgain);
    button.type = 'button';
    button.addEventListener('click', () => {
      // What stands here has been answered; a try that takes long will say so by itself.
      this.strip.hidden = true;
      again();
    });
    this.strip.className = 'strip closed';
    this.strip.replaceChildren(make('span', '', text), button);
    this.strip.hidden = false;
  }

  /** A word at the composer. A countdown has precedence. @param {string} text */
  note(text) {
    if (this.holding) return;
    this.noteElement.removeAttribute('aria-live');
    this.noteElement.hidden = text === '';
    this.noteElement.textContent = text;
  }

  /** Counts down to the moment at which a held message goes out by itself. @param {{code: string, until: number} | null} hold */
  hold(hold) {
    clearInterval(this.countdown);
    this.holding = false;
    this.note('');
    if (!hold) return;
    const text = () => {
      const strings = this.strings();
      const words = hold.code === 'RATE_LIMITED' ? strings.hold : hold.code === 'OVERLOADED' ? strings.busy : strings.storeAway;
      return words(Math.max(0, Math.ceil((hold.until - Date.now()) / 1000)));
    };
    this.note(text());
    this.holding = true;
    this.countdown = setInterval(() => {
      // Said once; a screen reader must not be made to count along.
      this.noteElement.setAttribute('aria-live', 'off');
      this.noteElement.textContent = text();
    }, 1000);
  }
}
