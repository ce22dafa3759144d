// A page with messages and what can be done with them, and nothing else: no server, no socket. It runs in the browser;
// `actions.test.mjs` serves it. What was asked for is kept in `window.did`.

import { strings as en } from '../../static/js/i18n/en.js';
import { strings as ko } from '../../static/js/i18n/ko.js';
import { Roving } from '../../static/js/list/roving.js';
import { Trigger } from '../../static/js/actions/trigger.js';
import { byId, make } from '../../static/js/shared/dom.js';

const root = document.documentElement;
/** @type {any[][]} */
const did = [];
/** @type {string[]} */
const said = [];
/** What the reader reacts with, by message. @type {Set<string>} */
const reactions = new Set(['m1 👍']);
const ending = new AbortController();
const list = byId('list');

/** @param {number} seq @param {string} text */
function add(seq, text) {
  const row = make('li', `msg${seq % 3 === 0 ? ' own' : ''}`);
  row.id = `m-${seq}`;
  row.dataset.seq = String(seq);
  const body = make('div', 'body');
  const line = make('div', 'line');
  const at = make('a', 'at', '12:00');
  at.href = `#m-${seq}`;
  at.tabIndex = -1;
  line.append(make('p', 'text', text), at);
  body.append(make('div', 'who', 'Otter'), line);
  row.append(body);
  list.append(row);
  return row;
}

/** @param {HTMLElement} row @returns {Chat.Subject | null} */
function subjectOf(row) {
  if (row.classList.contains('deleted')) return null;
  const own = row.classList.contains('own');
  const id = `m${row.dataset.seq}`;
  const message = /** @type {any} */ ({ id, seq: Number(row.dataset.seq), content: row.querySelector('.text')?.textContent });
  return {
    message,
    can: { react: true, reply: true, edit: own, remove: own, link: true, copy: true },
    reacts: (emoji) => reactions.has(`${id} ${emoji}`),
  };
}

const note = (/** @type {string} */ what) => (/** @type {Chat.Message} */ { id }) => did.push([what, id]);

for (let seq = 1; seq <= 30; seq += 1) add(seq, seq === 28 ? '네' : `message ${seq}, and some words behind it`);
const text = /** @type {Element} */ (list.querySelector('#m-29 .text'));
const link = make('a', '', 'a link');
link.href = '#m-29';
text.replaceChildren('see ', link);

new Roving(byId('log'), list, { toBottom: () => {}, leave: () => byId('message').focus() }, new AbortController().signal);
new Trigger({
  log: byId('log'),
  list,
  subjectOf,
  strings: () => (root.lang === 'ko' ? ko : en),
  act: {
    react(message, emoji, on) {
      did.push(['react', message.id, emoji, on]);
      if (on) reactions.add(`${message.id} ${emoji}`);
      else reactions.delete(`${message.id} ${emoji}`);
    },
    reply: note('reply'),
    edit: note('edit'),
    remove: note('remove'),
    link: note('link'),
    copy: note('copy'),
    report: note('report'),
    pin: note('pin'),
    unpin: note('unpin'),
    ban: note('ban'),
  },
  say: (words) => said.push(words),
  signal: ending.signal,
});
Object.assign(window, { did, said, add, reactions, end: () => ending.abort() });
