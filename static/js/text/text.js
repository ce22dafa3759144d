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

/** What a message may not hold: the server refuses it, and who has pasted it can neither see nor mend it. */
const REFUSED = /[\p{Cs}\0-\x08\x0e-\x1f\x7f-\x9f]/gu;
/**
 * Something that a reader can see: no space, no control, no variation selector, and nothing of what draws nothing, as
 * crates/domain/src/visible.rs has it, which a test compares.
 */
const SEEN = /[^\s\p{Cc}\p{NChar}\p{Co}\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/**
 * What will be stored of what was written; empty where that draws nothing. Places of mentions count in this form.
 * @param {string} raw
 */
export function cleanContent(raw) {
  const text = raw.replace(/\r\n?|[\v\f\x85]/g, '\n').replace(REFUSED, '').trim();
  return SEEN.test(text) ? text : '';
}
