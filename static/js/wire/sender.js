// Takes a queue (the outbox, or the commands) to the server, one entry at a time, and decides what each refusal means.

import { DetailEvent } from '../shared/events.js';
import { WANTS_WRITER } from './protocol.js';

/** Refusals that pass with time: the same entry is sent again by itself. */
const PASSING = new Set(['RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE']);
/** The server answers within 5 s even when its database is away: after this an answer got lost. */
const ANSWER_MS = 15_000;
const PAUSE_MS_DEFAULT = 2_000;
/** A fault of the server may be over by the next attempt; this often we try before we say so. */
const FAULT_RETRIES = 3;

/**
 * Events: `changed`, `hold` (detail: {code, until} or null), `failed` (detail: {code, entry, error}), `held` (the same:
 * it waits for a moderator).
 * @template {{clientId: string}} T
 */
export class Sender extends EventTarget {
  /**
   * @param {Chat.Queue<T>} queue
   * @param {(text: string) => boolean} transmit
   * @param {() => boolean} ready whether the server takes such entries from us now
   * @param {() => number} [now]
   */
  constructor(queue, transmit, ready, now = Date.now) {
    super();
    this.queue = queue;
    this.transmit = transmit;
    this.ready = ready;
    this.now = now;
    this.notBefore = 0;
    /** Faults in a row. */
    this.faults = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.pause = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.answer = undefined;
  }

  /** Sends the next one, if there is one and now is the time. */
  pump() {
    if (!this.ready()) return;
    const wait = this.notBefore - this.now();
    if (wait > 0) {
      clearTimeout(this.pause);
      this.pause = setTimeout(() => this.pump(), wait);
      return;
    }
    const entry = this.queue.next();
    if (!entry || !this.transmit(this.queue.encode(entry))) return;
    this.queue.sending(entry);
    clearTimeout(this.answer);
    this.answer = setTimeout(() => this.interrupted(), ANSWER_MS);
    this.#emit('changed');
  }

  /** An entry is stored: on to the next, unless it was one that nobody waited for. */
  resolved() {
    if (this.queue.inFlight()) return;
    clearTimeout(this.answer);
    this.faults = 0;
    this.#release();
    this.pump();
  }

  /** The connection broke, or an answer got lost. */
  interrupted() {
    clearTimeout(this.answer);
    this.queue.interrupted();
    this.pump();
  }

  destroy() {
    clearTimeout(this.answer);
    clearTimeout(this.pause);
  }

  /** @param {Chat.WireError} error @returns {boolean} whether it was about one of these entries */
  refused(error) {
    // A frame too large is refused before its id can be read: it can only be the one on its way.
    const entry = error.clientId ? this.queue.find(error.clientId)
      : error.code === 'TOO_LARGE' ? this.queue.inFlight() : null;
    if (!entry) return false;
    // A moderator's decision comes at any time, and says nothing of what is on its way.
    const asked = entry === this.queue.inFlight();
    if (asked) clearTimeout(this.answer);
    // What waits for a new token goes when that has come.
    if (error.code === 'NOT_JOINED' || error.code === 'TOKEN_EXPIRED') {
      this.queue.interrupted();
    } else if (this.#passes(error)) {
      this.queue.interrupted();
      this.notBefore = this.now() + (Number(error.retryAfterMs) || PAUSE_MS_DEFAULT * 2 ** this.faults);
      this.#emit('hold', { code: error.code, until: this.notBefore });
      this.pump();
    } else {
      const news = this.queue.fail(entry.clientId, error.code, error.reason);
      if (asked) {
        this.faults = 0;
        this.#release();
      }
      if (news) this.#emit(error.code === 'HELD' ? 'held' : 'failed', { code: error.code, entry, error });
      this.pump();
    }
    this.#emit('changed');
    return true;
  }

  /** Codes that come later are told apart by whether the server says when to try again. @param {Chat.WireError} error */
  #passes({ code, retryAfterMs }) {
    if (WANTS_WRITER.has(code)) return false;
    if (PASSING.has(code) || Number(retryAfterMs) > 0) return true;
    if (code !== 'INTERNAL' || this.faults >= FAULT_RETRIES) return false;
    this.faults += 1;
    return true;
  }

  #release() {
    if (this.notBefore === 0) return;
    this.notBefore = 0;
    this.#emit('hold', null);
  }

  /** @param {string} type @param {any} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new DetailEvent(type, detail));
  }
}
