// What the reader is told about the connection and about waiting. Short breaks are not worth a
// word: nothing is said in the first two seconds.

import { make } from './dom.js';

const SILENT_MS = 2_000;

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
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.countdown = undefined;
    this.holding = false;
  }

  /** @param {Chat.State} state */
  connection(state) {
    this.state = state;
    if (state === 'closed') return;
    if (state === 'live') {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.strip.hidden = true;
    } else if (!this.strip.hidden) {
      this.#draw();
    } else {
      this.timer ??= setTimeout(() => this.#draw(), SILENT_MS);
    }
  }

  #draw() {
    this.timer = undefined;
    const strings = this.strings();
    this.strip.className = `strip ${this.state}`;
    this.strip.replaceChildren(make('span', this.state === 'offline' ? 'dot' : 'spinner'),
      make('span', '', this.state === 'offline' ? strings.offline : strings.reconnecting));
    this.strip.hidden = false;
  }

  /** @param {string} text @param {(() => void) | null} again */
  refused(text, again) {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.strip.className = 'strip closed';
    this.strip.replaceChildren(make('span', '', text));
    if (again) {
      const button = make('button', 'link', this.strings().tryAgain);
      button.type = 'button';
      button.addEventListener('click', again);
      this.strip.append(button);
    }
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
    this.note(hold ? ' ' : '');
    if (!hold) return;
    this.holding = true;
    const draw = () => {
      const seconds = Math.max(0, Math.ceil((hold.until - Date.now()) / 1000));
      const strings = this.strings();
      const text = hold.code === 'RATE_LIMITED' ? strings.hold : hold.code === 'OVERLOADED' ? strings.busy : strings.storeAway;
      this.noteElement.textContent = text(seconds);
    };
    // Said once; a screen reader must not be made to count along.
    draw();
    this.noteElement.setAttribute('aria-live', 'off');
    this.countdown = setInterval(draw, 1000);
  }
}
