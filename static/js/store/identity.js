// Who this visitor is: a secret id of this browser's own making, a nickname, an animal.
// Nothing is stored before the visitor takes part; until then the id lives in memory only.

import { takeFromCookie } from '../shared/storage.js';

const KEY = 'realtime-chat:identity';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A version 4 UUID; `randomUUID` itself is missing on pages served without TLS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export class Identity {
  /** @param {Chat.Storage} storage @param {() => string} [newId] */
  constructor(storage, newId = uuid) {
    this.storage = storage;
    const left = takeFromCookie(KEY);
    if (left !== null && storage.get(KEY) === null) storage.set(KEY, left);
    const stored = this.#read();
    this.anonymousId = stored?.anonymousId ?? newId();
    /** @type {string | null} */
    this.nickname = stored?.nickname ?? null;
    /** @type {string | null} */
    this.avatar = stored?.avatar ?? null;
    /** Our public id, so that our own messages stand on our side before the socket opens. */
    this.authorId = stored?.authorId ?? null;
  }

  /**
   * Takes the visitor's choice and keeps it.
   * @returns {boolean} whether this is now another identity: another tab of this browser had joined first
   * @param {string} nickname @param {string} avatar
   */
  choose(nickname, avatar) {
    const stored = this.nickname === null ? this.#read() : null;
    const changed = stored !== null && stored.anonymousId !== this.anonymousId;
    if (changed) this.anonymousId = stored.anonymousId;
    this.nickname = nickname;
    this.avatar = avatar;
    this.#write();
    return changed;
  }

  /** The server's word on who we are. @param {{id: string, nickname: string, avatar: string}} self */
  confirm(self) {
    if (this.nickname === null) return;
    this.authorId = self.id;
    this.nickname = self.nickname;
    this.avatar = self.avatar;
    this.#write();
  }

  /** The server refused the choice: back to what was. @param {string | null} nickname @param {string | null} avatar */
  revert(nickname, avatar) {
    this.nickname = nickname;
    this.avatar = avatar;
    this.#write();
  }

  #write() {
    const { anonymousId, nickname, avatar, authorId } = this;
    this.storage.set(KEY, nickname === null ? null : JSON.stringify({ anonymousId, nickname, avatar, authorId }));
  }

  /** @returns {Chat.Stored | null} */
  #read() {
    try {
      const stored = JSON.parse(this.storage.get(KEY) ?? 'null');
      if (!UUID.test(stored?.anonymousId) || typeof stored.nickname !== 'string') return null;
      return {
        anonymousId: stored.anonymousId,
        nickname: stored.nickname,
        avatar: typeof stored.avatar === 'string' ? stored.avatar : '',
        authorId: typeof stored.authorId === 'string' ? stored.authorId : null,
      };
    } catch {
      return null;
    }
  }
}
