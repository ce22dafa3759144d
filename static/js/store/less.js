// For a line that is too slow for a WELCOME, which comes whole or not at all: the same in small answers over HTTP.
// Loaded when it is needed. The next JOIN goes on from where this has led.

/** Changes in one answer. */
const STEP = 10;
/** Whoever is further behind begins anew with the newest messages, and loads the rest when scrolling up. */
const BEHIND_MAX = 50;
/** An answer has at most about 100 KB: less than 2 KB a second is no line. */
const ANSWER_MS = 60_000;

/**
 * Each answer counts at once, so that nothing is asked for twice when a later one fails.
 * @param {import('./chat-store.js').ChatStore} store
 * @param {string} base the room's address below /api
 * @param {(url: string) => Promise<any>} [get]
 */
export async function askLess(store, base, get = getJson) {
  for (;;) {
    const from = store.resume;
    if (!from) break;
    const { messages, room, rev, startOver } = await get(`${base}/changes?epoch=${encodeURIComponent(from.epoch)}&after=${from.rev}&limit=${STEP}`);
    // A socket was faster.
    if (store.epoch !== from.epoch || store.rev !== from.rev) return;
    if (startOver || room.rev - rev > BEHIND_MAX) break;
    for (const payload of messages) store.receive({ type: 'MESSAGE', payload });
    // The counter may have gone on without leaving a message behind.
    store.receive({ type: 'CHANGES', payload: { rev } });
    if (rev >= room.rev || rev <= from.rev) return;
  }
  const { epoch, rev } = store;
  const page = await get(`${base}/messages?limit=${STEP}`);
  if (store.epoch !== epoch || store.rev !== rev) return;
  // It is what a fresh WELCOME is, with fewer messages; what else that tells is as it was.
  const { self, limits, pinned, standing: { rights, room: { title, settings, settingsRev } }, presence: { count, approximate, members } } = store;
  store.receive({
    type: 'WELCOME',
    payload: {
      self, limits, pinned, rights, resumed: false, room: { epoch: page.epoch, rev: page.rev, title, settings, settingsRev },
      messages: page.messages, hasMore: page.hasMore, presence: { count, approximate, members },
    },
  });
}

/** @param {string} url */
async function getJson(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(`less: ${answer.status}`);
  return answer.json();
}
