// Asks the server for what is done once and answered at once: a report, a ban, other settings, what becomes of messages
// that wait. Never again by itself, as messages are: whoever acts looks at the answer, and an act that came through late would surprise them.

/** The server answers within 5 s even when its database is away. */
const ANSWER_MS = 10_000;

export class Asks {
  /** @param {Pick<Chat.OfficeParts, 'connection' | 'signal'>} parts @param {() => string} newId */
  constructor({ connection, signal }, newId) {
    this.connection = connection;
    this.newId = newId;
    /** @type {Map<string, (answer: Chat.Frame | null) => void>} by clientId */
    this.waiting = new Map();
    connection.addEventListener('frame', (event) => {
      const frame = /** @type {Chat.Frame} */ (/** @type {any} */ (event).detail);
      this.#end(frame.payload.clientId, frame);
    }, { signal });
    connection.addEventListener('state', () => {
      for (const clientId of [...this.waiting.keys()]) this.#end(clientId, null);
    }, { signal });
  }

  /**
   * @param {'REPORT' | 'BAN' | 'ROOM_SET' | 'APPROVE' | 'REJECT'} type
   * @param {Record<string, unknown>} payload
   * @returns {Promise<Chat.Frame | null>} the answer, ERROR included; null where there is none
   */
  ask(type, payload) {
    const clientId = this.newId();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(clientId, null), ANSWER_MS);
      this.waiting.set(clientId, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      if (!this.connection.send(JSON.stringify({ type, payload: { clientId, ...payload } }))) this.#end(clientId, null);
    });
  }

  /** @param {string | undefined} clientId @param {Chat.Frame | null} answer */
  #end(clientId, answer) {
    const end = clientId && this.waiting.get(clientId);
    if (!end) return;
    this.waiting.delete(clientId);
    end(answer);
  }
}
