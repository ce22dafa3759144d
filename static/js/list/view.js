// Draws the list. It keeps every node that still belongs, keeps the reader's place, and follows
// the newest message only for a reader who is there already. However long the room, only the part
// around the reader stands in the page: what is far is let go and loaded again.
//
// The scroller is a reversed column: its resting position is the bottom, so the newest messages
// are in sight from the first paint on, before any script runs and with none at all.

import { copyText } from '../shared/dom.js';
import { RowView } from './row-view.js';
import { buildRows, foldNotices } from './rows.js';

/** Nearer to the end than this counts as being there. */
const FOLLOW_PX = 48;
/** The next page is asked for when this little is left above or below. */
const AHEAD_PX = 1000;
/** A reader at the bottom needs no more messages than this; the rest comes back on scrolling up. */
const KEEP = 100;
/** A reader elsewhere has these around them; in a very tall frame, more. */
const WINDOW = 200;
const PX_PER_MESSAGE_MIN = 10;
/** Letting go waits for a pause in scrolling, but not for more than this beyond the limit. */
const SLACK = 50;
/** Room left above the unread line. */
const LEAD_PX = 12;
/** Above this many people, coming and going is noise. */
const NOTICES_PEOPLE_MAX = 20;

export class View {
  /**
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {Chat.ViewParts} parts
   * @param {Chat.ViewActions} actions
   * @param {Chat.Strings} strings
   * @param {import('../shared/time.js').Clock} clock
   */
  constructor(store, parts, actions, strings, clock) {
    this.store = store;
    this.parts = parts;
    this.actions = actions;
    this.strings = strings;
    this.clock = clock;
    this.rows = new RowView(this);
    /** @type {Chat.Notice[]} */
    this.notices = [];
    this.following = true;
    this.onScreen = true;
    this.unread = 0;
    /** @type {number | null} where the unread messages begin */
    this.unreadSeq = null;
    /** @type {number | null} where they begin, as long as that is further up than the list */
    this.firstUnread = null;
    /** @type {number | null} the message that a link has led to */
    this.target = null;
    this.scrolling = false;
    this.lastTop = 0;
    this.readSeq = 0;
    this.live = false;
    this.welcomed = false;
    /** @type {Record<Chat.HistorySide, Chat.HistoryState>} */
    this.history = { older: 'idle', newer: 'idle' };
    /** @type {{node: Element, offset: number} | null} the first row in sight, and where */
    this.anchor = null;
    this.scheduled = false;
  }

  /** @param {number | null} readSeq the last message that was seen on an earlier visit */
  start(readSeq) {
    const { log, list, down, first } = this.parts;
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    log.addEventListener('scrollend', () => this.#rested());
    down.addEventListener('click', () => {
      this.toBottom();
      log.focus({ preventScroll: true });
    });
    first.addEventListener('click', () => {
      if (this.firstUnread !== null) this.open(this.firstUnread, 'unread');
      log.focus({ preventScroll: true });
    });
    list.addEventListener('click', (event) => this.#clicked(event));
    list.addEventListener('focusin', (event) => this.#focused(/** @type {Element} */ (event.target)));
    document.addEventListener('visibilitychange', () => this.#readIfSeen());
    new ResizeObserver(() => this.#resized()).observe(log);
    new ResizeObserver(() => this.#resized()).observe(list);
    new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1].isIntersecting;
      this.#readIfSeen();
    }).observe(log);
    this.store.addEventListener('messages', () => this.schedule());
    this.store.addEventListener('reset', () => {
      this.notices = [];
      this.unreadSeq = null;
      this.firstUnread = null;
      this.following = true;
      this.welcomed = true;
    });
    this.store.addEventListener('arrived', (event) => this.#arrived(/** @type {any} */ (event).detail));
    this.store.addEventListener('presence', (event) => this.#people(/** @type {any} */ (event).detail));
    if (readSeq !== null) this.#sinceLastVisit(readSeq);
    if (this.unreadSeq !== null) this.following = false;
    this.render();
    if (this.unreadSeq !== null) this.#lead(list.querySelector('.unread'));
  }

  /**
   * Leads to a message, wherever in the room it is.
   * @param {number} seq
   * @param {'link' | 'unread'} [why]
   */
  async open(seq, why = 'link') {
    const { store } = this;
    const here = () => store.messages.length > 0 && !(store.hasMore && store.messages[0].seq > seq)
      && !(store.hasNewer && seq > (store.newestSeq ?? 0));
    if (!here() && !await this.actions.loadAround(seq)) return;
    // Where it is gone, the next one is as near as one can come.
    const message = store.messages.find((other) => other.seq >= seq) ?? store.messages.at(-1);
    if (!message) return;
    this.following = false;
    this.anchor = null;
    if (why === 'link') this.target = message.seq;
    else this.unreadSeq = message.seq;
    this.firstUnread = null;
    this.render();
    const row = this.parts.list.querySelector(`[data-seq="${message.seq}"]`);
    if (why === 'unread') this.#lead(this.parts.list.querySelector('.unread') ?? row);
    // Somewhat down, so that what it answers to is in sight as well.
    else this.#lead(row, this.parts.log.clientHeight / 3);
  }

  /** @param {Chat.Strings} strings @param {import('../shared/time.js').Clock} clock */
  setLanguage(strings, clock) {
    this.strings = strings;
    this.clock = clock;
    this.rows.drawn = new WeakMap();
    this.render();
  }

  /** @param {boolean} live */
  setLive(live) {
    this.live = live;
    if (live) {
      this.welcomed = true;
      // What failed while the line was down is tried again without being asked.
      for (const side of /** @type {const} */ (['older', 'newer'])) if (this.history[side] === 'failed') this.history[side] = 'idle';
    }
    this.schedule();
  }

  /** @param {Chat.HistorySide} side @param {Chat.HistoryState} state */
  setHistory(side, state) {
    this.history[side] = state;
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
    const { store } = this;
    // Somebody has scrolled, and the event that tells is still to come.
    if (!this.following && this.parts.log.scrollTop !== this.lastTop) this.#remember();
    this.#bound();
    const rows = buildRows({
      messages: store.messages,
      unsent: store.outbox.entries,
      notices: this.notices,
      unreadSeq: this.unreadSeq,
      selfId: store.self?.id ?? store.selfId,
      hasMore: store.hasMore,
      hasNewer: store.hasNewer,
    }, (iso) => this.clock.dayOf(iso));
    this.rows.reconcile(rows);
    this.rows.drawTop();
    this.rows.drawEnd();
    const something = rows.some((row) => row.kind === 'message' || row.kind === 'unsent');
    // Before the room has answered, what the server has put into the page holds.
    if (something || this.welcomed) this.parts.empty.hidden = something;
    this.#restore();
    this.#drawDown();
    this.#loadAhead();
    this.#readIfSeen();
  }

  /** Keeps no more of the room in the page than the reader needs around them. */
  #bound() {
    const { store } = this;
    const { length } = store.messages;
    if (this.following) {
      if (length > KEEP + SLACK) store.bound(KEEP);
      return;
    }
    const max = Math.max(WINDOW, Math.ceil(this.parts.log.clientHeight / PX_PER_MESSAGE_MIN));
    // Moving the reader's place under a moving finger is felt; at rest nobody notices.
    if (length <= max + (this.scrolling ? SLACK : 0)) return;
    const seq = /** @type {HTMLElement | undefined} */ (this.anchor?.node)?.dataset.seq;
    if (seq) store.bound(max, Number(seq));
  }

  /** To the newest message, and to following it. */
  toBottom() {
    const elsewhere = this.store.hasNewer;
    this.store.toLatest();
    this.following = true;
    this.anchor = null;
    this.target = null;
    this.firstUnread = null;
    if (elsewhere) this.render();
    this.parts.log.scrollTop = 0;
    this.#readIfSeen();
    this.#drawDown();
  }

  /** The line above the unread has done its work. */
  clearUnreadLine() {
    this.unreadSeq = null;
    this.schedule();
  }

  // The reader's place

  /** Distance of the reader from the newest message. */
  #distance() {
    // Negative in a reversed column; some engines counted the other way once.
    return Math.abs(this.parts.log.scrollTop);
  }

  #scrolled() {
    this.scrolling = true;
    this.following = this.#distance() <= FOLLOW_PX && !this.store.hasNewer;
    this.#remember();
    this.#readIfSeen();
    this.#drawDown();
    this.#loadAhead();
  }

  #rested() {
    this.scrolling = false;
    this.schedule();
  }

  /** Brings a row into sight, near the top. @param {Element | null} row @param {number} [lead] room above it */
  #lead(row, lead = LEAD_PX) {
    if (!row) return;
    const { log } = this.parts;
    log.scrollTop += row.getBoundingClientRect().top - log.getBoundingClientRect().top - lead;
    this.following = this.#distance() <= FOLLOW_PX && !this.store.hasNewer;
    this.#remember();
    this.#readIfSeen();
    this.#drawDown();
    this.#loadAhead();
  }

  /** Remembers the first row in sight, to find it again after whatever changes around it. */
  #remember() {
    this.anchor = null;
    this.lastTop = this.parts.log.scrollTop;
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
    if (Math.abs(moved) >= 0.5) log.scrollTop += moved;
    this.lastTop = log.scrollTop;
  }

  #resized() {
    const { log } = this.parts;
    // Somebody has scrolled, and the event that tells is still to come: they are not thrown back. At the very top it is
    // the browser that may have moved it, because the list became shorter.
    const isAtTop = log.scrollHeight - log.clientHeight - this.#distance() < 1;
    if (!this.following && log.scrollTop !== this.lastTop && !isAtTop) this.#remember();
    else this.#restore();
    this.#loadAhead();
  }

  #loadAhead() {
    const { log } = this.parts;
    const { store, history } = this;
    const below = this.#distance();
    const above = log.scrollHeight - log.clientHeight - below;
    if (store.hasMore && history.older === 'idle') {
      const fills = log.scrollHeight > log.clientHeight;
      if (!fills || (above < AHEAD_PX && !this.following)) this.actions.load('older');
    }
    if (store.hasNewer && history.newer === 'idle' && below < AHEAD_PX) this.actions.load('newer');
  }

  // Links to messages

  /** The time of a message is its link: one click copies it. @param {Event} event */
  #clicked(event) {
    const at = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('a.at'));
    const seq = /** @type {HTMLElement | undefined} */ (at?.closest('.msg') ?? undefined)?.dataset.seq;
    const { ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
    if (!at || !seq || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    copyText(this.actions.linkTo(Number(seq))).then((copied) => {
      if (!copied) return;
      at.dataset.told = this.strings.linkCopied;
      at.addEventListener('animationend', () => delete at.dataset.told, { once: true });
      this.actions.say(this.strings.linkCopied);
    });
  }

  /** @param {Element} element */
  #focused(element) {
    const row = element.closest('.msg');
    for (const at of this.parts.list.querySelectorAll('a.at:not([tabindex="-1"])')) {
      if (!row?.contains(at)) /** @type {HTMLElement} */ (at).tabIndex = -1;
    }
    row?.querySelector('a.at[href]')?.removeAttribute('tabindex');
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
    const { newestSeq } = this.store;
    if (newestSeq === null || !this.#seen()) return;
    if (newestSeq > this.readSeq) {
      this.readSeq = newestSeq;
      this.actions.read(newestSeq);
    }
    if (this.unread === 0) return;
    this.unread = 0;
    this.actions.unread(0);
    this.#drawDown();
  }

  /** @param {number} readSeq */
  #sinceLastVisit(readSeq) {
    const { store } = this;
    this.readSeq = readSeq;
    const unread = store.messages.filter((message) => message.seq > readSeq && !message.deletedAt && !store.isOwn(message));
    if (unread.length === 0) return;
    this.unread = unread.length;
    this.actions.unread(this.unread);
    const reaches = !store.hasMore || store.messages[0].seq <= readSeq;
    if (reaches) this.unreadSeq = unread[0].seq;
    else this.firstUnread = readSeq + 1;
  }

  #drawDown() {
    const { down } = this.parts;
    const { strings } = this;
    this.parts.first.hidden = this.firstUnread === null;
    /** @type {HTMLElement} */ (this.parts.first.lastElementChild).textContent = strings.firstUnread;
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
    const { latest } = this.store;
    // Who has just spoken needs no announcing; the server tells of a newcomer only after a while.
    const spoken = new Set(latest.slice(-NOTICES_PEOPLE_MAX).map(({ author }) => author.id));
    const newcomers = joined.filter((author) => notMe(author) && !spoken.has(author.id));
    const notices = foldNotices(this.notices, latest.at(-1)?.seq ?? 0, newcomers, left.filter(notMe));
    if (notices === this.notices) return;
    this.notices = notices;
    this.schedule();
  }
}
