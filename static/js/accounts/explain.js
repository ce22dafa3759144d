// Why something was refused, in the reader's words. Pure.

import { codePoints } from '../text/text.js';

/** As the server has them. */
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;

/** @typedef {'email' | 'nickname' | 'password' | ''} Place the box that it is about; empty where it is about no box */

/** @type {Map<string, Place>} */
const PLACES = new Map([
  ['BAD_CREDENTIALS', 'password'],
  ['WEAK_PASSWORD', 'password'],
  ['INVALID_EMAIL', 'email'],
  ['EMAIL_TAKEN', 'email'],
  ['INVALID_NICKNAME', 'nickname'],
  ['NICKNAME_TAKEN', 'nickname'],
]);

/** @param {string} code @returns {Place} */
export function placeOf(code) {
  return PLACES.get(code) ?? '';
}

/** What is wrong with the length of a new password. @param {string} password @returns {'short' | 'long' | null} */
export function passwordFault(password) {
  const length = codePoints(password);
  if (length < PASSWORD_MIN) return 'short';
  return length > PASSWORD_MAX ? 'long' : null;
}

/** The text of a name that somebody else has chosen. @param {Record<string, string>} texts @param {string} name */
export function textOf(texts, name) {
  return Object.hasOwn(texts, name) ? texts[name] : undefined;
}

/**
 * @param {Chat.AccountAnswer} answer a refusal
 * @param {Chat.AccountWords} words
 * @param {string} [password] the new one that was sent: why it is too weak follows from it, in whatever language
 */
export function explain(answer, words, password = '') {
  const { code, status, retryAfterMs } = answer;
  if (status === 0) return words.unanswered;
  if (code === 'RATE_LIMITED') return words.limited(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  // A password of a good length is refused where it is one of the commonest.
  if (code === 'WEAK_PASSWORD') return words.weak[passwordFault(password) ?? 'common'];
  return textOf(words.errors, code) ?? words.unknown(code);
}
