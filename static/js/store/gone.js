// Messages that are gone for good: the room's owner keeps them for so long and no longer. Loaded with the first that went.

import { DetailEvent } from '../shared/events.js';

/**
 * Drops what is below the place where the room begins now.
 * @param {import('./chat-store.js').ChatStore} store
 * @param {number} firstSeq
 */
export function drop(store, firstSeq) {
  const { messages, pinned, quotes } = store;
  /** @param {Chat.Message} message */
  const kept = ({ seq }) => seq >= firstSeq;
  store.messages = messages.filter(kept);
  store.tail = store.tail.filter(kept);
  store.pinned = pinned.filter(kept);
  // An answer stands without what it answered.
  for (const [id, message] of quotes.known) if (message && !kept(message)) quotes.known.set(id, null);
  if (store.messages.length < messages.length) {
    store.hasMore = false;
    // A page that is on its way may have been read before they went: it is asked for again.
    store.generation += 1;
    // A reader who was far up is where nothing is any more.
    if (store.messages.length === 0) store.toLatest();
  }
  if (store.pinned.length < pinned.length) store.dispatchEvent(new DetailEvent('pinned', undefined));
  store.touch();
}
