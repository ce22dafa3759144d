// Who this visitor is: a secret id of this browser's own making, a nickname, an animal.
// Nothing is stored before the visitor takes part; until then the id lives in memory only.
// Whoever signs in is somebody else until they sign out: an account, whose login is kept beside the visitor that this
// browser was before. It is one by a code, whose secret is kept here, or one of the chat's own pages, by cookies.

import { LOGIN } from '../shared/own-page.js';
import { takeFromCookie } from '../shared/storage.js';

/** Where the visitor is kept. */
export const IDENTITY = 'realtime-chat:identity';
const ACCOUNT = 'realtime-chat:account';
/** What an `anonymousId` looks like. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A version 4 UUID; `randomUUID` itself is missing on pages served without TLS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export class Identity {
  /** @param {Chat.Storage} storage @param {() => string} [newId] @param {boolean} [own] whether cookies of a login count on this page */
  constructor(storage, newId = uuid, own = false) {
    this.storage = storage;
    this.own = own;
    const left = takeFromCookie(IDENTITY);
    if (left !== null && storage.get(IDENTITY) === null) storage.set(IDENTITY, left);
    const stored = this.#read();
    const account = this.#account();
    this.anonymousId = stored?.anonymousId ?? newId();
    /** The secret of an account's login, empty where its cookies have it; null for a visitor. @type {string | null} */
    this.token = account?.token ?? null;
    /** What the blog has signed for its reader, who is one of its own users; empty once that is over. In memory alone. @type {string | null} */
    this.vouched = null;
    /** What such a user is called here before the server has named them: each one anew. @type {string | null} */
    this.unnamed = null;
    const known = account ?? stored;
    /** @type {string | null} */
    this.nickname = known?.nickname ?? null;
    /** @type {string | null} */
    this.avatar = known?.avatar ?? null;
    /** Our public id, so that our own messages stand on our side before the socket opens. */
    this.authorId = known?.authorId ?? null;
  }

  /** From here on we are this account. @param {string} token @param {string} nickname */
  signIn(token, nickname) {
    this.vouched = this.unnamed = null;
    this.token = token;
    this.nickname = nickname;
    this.avatar = '';
    this.authorId = null;
    this.#write();
  }

  /** Back to the visitor that this browser was before. */
  signOut() {
    // Another tab may have signed in anew meanwhile.
    if (this.#account()?.token === this.token) this.storage.set(this.token ? ACCOUNT : LOGIN, null);
    this.token = null;
    const stored = this.#read();
    this.nickname = stored?.nickname ?? null;
    this.avatar = stored?.avatar ?? null;
    this.authorId = stored?.authorId ?? null;
  }

  /** Whether the login by cookies has ended on another page. */
  get signedOut() {
    return this.token === '' && this.storage.get(LOGIN) === null;
  }

  /** Whose what is written now is, as far as it is known: a visitor, or somebody with an account, before the server has named them. */
  get author() {
    return this.authorId ?? this.unnamed ?? (this.token === null ? '~visitor' : '~account');
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
    if (this.nickname === null && this.token === null) return;
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
    if (this.vouched !== null) return;
    const { anonymousId, token, nickname, avatar, authorId } = this;
    const { storage } = this;
    if (token) storage.set(ACCOUNT, JSON.stringify({ token, nickname, avatar, authorId }));
    // Another tab may have signed out.
    else if (token === '') this.signedOut || storage.set(LOGIN, JSON.stringify({ nickname, avatar, authorId }));
    else storage.set(IDENTITY, nickname === null ? null : JSON.stringify({ anonymousId, nickname, avatar, authorId }));
  }

  /** @returns {Chat.Stored | null} */
  #read() {
    const stored = this.#kept(IDENTITY);
    return stored && UUID.test(stored.anonymousId) ? stored : null;
  }

  /** @returns {Chat.Account | null} */
  #account() {
    const stored = this.#kept(ACCOUNT);
    if (typeof stored?.token === 'string' && stored.token) return stored;
    const login = this.own && this.#kept(LOGIN);
    return login ? { ...login, token: '' } : null;
  }

  /** @param {string} key */
  #kept(key) {
    try {
      const { anonymousId, token, nickname, avatar, authorId } = JSON.parse(this.storage.get(key) ?? '');
      if (typeof nickname !== 'string') return null;
      return {
        anonymousId, token, nickname,
        avatar: typeof avatar === 'string' ? avatar : '',
        authorId: typeof authorId === 'string' ? authorId : null,
      };
    } catch {
      return null;
    }
  }
}
