// Messages that the server has not confirmed yet, oldest first. Kept in the tab's session storage,
// so that a reload, a crash or a dead battery on the train loses nothing.

import { encodeMessage } from './protocol.js';

/** More than this many unsent messages are refused; the text stays in the box. */
export const OUTBOX_MAX = 20;
/** Where a room's are kept begins with this; the room stands behind it. */
export const UNSENT = 'realtime-chat:unsent:';

export class Outbox {
  /**
   * @param {Chat.KeyValue} storage
   * @param {string} key
   * @param {() => string} newId
   */
  constructor(storage, key, newId) {
    this.storage = storage;
    this.key = key;
    this.newId = newId;
    /** Who writes here now, once that is known. @type {string | undefined} */
    this.by = undefined;
    /** Why an entry waits for a moderator, in words; these come with the first that does. @type {(entry: Chat.Unsent) => string} */
    this.why = () => '';
    /** @type {Chat.Unsent[]} */
    this.entries = this.#load();
  }

  /**
   * From here on it is this author who writes; `~` stands before what somebody is called whom the server has not named
   * yet. What another one has written does not go under this name by itself: it stays until its writer is back,
   * or whoever is here decides.
   * @param {string} id
   */
  become(id) {
    const unnamed = this.by?.[0] === '~' && id[0] !== '~' ? this.by : undefined;
    this.by = id;
    for (const entry of this.entries) {
      if (!entry.by || entry.by === unnamed) entry.by = id;
      if (entry.by !== id) {
        if (entry.state !== 'failed') Object.assign(entry, entry.held ? { state: 'held' } : { state: 'failed', code: 'OTHER_AUTHOR' });
      } else if (entry.code === 'OTHER_AUTHOR') {
        entry.state = 'waiting';
        delete entry.code;
      }
    }
    this.#save();
  }

  get full() {
    return this.entries.length >= OUTBOX_MAX;
  }

  /** Without what waits for a moderator under another identity of this browser. */
  get own() {
    return this.entries.filter(({ by, held }) => held === undefined || !by || !this.by || by === this.by);
  }

  /**
   * @param {string} content
   * @param {number} at milliseconds since the epoch
   * @param {{replyTo?: Chat.Reply, mentions?: Chat.Mention[]}} [more]
   * @returns {Chat.Unsent}
   */
  add(content, at, more = {}) {
    /** @type {Chat.Unsent} */
    const entry = { clientId: this.newId(), content, at, state: 'waiting', ...(this.by && { by: this.by }), ...more };
    this.entries.push(entry);
    this.#save();
    return entry;
  }

  /** The one to send now: the oldest that waits, and only while none is on its way. */
  next() {
    if (this.entries.some((entry) => entry.state === 'sending')) return null;
    return this.entries.find((entry) => entry.state === 'waiting') ?? null;
  }

  inFlight() {
    return this.entries.find((entry) => entry.state === 'sending') ?? null;
  }

  /** @param {string} clientId */
  find(clientId) {
    return this.entries.find((entry) => entry.clientId === clientId) ?? null;
  }

  /** @param {Chat.Unsent} entry */
  sending(entry) {
    entry.state = 'sending';
  }

  /** The way to the server broke: what was on its way is sent again, with the same id. */
  interrupted() {
    for (const entry of this.entries) if (entry.state === 'sending') entry.state = 'waiting';
  }

  /**
   * With each JOIN the server is asked again for what waits for a moderator. Only by who wrote it: as somebody else's it
   * would be another message.
   */
  again() {
    for (const entry of this.entries) if (entry.state === 'held' && entry.by === this.by) entry.state = 'waiting';
  }

  /** It is stored (or given up): forget it. @param {string} clientId */
  remove(clientId) {
    const index = this.entries.findIndex((entry) => entry.clientId === clientId);
    if (index < 0) return null;
    const [entry] = this.entries.splice(index, 1);
    this.#save();
    return entry;
  }

  /** @param {string} clientId @param {string} code @param {string} [reason] @returns {boolean} whether that is news */
  fail(clientId, code, reason = 'unknown') {
    const entry = this.find(clientId);
    if (!entry) return false;
    const waited = entry.held !== undefined;
    if (code === 'HELD') Object.assign(entry, { held: reason, by: this.by });
    // The server has what waits: any refusal but a moderator's is one of asking for it now.
    if (code === 'HELD' || (waited && code !== 'REJECTED')) entry.state = 'held';
    else {
      delete entry.held;
      Object.assign(entry, { state: 'failed', code });
    }
    this.#save();
    return entry.state === 'failed' || !waited;
  }

  /** @param {string} clientId */
  retry(clientId) {
    const entry = this.find(clientId);
    if (!entry || entry.state !== 'failed') return false;
    // The id names another text on the server: only a new one can ever be accepted.
    if (entry.code === 'CLIENT_ID_CONFLICT') entry.clientId = this.newId();
    // What it answers is gone: it can stand by itself.
    if (entry.code === 'INVALID_REPLY') delete entry.replyTo;
    // Under the name of whoever says so.
    entry.by = this.by;
    entry.state = 'waiting';
    delete entry.code;
    this.#save();
    return true;
  }

  /** @param {Chat.Unsent} entry */
  encode(entry) {
    return encodeMessage(entry);
  }

  #load() {
    /** @type {Chat.Unsent[]} */
    const entries = [];
    try {
      const stored = JSON.parse(this.storage.get(this.key) ?? '[]');
      for (const item of Array.isArray(stored) ? stored.slice(0, OUTBOX_MAX) : []) {
        if (typeof item?.clientId !== 'string' || typeof item.content !== 'string') continue;
        const failed = item.state === 'failed';
        const held = typeof item.held === 'string';
        entries.push({
          clientId: item.clientId,
          content: item.content,
          at: Number(item.at) || 0,
          state: failed ? 'failed' : held ? 'held' : 'waiting',
          ...(failed ? { code: String(item.code) } : {}),
          ...(held ? { held: item.held } : {}),
          ...(typeof item.by === 'string' ? { by: item.by } : {}),
          ...(typeof item.replyTo?.id === 'string' ? { replyTo: item.replyTo } : {}),
          ...(Array.isArray(item.mentions) ? { mentions: item.mentions } : {}),
        });
      }
    } catch {
      // What was stored is not ours or not whole: start empty.
    }
    return entries;
  }

  #save() {
    this.storage.set(this.key, this.entries.length ? JSON.stringify(this.entries) : null);
  }
}
