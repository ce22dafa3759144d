// The rows of the list: keeps every node that still belongs, and draws again what shows something else.

import { copyText, make } from '../shared/dom.js';
import { button, drawMessage, drawUnsent } from './message-row.js';
import { MessageTexts } from './message-text.js';
import { alike, messageModel, unsentModel } from './row-model.js';

export class RowView {
  /** @param {import('./view.js').View} view whose rows these are: its words, its clock, what it does */
  constructor(view) {
    this.view = view;
    /** @type {Map<string, HTMLElement>} */
    this.nodes = new Map();
    /** What each node shows. @type {WeakMap<HTMLElement, unknown>} */
    this.drawn = new WeakMap();
    /** Rows of messages that have begun a group. @type {WeakSet<HTMLElement>} */
    this.heads = new WeakSet();
    const { signal } = view;
    this.texts = new MessageTexts({
      list: view.parts.list, strings: () => view.strings, copy: copyText, say: (text) => view.actions.say(text), signal,
    });
  }

  /** All is drawn again: the words have changed. */
  forget() {
    this.drawn = new WeakMap();
  }

  /** Takes over the rows that the server has drawn. */
  adopt() {
    /** @type {Chat.Message[]} */
    const messages = [];
    for (const node of this.view.parts.list.querySelectorAll('li.msg')) {
      const row = /** @type {HTMLElement} */ (node);
      const { id, seq, rev, author, avatar, badge, client, more } = row.dataset;
      // What stands in the place of a deleted text is the page's own word.
      const content = row.classList.contains('deleted') ? '' : row.querySelector('.text')?.textContent ?? '';
      const createdAt = row.querySelector('time')?.dateTime ?? '';
      /** @type {Chat.Message} */
      const message = {
        id: id ?? '',
        seq: Number(seq),
        rev: Number(rev),
        clientId: client ?? '',
        author: {
          id: author ?? '', nickname: row.querySelector('.nick')?.textContent ?? '', avatar: avatar ?? '',
          ...(badge ? { badge: /** @type {Wire.Badge} */ (badge) } : {}),
        },
        content,
        createdAt,
        // Only a deleted message has no text; when it was deleted is in what follows, where the server writes that.
        ...(content === '' ? { deletedAt: createdAt } : {}),
        // What goes with the message beside its text, as in its frame.
        ...(more ? JSON.parse(more) : {}),
      };
      messages.push(message);
      if (!row.classList.contains('cont')) this.heads.add(row);
      this.nodes.set(`msg:${message.author.id}:${message.clientId}`, row);
    }
    for (const node of this.view.parts.list.querySelectorAll('li.day')) {
      const divider = /** @type {HTMLElement} */ (node);
      this.nodes.set(`day:${divider.dataset.day}`, divider);
    }
    return messages;
  }

  /** @param {Chat.Row[]} rows */
  reconcile(rows) {
    const { view } = this;
    const { list } = view.parts;
    const { store, clock, strings, live, target, actions: { leaving, me } } = view;
    const context = { store, clock, strings, live, target, leaving, me };
    const keep = new Set();
    /** @type {Element | null} */
    let at = list.firstElementChild;
    for (const row of rows) {
      keep.add(row.key);
      let node = this.nodes.get(row.key);
      if (!node) {
        node = make('li');
        this.nodes.set(row.key, node);
      }
      this.#draw(node, row, context);
      if (node === at) at = at.nextElementSibling;
      else list.insertBefore(node, at);
    }
    for (const [key, node] of this.nodes) {
      if (keep.has(key)) continue;
      // Whoever was in it goes on from the list, and not from the top of the page.
      if (node.contains(document.activeElement)) view.parts.log.focus({ preventScroll: true });
      node.remove();
      this.nodes.delete(key);
    }
    const unknown = rows.flatMap((row) => {
      const replyTo = row.kind === 'message' ? row.message.replyTo : row.kind === 'unsent' ? row.entry.replyTo : undefined;
      return replyTo && store.quotes.find(replyTo) === undefined ? replyTo.id : [];
    });
    if (unknown.length && live) view.history.quote(unknown);
  }

  drawTop() {
    const { top } = this.view.parts;
    const { strings, store } = this.view;
    const { older } = this.view.history.states;
    const state = !store.hasMore && store.messages.length ? 'beginning'
      : older !== 'idle' ? older
        : !this.view.welcomed && store.messages.length === 0 && this.view.parts.empty.hidden ? 'first' : 'none';
    if (this.#shows(top, state)) return;
    top.className = `top ${state}`;
    if (state === 'beginning') top.textContent = strings.beginning;
    else if (state === 'first') top.replaceChildren(make('span', 'spinner'), make('span', '', strings.loading));
    else top.replaceChildren(...(state === 'none' ? [] : this.#waiting('older')));
  }

  drawEnd() {
    const { end } = this.view.parts;
    const state = this.view.store.hasNewer ? this.view.history.states.newer : 'none';
    if (this.#shows(end, state)) return;
    end.replaceChildren(...(state === 'loading' || state === 'failed' ? this.#waiting('newer') : []));
  }

  /** @param {HTMLElement} node @param {Chat.Row} row @param {Chat.RowContext} context */
  #draw(node, row, context) {
    if (row.kind === 'message') {
      // The first row of a page has its author's name. It keeps it when the page above turns out to
      // end with the same author: without it all below would move.
      if (row.continued && this.heads.has(node)) row.continued = false;
      else if (!row.continued) this.heads.add(node);
    }
    const { strings, actions } = this.view;
    const pen = { strings, actions, texts: this.texts };
    switch (row.kind) {
      case 'day': {
        const label = context.clock.dayLabel(row.at);
        if (this.#shows(node, label)) break;
        node.className = 'divider day';
        node.replaceChildren(make('span', '', label));
        break;
      }
      case 'unread':
        if (this.#shows(node, 'unread')) break;
        node.className = 'divider unread';
        node.replaceChildren(make('span', '', strings.unreadLine));
        break;
      case 'notice': {
        const text = this.#noticeText(row.notice);
        if (this.#shows(node, text)) break;
        node.className = 'notice';
        node.textContent = text;
        break;
      }
      case 'message': {
        const model = messageModel(row, context);
        if (!this.#shows(node, model)) drawMessage(node, model, pen);
        break;
      }
      case 'unsent': {
        const model = unsentModel(row, context);
        if (!this.#shows(node, model)) drawUnsent(node, model, pen);
        break;
      }
    }
  }

  /**
   * Comparing what a node shows is cheaper than touching it, and touching restarts nothing.
   * @param {HTMLElement} node
   * @param {unknown} model
   * @returns {boolean} whether it shows this already; if not, it is taken to from here on
   */
  #shows(node, model) {
    if (alike(this.drawn.get(node), model)) return true;
    this.drawn.set(node, model);
    return false;
  }

  /** @param {Chat.Notice} notice */
  #noticeText(notice) {
    /** @param {{nickname: string}[]} authors */
    const names = (authors) => authors.map((author) => `\u2068${author.nickname}\u2069`);
    return [
      notice.joined.length ? this.view.strings.joined(names(notice.joined)) : '',
      notice.left.length ? this.view.strings.gone(names(notice.left)) : '',
    ].filter(Boolean).join(' · ');
  }

  /**
   * What stands where messages are on their way, or could not be had.
   * @param {Chat.HistorySide} side
   */
  #waiting(side) {
    const { strings, history } = this.view;
    if (history.states[side] === 'loading') return [make('span', 'spinner'), make('span', '', side === 'older' ? strings.loadingOlder : strings.loading)];
    return [
      make('span', '', side === 'older' ? strings.olderFailed : strings.newerFailed),
      button(strings.tryAgain, () => history.load(side)),
    ];
  }
}
