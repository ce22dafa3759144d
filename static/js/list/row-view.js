// Draws the rows of the list, and keeps every node that still belongs: what a message, a message on its way, a divider
// or a notice looks like.

import { isEmojiOnly } from '../text/emoji.js';
import { avatarImage, copyText, make, setAvatar } from '../shared/dom.js';
import { MessageTexts } from './message-text.js';

export class RowView {
  /** @param {import('./view.js').View} view whose rows these are: its words, its clock, what it does */
  constructor(view) {
    this.view = view;
    /** @type {Map<string, HTMLElement>} */
    this.nodes = new Map();
    /** What each node was drawn from. @type {WeakMap<HTMLElement, string>} */
    this.drawn = new WeakMap();
    /** Rows of messages that have begun a group. @type {WeakSet<HTMLElement>} */
    this.heads = new WeakSet();
    this.texts = new MessageTexts({ list: view.parts.list, strings: () => view.strings, copy: copyText, say: (text) => view.actions.say(text) });
  }

  /** Takes over the rows that the server has drawn. */
  adopt() {
    /** @type {Chat.Message[]} */
    const messages = [];
    for (const node of this.view.parts.list.querySelectorAll('li.msg')) {
      const row = /** @type {HTMLElement} */ (node);
      const { id, seq, rev, author, avatar, client, more } = row.dataset;
      const content = row.querySelector('.text')?.textContent ?? '';
      const createdAt = row.querySelector('time')?.dateTime ?? '';
      /** @type {Chat.Message} */
      const message = {
        id: id ?? '',
        seq: Number(seq),
        rev: Number(rev),
        clientId: client ?? '',
        author: { id: author ?? '', nickname: row.querySelector('.nick')?.textContent ?? '', avatar: avatar ?? '' },
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
    const { list } = this.view.parts;
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
      this.#draw(node, row);
      if (node === at) at = at.nextElementSibling;
      else list.insertBefore(node, at);
    }
    for (const [key, node] of this.nodes) {
      if (keep.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
    }
  }

  drawTop() {
    const { top } = this.view.parts;
    const { strings, store } = this.view;
    const { older } = this.view.history;
    const state = !store.hasMore && store.messages.length ? 'beginning'
      : older !== 'idle' ? older
        : !this.view.welcomed && store.messages.length === 0 && this.view.parts.empty.hidden ? 'first' : 'none';
    const shows = `${state} ${strings.locale}`;
    if (this.drawn.get(top) === shows) return;
    this.drawn.set(top, shows);
    top.className = `top ${state}`;
    if (state === 'beginning') top.textContent = strings.beginning;
    else if (state === 'first') top.replaceChildren(make('span', 'spinner'), make('span', '', strings.loading));
    else top.replaceChildren(...(state === 'none' ? [] : this.#waiting('older')));
  }

  drawEnd() {
    const { end } = this.view.parts;
    const state = this.view.store.hasNewer ? this.view.history.newer : 'none';
    const shows = `${state} ${this.view.strings.locale}`;
    if (this.drawn.get(end) === shows) return;
    this.drawn.set(end, shows);
    end.replaceChildren(...(state === 'loading' || state === 'failed' ? this.#waiting('newer') : []));
  }

  /** @param {HTMLElement} node @param {Chat.Row} row */
  #draw(node, row) {
    if (row.kind === 'message') {
      // The first row of a page has its author's name. It keeps it when the page above turns out to
      // end with the same author: without it all below would move.
      if (row.continued && this.heads.has(node)) row.continued = false;
      else if (!row.continued) this.heads.add(node);
    }
    // Comparing what a node shows is cheaper than touching it, and touching restarts nothing.
    const shows = this.#signature(row);
    if (this.drawn.get(node) === shows) return;
    this.drawn.set(node, shows);
    switch (row.kind) {
      case 'day':
        node.className = 'divider day';
        node.replaceChildren(make('span', '', this.view.clock.dayLabel(row.at)));
        break;
      case 'unread':
        node.className = 'divider unread';
        node.replaceChildren(make('span', '', this.view.strings.unreadLine));
        break;
      case 'notice':
        node.className = 'notice';
        node.textContent = this.#noticeText(row.notice);
        break;
      case 'message':
        this.#drawMessage(node, row.message, row.own, row.continued);
        break;
      case 'unsent':
        this.#drawUnsent(node, row.entry, row.continued);
        break;
    }
  }

  /** @param {Chat.Row} row */
  #signature(row) {
    switch (row.kind) {
      case 'message': return `m ${row.message.rev} ${row.own} ${row.continued} ${row.message.seq === this.view.target} ${row.message.content}`;
      case 'unsent': return `u ${row.entry.state} ${row.entry.code} ${row.continued} ${this.view.live}`;
      case 'notice': return this.#noticeText(row.notice);
      // "Today" becomes "yesterday" while the page stays open.
      case 'day': return this.view.clock.dayLabel(row.at);
      default: return row.kind;
    }
  }

  /** @param {HTMLElement} node @param {Chat.Message} message @param {boolean} own @param {boolean} continued */
  #drawMessage(node, message, own, continued) {
    const parts = this.#skeleton(node, own, continued);
    node.classList.toggle('big', isEmojiOnly(message.content));
    node.classList.toggle('target', message.seq === this.view.target);
    node.classList.toggle('deleted', Boolean(message.deletedAt));
    node.dataset.seq = String(message.seq);
    node.id = `m-${message.seq}`;
    parts.at.href = `#m-${message.seq}`;
    setAvatar(parts.avatar, message.author.avatar);
    parts.nick.textContent = message.author.nickname;
    this.texts.draw(parts.text, {
      key: message.clientId,
      content: message.deletedAt ? this.view.strings.deleted : message.content,
      mentions: message.mentions,
      selfId: this.view.store.self?.id ?? this.view.store.selfId,
      unfold: message.seq === this.view.target,
    });
    parts.time.dateTime = message.createdAt;
    parts.time.textContent = this.view.clock.timeOf(message.createdAt);
    parts.at.title = this.view.clock.exactly(message.createdAt);
    parts.at.setAttribute('aria-label', `${parts.time.textContent}, ${this.view.strings.linkCopy}`);
    node.querySelector('.state')?.remove();
  }

  /** @param {HTMLElement} node @param {Chat.Unsent} entry @param {boolean} continued */
  #drawUnsent(node, entry, continued) {
    const at = new Date(entry.at).toISOString();
    const parts = this.#skeleton(node, true, continued);
    node.classList.add(entry.state === 'failed' ? 'failed' : 'pending');
    node.classList.toggle('big', isEmojiOnly(entry.content));
    const { nickname, avatar } = this.view.store.self ?? this.view.actions.me();
    setAvatar(parts.avatar, avatar);
    parts.nick.textContent = nickname;
    this.texts.draw(parts.text, { key: entry.clientId, content: entry.content, mentions: entry.mentions });
    parts.time.dateTime = at;
    node.querySelector('.state')?.remove();
    if (entry.state === 'failed') {
      parts.time.textContent = this.view.clock.timeOf(at);
      node.querySelector('.body')?.append(this.#failure(entry));
    } else {
      // In the place of the time, so that nothing moves when the message is stored.
      parts.time.textContent = this.view.live ? this.view.strings.sending : this.view.strings.waiting;
    }
  }

  /** @param {Chat.Unsent} entry */
  #failure(entry) {
    const state = make('div', 'state');
    const { strings } = this.view;
    const reason = strings.errors[/** @type {keyof Chat.Strings['errors']} */ (entry.code)];
    state.append(make('span', '', reason ? `${strings.failed}: ${reason}` : strings.failed));
    const actions = make('span', 'actions');
    actions.append(
      button(strings.retry, () => this.view.actions.retry(entry.clientId)),
      button(strings.copy, () => copyText(entry.content)),
      button(strings.discard, () => this.view.actions.discard(entry.clientId)),
    );
    state.append(actions);
    return state;
  }

  /**
   * The parts of a message's row, made if they are not there. The server draws the same ones.
   * @param {HTMLElement} node @param {boolean} own @param {boolean} continued
   */
  #skeleton(node, own, continued) {
    node.className = `msg${own ? ' own' : ''}${continued ? ' cont' : ''}`;
    if (!node.firstElementChild) {
      const body = make('div', 'body');
      const who = make('div', 'who');
      who.append(make('bdi', 'nick'));
      const line = make('div', 'line');
      const text = make('p', 'text');
      text.dir = 'auto';
      const at = make('a', 'at');
      at.append(make('time'));
      line.append(text, at);
      body.append(who, line);
      node.append(avatarImage('', 36), body);
    }
    const at = /** @type {HTMLAnchorElement} */ (node.querySelector('.at'));
    // The list is one stop of the Tab key; the row that has the focus adds its own link.
    if (!node.contains(document.activeElement)) at.tabIndex = -1;
    return {
      avatar: /** @type {HTMLImageElement} */ (node.querySelector('.avatar')),
      nick: /** @type {HTMLElement} */ (node.querySelector('.nick')),
      text: /** @type {HTMLElement} */ (node.querySelector('.text')),
      at,
      time: /** @type {HTMLTimeElement} */ (node.querySelector('time')),
    };
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
    const { strings } = this.view;
    const state = this.view.history[side];
    if (state === 'loading') return [make('span', 'spinner'), make('span', '', side === 'older' ? strings.loadingOlder : strings.loading)];
    return [
      make('span', '', side === 'older' ? strings.olderFailed : strings.newerFailed),
      button(strings.tryAgain, () => this.view.actions.load(side)),
    ];
  }
}

/** @param {string} label @param {() => void} act */
function button(label, act) {
  const element = make('button', 'link', label);
  element.type = 'button';
  element.addEventListener('click', act);
  return element;
}
