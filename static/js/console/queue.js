// What waits and what was reported, one below the other, with a key for each thing that can be done.

import { Dialog, button, choice } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { openBan } from './ban.js';
import { chip, empty, failure, heading, isolated, number, person, roomLink, when } from './parts.js';
import { entriesOf } from './queue-entries.js';
import { BAN, DELETE_ANY } from './rights.js';

/** @typedef {import('./queue-entries.js').Entry} Entry */

/** So many are on the screen; more come when these are decided. */
const SHOWN_MAX = 30;
/** So many messages of a conversation are shown around one. */
const AROUND = 7;

/** @param {Chat.ConsolePage} page */
export function queueScreen(page) {
  new Queue(page).begin();
}

class Queue {
  /** @param {Chat.ConsolePage} page */
  constructor(page) {
    this.page = page;
    const { words, query } = page;
    const kind = query.get('kind') ?? '';
    this.kind = kind === 'held' || kind === 'reported' ? kind : '';
    this.room = query.get('room') ?? '';
    this.list = make('ol', 'con-queue');
    this.list.setAttribute('aria-label', words.screens.queue);
    this.note = make('div');
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Map<string, HTMLElement>} */
    this.cards = new Map();
    /** What was decided here, and may still be in an answer that was on its way. @type {Set<string>} */
    this.decided = new Set();
    /** The entries of what was done here, the last one last. @type {string[]} */
    this.deeds = [];
    this.asked = 0;
  }

  begin() {
    const { words, host, live, signal, keep } = this.page;
    const { queue } = words;
    const kinds = choice(words.rooms.state, [['', queue.all], ['held', queue.kinds.held], ['reported', queue.kinds.reported]], this.kind);
    for (const radio of kinds.radios) {
      radio.addEventListener('change', () => {
        this.kind = /** @type {'' | 'held' | 'reported'} */ (radio.value);
        keep({ kind: this.kind, room: this.room });
        this.draw();
      });
    }
    const tools = make('div', 'con-filters con-tools');
    tools.append(kinds.field);
    if (this.room) {
      const all = button('con-chip con-filter', `${this.room} ✕`, () => {
        this.room = '';
        keep({ kind: this.kind });
        all.remove();
        this.load();
      });
      all.setAttribute('aria-label', `${words.close}: ${this.room}`);
      tools.append(all);
    }
    const help = button('account-quiet con-keys', queue.keys, () => this.#help());
    help.setAttribute('aria-keyshortcuts', '?');
    tools.append(help);
    host.append(heading(words.screens.queue, queue.lead), tools, this.list, this.note);
    this.note.append(make('p', 'con-empty', words.loading));
    document.addEventListener('keydown', (event) => this.#key(event), { signal });
    live.addEventListener('change', () => this.load(), { signal });
    this.load();
  }

  async load() {
    const { api, signal, why, words } = this.page;
    const asked = this.asked += 1;
    const room = this.room ? `?room=${encodeURIComponent(this.room)}` : '';
    const before = new Set(this.decided);
    const [held, reports] = await Promise.all([api.get(`admin/held${room}`), api.get(`admin/reports${room}`)]);
    if (signal.aborted || asked !== this.asked) return;
    const failed = [held, reports].find(({ ok }) => !ok);
    if (failed) {
      if (!this.entries.length) this.note.replaceChildren(failure(why(failed), () => this.load(), words.tryAgain));
      return;
    }
    // What was decided before it was asked is gone, or back where that was undone.
    for (const key of before) this.decided.delete(key);
    this.entries = entriesOf(held.body.held, reports.body.reports).filter(({ key }) => !this.decided.has(key));
    this.draw();
  }

  get shown() {
    return this.entries.filter(({ kind }) => !this.kind || kind === this.kind).slice(0, SHOWN_MAX);
  }

  draw() {
    const { words } = this.page;
    const shown = this.shown;
    const { activeElement: focused } = document;
    const before = [...this.cards.values()];
    const at = before.findIndex((card) => card.contains(focused));
    const keys = new Set(shown.map(({ key }) => key));
    for (const [key, card] of this.cards) {
      if (keys.has(key)) continue;
      card.remove();
      this.cards.delete(key);
    }
    for (const [n, entry] of shown.entries()) {
      const card = this.cards.get(entry.key) ?? this.#card(entry);
      this.cards.set(entry.key, card);
      // Moving it would take the focus from it.
      if (this.list.children[n] !== card) this.list.insertBefore(card, this.list.children[n] ?? null);
    }
    const all = this.entries.filter(({ kind }) => !this.kind || kind === this.kind).length;
    this.note.replaceChildren(...(shown.length === 0 ? [empty(words.queue.empty)] : all > shown.length ? [empty(words.queue.more)] : []));
    this.list.hidden = shown.length === 0;
    if (at < 0 || before[at]?.isConnected) return;
    // Whoever was at what is gone goes on at the next one.
    const next = before.slice(at).find((card) => card.isConnected) ?? [...before].reverse().find((card) => card.isConnected);
    if (next) this.#select(next);
    else this.page.host.parentElement?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement} card */
  #select(card) {
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Entry} entry */
  #card(entry) {
    const { words, may } = this.page;
    const { queue, locale } = words;
    const { author, room, text, deleted } = entry;
    const item = make('li', 'con-card con-wait');
    item.tabIndex = -1;
    item.dataset.key = entry.key;
    const head = make('div', 'con-wait-head');
    head.append(author ? person(this.page, author) : make('span', 'con-person', words.people.nobody), roomLink(base, room), when(words, entry.at));
    const why = make('div', 'con-chips');
    if (entry.kind === 'held') why.append(chip(queue.reasons[entry.reason] ?? queue.kinds.held));
    else why.append(chip(queue.reports(number(locale, entry.reports.length)), 'warn'), ...reasons(words, entry.reports).map((reason) => chip(reason)));
    const said = make('p', deleted ? 'con-said gone' : 'con-said', deleted ? queue.deleted : text);
    said.dir = 'auto';
    const around = make('div', 'con-around');
    around.hidden = true;
    const context = button('link con-context', queue.context, () => this.#context(entry, context, around));
    context.setAttribute('aria-expanded', 'false');
    const acts = make('div', 'con-wait-acts');
    const name = isolated(author?.nickname ?? '');
    /** @param {string} className @param {string} label @param {string} key @param {() => void} act */
    const add = (className, label, key, act) => {
      const one = button(className, label, act);
      one.setAttribute('aria-label', `${label}: ${name}`);
      one.setAttribute('aria-keyshortcuts', key);
      one.dataset.key = key;
      acts.append(one);
    };
    if (entry.kind === 'held') {
      add('mod-yes', queue.approve, 'a', () => this.decide(entry, 'approve'));
      add('mod-no', queue.reject, 'r', () => this.decide(entry, 'reject'));
    } else {
      add('mod-yes', queue.keep, 'a', () => this.decide(entry, 'keep'));
      if (may(DELETE_ANY) && !deleted) add('mod-no', queue.remove, 'd', () => this.decide(entry, 'remove'));
    }
    if (may(BAN) && author) add('mod-no con-quiet', queue.ban, 'b', () => this.ban(entry));
    item.append(head, why, said, acts, context, around);
    return item;
  }

  /** What was said around it, loaded when it is looked at. @param {Entry} entry @param {HTMLButtonElement} toggle @param {HTMLElement} place */
  async #context(entry, toggle, place) {
    const { words, api, signal, why } = this.page;
    const open = place.hidden;
    place.hidden = !open;
    toggle.setAttribute('aria-expanded', String(open));
    if (!open || place.childElementCount) return;
    place.append(make('p', 'account-hint', words.loading));
    const where = entry.seq === null ? '' : `&around=${entry.seq}`;
    const answer = await api.get(`rooms/${encodeURIComponent(entry.room)}/messages?limit=${AROUND}${where}`);
    if (signal.aborted) return;
    if (!answer.ok) {
      place.replaceChildren(failure(why(answer), () => { place.replaceChildren(); place.hidden = true; this.#context(entry, toggle, place); }, words.tryAgain));
      return;
    }
    const lines = make('ul', 'con-lines');
    lines.setAttribute('aria-label', words.queue.contextOf);
    for (const { id, author, content, deletedAt } of answer.body.messages) {
      const line = make('li', id === entry.message ? 'con-line-of this' : 'con-line-of');
      line.append(make('bdi', 'nick', author.nickname), make('bdi', '', deletedAt ? words.queue.deleted : content));
      lines.append(line);
    }
    place.replaceChildren(lines.childElementCount ? lines : make('p', 'account-hint', words.queue.noContext));
  }

  /** @param {Entry} entry @param {'approve' | 'reject' | 'keep' | 'remove'} what */
  async decide(entry, what) {
    const { words: { queue }, api, did, why } = this.page;
    if (this.decided.has(entry.key)) return;
    this.decided.add(entry.key);
    this.cards.get(entry.key)?.setAttribute('aria-busy', 'true');
    const room = encodeURIComponent(entry.room);
    const answer = entry.kind === 'held'
      ? await api.post(`admin/held/${what}`, { room: entry.room, heldIds: [entry.id] })
      : await this.#settle(`admin/rooms/${room}/messages/${entry.message}`, what === 'remove');
    const name = isolated(entry.author?.nickname ?? '');
    // Not there any more: somebody else has decided.
    const isGone = answer.ok || answer.status === 404;
    if (isGone) this.entries = this.entries.filter(({ key }) => key !== entry.key);
    else this.decided.delete(entry.key);
    this.cards.get(entry.key)?.removeAttribute('aria-busy');
    const auditId = answer.ok ? answer.body.auditId ?? (what === 'remove' ? await this.#deletion(entry) : undefined) : undefined;
    if (auditId) this.deeds.push(auditId);
    this.draw();
    const done = { approve: queue.approved(name), reject: queue.rejected(name), keep: queue.kept, remove: queue.removed(name) };
    did(answer.ok ? done[what] : why(answer), auditId);
  }

  /** @param {string} path @param {boolean} removes */
  async #settle(path, removes) {
    const { api } = this.page;
    if (removes) {
      const gone = await api.post(`${path}/delete`);
      if (!gone.ok) return gone;
    }
    return api.post(`${path}/settle`);
  }

  /** The entry of a deletion, by which it is undone. @param {Entry} entry */
  async #deletion({ room, message }) {
    const answer = await this.page.api.get(`admin/audit?room=${encodeURIComponent(room)}`);
    const found = answer.ok ? answer.body.entries.find((/** @type {Chat.Entry} */ one) => one.action === 'delete' && one.target?.id === message) : null;
    return found?.id;
  }

  /** @param {Entry} entry */
  ban(entry) {
    if (!entry.author) return;
    openBan(this.page, entry.author, entry.room, (auditId, text) => {
      this.deeds.push(auditId);
      this.page.did(text, auditId);
    });
  }

  async #undo() {
    const { words, api, did, why } = this.page;
    const auditId = this.deeds.pop();
    if (!auditId) {
      did(words.queue.nothingToUndo);
      return;
    }
    const answer = await api.post(`admin/audit/${auditId}/undo`);
    did(answer.ok ? words.undone : why(answer));
    this.load();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target, key } = event;
    if (event.isComposing || event.metaKey || event.ctrlKey || event.altKey || document.querySelector('dialog')) return;
    if (target instanceof Element && target.closest('input:not([type=radio]), textarea, select')) return;
    const cards = [...this.list.children].filter((one) => one instanceof HTMLElement);
    const at = cards.findIndex((card) => card.contains(document.activeElement));
    if (key === 'j' || key === 'k') {
      const next = cards[at < 0 ? 0 : Math.min(cards.length - 1, Math.max(0, at + (key === 'j' ? 1 : -1)))];
      if (next instanceof HTMLElement) this.#select(next);
    } else if (key === 'u') {
      this.#undo();
    } else if (key === '?') {
      this.#help();
    } else if (key === 'c') {
      /** @type {HTMLElement | null | undefined} */ (cards[at]?.querySelector('.con-context'))?.click();
    } else {
      // A message that waits is rejected by either key: it is nowhere to be deleted from.
      const keys = key === 'd' ? ['d', 'r'] : [key];
      const chosen = keys.map((one) => cards[at]?.querySelector(`.con-wait-acts [data-key="${CSS.escape(one)}"]`)).find(Boolean);
      if (!(chosen instanceof HTMLElement) || event.repeat) return;
      chosen.click();
    }
    event.preventDefault();
  }

  #help() {
    const { words } = this.page;
    if (document.querySelector('dialog')) return;
    const dialog = new Dialog(document.body, words.queue.keys, words.close);
    const list = make('dl', 'con-help');
    for (const [key, what] of words.queue.keyList) {
      const name = make('dt');
      name.append(make('kbd', '', key));
      list.append(name, make('dd', '', what));
    }
    const close = button('primary', words.close, () => dialog.close());
    const foot = make('div', 'mod-foot');
    foot.append(close);
    dialog.show([list, foot], close);
  }
}

/** Each reason once. @param {Chat.ConsoleWords} words @param {Chat.Report[]} reports */
function reasons({ queue }, reports) {
  const known = /** @type {Record<string, string>} */ (queue.reportReasons);
  return [...new Set(reports.map(({ reason }) => (Object.hasOwn(known, reason) ? known[reason] : reason)).filter(Boolean))].slice(0, 5);
}
