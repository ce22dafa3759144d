// How this page joins: as the visitor that the browser is, or as whoever has signed in.

import { encodeJoin } from '../wire/protocol.js';

/**
 * The JOIN of this moment. A login by cookies proves itself by a ticket, which is asked for.
 * @param {import('../store/identity.js').Identity} identity
 * @param {import('../store/chat-store.js').ChatStore} store
 * @param {() => void} ended called where the login by cookies is no more
 * @returns {string | Promise<string>}
 */
export function join(identity, store, ended) {
  /** @param {string | null} token */
  const frame = (token) => {
    const { anonymousId, nickname, avatar, vouched } = identity;
    const proof = token || vouched;
    return encodeJoin({
      anonymousId,
      ...(proof ? { token: proof } : {}),
      // What they are called, the server knows better of who signs in by cookies, and the blog of its users.
      ...(nickname === null || identity.token === '' || vouched !== null ? {} : { nickname, ...(avatar ? { avatar } : {}) }),
      ...(store.resume ? { resume: store.resume } : {}),
    });
  };
  if (identity.token !== '') return frame(identity.token);
  return import('../wire/account-api.js').then(({ ticket }) => ticket()).then((ticket) => {
    if (ticket === null && identity.token === '') ended();
    // Meanwhile it may be somebody else who joins.
    return frame(identity.token === '' ? ticket : identity.token);
  });
}
