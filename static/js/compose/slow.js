// Slow mode: how long it is until one may write again. What is being written meanwhile is kept and does not go by itself.

import { loadWords } from '../i18n/moderation.js';
import { make } from '../shared/dom.js';

/** @typedef {Pick<Chat.OfficeParts, 'store' | 'sender' | 'composer' | 'strings' | 'signal'>} SlowParts */

export class Slow {
  /** @param {SlowParts} parts @param {Chat.OfficeWords} words */
  constructor({ store, sender, composer, strings, signal }, words) {
    this.words = words;
    this.store = store;
    this.composer = composer();
    this.strings = strings;
    /** When the next message may go. */
    this.until = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    this.line = make('p', 'note slow');
    this.line.setAttribute('role', 'status');
    this.composer.parts.form.prepend(this.line);
    store.addEventListener('room', () => {
      if (this.#pause === 0) this.until = 0;
      this.draw();
    }, { signal });
    store.addEventListener('resolved', () => this.wait(this.#pause * 1000), { signal });
    sender.addEventListener('changed', () => this.draw(), { signal });
    const language = new MutationObserver(async () => {
      this.words = await loadWords(strings().locale);
      this.draw();
    });
    language.observe(document.documentElement, { attributeFilter: ['lang'] });
    signal.addEventListener('abort', () => {
      language.disconnect();
      clearInterval(this.timer);
    });
    this.draw();
  }

  /** @param {SlowParts} parts */
  static async load(parts) {
    return new Slow(parts, await loadWords(parts.strings().locale));
  }

  /** Seconds between two messages; none where everybody writes as they like. */
  get #pause() {
    const { moderates, room: { settings } } = this.store.standing;
    return moderates ? 0 : settings.slowSeconds ?? 0;
  }

  /** It was too early: what was written is in the box again, where that is empty. @param {Chat.Unsent} entry @param {Chat.WireError} error */
  refused({ clientId, content, replyTo, mentions = [] }, { retryAfterMs }) {
    const { store, composer } = this;
    const { box } = composer.parts;
    this.wait(Number(retryAfterMs) || this.#pause * 1000);
    if (box.value !== '' || composer.edited) return;
    box.value = content;
    composer.answered = replyTo ? store.find(replyTo.id) : null;
    composer.mentions?.restore(content, mentions);
    composer.relabel();
    store.outbox.remove(clientId);
    store.touch();
  }

  /** @param {number} ms */
  wait(ms) {
    this.until = Date.now() + ms;
    this.draw();
  }

  draw() {
    const { line, strings, store } = this;
    const left = Math.ceil((this.until - Date.now()) / 1000);
    const waits = left > 0;
    const sending = this.#pause > 0 && store.outbox.entries.some(({ state }) => state !== 'failed');
    this.composer.hold(waits || sending);
    line.hidden = this.#pause === 0 && !waits;
    const { slow: words } = this.words;
    const { locale } = strings();
    // The line is read out when it changes in kind; a screen reader must not be made to count along.
    const kind = waits ? 'wait' : 'pause';
    line.setAttribute('aria-live', line.dataset.kind === kind && waits ? 'off' : 'polite');
    line.dataset.kind = kind;
    const text = waits ? words.hold(duration(left, locale)) : words.pause(duration(this.#pause, locale));
    if (line.textContent !== text) line.textContent = text;
    clearInterval(this.timer);
    if (waits) this.timer = setInterval(() => this.draw(), 250);
  }
}

/** In words: `30 sec`, `2분`. @param {number} seconds @param {string} locale */
export function duration(seconds, locale) {
  const [value, unit] = seconds >= 120 && seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second'];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: locale === 'ko' ? 'long' : 'short' }).format(value);
}
