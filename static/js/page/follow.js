// Another tab of this browser has signed in or out, or has become another device of somebody: this one is as that one is.
// Loaded with the first word of that.

import { Identity } from '../store/identity.js';

/**
 * @param {Chat.OfficeParts} parts
 * @param {() => void} ended called where the login has ended
 */
export function follow({ identity, changedIdentity }, ended) {
  const { anonymousId, token, authorId } = identity;
  // Who the blog speaks for stays that.
  if (identity.vouched !== null) return;
  const now = new Identity(identity.storage, () => anonymousId, identity.own);
  if (token !== null && now.token === null) {
    ended();
    return;
  }
  const isOther = now.token !== token
    // The same login under another name is told by the server.
    || (token === null && now.anonymousId === anonymousId && now.authorId !== null && authorId !== null && now.authorId !== authorId);
  if (!isOther) return;
  const { token: newToken, nickname, avatar, authorId: newId } = now;
  Object.assign(identity, { token: newToken, nickname, avatar, authorId: newId });
  changedIdentity();
}
