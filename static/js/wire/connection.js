// One socket to one room, for as long as the page lives: opens it, joins, notices when it is dead,
// and comes back. It knows when to try, never what the frames mean beyond joining.

import { backoffMs } from './backoff.js';
import { DetailEvent } from '../shared/events.js';
import {
  ADDRESS_FULL, PING, SERVER_FULL, START_OVER, SUBPROTOCOL, TOO_MANY_SESSIONS, afterClose, decode,
} from './protocol.js';

/** A connection that held this long was a good one: the next failure starts from the beginning. */
const STABLE_MS = 30_000;
/** Neither opening nor joining may hang for ever; the server gives up on a join after as long. */
const PATIENCE_MS = 12_000;
/**
 * A browser shows no part of a frame, so a WELCOME of 480 KiB that is still on its way looks like silence. Whoever gave
 * up on one waits twice as long the next time, else a slow line would fetch the same again for ever: so long at most.
 */
const PATIENCE_MAX_MS = 96_000;
/** So many tries without a WELCOME, one after the other: another one of that size would end as they did. */
const TRIES_MAX = 2;
/** After so many sockets in a row that did not open another way is looked for. */
const UNOPENED_MAX = 2;
/** How long an announced restart may take before it is treated as any other outage. */
const RESTART_MS = 8_000;
/** Attempts come at most this far apart meanwhile. */
const RESTART_RETRY_MS = 1_000;
/** A place among those of a whole network becomes free when somebody leaves: asked for seldom, this long apart at least. */
const ADDRESS_RETRY_MS = 30_000;
/** After 75 s of silence the server has forgotten the sessions of ours that died on the way. */
const OWN_RETRY_MS = 80_000;
/** A heartbeat may overtake the changes it tells of by this much. */
const CATCH_UP_MS = 2_000;
/** Several readers notice the same silence in the same moment: they leave it one by one. */
const LEAVE_SPREAD_MS = 2_000;
/** A socket that slept with the page is asked whether it still lives; a living one answers at once. */
const PROBE_MS = 5_000;
/** Without a figure of the server's own: three times the pause at which it looks at us. */
const HEARTBEAT_SECONDS_DEFAULT = 30;

/**
 * Events: `state` (detail: State), `frame` (detail: Frame), `refused` (detail: close code), and
 * `delayed` (detail: an error code, or the name of what is full) when it is the server that lets us wait, not the way
 * to it; its detail is null once that is not the reason any more.
 */
export class Connection extends EventTarget {
  /** @param {Chat.ConnectionOptions} options */
  constructor(options) {
    super();
    this.options = { online: () => true, open: openSocket, random: Math.random, ...options };
    /** @type {Chat.State} */
    this.state = 'connecting';
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempt = 0;
    /** How long to wait for a WELCOME. */
    this.patienceMs = PATIENCE_MS;
    /** Tries in a row that no WELCOME has answered. */
    this.unanswered = 0;
    /** Tries in a row that have not even brought a socket: something on the way knows none. */
    this.unopened = 0;
    /** Whether this page was ever let in. */
    this.admitted = false;
    /** Why the server lets us wait. @type {string | null} */
    this.reason = null;
    /** Where the pieces behind the WELCOME end. */
    this.head = 0;
    this.heartbeatMs = HEARTBEAT_SECONDS_DEFAULT * 1000;
    /** Set by RECONNECT: the server itself says when. @type {number | null} */
    this.returnAfterMs = null;
    /** Until when an announced restart is on. */
    this.restartUntil = 0;
    /** @type {Map<string, ReturnType<typeof setTimeout>>} one timer of each name */
    this.timers = new Map();
    this.stopped = true;
  }

  start() {
    this.stopped = false;
    this.#connect();
  }

  /** Leaves for good, or until `start`. */
  stop() {
    this.stopped = true;
    for (const name of [...this.timers.keys()]) this.#cancel(name);
    this.#drop();
  }

  /** @param {string} text @returns {boolean} whether it went out on a joined socket */
  send(text) {
    if (this.state !== 'live' || this.socket?.readyState !== 1) return false;
    this.socket.send(text);
    return true;
  }

  /** The server has announced its restart and said when to come back. */
  get planned() {
    return this.returnAfterMs !== null;
  }

  /** The reader looks at the page again: no reason to wait any longer. */
  nudge() {
    if (this.stopped || this.state === 'closed') return;
    if (!this.socket) this.#connect();
    else this.#probe();
  }

  /** A socket that was opening while the network was away may hang for long. */
  networkBack() {
    if (this.stopped || this.state === 'closed') return;
    if (this.state !== 'live') this.#drop();
    this.nudge();
  }

  /**
   * The browser says that there is no network. It may be wrong (a server on this very machine, a
   * tunnel), so attempts go on, only seldom.
   */
  networkLost() {
    if (this.stopped || this.state === 'closed') return;
    this.#drop();
    this.#retryLater();
  }

  /** Tries again after the server had said not to, because the reader asked for it. */
  retry() {
    this.#setState('connecting');
    this.attempt = 0;
    this.start();
  }

  /** Leaves and joins anew at once, for instance under another identity. */
  rejoin() {
    if (this.stopped || !this.socket) return;
    this.#drop();
    this.#connect();
  }

  #connect() {
    this.#cancel('retry');
    this.#setState(this.options.online() ? 'connecting' : 'offline');
    /** @type {WebSocket} */
    let socket;
    try {
      socket = this.options.open(this.options.url, SUBPROTOCOL);
    } catch {
      this.#retryLater();
      return;
    }
    this.socket = socket;
    this.unopened += 1;
    this.#after('patience', PATIENCE_MS, () => this.#lost(1006));
    socket.addEventListener('open', () => {
      if (this.socket !== socket) return;
      this.unopened = 0;
      this.#join(socket);
    });
    socket.addEventListener('message', (event) => {
      if (this.socket === socket) this.#heard(event.data);
    });
    socket.addEventListener('close', (event) => {
      if (this.socket !== socket) return;
      // The server's own codes come over a socket that passes.
      if (event.code >= 4000) this.unopened = 0;
      this.#lost(event.code);
    });
  }

  /** @param {WebSocket} socket */
  #join(socket) {
    this.#after('patience', this.patienceMs, () => {
      this.patienceMs = Math.min(this.patienceMs * 2, PATIENCE_MAX_MS);
      this.unanswered += 1;
      this.#lost(1006);
      if (this.unanswered % TRIES_MAX === 0) this.#askLess();
    });
    const frame = this.options.join();
    if (typeof frame === 'string') {
      socket.send(frame);
      return;
    }
    // It is waited for as long as for the answer; a page that was left meanwhile says nothing.
    frame.then((text) => this.socket === socket && socket.send(text), () => this.socket === socket && this.#lost(1006));
  }

  /** What was missed comes in small parts by another way, which has the line for itself meanwhile. */
  async #askLess() {
    if (!this.options.askLess) return;
    this.#cancel('retry');
    try {
      await this.options.askLess();
    } catch {
      // The next WELCOME is then as large as the last one.
    }
    if (!this.stopped && !this.socket && !this.timers.has('retry')) this.#retryLater();
  }

  /** What was missed is still arriving: a piece of it takes its time, and nothing overtakes it. */
  get #catchingUp() {
    return this.options.cursor() < this.head;
  }

  /** @param {unknown} data */
  #heard(data) {
    this.#cancel('probe');
    this.#after('silence', this.heartbeatMs * 2.5, () => this.#leaveSoon());
    for (const frame of decode(data)) {
      if (!this.socket) return;
      if (frame.type === 'RECONNECT') {
        // Its close follows at once; there is nothing to wait for.
        this.returnAfterMs = Math.max(0, Number(frame.payload.afterMs) || 0);
        this.restartUntil = Date.now() + RESTART_MS;
        this.#lost(1012);
        return;
      }
      if (frame.type === 'ERROR' && this.state !== 'live') this.#joinRefused(frame);
      this.dispatchEvent(new DetailEvent('frame', frame));
      // Only now: whoever waits for "live" finds the room's state in place, and the changes in
      // front of a heartbeat have moved the cursor.
      if (frame.type === 'WELCOME') this.#joined(frame);
      else if (frame.type === 'HEARTBEAT') this.#compare(frame);
    }
  }

  /** @param {Chat.Frame} frame */
  #joined(frame) {
    this.head = frame.payload.resumed === true && Number(frame.payload.head) || 0;
    this.unanswered = 0;
    this.admitted = true;
    this.reason = null;
    const seconds = Number(frame.payload.heartbeatSeconds);
    if (seconds > 0) this.heartbeatMs = seconds * 1000;
    this.#cancel('patience');
    this.#cancel('join');
    this.#after('stable', STABLE_MS, () => {
      this.attempt = 0;
    });
    this.#after('silence', this.heartbeatMs * 2.5, () => this.#leaveSoon());
    this.#setState('live');
  }

  /** @param {Chat.Frame} frame */
  #joinRefused(frame) {
    const { code, clientId, retryAfterMs } = frame.payload;
    if (clientId || code === 'ALREADY_JOINED') return;
    // The socket is good, only the room is not ready (or we have changed what was wrong with the
    // JOIN): ask again on the same one.
    this.#cancel('patience');
    if (retryAfterMs || code === 'INTERNAL') this.#delayed(code);
    const pause = Number(retryAfterMs) || backoffMs(++this.attempt, this.options.random);
    const socket = this.socket;
    this.#after('join', pause, () => {
      if (!socket || this.socket !== socket || socket.readyState !== 1) return;
      this.#join(socket);
    });
  }

  /** @param {Chat.Frame} frame */
  #compare(frame) {
    const { rev } = frame.payload;
    const cursor = this.options.cursor();
    // A further heartbeat must not put off what the one before has begun to wait for.
    if (!Number.isSafeInteger(rev) || cursor >= rev || this.timers.has('behind')) return;
    this.#after('behind', this.#catchingUp ? PATIENCE_MS : CATCH_UP_MS, () => {
      const now = this.options.cursor();
      // Whoever comes nearer is not left behind, however slow the line.
      if (now > cursor) this.#compare(frame);
      else if (now < rev) this.#leaveSoon();
    });
  }

  #probe() {
    if (this.state !== 'live' || this.timers.has('probe') || !this.send(PING)) return;
    this.#after('probe', this.#catchingUp ? PATIENCE_MS : PROBE_MS, () => this.#lost(1006));
  }

  #leaveSoon() {
    this.#after('leave', this.options.random() * LEAVE_SPREAD_MS, () => this.#lost(1000));
  }

  /** The socket is gone, or as good as gone. @param {number} code */
  #lost(code) {
    this.#drop();
    if (this.stopped) return;
    if (code === START_OVER) this.options.startOver();
    const full = code === SERVER_FULL ? 'SERVER_FULL' : code === ADDRESS_FULL ? 'ADDRESS_FULL'
      // Who was in already is counted among those that are too many: sockets that died on a bad line are still held.
      : code === TOO_MANY_SESSIONS && this.admitted ? 'OWN_FULL' : null;
    this.#delayed(full);
    if (full === 'ADDRESS_FULL' || full === 'OWN_FULL') {
      const pause = full === 'OWN_FULL' ? OWN_RETRY_MS : ADDRESS_RETRY_MS;
      this.#retryLater(pause * (1 + this.options.random()));
      return;
    }
    if (afterClose(code) === 'stay away') {
      this.stopped = true;
      this.#setState('closed');
      this.dispatchEvent(new DetailEvent('refused', code));
      return;
    }
    this.#retryLater();
  }

  /** @param {string | null} reason */
  #delayed(reason) {
    if (reason === null && this.reason === null) return;
    this.reason = reason;
    this.dispatchEvent(new DetailEvent('delayed', reason));
  }

  /** @param {number | null} [pauseMs] where the reason says how long */
  #retryLater(pauseMs = null) {
    if (this.unopened >= UNOPENED_MAX) this.options.otherwise?.();
    this.#setState(this.options.online() ? 'connecting' : 'offline');
    const told = this.returnAfterMs;
    this.returnAfterMs = null;
    const { random = Math.random } = this.options;
    // Still spread, but never so far apart that an announced restart shows.
    const soon = Date.now() < this.restartUntil ? random() * RESTART_RETRY_MS : null;
    this.#after('retry', told ?? pauseMs ?? soon ?? backoffMs(this.attempt++, random), () => this.#connect());
  }

  /** Lets go of the socket without waiting for its close event, which may take minutes to come. */
  #drop() {
    for (const name of ['patience', 'join', 'stable', 'silence', 'behind', 'leave', 'probe']) this.#cancel(name);
    const socket = this.socket;
    this.socket = null;
    if (socket && socket.readyState < 2) socket.close(1000);
  }

  /** @param {Chat.State} state */
  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new DetailEvent('state', state));
  }

  /** @param {string} name @param {number} ms @param {() => void} act */
  #after(name, ms, act) {
    this.#cancel(name);
    this.timers.set(name, setTimeout(() => {
      this.timers.delete(name);
      act();
    }, ms));
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}

/** @param {string} url @param {string} protocol */
function openSocket(url, protocol) {
  return new WebSocket(url, protocol);
}
