// The visitor that this browser was before somebody signed in, as the pages of rooms keep it (store/identity.js).

import { IDENTITY, UUID } from '../store/identity.js';
import { UNSENT } from '../wire/outbox.js';

/** @param {Chat.KeyValue} storage @returns {{anonymousId: string, nickname: string, avatar: string} | null} */
export function visitor(storage) {
  try {
    const { anonymousId, nickname, avatar } = JSON.parse(storage.get(IDENTITY) ?? '');
    if (!UUID.test(anonymousId) || typeof nickname !== 'string') return null;
    return { anonymousId, nickname, avatar: typeof avatar === 'string' ? avatar : '' };
  } catch {
    return null;
  }
}

/**
 * It is the account's now: under that id nobody writes any more.
 * @param {Chat.KeyValue} storage @param {string} anonymousId another tab may have become somebody else meanwhile
 */
export function forgetVisitor(storage, anonymousId) {
  if (visitor(storage)?.anonymousId === anonymousId) storage.set(IDENTITY, null);
}

/**
 * Whether a room that was open in this tab has messages which no server has confirmed. What waits for a moderator is with
 * the server already.
 */
export function hasUnsent() {
  try {
    const { sessionStorage } = globalThis;
    return Object.keys(sessionStorage).some((key) => {
      const entries = key.startsWith(UNSENT) ? JSON.parse(sessionStorage.getItem(key) ?? '[]') : [];
      return Array.isArray(entries) && entries.some((entry) => typeof entry?.held !== 'string');
    });
  } catch {
    return false;
  }
}
