// The conversation on the screen: what is drawn when, where the reader is led to, and what is loaded ahead of them.
// However long the room, only the part around the reader stands in the page: what is far is let go and loaded again.

import { RowView } from './row-view.js';
import { atMidnight } from '../shared/time.js';
import { JumpButtons } from './jump-buttons.js';
import { MessageLinks } from './message-links.js';
import { Notices } from './notices.js';
import { buildRows } from './rows.js';
import { Scroll } from './scroll.js';
import { Unread } from './unread.js';

/** The next page is asked for when this little (CSS px) is left above or below. */
const AHEAD_PX = 1000;
/** A reader at the bottom needs no more messages than this; the rest comes back on scrolling up. */
const KEEP = 100;
/** A reader elsewhere has these around them; in a very tall frame, more. */
const WINDOW = 200;
const PX_PER_MESSAGE_MIN = 10;
/** Letting go waits for a pause in scrolling, but not for more than this beyond the limit. */
const SLACK = 50;

export class View {
  /**
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {import('../store/history.js').History} history
   * @param {Chat.ViewParts} parts
   * @param {Chat.ViewActions} actions
   * @param {Chat.Strings} strings
   * @param {import('../shared/time.js').Clock} clock
   * @param {AbortSignal} signal ends it all
   */
  constructor(store, history, parts, actions, strings, clock, signal) {
    this.store = store;
    this.history = history;
    this.parts = parts;
    this.actions = actions;
    this.strings = strings;
    this.clock = clock;
    this.signal = signal;
    /** Whether what is drawn ends with the newest message: what is known may be ahead of it by a frame. */
    this.drawnToEnd = true;
    this.scroll = new Scroll(parts, () => this.drawnToEnd);
    this.unread = new Unread(store, actions);
    this.rows = new RowView(this);
    this.buttons = new JumpButtons(this);
    this.links = new MessageLinks(this);
    this.notices = new Notices(store);
    this.onScreen = true;
    /** @type {number | null} the message that a link has led to */
    this.target = null;
    this.live = false;
    this.welcomed = false;
    this.scheduled = false;
  }

  /** @param {number | null} readSeq the last message that was seen on an earlier visit */
  start(readSeq) {
    const { store, signal } = this;
    const { log, list } = this.parts;
    log.addEventListener('scroll', () => this.#scrolled(), { passive: true, signal });
    log.addEventListener('scrollend', () => {
      this.scroll.rested();
      this.schedule();
    }, { signal });
    this.buttons.start();
    list.addEventListener('click', (event) => this.links.clicked(/** @type {MouseEvent} */ (event)), { signal });
    list.addEventListener('focusin', (event) => this.links.focused(/** @type {Element} */ (event.target)), { signal });
    document.addEventListener('visibilitychange', () => {
      // A page that slept over midnight still says "today" above what is of yesterday.
      if (!document.hidden) this.schedule();
    }, { signal });
    const sizes = new ResizeObserver(() => {
      this.scroll.resized();
      this.#loadAhead();
    });
    sizes.observe(log);
    sizes.observe(list);
    const sight = new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1].isIntersecting;
      this.#readIfSeen();
    });
    sight.observe(log);
    signal.addEventListener('abort', () => {
      sizes.disconnect();
      sight.disconnect();
    });
    store.addEventListener('messages', () => this.schedule(), { signal });
    store.addEventListener('reset', () => {
      this.notices.forget();
      this.unread.forget();
      this.scroll.follow();
      this.welcomed = true;
    }, { signal });
    store.addEventListener('arrived', (event) => {
      if (this.#seen()) return;
      this.unread.arrived(/** @type {any} */ (event).detail);
      this.schedule();
    }, { signal });
    store.addEventListener('presence', (event) => {
      if (this.notices.people(/** @type {any} */ (event).detail)) this.schedule();
    }, { signal });
    if (readSeq !== null) this.unread.sinceLastVisit(readSeq);
    if (this.unread.since !== null) this.scroll.leave();
    this.render();
    if (this.unread.since !== null) this.#lead(list.querySelector('.unread'));
    atMidnight(() => this.clock, () => this.schedule(), signal);
  }

  /**
   * Leads to a message, wherever in the room it is.
   * @param {number} seq
   * @param {'link' | 'unread'} [why]
   */
  async open(seq, why = 'link') {
    const { store, scroll } = this;
    const here = () => store.messages.length > 0 && !(store.hasMore && store.messages[0].seq > seq)
      && !(store.hasNewer && seq > (store.newestSeq ?? 0));
    if (!here() && !await this.history.loadAround(seq)) return;
    // Where it is gone, the next one is as near as one can come.
    const message = store.messages.find((other) => other.seq >= seq && !other.deletedAt) ?? store.messages.at(-1);
    if (!message) return;
    scroll.leave();
    if (why === 'link') this.target = message.seq;
    else this.unread.since = message.seq;
    this.unread.above = null;
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
    this.rows.forget();
    this.render();
  }

  /** @param {boolean} live */
  setLive(live) {
    this.live = live;
    if (live) this.welcomed = true;
    this.schedule();
  }

  /** Draws once per frame, however much has changed. */
  schedule() {
    if (this.scheduled || this.signal.aborted) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (!this.signal.aborted) this.render();
    });
  }

  render() {
    const { store, scroll } = this;
    scroll.settle();
    this.#bound();
    const rows = buildRows({
      messages: store.messages,
      unsent: store.outbox.own,
      notices: this.notices.list,
      unreadSeq: this.unread.since,
      selfId: store.ownId,
      isOwn: (message) => store.isOwn(message),
      hasMore: store.hasMore,
      hasNewer: store.hasNewer,
    }, (iso) => this.clock.dayOf(iso));
    this.rows.reconcile(rows);
    this.drawnToEnd = !store.hasNewer;
    this.rows.drawTop();
    this.rows.drawEnd();
    const something = rows.some((row) => row.kind === 'message' || row.kind === 'unsent');
    // Before the room has answered, what the server has put into the page holds.
    if (something || this.welcomed) this.parts.empty.hidden = something;
    scroll.restore();
    this.#follow();
  }

  /** What goes with each new place of the reader. */
  #follow() {
    this.#readIfSeen();
    this.buttons.draw();
    this.#loadAhead();
  }

  /** Keeps no more of the room in the page than the reader needs around them. */
  #bound() {
    const { store, scroll } = this;
    const { length } = store.messages;
    if (scroll.following) {
      if (length > KEEP + SLACK) store.bound(KEEP);
      return;
    }
    const max = Math.max(WINDOW, Math.ceil(this.parts.log.clientHeight / PX_PER_MESSAGE_MIN));
    // Moving the reader's place under a moving finger is felt; at rest nobody notices.
    if (length > max + (scroll.moving ? SLACK : 0) && scroll.seq !== null) store.bound(max, scroll.seq);
  }

  /** To the newest message, and to following it. */
  toBottom() {
    const elsewhere = this.store.hasNewer;
    this.store.toLatest();
    this.scroll.follow();
    this.target = null;
    this.unread.above = null;
    if (elsewhere) this.render();
    this.scroll.toEnd();
    this.#readIfSeen();
    this.buttons.draw();
  }

  /** The line above the unread has done its work. */
  clearUnreadLine() {
    this.unread.since = null;
    this.schedule();
  }

  #scrolled() {
    this.scroll.scrolled();
    this.#follow();
  }

  /** @param {Element | null} row @param {number} [lead] CSS px left above it */
  #lead(row, lead) {
    if (!row) return;
    this.scroll.lead(row, lead);
    this.#follow();
  }

  #loadAhead() {
    const { store, scroll, history } = this;
    const { older, newer } = history.states;
    if (store.hasMore && older === 'idle' && (!scroll.fills || (scroll.above < AHEAD_PX && !scroll.following))) history.loadOlder();
    if (store.hasNewer && newer === 'idle' && scroll.below < AHEAD_PX) history.loadNewer();
  }

  #seen() {
    return !document.hidden && this.onScreen && this.scroll.following;
  }

  #readIfSeen() {
    if (this.#seen() && this.unread.seen()) this.buttons.draw();
  }
}
