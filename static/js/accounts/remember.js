// What the pages of a conversation have to know: that a login by cookies has begun, and who it is of. It is no proof of
// anything, and what stands there is brought up to date by the server.

import { LOGIN } from '../shared/own-page.js';
import { openStorage } from '../shared/storage.js';

/** @param {{id?: unknown, nickname?: unknown, avatar?: unknown} | undefined} user who has signed in, as the server answers */
export function rememberLogin(user) {
  if (typeof user?.nickname !== 'string') return;
  const { id, nickname, avatar } = user;
  openStorage('localStorage').set(LOGIN, JSON.stringify({ nickname, avatar, authorId: id }));
}

/** It has ended, or never was. */
export function forgetLogin() {
  openStorage('localStorage').set(LOGIN, null);
}
