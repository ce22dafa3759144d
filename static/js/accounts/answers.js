// Answers by mail: /answers, by whose link an address says that it wants them, and /answers/KEY, by which it ends that. Each
// takes a press: what looks at mail before its reader does opens links as well.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { Form } from './form.js';
import { card, greeters, link } from './parts.js';

/** @param {Chat.AccountPage} page @param {HTMLElement} done */
function show({ host, say }, done) {
  host.replaceChildren(greeters(base), done);
  const heading = done.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  heading?.focus();
  say(heading?.textContent ?? '');
}

/** @param {string} room */
const address = (room) => `${base}/room/${encodeURIComponent(room)}`;

/** @param {Chat.AccountPage} page */
export function answersPage(page) {
  const { words, api, host, code } = page;
  const texts = words.answers;
  if (!code) {
    host.replaceChildren(greeters(base), card(texts.noCodeTitle, texts.noCodeHow, []));
    return;
  }
  const form = new Form({
    words,
    fields: [],
    submit: texts.submit,
    send: () => api.post('answers/confirm', { code }),
    done: ({ body }) => show(page, card(texts.doneTitle, texts.doneHow, [link(texts.toRoom, address(String(body.roomId)))])),
    errors: { BAD_CODE: texts.badCode },
  });
  host.replaceChildren(greeters(base), card(texts.title, texts.lead, [form.element]));
  form.button.focus({ preventScroll: true });
}

/** Ends it, of one room or of all. @param {string} query @returns {Promise<Chat.AccountAnswer>} */
async function end(query) {
  try {
    const { ok, status } = await fetch(`${location.pathname}${query}`, { method: 'POST', credentials: 'omit', cache: 'no-store' });
    return { ok, status, body: {}, code: status === 404 ? 'NOT_FOUND' : '', retryAfterMs: 0 };
  } catch {
    return { ok: false, status: 0, body: {}, code: '', retryAfterMs: 0 };
  }
}

/** @param {Chat.AccountPage} page */
export function stopPage(page) {
  const { words, host } = page;
  const texts = words.answers;
  const room = new URLSearchParams(location.search).get('room');
  const form = (/** @type {string} */ submit, /** @type {string} */ query, /** @type {string} */ how) => new Form({
    words,
    fields: [],
    submit,
    send: () => end(query),
    done: () => show(page, card(texts.stoppedTitle, how, room ? [link(texts.toRoom, address(room))] : [])),
    errors: { NOT_FOUND: texts.noLink },
  });
  const all = form(texts.stopAll, '', texts.stoppedAll);
  const one = room ? form(texts.stop, `?room=${encodeURIComponent(room)}`, texts.stopped) : null;
  const name = room ? make('p', 'account-lead') : null;
  name?.append(make('bdi', '', room ?? ''));
  host.replaceChildren(greeters(base), card(texts.stopTitle, texts.stopLead, [...(name ? [name] : []), ...(one ? [one.element] : []), all.element]));
  (one ?? all).button.focus({ preventScroll: true });
}
