// Draws the list. It keeps every node that still belongs, keeps the reader's place, and follows
// the newest message only for a reader who is there already.
//
// The scroller is a reversed column: its resting position is the bottom, so the newest messages
// are in sight from the first paint on, before any script runs and with none at all.

import { findLinks, isEmojiOnly } from './links.js';
import { avatarImage, make, setAvatar } from './dom.js';
import { buildRows, foldNotices } from './rows.js';

/** Nearer to the end than this counts as being there. */
const FOLLOW_PX = 48;
/** Older messages are asked for when this little is left above. */
const AHEAD_PX = 300;
/** A reader at the bottom needs no more rows than this; the rest comes back on scrolling up. */
const KEEP = 200;
const KEEP_SLACK = 100;
const HANGUL = /[\uac00-\ud7a3]/u;
/** Above this many people, coming and going is noise. */
const NOTICES_PEOPLE_MAX = 20;

export class View {
  /**
   * @param {import('./chat-store.js').ChatStore} store
   * @param {Chat.ViewParts} parts
   * @param {Chat.ViewActions} actions
   * @param {Chat.Strings} strings
   * @param {import('./time.js').Clock} clock
   */
  constructor(store, parts, actions, strings, clock) {
    this.store = store;
    this.parts = parts;
    this.actions = actions;
    this.strings = strings;
    this.clock = clock;
    /** @type {Map<string, HTMLElement>} */
    this.nodes = new Map();
    /** What each node was drawn from. @type {WeakMap<HTMLElement, string>} */
    this.drawn = new WeakMap();
    /** @type {Chat.Notice[]} */
    this.notices = [];
    this.following = true;
    this.onScreen = true;
    this.unread = 0;
    /** @type {number | null} */
    this.unreadSeq = null;
    this.live = false;
    this.welcomed = false;
    /** @type {Chat.HistoryState} */
    this.historyState = 'idle';
    /** @type {{node: Element, offset: number} | null} the first row in sight, and where */
    this.anchor = null;
    this.scheduled = false;
  }

  /** Takes over the rows that the server has drawn. */
  adopt() {
    /** @type {Chat.Message[]} */
    const messages = [];
    for (const node of this.parts.list.querySelectorAll('li.msg')) {
      const row = /** @type {HTMLElement} */ (node);
      const { id, seq, rev, author, avatar, client } = row.dataset;
      const message = {
        id: id ?? '',
        seq: Number(seq),
        rev: Number(rev),
        clientId: client ?? '',
        author: { id: author ?? '', nickname: row.querySelector('.nick')?.textContent ?? '', avatar: avatar ?? '' },
        content: row.querySelector('.text')?.textContent ?? '',
        createdAt: row.querySelector('time')?.dateTime ?? '',
      };
      messages.push(message);
      this.nodes.set(`msg:${message.author.id}:${message.clientId}`, row);
    }
    return messages;
  }

  start() {
    const { log, down } = this.parts;
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    down.addEventListener('click', () => {
      this.toBottom();
      log.focus({ preventScroll: true });
    });
    document.addEventListener('visibilitychange', () => this.#readIfSeen());
    new ResizeObserver(() => this.#resized()).observe(log);
    new ResizeObserver(() => this.#resized()).observe(this.parts.list);
    new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1].isIntersecting;
      this.#readIfSeen();
    }).observe(log);
    this.store.addEventListener('messages', () => this.schedule());
    this.store.addEventListener('reset', () => {
      this.notices = [];
      this.following = true;
      this.welcomed = true;
    });
    this.store.addEventListener('arrived', (event) => this.#arrived(/** @type {any} */ (event).detail));
    this.store.addEventListener('presence', (event) => this.#people(/** @type {any} */ (event).detail));
    this.render();
  }

  /** @param {Chat.Strings} strings @param {import('./time.js').Clock} clock */
  setLanguage(strings, clock) {
    this.strings = strings;
    this.clock = clock;
    this.drawn = new WeakMap();
    this.render();
  }

  /** @param {boolean} live */
  setLive(live) {
    this.live = live;
    if (live) this.welcomed = true;
    this.schedule();
  }

  /** @param {Chat.HistoryState} state */
  setHistory(state) {
    this.historyState = state;
    this.schedule();
  }

  /** Draws once per frame, however much has changed. */
  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  render() {
    if (this.following && this.store.messages.length > KEEP + KEEP_SLACK) this.store.trim(KEEP);
    const rows = buildRows({
      messages: this.store.messages,
      unsent: this.store.outbox.entries,
      notices: this.notices,
      unreadSeq: this.unreadSeq,
      selfId: this.store.self?.id ?? this.store.selfId,
    }, (iso) => this.clock.dayOf(iso));
    this.#reconcile(rows);
    this.#drawTop();
    this.parts.empty.hidden = rows.some((row) => row.kind === 'message' || row.kind === 'unsent') || !this.welcomed;
    this.#restore();
    this.#drawDown();
    this.#loadAhead();
  }

  /** To the newest message, and to following it. */
  toBottom() {
    this.following = true;
    this.anchor = null;
    this.parts.log.scrollTop = 0;
    this.#readIfSeen();
    this.#drawDown();
  }

  /** The line above the unread has done its work. */
  clearUnreadLine() {
    this.unreadSeq = null;
    this.schedule();
  }

  // The rows

  /** @param {Chat.Row[]} rows */
  #reconcile(rows) {
    const { list } = this.parts;
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

  /** @param {HTMLElement} node @param {Chat.Row} row */
  #draw(node, row) {
    // Comparing what a node shows is cheaper than touching it, and touching restarts nothing.
    const shows = this.#signature(row);
    if (this.drawn.get(node) === shows) return;
    this.drawn.set(node, shows);
    switch (row.kind) {
      case 'day':
        node.className = 'divider day';
        node.replaceChildren(make('span', '', this.clock.dayLabel(row.at)));
        break;
      case 'unread':
        node.className = 'divider unread';
        node.replaceChildren(make('span', '', this.strings.unreadLine));
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
      case 'message': return `m ${row.message.rev} ${row.own} ${row.continued} ${row.message.content}`;
      case 'unsent': return `u ${row.entry.state} ${row.entry.code} ${row.continued} ${this.live}`;
      case 'notice': return this.#noticeText(row.notice);
      // "Today" becomes "yesterday" while the page stays open.
      case 'day': return this.clock.dayLabel(row.at);
      default: return row.kind;
    }
  }

  /** @param {HTMLElement} node @param {Chat.Message} message @param {boolean} own @param {boolean} continued */
  #drawMessage(node, message, own, continued) {
    const parts = this.#skeleton(node, own, continued);
    node.classList.toggle('big', isEmojiOnly(message.content));
    node.dataset.seq = String(message.seq);
    setAvatar(parts.avatar, message.author.avatar);
    parts.nick.textContent = message.author.nickname;
    drawText(parts.text, message.content);
    parts.time.dateTime = message.createdAt;
    parts.time.textContent = this.clock.timeOf(message.createdAt);
    parts.time.title = this.clock.exactly(message.createdAt);
    node.querySelector('.state')?.remove();
  }

  /** @param {HTMLElement} node @param {Chat.Unsent} entry @param {boolean} continued */
  #drawUnsent(node, entry, continued) {
    const at = new Date(entry.at).toISOString();
    const parts = this.#skeleton(node, true, continued);
    node.classList.add(entry.state === 'failed' ? 'failed' : 'pending');
    node.classList.toggle('big', isEmojiOnly(entry.content));
    const { nickname, avatar } = this.store.self ?? this.actions.me();
    setAvatar(parts.avatar, avatar);
    parts.nick.textContent = nickname;
    drawText(parts.text, entry.content);
    parts.time.dateTime = at;
    node.querySelector('.state')?.remove();
    if (entry.state === 'failed') {
      parts.time.textContent = this.clock.timeOf(at);
      node.querySelector('.body')?.append(this.#failure(entry));
    } else {
      // In the place of the time, so that nothing moves when the message is stored.
      parts.time.textContent = this.live ? this.strings.sending : this.strings.waiting;
    }
  }

  /** @param {Chat.Unsent} entry */
  #failure(entry) {
    const state = make('div', 'state');
    const { strings } = this;
    const reason = strings.errors[/** @type {keyof Chat.Strings['errors']} */ (entry.code)];
    state.append(make('span', '', reason ? `${strings.failed}: ${reason}` : strings.failed));
    const actions = make('span', 'actions');
    actions.append(
      button(strings.retry, () => this.actions.retry(entry.clientId)),
      button(strings.copy, () => navigator.clipboard?.writeText(entry.content).catch(() => {})),
      button(strings.discard, () => this.actions.discard(entry.clientId)),
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
      line.append(text, make('time', 'at'));
      body.append(who, line);
      node.append(avatarImage('', 36), body);
    }
    return {
      avatar: /** @type {HTMLImageElement} */ (node.querySelector('.avatar')),
      nick: /** @type {HTMLElement} */ (node.querySelector('.nick')),
      text: /** @type {HTMLElement} */ (node.querySelector('.text')),
      time: /** @type {HTMLTimeElement} */ (node.querySelector('time')),
    };
  }

  /** @param {Chat.Notice} notice */
  #noticeText(notice) {
    /** @param {{nickname: string}[]} authors */
    const names = (authors) => authors.map((author) => `\u2068${author.nickname}\u2069`);
    return [
      notice.joined.length ? this.strings.joined(names(notice.joined)) : '',
      notice.left.length ? this.strings.gone(names(notice.left)) : '',
    ].filter(Boolean).join(' · ');
  }

  #drawTop() {
    const { top } = this.parts;
    const { strings, store, historyState } = this;
    const state = historyState === 'failed' && store.hasMore ? 'failed'
      : historyState === 'loading' ? 'loading'
        : !this.welcomed && store.messages.length === 0 ? 'first'
          : store.messages.length && !store.hasMore ? 'beginning' : 'none';
    const shows = `${state} ${strings.locale}`;
    if (this.drawn.get(top) === shows) return;
    this.drawn.set(top, shows);
    top.className = `top ${state}`;
    if (state === 'failed') {
      top.replaceChildren(make('span', '', strings.olderFailed), button(strings.tryAgain, () => this.actions.loadOlder()));
    } else if (state === 'loading' || state === 'first') {
      top.replaceChildren(make('span', 'spinner'), make('span', '', state === 'first' ? strings.loading : strings.loadingOlder));
    } else {
      top.textContent = state === 'beginning' ? strings.beginning : '';
    }
  }

  // The reader's place

  /** Distance of the reader from the newest message. */
  #distance() {
    // Negative in a reversed column; some engines counted the other way once.
    return Math.abs(this.parts.log.scrollTop);
  }

  #scrolled() {
    this.following = this.#distance() <= FOLLOW_PX;
    this.#remember();
    this.#readIfSeen();
    this.#drawDown();
    this.#loadAhead();
  }

  /** Remembers the first row in sight, to find it again after whatever changes around it. */
  #remember() {
    this.anchor = null;
    if (this.following) return;
    const edge = this.parts.log.getBoundingClientRect().top;
    const rows = this.parts.list.children;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= edge) low = middle + 1;
      else high = middle;
    }
    // A divider may go away, a message stays.
    let node = rows[low];
    while (node && !node.classList.contains('msg')) node = /** @type {Element} */ (node.nextElementSibling);
    if (node) this.anchor = { node, offset: node.getBoundingClientRect().top - edge };
  }

  #restore() {
    const { log } = this.parts;
    if (this.following) {
      if (log.scrollTop !== 0) log.scrollTop = 0;
      return;
    }
    if (!this.anchor?.node.isConnected) {
      this.#remember();
      return;
    }
    const offset = this.anchor.node.getBoundingClientRect().top - log.getBoundingClientRect().top;
    const moved = offset - this.anchor.offset;
    if (Math.abs(moved) >= 1) log.scrollTop += moved;
  }

  #resized() {
    this.#restore();
    this.#loadAhead();
  }

  #loadAhead() {
    const { log } = this.parts;
    if (!this.store.hasMore || this.historyState !== 'idle') return;
    const above = log.scrollHeight - log.clientHeight - this.#distance();
    const fills = log.scrollHeight > log.clientHeight;
    if (!fills || (above < AHEAD_PX && !this.following)) this.actions.loadOlder();
  }

  // Unread

  #seen() {
    return !document.hidden && this.onScreen && this.following;
  }

  /** @param {Chat.Message[]} messages */
  #arrived(messages) {
    if (this.#seen()) return;
    if (this.unread === 0) this.unreadSeq = messages[0].seq;
    this.unread += messages.length;
    this.actions.unread(this.unread);
    this.schedule();
  }

  #readIfSeen() {
    if (this.unread === 0 || !this.#seen()) return;
    this.unread = 0;
    this.actions.unread(0);
    this.#drawDown();
  }

  #drawDown() {
    const { down } = this.parts;
    const { strings } = this;
    down.hidden = this.following;
    down.title = this.unread > 0 ? '' : strings.toLatest;
    const label = this.unread > 0 ? strings.newMessages(this.unread) : strings.toLatest;
    down.classList.toggle('fresh', this.unread > 0);
    const text = /** @type {HTMLElement} */ (down.lastElementChild);
    if (text.textContent !== label) text.textContent = label;
  }

  /** @param {Chat.Presence} presence */
  #people({ count, joined = [], left = [] }) {
    if (count > NOTICES_PEOPLE_MAX) return;
    /** @param {{id: string}} author */
    const notMe = (author) => author.id !== (this.store.self?.id ?? this.store.selfId);
    const { messages } = this.store;
    // Who has just spoken needs no announcing; the server tells of a newcomer only after a while.
    const spoken = new Set(messages.slice(-NOTICES_PEOPLE_MAX).map(({ author }) => author.id));
    const newcomers = joined.filter((author) => notMe(author) && !spoken.has(author.id));
    const notices = foldNotices(this.notices, messages.at(-1)?.seq ?? 0, newcomers, left.filter(notMe));
    if (notices === this.notices) return;
    this.notices = notices;
    this.schedule();
  }
}

/** @param {HTMLElement} element @param {string} content */
function drawText(element, content) {
  // Korean breaks between words only, and is read out in Korean, on a page in another language too.
  if (HANGUL.test(content) && !document.documentElement.lang.startsWith('ko')) element.lang = 'ko';
  else element.removeAttribute('lang');
  const parts = findLinks(content);
  if (parts.length === 1 && !parts[0].href) {
    if (element.textContent !== content || element.firstElementChild) element.textContent = content;
    return;
  }
  element.replaceChildren(...parts.map(({ text, href }) => {
    if (!href) return text;
    const link = make('a', '', text);
    link.href = href;
    link.target = '_blank';
    link.rel = 'nofollow ugc noopener';
    return link;
  }));
}

/** @param {string} label @param {() => void} act */
function button(label, act) {
  const element = make('button', 'link', label);
  element.type = 'button';
  element.addEventListener('click', act);
  return element;
}
