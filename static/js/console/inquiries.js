// What was asked by the contact form: read, answered by mail, and removed.

import { button } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { List } from './list.js';
import { empty, heading, when } from './parts.js';

/** @typedef {{id: string, name?: string, email: string, subject: string, text: string, at: string, mailedAt?: string}} Inquiry */

/** @param {Chat.ConsolePage} page */
export function inquiriesScreen(page) {
  const { words, host, live, signal } = page;
  const { inquiries } = words;
  const list = new List(page, {
    label: words.screens.inquiries,
    none: inquiries.none,
    path: (cursor) => `admin/inquiries${cursor ? `?before=${encodeURIComponent(cursor)}` : ''}`,
    read: (body) => ({ items: /** @type {Inquiry[]} */ (body.inquiries), next: body.hasMore ? body.inquiries.at(-1)?.id ?? '' : '' }),
    row: (one) => row(page, one, () => { list.load(); }),
    // A chat without the form.
    missing: () => empty(inquiries.off),
  });
  host.append(heading(words.screens.inquiries, inquiries.lead), list.element);
  live.addEventListener('change', () => { if (list.cursors.length === 1) list.load({ quiet: true }); }, { signal });
  list.load();
}

/** A letter to whoever asked: what it is about, and what they wrote. @param {Inquiry} one @param {string} wrote */
export function letterTo({ email, subject, text }, wrote) {
  // Programs that open such an address take about two thousand characters.
  const quoted = text.slice(0, 600).split('\n').map((line) => `> ${line}`).join('\r\n');
  const parts = { subject: `Re: ${subject}`, body: `\r\n\r\n${wrote}\r\n${quoted}` };
  return `mailto:${encodeURIComponent(email)}?${Object.entries(parts).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}

/** @param {Chat.ConsolePage} page @param {Inquiry} one @param {() => void} again */
function row(page, one, again) {
  const { words, api, did, why } = page;
  const { inquiries } = words;
  const item = make('li', 'con-row');
  const name = make('div', 'con-row-name');
  name.append(make('bdi', 'con-what', one.subject));
  const facts = make('p', 'con-facts');
  facts.append(make('bdi', '', one.name ? `${one.name} · ${one.email}` : one.email), when(words, one.at));
  if (!one.mailedAt) facts.append(make('span', '', inquiries.notMailed));
  const text = make('p', 'con-said', one.text);
  text.dir = 'auto';
  const acts = make('div', 'con-acts');
  const answer = make('a', 'account-quiet', inquiries.answer);
  answer.href = letterTo(one, inquiries.wrote(one.name || one.email));
  answer.setAttribute('aria-label', `${inquiries.answer}: ${one.subject}`);
  const remove = button('account-quiet', inquiries.remove, async () => {
    // There is no way back, so it is asked once more, at the same place.
    if (remove.dataset.sure === undefined) {
      remove.dataset.sure = '';
      label(inquiries.sure);
      return;
    }
    remove.disabled = true;
    const done = await api.remove(`admin/inquiries/${encodeURIComponent(one.id)}`);
    remove.disabled = false;
    did(done.ok ? inquiries.removed : why(done));
    again();
  });
  const label = (/** @type {string} */ words_) => {
    remove.textContent = words_;
    remove.setAttribute('aria-label', `${words_}: ${one.subject}`);
  };
  label(inquiries.remove);
  remove.addEventListener('blur', () => {
    delete remove.dataset.sure;
    label(inquiries.remove);
  });
  acts.append(answer, remove);
  item.append(name, facts, text, acts);
  return item;
}
