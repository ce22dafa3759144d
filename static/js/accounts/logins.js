// Where somebody is signed in: a list, each to be ended by its button.

import { make } from '../shared/dom.js';
import { deviceOf, isPhone } from './device.js';
import { explain } from './explain.js';
import { picture } from './icons.js';
import { notice, section } from './parts.js';

/** @param {Chat.AccountPage} page */
export function loginsSection(page) {
  const { words } = page;
  const body = make('div');
  const element = section(words.me.logins, words.me.loginsLead, [body]);
  body.append(make('p', 'account-hint', words.loading));
  const again = () => draw(page, body);
  again();
  return { element, draw: again };
}

/** This one first, then those that were here last. @param {Chat.Login[]} logins */
export function inOrder(logins) {
  return [...logins].sort((a, b) => Number(b.current) - Number(a.current) || String(b.lastSeenAt).localeCompare(String(a.lastSeenAt)));
}

/** @param {Chat.AccountPage} page @param {HTMLElement} body @param {string} [said] what was just done */
async function draw(page, body, said = '') {
  const { words, api } = page;
  const answer = await api.get('me/logins');
  const list = Array.isArray(answer.body) ? answer.body : answer.body?.logins;
  if (!answer.ok || !Array.isArray(list)) {
    const again = make('button', 'account-quiet', words.tryAgain);
    again.type = 'button';
    again.addEventListener('click', () => draw(page, body));
    body.replaceChildren(notice(words.me.loginsFailed, 'bad'), again);
    return;
  }
  const logins = inOrder(list);
  const others = logins.filter(({ current }) => !current);
  const rows = make('ul', 'account-logins');
  rows.append(...logins.map((login) => row(page, login, (button) => end(page, body, button, [login], words.me.ended))));
  const foot = make('div', 'account-foot');
  if (others.length > 1) {
    const all = make('button', 'account-quiet danger', words.me.endOthers);
    all.type = 'button';
    all.addEventListener('click', () => end(page, body, all, others, words.me.endedOthers));
    foot.append(all);
  }
  const done = make('p', 'account-done', said);
  done.tabIndex = -1;
  body.replaceChildren(rows, ...(said || others.length > 1 ? [foot] : []));
  if (!said) return;
  foot.append(done);
  page.say(said);
  // The button that was pressed is gone: the keyboard goes on from here.
  done.focus({ preventScroll: true });
}

/** @param {Chat.AccountPage} page @param {Chat.Login} login @param {(button: HTMLButtonElement) => void} act */
function row({ words }, login, act) {
  const item = make('li');
  const device = deviceOf(String(login.userAgent ?? ''), words.device);
  const text = make('div', 'account-device');
  const name = make('bdi', 'account-device-name', device);
  const line = make('p', 'account-hint');
  line.append([words.me.seen(when(login.lastSeenAt, words.locale)), words.me.since(when(login.createdAt, words.locale))].join(' · '));
  text.append(name, ...(login.current ? [make('span', 'badge owner', words.me.thisOne)] : []), line);
  item.append(picture(isPhone(String(login.userAgent ?? '')) ? 'phone' : 'screen'), text);
  if (!login.current) {
    const button = make('button', 'account-quiet danger', words.me.end);
    button.type = 'button';
    button.setAttribute('aria-label', words.me.endOf(device));
    button.addEventListener('click', () => act(button));
    item.append(button);
  }
  return item;
}

/**
 * @param {Chat.AccountPage} page
 * @param {HTMLElement} body
 * @param {HTMLButtonElement} button
 * @param {Chat.Login[]} logins
 * @param {string} said
 */
async function end(page, body, button, logins, said) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  for (const { id } of logins) {
    const answer = await page.api.remove(`me/logins/${encodeURIComponent(id)}`);
    // One that has ended meanwhile is ended.
    if (answer.ok || answer.status === 404) continue;
    button.removeAttribute('aria-disabled');
    body.querySelector('.account-notice')?.remove();
    body.append(notice(explain(answer, page.words), 'bad'));
    return;
  }
  await draw(page, body, said);
}

/** @param {string} iso @param {string} locale */
function when(iso, locale) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const now = new Date();
  const isToday = date.toDateString() === now.toDateString();
  const isThisYear = date.getFullYear() === now.getFullYear();
  return new Intl.DateTimeFormat(locale, isToday ? { hour: 'numeric', minute: '2-digit' }
    : { ...(isThisYear ? {} : { year: 'numeric' }), month: 'short', day: 'numeric' }).format(date);
}
