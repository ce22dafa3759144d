// The rules for nicknames and messages, as the server has them. The server has the last word;
// these only spare the visitor a round trip.

export const NICKNAME_MIN = 2;
export const NICKNAME_MAX = 15;
const NICKNAME_CODE_POINTS_MAX = 50;

/** Controls, and the characters that turn the writing direction of what stands around them. */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** Characters that draw nothing, so that a name could look empty or like another one. */
const INVISIBLE = /[\u200b\u2060\ufeff\u115f\u1160\u3164\uffa0\u2800\u00ad\u034f\u180e]/u;

/** Letters as a person counts them. @param {string} text */
export function graphemes(text) {
  if (typeof Intl === 'object' && 'Segmenter' in Intl) {
    return [...new Intl.Segmenter().segment(text)].length;
  }
  return codePoints(text);
}

/** @param {string} text */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** @param {string} raw */
export function cleanNickname(raw) {
  return raw.trim().normalize('NFC').replace(/\s+/gu, ' ');
}

/**
 * @param {string} nickname already clean
 * @returns {null | 'short' | 'long' | 'characters'}
 */
export function nicknameFault(nickname) {
  if (CONTROLS.test(nickname) || INVISIBLE.test(nickname)) return 'characters';
  const length = graphemes(nickname);
  if (length < NICKNAME_MIN) return 'short';
  if (length > NICKNAME_MAX || codePoints(nickname) > NICKNAME_CODE_POINTS_MAX) return 'long';
  return null;
}

/** @param {string} raw */
export function cleanContent(raw) {
  return raw.replace(/\r\n?/g, '\n').trim();
}
