// Korean as it is typed. An input method shows a syllable while it grows: on the way to 하트 the box holds 핱 for a
// moment, which is no part of 하트. As keys the one is a part of the other, so texts are compared as their keys.

const FIRST = [...'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'];
const VOWEL = ['ㅏ', 'ㅐ', 'ㅑ', 'ㅒ', 'ㅓ', 'ㅔ', 'ㅕ', 'ㅖ', 'ㅗ', 'ㅗㅏ', 'ㅗㅐ', 'ㅗㅣ', 'ㅛ', 'ㅜ', 'ㅜㅓ', 'ㅜㅔ', 'ㅜㅣ', 'ㅠ', 'ㅡ', 'ㅡㅣ', 'ㅣ'];
const LAST = ['', 'ㄱ', 'ㄲ', 'ㄱㅅ', 'ㄴ', 'ㄴㅈ', 'ㄴㅎ', 'ㄷ', 'ㄹ', 'ㄹㄱ', 'ㄹㅁ', 'ㄹㅂ', 'ㄹㅅ', 'ㄹㅌ', 'ㄹㅍ', 'ㄹㅎ', 'ㅁ', 'ㅂ', 'ㅂㅅ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ'];
/** Letters that stand alone and take two keys. */
const PAIRS = /[ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ]/gu;
const PAIR = new Map([...'ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ'].map((letter, n) => [
  letter, ['ㅗㅏ', 'ㅗㅐ', 'ㅗㅣ', 'ㅜㅓ', 'ㅜㅔ', 'ㅜㅣ', 'ㅡㅣ', 'ㄱㅅ', 'ㄴㅈ', 'ㄴㅎ', 'ㄹㄱ', 'ㄹㅁ', 'ㄹㅂ', 'ㄹㅅ', 'ㄹㅌ', 'ㄹㅍ', 'ㄹㅎ', 'ㅂㅅ'][n],
]));

const SYLLABLES_FROM = 0xac00;
const N_LAST = LAST.length;
const N_OF_FIRST = VOWEL.length * N_LAST;

/** The keys that type a text, in lower case: `핱` is `ㅎㅏㅌ`. What is not Korean stays. @param {string} text */
export function keystrokes(text) {
  return text.normalize('NFC').toLowerCase().replace(/[가-힣]/gu, (syllable) => {
    const n = syllable.charCodeAt(0) - SYLLABLES_FROM;
    return FIRST[Math.floor(n / N_OF_FIRST)] + VOWEL[Math.floor((n % N_OF_FIRST) / N_LAST)] + LAST[n % N_LAST];
  }).replace(PAIRS, (letter) => PAIR.get(letter) ?? letter);
}
