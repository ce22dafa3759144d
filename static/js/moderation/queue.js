// The messages that wait for a moderator, in the desk's panel: what they say, and a button each for letting them through and
// for deciding against them.

import { badgeMark } from '../list/badge.js';
import { avatarImage, make } from '../shared/dom.js';
import { isAuthor } from '../wire/protocol.js';
import { get } from './api.js';
import { button } from './dialog.js';

/** As many as the server takes at once. */
const IDS_MAX = 50;
/** In a raid the queue changes with each message: what is shown is asked for this often (ms) at most. */
const PAUSE_MS = 1_000;

/** @typedef {'APPROVE' | 'REJECT'} Decision */

export class Queue {
  /** @param {import('./office.js').Office} office @param {{isOpen: () => boolean, focus: () => void}} panel that it stands in */
  constructor(office, panel) {
    this.office = office;
    this.panel = panel;
    /** @type {Chat.Held[]} the oldest first */
    this.entries = [];
    this.hasMore = false;
    /** About which the server is being asked. @type {Set<string>} */
    this.deciding = new Set();
    /** Rises with each decision: a list from before it still has what is decided. */
    this.decided = 0;
    /** @type {'loading' | 'failed' | 'idle'} */
    this.state = 'idle';
    this.busy = false;
    this.again = false;
    this.element = make('details', 'mod-queue');
    this.element.open = true;
    this.summary = make('summary');
    this.list = make('ul');
    this.note = make('p', 'mod-note');
    this.foot = make('div', 'mod-foot');
    this.element.append(this.summary, this.list, this.note, this.foot);
    // How much of a text there is to unfold shows when it has a place.
    this.element.addEventListener('toggle', () => this.#fold());
    /** @type {Map<string, HTMLElement>} by id */
    this.rows = new Map();
  }

  /** In the language of now. */
  relabel() {
    const { queue: words } = this.office.words;
    this.rows.clear();
    this.list.replaceChildren();
    this.note.replaceChildren();
    this.foot.replaceChildren(
      button('mod-no', words.rejectAll, () => this.#decide('REJECT', this.entries)),
      button('mod-yes', words.approveAll, () => this.#decide('APPROVE', this.entries)),
    );
    this.draw();
  }

  /** More or fewer wait, or the panel was opened. */
  changed() {
    if (this.office.parts.store.standing.held === 0) {
      this.decided += 1;
      this.entries = [];
    } else if (this.panel.isOpen()) {
      this.#load();
    }
    this.draw();
  }

  async #load() {
    const { identity, room, signal } = this.office.parts;
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    while (this.again && this.panel.isOpen()) {
      this.again = false;
      const { decided } = this;
      this.state = 'loading';
      this.draw();
      const answer = await get(`admin/held?room=${encodeURIComponent(room)}`, identity.token);
      if (signal.aborted) return;
      if (decided === this.decided) this.#take(answer);
      else this.again = true;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    this.busy = false;
  }

  /** @param {import('./api.js').Answer} answer */
  #take({ status, body }) {
    const { held, hasMore } = body;
    this.state = status === 200 && Array.isArray(held) ? 'idle' : 'failed';
    if (this.state === 'idle') {
      this.entries = held.filter(isHeld);
      this.hasMore = hasMore === true;
    }
    this.draw();
  }

  /** @param {Decision} decision @param {Chat.Held[]} entries */
  async #decide(decision, entries) {
    const { office, deciding } = this;
    const chosen = entries.filter(({ id }) => !deciding.has(id)).slice(0, IDS_MAX);
    if (chosen.length === 0) return;
    const heldIds = chosen.map(({ id }) => id);
    for (const id of heldIds) deciding.add(id);
    this.draw();
    const answer = await office.asks.ask(decision, { heldIds });
    for (const id of heldIds) deciding.delete(id);
    const { queue: words } = office.words;
    // Not there any more: somebody else has decided.
    const elsewhere = answer?.type === 'ERROR' && answer.payload.code === 'MESSAGE_NOT_FOUND';
    if (answer?.type === 'MOD' || elsewhere) {
      this.decided += 1;
      this.entries = this.entries.filter(({ id }) => !heldIds.includes(id));
    }
    if (answer?.type === 'MOD') {
      const done = decision === 'APPROVE' ? words.approved : words.rejected;
      office.did(answer.payload.auditId, done(chosen.length, isolated(chosen[0].author.nickname)));
    } else {
      office.toast.show(elsewhere ? words.elsewhere : office.why(answer));
    }
    this.draw();
    // Of several some may still be there.
    if (elsewhere && heldIds.length > 1) this.changed();
  }

  draw() {
    const { held } = this.office.parts.store.standing;
    const { queue: words } = this.office.words;
    const { activeElement: focused } = document;
    const inside = this.element.contains(focused);
    const before = [...this.rows.values()];
    const at = before.findIndex((row) => row.contains(focused));
    this.element.hidden = held === 0 && this.entries.length === 0;
    this.summary.textContent = words.count(Math.max(held, this.entries.length));
    this.#drawRows();
    this.#drawNote(held);
    this.foot.hidden = this.entries.length < 2;
    this.#dim(this.foot, this.entries.every(({ id }) => this.deciding.has(id)));
    this.#fold();
    // Whoever was at what is gone goes on at the next one.
    if (!inside || /** @type {HTMLElement} */ (focused).offsetParent !== null) return;
    const there = (/** @type {HTMLElement} */ row) => row.isConnected;
    const next = before.slice(Math.max(at, 0)).find(there) ?? before.reverse().find(there);
    if (next) next.focus();
    else this.panel.focus();
  }

  #drawRows() {
    const ids = new Set(this.entries.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const [n, entry] of this.entries.entries()) {
      const row = this.rows.get(entry.id) ?? this.#row(entry);
      this.rows.set(entry.id, row);
      this.#dim(row, this.deciding.has(entry.id));
      // Moving it would take the focus from it.
      if (this.list.children[n] !== row) this.list.insertBefore(row, this.list.children[n] ?? null);
    }
  }

  /** @param {number} held */
  #drawNote(held) {
    const { words: { queue: words }, parts: { strings } } = this.office;
    const { state, entries } = this;
    const kind = state === 'failed' ? 'failed' : state === 'loading' && entries.length === 0 ? 'loading' : this.hasMore && held > entries.length ? 'more' : '';
    this.note.hidden = kind === '';
    if (this.note.dataset.kind === kind && this.note.textContent) return;
    this.note.dataset.kind = kind;
    this.note.replaceChildren(
      ...(kind === 'loading' ? [make('span', 'spinner')] : []),
      kind ? words[kind] : '',
      ...(kind === 'failed' ? [button('link', strings().tryAgain, () => this.changed())] : []),
    );
  }

  /** @param {Chat.Held} entry */
  #row(entry) {
    const { words: { queue: words }, parts: { strings } } = this.office;
    const { author, content, reason, at } = entry;
    const { locale } = strings();
    const row = make('li', 'mod-held');
    row.tabIndex = -1;
    const who = make('div', 'mod-who');
    const time = make('time', '', new Date(at).toLocaleString(locale, { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }));
    time.dateTime = at;
    who.append(avatarImage(author.avatar, 28), make('bdi', 'nick', author.nickname), ...badgeMark(author.badge, strings()));
    const text = make('p', 'mod-text folded', content);
    text.dir = 'auto';
    const more = button('link', strings().showMore, () => {
      const folded = text.classList.toggle('folded');
      more.textContent = folded ? strings().showMore : strings().showLess;
      more.setAttribute('aria-expanded', String(!folded));
    });
    more.setAttribute('aria-expanded', 'false');
    more.hidden = true;
    const act = (/** @type {string} */ className, /** @type {string} */ label, /** @type {Decision} */ decision) => {
      const element = button(className, label, () => this.#decide(decision, [entry]));
      // Of many that are called alike each says whose message it is about.
      element.setAttribute('aria-label', `${label}: ${isolated(author.nickname)}`);
      return element;
    };
    const acts = make('div', 'mod-acts');
    acts.append(act('mod-no', words.reject, 'REJECT'), act('mod-yes', words.approve, 'APPROVE'));
    const why = make('p', 'mod-how');
    why.append(make('span', '', words.reasons[/** @type {Chat.HoldReason} */ (reason)] ?? ''), time);
    row.append(who, text, more, why, acts);
    return row;
  }

  /** What is short is shown whole: all are measured before any is changed, so that the page is laid out once. */
  #fold() {
    const folded = [...this.list.querySelectorAll('.folded')].map((text) => ({ text, long: text.scrollHeight > text.clientHeight + 1, seen: text.clientHeight > 0 }));
    for (const { text, long, seen } of folded) {
      const more = /** @type {HTMLElement} */ (text.nextElementSibling);
      if (seen) more.hidden = !long;
    }
  }

  /** While an answer is on its way nothing can be pressed twice; nor is the focus taken from what was pressed. @param {HTMLElement} of @param {boolean} busy */
  #dim(of, busy) {
    for (const one of of.querySelectorAll('.mod-yes, .mod-no')) one.setAttribute('aria-disabled', String(busy));
  }
}

/** A name in a sentence, whichever way it is written. @param {string} name */
const isolated = (name) => `\u2068${name}\u2069`;

/** @param {any} value @returns {value is Chat.Held} */
const isHeld = (value) => typeof value?.id === 'string' && typeof value.content === 'string' && isAuthor(value.author);
