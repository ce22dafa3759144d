// Where no socket opens though the server answers, the page goes on over HTTP, says so, and looks now and then whether
// a socket opens after all. Loaded with the second one in a row that does not open.

import { words } from '../i18n/line.js';
import { byId, make } from '../shared/dom.js';
import { Line } from '../wire/line.js';
import { SUBPROTOCOL } from '../wire/protocol.js';

/** A server that has just come back may be there for requests a moment before it is for sockets: the first look comes soon. */
const LOOK_FIRST_MS = 5_000;
/** Then each one takes twice as long as the one before, up to this. */
const LOOK_LONGEST_MS = 300_000;
/** A socket that has not opened by then does not. */
const OPEN_MS = 10_000;

/**
 * @typedef {object} Parts
 * @property {import('../wire/connection.js').Connection} connection
 * @property {import('../store/chat-store.js').ChatStore} store
 * @property {{say: (text: string) => void}} announcer
 * @property {Chat.Strings} strings those of this moment
 * @property {{signal: AbortSignal}} ending
 */

/** @type {WeakSet<import('../wire/connection.js').Connection>} those that are on such a line */
const busy = new WeakSet();

/**
 * Takes the connection over HTTP. Whoever calls has asked whether the server answers: where it is away, that is no
 * matter of sockets.
 * @param {Parts} parts @param {string} api the room's address below /api
 */
export async function slowLine(parts, api) {
  const { connection, store, ending: { signal } } = parts;
  if (busy.has(connection) || signal.aborted || connection.state === 'live') return;
  busy.add(connection);
  const { options } = connection;
  const { open: openSocket } = options;
  const notice = new Notice(parts);
  options.open = () => /** @type {any} */ (new Line({ api, join: options.join, self: () => store.self }));
  if (connection.socket === null) connection.nudge();
  const looking = new AbortController();
  signal.addEventListener('abort', () => looking.abort());
  await untilOpen(() => openSocket?.(options.url, SUBPROTOCOL), looking.signal);
  notice.end();
  busy.delete(connection);
  if (signal.aborted) return;
  options.open = openSocket;
  if (isLine(connection)) connection.rejoin();
}

/** Whether it is such a line that holds: a socket may have been faster. @param {import('../wire/connection.js').Connection} connection */
function isLine({ socket }) {
  return /** @type {unknown} */ (socket) instanceof Line;
}

/**
 * Looks for a socket, ever more seldom, while somebody sees the page.
 * @param {() => WebSocket | undefined} open @param {AbortSignal} signal
 */
async function untilOpen(open, signal) {
  for (let pause = LOOK_FIRST_MS; !signal.aborted; pause = Math.min(pause * 2, LOOK_LONGEST_MS)) {
    await rest(pause * (0.75 + Math.random() / 2), signal);
    if (!document.hidden && !signal.aborted && await opens(open)) return;
  }
}

/** Until it is time, or until there is reason to look at once: another network, or somebody who comes back. @param {number} ms @param {AbortSignal} signal */
function rest(ms, signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      clearTimeout(timer);
      over.abort();
      resolve(undefined);
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end, { signal: over.signal });
    document.addEventListener('visibilitychange', () => document.hidden || end(), { signal: over.signal });
    signal.addEventListener('abort', end, { signal: over.signal });
  });
}

/** @param {() => WebSocket | undefined} open @returns {Promise<boolean>} */
function opens(open) {
  return new Promise((resolve) => {
    /** @type {WebSocket | undefined} */
    let socket;
    /** @param {boolean} is */
    const done = (is) => {
      clearTimeout(timer);
      if (socket && socket.readyState < 2) socket.close(1000);
      resolve(is);
    };
    const timer = setTimeout(() => done(false), OPEN_MS);
    try {
      socket = open();
      socket?.addEventListener('open', () => done(true));
      socket?.addEventListener('close', () => done(false));
    } catch {
      done(false);
    }
  });
}

/** Says quietly that the line is a slower one, while it holds. */
class Notice {
  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    this.told = false;
    this.ending = new AbortController();
    const { signal } = this.ending;
    this.element = make('span', 'pill');
    this.element.id = 'slow-line';
    this.element.hidden = true;
    byId('title').after(this.element);
    parts.connection.addEventListener('state', () => this.draw(), { signal });
    const language = new MutationObserver(() => this.draw());
    language.observe(document.documentElement, { attributeFilter: ['lang'] });
    signal.addEventListener('abort', () => language.disconnect());
    parts.ending.signal.addEventListener('abort', () => this.end(), { signal });
  }

  draw() {
    const { element, parts: { connection, strings, announcer } } = this;
    const { slower, why } = words[strings.locale === 'ko' ? 'ko' : 'en'];
    element.textContent = slower;
    element.title = why;
    element.hidden = connection.state !== 'live' || !isLine(connection);
    if (element.hidden || this.told) return;
    this.told = true;
    announcer.say(why);
  }

  end() {
    this.ending.abort();
    this.element.remove();
  }
}
