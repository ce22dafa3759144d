// What a connection takes for a socket where none passes: it reads one long answer to a POST, and each command is a
// request of its own. Where something on the way keeps that answer to itself until it ends, it asks for what changed
// every few seconds instead. Loaded when it is needed.

import { EventStream } from './event-stream.js';
import { changes } from './polling.js';
import { decode } from './protocol.js';
import { CLOSE_CODES, NEEDS_SOCKET, asFrame, asRequest, proofOf } from './requests.js';

/** The server's first bytes come at once; where not a single one has come by then, something on the way collects them. */
const FIRST_BYTES_MS = 5_000;
/** A stream has a heartbeat every 30 s. One that is let go after so long without a byte was collected on the way, or is dead. */
const QUIET_MS = 70_000;
/** So long the stream is not tried again then. */
const COLLECTED_MS = 300_000;
/** A stream that held this long was a good one: the next one begins at once. Proxies end them after 30 s or 60 s. */
const STEADY_MS = 2_000;
/** A page that nobody sees lets go of its stream after this long: a browser has few connections to a server. */
const UNSEEN_MS = 10_000;
/** What keeps a connection from taking the quiet of a page that nobody sees for the death of its socket. */
const ALIVE_MS = 20_000;
/** How often is asked for what changed. */
const POLL_MS = 3_000;
/** A request that takes longer is as good as lost. */
const REQUEST_MS = 15_000;
/** What stands for an interface that this server has not, or a proxy does not let through. */
const NO_STREAM = [404, 405, 501];

/** Until when the stream is not tried, in all lines of this page. */
let collectedUntil = 0;

/**
 * @typedef {object} LineOptions
 * @property {string} api the room's address below /api
 * @property {() => string | Promise<string>} join the JOIN of this moment
 * @property {() => Chat.Author | null} self who we are, as far as that is known
 * @property {{hidden: boolean} & EventTarget} [page]
 * @property {typeof fetch} [send]
 * @property {Partial<typeof TIMES>} [times]
 */

export const TIMES = {
  firstBytes: FIRST_BYTES_MS, steady: STEADY_MS, quiet: QUIET_MS, unseen: UNSEEN_MS, alive: ALIVE_MS, poll: POLL_MS, collected: COLLECTED_MS,
};

/** As much of a WebSocket as `Connection` uses. Events: `open`, `message`, `close`. */
export class Line extends EventTarget {
  /** @param {LineOptions} options */
  constructor({ api, join, self, page = document, send = (address, request) => fetch(address, request), times = {} }) {
    super();
    this.api = api;
    this.join = join;
    this.self = self;
    this.page = page;
    this.fetch = send;
    this.times = { ...TIMES, ...times };
    this.readyState = 0;
    /** Ends with this line. */
    this.life = new AbortController();
    /** What is read. @type {AbortController | null} */
    this.reading = null;
    /** When the stream has brought something last. @type {number | null} */
    this.heardAt = null;
    /** Whether the room has answered. */
    this.joined = false;
    /** Whether nobody sees the page, and nothing is read. */
    this.asleep = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.sleep = undefined;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.alive = undefined;
    page.addEventListener('visibilitychange', () => this.#seen(), { signal: this.life.signal });
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
      this.#seen();
    });
  }

  /** @param {string} text */
  send(text) {
    const { type, payload } = JSON.parse(text);
    if (type === 'JOIN') this.#read(payload);
    else if (type === 'PROFILE' || type === 'AUTH') this.#renew();
    // Whoever has just come back is on the way already.
    else if (type === 'PING') this.asleep ? queueMicrotask(() => this.#bring('')) : this.#compare();
    else if (type !== 'TYPING') this.#command(type, payload);
  }

  /** Lets go of it. What was sent is on its way, and its answer nobody's any more. */
  close() {
    this.readyState = 3;
    const { heardAt, times } = this;
    if (heardAt !== null && !this.asleep && Date.now() - heardAt > times.quiet) collectedUntil = Date.now() + times.collected;
    this.life.abort();
    this.reading?.abort();
    clearTimeout(this.sleep);
    clearInterval(this.alive);
  }

  /** @param {number} code */
  #end(code) {
    if (this.readyState === 3) return;
    this.close();
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }

  /** @param {string} data */
  #bring(data) {
    if (this.readyState === 1) this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  /** @param {Chat.Frame} frame */
  #say(frame) {
    this.#bring(JSON.stringify(frame));
  }

  /** The JOIN of this moment, with where we are. @returns {Promise<any>} */
  async #who() {
    return JSON.parse(await this.join()).payload;
  }

  /**
   * Reads the room from where JOIN says, in place of what was read before: that goes on until the room has answered anew.
   * @param {any} join
   * @param {boolean} [renewing] whether it is another profile that is told
   */
  async #read(join, renewing = false) {
    const before = this.reading;
    const reading = new AbortController();
    if (!renewing) {
      before?.abort();
      this.reading = reading;
    }
    if (Date.now() < collectedUntil) {
      if (!renewing) this.#poll(join, reading.signal);
      else this.#named(join);
      return;
    }
    const began = Date.now();
    let nBytes = 0;
    const patience = setTimeout(() => nBytes === 0 && reading.abort('collected'), this.times.firstBytes);
    /** @type {Response | null} */
    let refusal = null;
    let welcomed = false;
    try {
      const answer = await this.#ask('events', 'POST', { body: join, headers: { Accept: 'text/event-stream' }, signal: reading.signal });
      if (!answer.ok || !answer.body) {
        refusal = answer;
      } else {
        const stream = new EventStream();
        const text = new TextDecoder();
        for (const reader = answer.body.getReader(); ;) {
          const { done, value } = await reader.read();
          if (done || reading.signal.aborted) break;
          nBytes += value.length;
          this.heardAt = Date.now();
          // A comment says that it lives, and nothing else.
          this.#bring('');
          for (const { data } of stream.push(text.decode(value, { stream: true }))) {
            const welcome = !welcomed && decode(data).find(({ type }) => type === 'WELCOME');
            if (welcome) {
              welcomed = this.joined = true;
              if (this.reading !== reading) this.reading?.abort();
              this.reading = reading;
            }
            this.#bring(data);
            if (welcome && renewing) this.#say({ type: 'PROFILE', payload: { self: welcome.payload.self } });
          }
        }
      }
    } catch {
      // It broke; what that means is told by how far it came.
    } finally {
      clearTimeout(patience);
      if (this.reading === reading) this.heardAt = null;
    }
    // Something newer is read, or nothing any more.
    if (this.readyState !== 1 || this.asleep || (this.reading !== reading && !renewing)) return reading.abort();
    if (reading.signal.reason === 'collected' || (refusal && NO_STREAM.includes(refusal.status)) || (refusal?.ok && !refusal.body)) {
      collectedUntil = Date.now() + this.times.collected;
      this.#read(join, renewing);
    } else if (refusal) {
      await this.#refused(refusal, renewing);
    } else if (this.reading === reading) {
      // Whatever ends streams after a while must not be noticed. One that ends at once is no way.
      if (welcomed && Date.now() - began >= this.times.steady) this.#resume();
      else this.#end(1006);
    } else if (!welcomed) {
      this.#end(1006);
    }
  }

  /** Goes on from where we are. */
  async #resume() {
    try {
      const join = await this.#who();
      if (this.readyState === 1 && !this.asleep) this.#read(join);
    } catch {
      this.#end(1006);
    }
  }

  /** @param {Response} answer @param {boolean} renewing */
  async #refused(answer, renewing) {
    const body = await answer.json().catch(() => ({}));
    const { code, ...more } = body.error ?? {};
    const retryAfterMs = Number(more.retryAfterMs) || afterOf(answer) || undefined;
    if (code in CLOSE_CODES) this.#end(CLOSE_CODES[code]);
    else if (code && (renewing || !this.joined)) this.#say({ type: 'ERROR', payload: { code, ...more, ...(retryAfterMs && { retryAfterMs }) } });
    else this.#end(1006);
  }

  /** Another nickname, another animal, another token of the blog's: they come with a JOIN. */
  async #renew() {
    try {
      const join = await this.#who();
      if (this.readyState === 1) this.#read(join, true);
    } catch {
      this.#end(1006);
    }
  }

  /** Where nothing but changes is asked for, a profile is what the next message says. @param {any} join */
  #named({ nickname, avatar = '' }) {
    this.#say({ type: 'PROFILE', payload: { self: { ...this.#known(), nickname, avatar } } });
  }

  /** Who we are until the room has told. */
  #known() {
    return this.self() ?? { id: '~visitor', nickname: '', avatar: '' };
  }

  /** @param {any} join @param {AbortSignal} signal */
  async #poll(join, signal) {
    try {
      const self = join.nickname === undefined ? this.self() : { ...this.#known(), nickname: join.nickname, avatar: join.avatar ?? '' };
      for await (const frame of changes(join.resume, self, (path) => this.#get(path, signal), () => pause(this.times.poll, signal))) {
        if (signal.aborted || this.asleep) return;
        if (frame.type === 'START_OVER') return this.#end(4003);
        this.joined ||= frame.type === 'WELCOME';
        this.#say(frame);
        // What collects streams is perhaps gone.
        if (frame.type === 'HEARTBEAT' && Date.now() >= collectedUntil) return this.#resume();
      }
    } catch {
      if (!signal.aborted) this.#end(1006);
    }
  }

  /** Whether we are where the room is: what is asked about a socket by PING. */
  async #compare() {
    try {
      const { rev } = await this.#get('', this.life.signal);
      this.#say({ type: 'HEARTBEAT', payload: { rev } });
    } catch {
      this.#end(1006);
    }
  }

  /** @param {string} type @param {Record<string, any>} payload */
  async #command(type, payload) {
    const { clientId } = payload;
    try {
      const who = await this.#who();
      const asked = asRequest(type, payload, who);
      if (!asked) {
        this.#say({ type: 'ERROR', payload: { code: NEEDS_SOCKET, clientId } });
        return;
      }
      const headers = { ...proofOf(who), 'Idempotency-Key': asked.key };
      // A page that is left sends what waits.
      const answer = await this.#ask(asked.path, asked.method, { body: asked.content, headers, keepalive: true });
      const body = await answer.json().catch(() => null);
      const frame = asFrame(clientId, { status: answer.status, body, retryAfterMs: afterOf(answer) });
      if (!frame) return this.#end(1006);
      const author = type === 'MESSAGE' && frame.type === 'ACK' ? body?.message?.author : null;
      // Before the answer: from here on it is known which messages are ours.
      if (author && author.id !== this.self()?.id) this.#say({ type: 'PROFILE', payload: { self: author } });
      this.#say(frame);
    } catch {
      this.#end(1006);
    }
  }

  /** A page that nobody sees reads nothing; whoever comes back goes on from where they were. */
  #seen() {
    clearTimeout(this.sleep);
    if (this.page.hidden) {
      this.sleep = setTimeout(() => {
        this.asleep = true;
        this.reading?.abort();
        this.alive ??= setInterval(() => this.#bring(''), this.times.alive);
      }, this.times.unseen);
      return;
    }
    clearInterval(this.alive);
    this.alive = undefined;
    if (!this.asleep) return;
    this.asleep = false;
    this.#resume();
  }

  /** @param {string} path @param {AbortSignal} signal @returns {Promise<any>} */
  async #get(path, signal) {
    const answer = await this.#ask(path, 'GET', { signal: AbortSignal.any?.([signal, AbortSignal.timeout(REQUEST_MS)]) ?? signal });
    if (!answer.ok) throw new Error(`the line: ${answer.status}`);
    return answer.json();
  }

  /**
   * @param {string} path @param {string} method
   * @param {{body?: unknown, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean}} more
   */
  #ask(path, method, { body, headers, ...more }) {
    return this.fetch(path ? `${this.api}/${path}` : this.api, {
      method,
      cache: 'no-store',
      headers: { ...headers, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(method !== 'GET' && !more.signal ? { signal: AbortSignal.timeout?.(REQUEST_MS) } : {}),
      ...more,
    });
  }
}

/** @param {Response} answer milliseconds */
function afterOf(answer) {
  return (Number(answer.headers.get('Retry-After')) || 0) * 1000;
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** For tests: the stream may be tried at once. */
export function forgetCollected() {
  collectedUntil = 0;
}
