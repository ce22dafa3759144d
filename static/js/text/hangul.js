// Korean as it is typed and looked for. An input method shows a syllable while it grows: on the way to 하트 the box holds
// 핱 for a moment, which is no part of 하트. As keys the one is a part of the other, so texts are compared as their keys.

const FIRST = [...'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'];
const VOWEL = 'ㅏ ㅐ ㅑ ㅒ ㅓ ㅔ ㅕ ㅖ ㅗ ㅘ ㅙ ㅚ ㅛ ㅜ ㅝ ㅞ ㅟ ㅠ ㅡ ㅢ ㅣ'.split(' ');
/** A syllable may end without a consonant: the first of them is none. */
const LAST = ' ㄱ ㄲ ㄳ ㄴ ㄵ ㄶ ㄷ ㄹ ㄺ ㄻ ㄼ ㄽ ㄾ ㄿ ㅀ ㅁ ㅂ ㅄ ㅅ ㅆ ㅇ ㅈ ㅊ ㅋ ㅌ ㅍ ㅎ'.split(' ');
/** Letters that take two keys, alone and within a syllable. @type {Record<string, string>} */
const PAIRS = {
  ㅘ: 'ㅗㅏ', ㅙ: 'ㅗㅐ', ㅚ: 'ㅗㅣ', ㅝ: 'ㅜㅓ', ㅞ: 'ㅜㅔ', ㅟ: 'ㅜㅣ', ㅢ: 'ㅡㅣ',
  ㄳ: 'ㄱㅅ', ㄵ: 'ㄴㅈ', ㄶ: 'ㄴㅎ', ㄺ: 'ㄹㄱ', ㄻ: 'ㄹㅁ', ㄼ: 'ㄹㅂ', ㄽ: 'ㄹㅅ', ㄾ: 'ㄹㅌ', ㄿ: 'ㄹㅍ', ㅀ: 'ㄹㅎ', ㅄ: 'ㅂㅅ',
};

/** Unicode has a syllable for each first consonant, vowel and last consonant, in this order. */
const SYLLABLES_FROM = 0xac00;
const N_LAST = LAST.length;
const N_OF_FIRST = VOWEL.length * N_LAST;

/** @param {string} text with each syllable in one piece @param {(n: number) => string} taken by the syllable's number */
const eachSyllable = (text, taken) => text.replace(/[가-힣]/gu, (syllable) => taken(syllable.charCodeAt(0) - SYLLABLES_FROM));

/** As texts are compared: each syllable in one piece, and no capital letters. @param {string} text */
export const folded = (text) => text.normalize('NFC').toLowerCase();

/** The keys that type a text: `핱` is `ㅎㅏㅌ`. What is not Korean stays. @param {string} text */
export function keystrokes(text) {
  const letters = eachSyllable(folded(text), (n) => FIRST[Math.floor(n / N_OF_FIRST)] + VOWEL[Math.floor((n % N_OF_FIRST) / N_LAST)] + LAST[n % N_LAST]);
  return letters.replace(/[ㄳ-ㅢ]/gu, (letter) => PAIRS[letter] ?? letter);
}

/** By its first consonants, as people look for names in Korean: `홍길동` is `ㅎㄱㄷ`. What is not Korean stays. @param {string} text */
export function initials(text) {
  return eachSyllable(folded(text), (n) => FIRST[Math.floor(n / N_OF_FIRST)]);
}
