// Asks what the reader reacts with. Loaded with the first message that more people react to than it names.

import { base } from '../shared/base.js';
import { ownApi } from '../wire/account-api.js';

/** @param {import('./own-reactions.js').OwnReactions} own */
export async function askMine({ store, path, reader, asked }) {
  const who = reader();
  const { ownId } = store;
  if (who === null || ownId === null) return;
  const unsure = store.messages.filter(({ id, reactions = [] }) => !asked.has(id)
    && reactions.some(({ count, authors }) => count > authors.length && !authors.includes(ownId)));
  if (unsure.length === 0) return;
  for (const { id } of unsure) asked.add(id);
  const { generation } = store;
  const mine = await answer(`${path}/reactions/mine?from=${unsure[0].seq}&to=${unsure[unsure.length - 1].seq}`, who);
  // Somebody else may have signed in meanwhile.
  if (!mine || store.generation !== generation || store.ownId !== ownId) return;
  for (const { id, emojis } of mine) for (const emoji of emojis) store.commands.remember({ id, emoji, on: true });
  store.touch();
}

/**
 * @param {string} path below /api/v1
 * @param {{token: string | null, anonymousId: string}} reader
 * @returns {Promise<{id: string, emojis: string[]}[] | null>} null where it cannot be had
 */
async function answer(path, { token, anonymousId }) {
  if (token === '') {
    const { ok, body } = await ownApi().get(path);
    return ok ? body.reactions : null;
  }
  /** @type {Record<string, string>} */
  const headers = token === null ? { 'X-Anonymous-Id': anonymousId } : { Authorization: `Bearer ${token}` };
  const found = await fetch(`${base}/api/v1/${path}`, { headers });
  return found.ok ? (await found.json()).reactions : null;
}
