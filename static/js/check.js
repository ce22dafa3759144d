// The owner's page: asks the server what reaches it of this page's own address, and opens a socket.

import { base } from './shared/base.js';

/** How long a socket may take to open. */
const OPEN_MS = 10_000;

/** @typedef {{ok: boolean, name: string, remedy: string}} Finding */

/** For each question: its name, and what to do where the answer is wrong. */
const WORDS = {
  en: {
    host: ['Host', 'The proxy does not pass the browser\u2019s Host on, so readers are refused. nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On'],
    socket: ['WebSocket', 'The upgrade does not get through, so readers are on a slower line. nginx: proxy_http_version 1.1 and the headers Upgrade and Connection; Apache: upgrade=websocket'],
    scheme: ['https', 'The server does not know that this page came by https, so the lines to copy on its start page say http. nginx: proxy_set_header X-Forwarded-Proto $scheme'],
    missing: ['The visitor\u2019s address', 'The proxy does not say for whom it asks, so all visitors share one visitor\u2019s limits. nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for'],
    untrusted: ['The visitor\u2019s address', 'The proxy says for whom it asks, but is not trusted, so all visitors share one visitor\u2019s limits. Name its address in CHAT_TRUSTED_PROXIES'],
    address: ['The visitor\u2019s address', ''],
    answer: ['The server\u2019s answer', 'The server did not answer.'],
  },
  ko: {
    host: ['Host', '프록시가 브라우저의 Host를 전하지 않아 독자가 거절됩니다. nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On'],
    socket: ['WebSocket', '업그레이드가 통과하지 못해 독자들이 느린 연결로 대화합니다. nginx: proxy_http_version 1.1과 Upgrade, Connection 헤더; Apache: upgrade=websocket'],
    scheme: ['https', '서버가 이 페이지의 https를 알지 못해 첫 화면의 복사할 줄이 http로 나옵니다. nginx: proxy_set_header X-Forwarded-Proto $scheme'],
    missing: ['방문자의 주소', '프록시가 방문자의 주소를 전하지 않아 모두가 한 사람의 한도를 나누어 씁니다. nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for'],
    untrusted: ['방문자의 주소', '프록시가 방문자의 주소를 전하지만 신뢰되지 않아 모두가 한 사람의 한도를 나누어 씁니다. 그 주소를 CHAT_TRUSTED_PROXIES에 적으세요'],
    address: ['방문자의 주소', ''],
    answer: ['서버의 대답', '서버가 대답하지 않았습니다.'],
  },
};

/**
 * What the answers mean.
 * @param {{host: boolean, scheme: boolean, address: string} | null} answers null where there were none
 * @param {boolean} opened whether a socket opened
 * @param {'en' | 'ko'} lang
 * @returns {Finding[]}
 */
export function findings(answers, opened, lang) {
  const words = WORDS[lang];
  /** @param {keyof typeof words} key @param {boolean} ok */
  const finding = (key, ok) => ({ ok, name: words[key][0], remedy: ok ? '' : words[key][1] });
  if (!answers) return [finding('answer', false)];
  const { host, scheme, address } = answers;
  const wrong = address === 'missing' || address === 'untrusted';
  return [
    finding('host', host),
    finding('socket', opened),
    finding('scheme', scheme),
    finding(wrong ? /** @type {'missing' | 'untrusted'} */ (address) : 'address', !wrong),
  ];
}

async function ask() {
  try {
    const answer = await fetch(`${base}/check.json?origin=${encodeURIComponent(location.origin)}`);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** Whether a socket opens. What the server says on it makes no difference: a wrong Host is told apart. @returns {Promise<boolean>} */
function opens() {
  return new Promise((resolve) => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}${base}/ws/room/check`);
    /** @param {boolean} opened */
    const done = (opened) => {
      clearTimeout(timer);
      resolve(opened);
      socket.close();
    };
    const timer = setTimeout(() => done(false), OPEN_MS);
    socket.addEventListener('open', () => done(true));
    socket.addEventListener('error', () => done(false));
  });
}

async function run() {
  const [answers, opened] = await Promise.all([ask(), opens()]);
  const list = document.querySelector('#checks');
  for (const { ok, name, remedy } of findings(answers, opened, document.documentElement.lang === 'ko' ? 'ko' : 'en')) {
    const item = document.createElement('li');
    const title = document.createElement('strong');
    item.className = ok ? 'right' : 'wrong';
    title.textContent = name;
    item.append(title);
    if (remedy) {
      const text = document.createElement('p');
      text.textContent = remedy;
      item.append(text);
    }
    list?.append(item);
  }
}

// Imported by a test there is no page.
if (globalThis.document) run();
