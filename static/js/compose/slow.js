// How long it is until one may write: in slow mode, as a newcomer, in a room that is protected from a raid. What is being
// written meanwhile is kept and does not go by itself.

import { followWords, loadWords } from '../i18n/moderation.js';
import { make } from '../shared/dom.js';
import { isRaid } from '../store/presets.js';

/** @type {[unit: string, seconds: number][]} */
const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60]];

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
    /** Whether that is because this visitor is new here. */
    this.young = false;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    this.line = make('p', 'note slow');
    this.line.setAttribute('role', 'status');
    // What has not changed is not read out again with what has.
    this.line.setAttribute('aria-atomic', 'false');
    this.raid = make('span');
    this.text = make('span');
    this.line.append(this.raid, ' ', this.text);
    this.composer.parts.form.prepend(this.line);
    store.addEventListener('room', () => {
      const { minAgeSeconds } = store.standing.room.settings;
      if (this.young ? !minAgeSeconds : this.#pause === 0) this.until = 0;
      this.draw();
    }, { signal });
    // What a moderator has let through was sent before.
    store.addEventListener('resolved', (event) => /** @type {any} */ (event).detail.held === undefined && this.#sent(), { signal });
    sender.addEventListener('held', () => this.#sent(), { signal });
    sender.addEventListener('changed', () => this.draw(), { signal });
    followWords({ strings, signal }, (now) => {
      this.words = now;
      this.draw();
    });
    signal.addEventListener('abort', () => clearInterval(this.timer));
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
  refused({ clientId, content, replyTo, mentions = [] }, { code, retryAfterMs }) {
    const { store, composer } = this;
    const { box } = composer.parts;
    const ms = Number(retryAfterMs) || this.#pause * 1000;
    // Without a time to count down to the message itself says why it was not sent.
    if (ms === 0) return;
    this.young = code === 'TOO_YOUNG';
    this.#wait(ms);
    if (box.value !== '' || composer.edited) return;
    box.value = content;
    composer.answered = replyTo ? store.find(replyTo.id) : null;
    composer.mentions?.restore(content, mentions);
    composer.relabel();
    store.outbox.remove(clientId);
    store.touch();
  }

  /** The server has one, shown or held. */
  #sent() {
    this.young = false;
    this.#wait(this.#pause * 1000);
  }

  /** @param {number} ms */
  #wait(ms) {
    this.until = Date.now() + ms;
    this.draw();
  }

  draw() {
    const { line, strings, store, raid, text, young } = this;
    const left = Math.ceil((this.until - Date.now()) / 1000);
    const waits = left > 0;
    const sending = this.#pause > 0 && store.outbox.entries.some(({ state, held }) => state !== 'failed' && held === undefined);
    this.composer.hold(waits || sending);
    line.hidden = this.#pause === 0 && !waits;
    const { slow: words } = this.words;
    const { locale } = strings();
    // The line is read out when it changes in kind; a screen reader must not be made to count along.
    const kind = !waits ? 'pause' : young ? 'young' : 'wait';
    line.setAttribute('aria-live', line.dataset.kind === kind && waits ? 'off' : 'polite');
    line.dataset.kind = kind;
    say(raid, this.#pause > 0 && isRaid(store.standing.room.settings) ? words.raid : '');
    say(text, !waits ? words.pause(duration(this.#pause, locale)) : young ? words.young(remaining(left, locale)) : words.hold(duration(left, locale)));
    clearInterval(this.timer);
    if (waits) this.timer = setInterval(() => this.draw(), 250);
  }
}

/** @param {HTMLElement} element @param {string} text */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** In words: `30 sec`, `2분`. @param {number} seconds @param {string} locale */
export function duration(seconds, locale) {
  return seconds >= 120 && seconds % 60 === 0 ? amount(seconds / 60, 'minute', locale) : amount(seconds, 'second', locale);
}

/** The same for a time that passes and may be long: rounded up, so that it is never too early. @param {number} seconds @param {string} locale */
export function remaining(seconds, locale) {
  const [unit, size] = UNITS.find(([, one]) => seconds >= 2 * one) ?? ['second', 1];
  return amount(Math.ceil(seconds / size), unit, locale);
}

/** @param {number} value @param {string} unit @param {string} locale */
function amount(value, unit, locale) {
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: locale === 'ko' ? 'long' : 'short' }).format(value);
}
