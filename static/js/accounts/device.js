// What a browser calls itself, in words that its owner knows it by. Pure.

/** The first that fits holds: nearly all call themselves Safari, and many Chrome. @type {[RegExp, string][]} */
const BROWSERS = [
  [/KAKAOTALK/i, 'KakaoTalk'],
  [/NAVER\(/i, 'NAVER'],
  [/Whale\//, 'Whale'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Edg(?:e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|Chromium\/|CriOS\//, 'Chrome'],
  [/Version\/[\d.]+ .*Safari\//, 'Safari'],
];

/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone|iPod/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Windows/, 'Windows'],
  [/Macintosh|Mac OS X/, 'Mac'],
  [/Linux|X11/, 'Linux'],
];

/** Longer is told by its beginning: it is what some program says of itself. */
const SHOWN_MAX = 60;

/** @param {string} userAgent @param {Chat.AccountWords['device']} words */
export function deviceOf(userAgent, words) {
  const find = (/** @type {[RegExp, string][]} */ list) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  if (browser && system) return words.on(browser, system);
  if (system) return words.on(words.browser, system);
  const said = browser ?? userAgent.trim();
  return said.length > SHOWN_MAX ? `${said.slice(0, SHOWN_MAX)}…` : said || words.unknown;
}

/** Whether it is held in a hand, for its picture. @param {string} userAgent */
export function isPhone(userAgent) {
  return /iPhone|iPod|Android.*Mobile/.test(userAgent);
}
