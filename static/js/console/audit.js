// What was done by whom, and the way back.

import { button } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { List } from './list.js';
import { chip, heading, roomLink, search, when } from './parts.js';

/** What has no way back: a report that was closed, and what became of accounts. */
const FINAL = ['settle', 'role_set', 'account_set', 'bot_made', 'bot_ended', 'key_made', 'key_ended'];

/** @param {Chat.ConsolePage} page */
export function auditScreen(page) {
  const { words, host, query, keep, live, signal } = page;
  const { audit } = words;
  let room = query.get('room') ?? '';
  const list = new List(page, {
    label: words.screens.audit,
    none: audit.none,
    path: (cursor) => `admin/audit?${new URLSearchParams({ ...(room ? { room } : {}), ...(cursor ? { before: cursor } : {}) })}`,
    read: ({ entries, hasMore }) => ({ items: /** @type {Chat.Entry[]} */ (entries), next: hasMore ? entries.at(-1)?.id ?? '' : '' }),
    row: (entry) => entryRow(page, entry, () => list.load({ quiet: true })),
  });
  const filters = make('div', 'con-filters');
  filters.append(search(audit.filter, audit.filterHint, room, (text) => {
    if (text === room) return;
    room = text;
    keep({ room });
    list.begin();
  }));
  host.append(heading(words.screens.audit, audit.lead), filters, list.element);
  live.addEventListener('change', () => { if (list.cursors.length === 1) list.load({ quiet: true }); }, { signal });
  list.load();
}

/** Who did it, as far as this page can know. @param {Chat.ConsolePage} page @param {string} id */
function actor({ words: { audit }, me, link, may }, id) {
  if (Object.hasOwn(audit.by, id)) return make('span', '', audit.by[/** @type {keyof typeof audit.by} */ (id)]);
  if (id === me.id || !may(32)) return make('span', '', id === me.id ? audit.you : audit.somebody(id.slice(0, 6)));
  const element = make('a', 'con-inline', audit.somebody(id.slice(0, 6)));
  element.href = link('people', { id });
  return element;
}

/** @param {Chat.ConsolePage} page @param {Chat.Entry} entry @param {() => void} again */
export function entryRow(page, entry, again) {
  const { words, api, did, why, link, may } = page;
  const { audit } = words;
  const item = make('li', 'con-row');
  const head = make('div', 'con-entry');
  const { actions } = audit;
  const what = Object.hasOwn(actions, entry.action) ? actions[/** @type {keyof typeof actions} */ (entry.action)] : entry.action;
  head.append(make('span', 'con-what', what));
  if (entry.undoneAt) head.append(chip(audit.isUndone));
  const facts = make('p', 'con-facts');
  facts.append(actor(page, entry.actor), when(words, entry.at), ...(entry.room ? [roomLink(base, entry.room)] : []));
  const target = entry.target?.authorId;
  if (typeof target === 'string' && may(32)) {
    const whom = make('a', 'con-inline', `→ ${target.slice(0, 6)}`);
    whom.href = link('people', { id: target });
    facts.append(whom);
  }
  item.append(head, facts);
  const said = [entry.before, entry.after].filter((one) => one !== null && Object.keys(one).length > 0);
  if (said.length) {
    const details = make('details', 'con-details');
    const text = make('pre', '', said.map((one) => JSON.stringify(one, null, 1)).join('\n→ '));
    text.tabIndex = 0;
    details.append(make('summary', 'link', audit.details), text);
    item.append(details);
  }
  if (entry.undoneAt || FINAL.includes(entry.action)) return item;
  const undo = button('account-quiet', words.undo, async () => {
    undo.disabled = true;
    const answer = await api.post(`admin/audit/${entry.id}/undo`);
    did(answer.ok ? words.undone : why(answer));
    undo.disabled = false;
    again();
  });
  undo.setAttribute('aria-label', `${words.undo}: ${what}`);
  const acts = make('div', 'con-acts');
  acts.append(undo);
  item.append(acts);
  return item;
}
