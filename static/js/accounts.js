// The pages of accounts: the server says which one this is.

import { Api } from './wire/account-api.js';
import { answersPage, stopPage } from './accounts/answers.js';
import { contactPage } from './accounts/contact.js';
import { insecurePage } from './accounts/insecure.js';
import { codeOf, passedOn, wayBack } from './accounts/links.js';
import { mePage } from './accounts/me.js';
import { registerPage, resetPage, setupPage } from './accounts/new-account.js';
import { signInPage } from './accounts/sign-in.js';
import { verifyPage } from './accounts/verify.js';
import { loadAccountWords } from './i18n/accounts.js';
import { Announcer } from './shared/announcer.js';
import { base } from './shared/base.js';
import { byId } from './shared/dom.js';

/** @type {Record<string, (page: Chat.AccountPage) => unknown>} */
const PAGES = { login: signInPage, register: registerPage, setup: setupPage, reset: resetPage, verify: verifyPage, me: mePage, contact: contactPage, answers: answersPage, stop: stopPage };

/** Takes the code out of the address: it would stay in the history, and be seen by who looks over the shoulder. */
function takeCode() {
  const code = codeOf(location.hash);
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  return code;
}

const code = takeCode();
const words = await loadAccountWords(document.documentElement.lang);
const announcer = new Announcer(byId('announcer'), String);

let drawn = new AbortController();

/** @param {string} code */
function draw(code) {
  drawn.abort();
  drawn = new AbortController();
  const name = document.body.dataset.page ?? '';
  /** @type {Chat.AccountPage} */
  const page = {
    words,
    api: new Api(),
    host: byId('page'),
    code,
    say: (text) => announcer.say(text),
    link: (to, more) => `${base}/${to}${passedOn(location.search, more)}`,
    back: () => wayBack(new URLSearchParams(location.search).get('to'), base, location.origin)
      ?? `${base}/me${passedOn(location.search)}`,
    go: (address) => location.replace(address),
    signal: drawn.signal,
  };
  page.host.classList.remove('wide');
  if (window.isSecureContext) PAGES[name]?.(page);
  else insecurePage(page);
}

byId('host').textContent = location.host;
draw(code);
// Another link to the page that is open: a browser changes the address, and nothing else.
addEventListener('hashchange', () => {
  const next = takeCode();
  if (next) draw(next);
});
