// What this reader knows of the room: the messages in order, who is here, and how far we are.
// Every change goes through here and ends in one event; nothing here touches the page.

import { DetailEvent } from './events.js';
import { changeRev, isAuthor, isMessage, isWelcome } from './protocol.js';

/** So many of the newest messages are kept while the reader is far above them. */
const TAIL_MAX = 50;

/**
 * The list is a window of the room: every message from its first to its last, but for one gap at
 * most. Where it does not reach the newest message, `tail` holds those, up to the last one known.
 *
 * Events: `messages` (the list changed), `arrived` (detail: new messages of others),
 * `reset` (another list begins), `self`, `presence`, `resolved` (detail: clientId).
 */
export class ChatStore extends EventTarget {
  /** @param {import('./outbox.js').Outbox} outbox */
  constructor(outbox) {
    super();
    this.outbox = outbox;
    /** Names this life of the room; empty until we know it. */
    this.epoch = '';
    /** The last change that we have seen. Moved by WELCOME and by changes, by nothing else. */
    this.rev = 0;
    /** @type {Chat.Message[]} by `seq`, oldest first */
    this.messages = [];
    /** Whether messages older than the first one here exist. */
    this.hasMore = false;
    /** Whether the list ends before the newest message. */
    this.hasNewer = false;
    /** @type {Chat.Message[]} while the list ends before it: the newest messages, without a hole */
    this.tail = [];
    /** @type {Chat.Gap | null} where messages between two of the list are not here */
    this.gap = null;
    /** @type {Chat.Author | null} */
    this.self = null;
    /** @type {string | null} our public id as known from an earlier visit, until WELCOME tells */
    this.selfId = null;
    /** @type {Chat.Presence} */
    this.presence = { count: 0 };
    /** Rises whenever the list begins anew, so that an answer to an older question is recognised. */
    this.generation = 0;
  }

  /** @returns {Chat.Cursor | undefined} */
  get resume() {
    return this.epoch ? { epoch: this.epoch, rev: this.rev } : undefined;
  }

  get oldestSeq() {
    return this.messages.length ? this.messages[0].seq : null;
  }

  get newestSeq() {
    return this.messages.at(-1)?.seq ?? null;
  }

  /** The newest messages that we know, whether or not the list shows them. */
  get latest() {
    return this.hasNewer ? this.tail : this.messages;
  }

  /** Takes over what the server has already written into the page. @param {Chat.Page} page */
  hydrate({ epoch, rev, messages, hasMore }) {
    this.epoch = epoch;
    this.rev = rev;
    this.messages = messages;
    this.hasMore = hasMore;
    // Sent before a reload, stored meanwhile: it is in the page and must not be shown twice.
    for (const message of messages) if (this.isOwn(message)) this.#resolve(message.clientId);
    this.#emit('messages');
  }

  /** The room's life ended: join without a cursor. What is shown stays until the answer. */
  forget() {
    this.epoch = '';
    this.rev = 0;
  }

  /** @param {Chat.Frame} frame */
  receive(frame) {
    const rev = changeRev(frame);
    if (rev !== null) {
      if (rev <= this.rev) return;
      this.rev = rev;
    }
    const payload = /** @type {any} */ (frame.payload);
    switch (frame.type) {
      case 'WELCOME':
        if (isWelcome(payload)) this.#welcome(payload);
        break;
      case 'MESSAGE':
        if (isMessage(payload)) this.#arrive([payload]);
        break;
      case 'ACK':
        this.#ack(payload);
        break;
      case 'PROFILE':
        if (isAuthor(payload.self)) this.#setSelf(payload.self);
        break;
      case 'PRESENCE':
        this.#setPresence(payload);
        break;
      default:
        // A change that this client does not know yet: the cursor has moved, that is all.
        break;
    }
  }

  /** @param {Chat.Welcome} welcome */
  #welcome(welcome) {
    const seen = this.rev;
    const sameLife = this.epoch === welcome.room.epoch;
    const messages = welcome.messages.filter(isMessage);
    this.#setSelf(welcome.self && isAuthor(welcome.self) ? welcome.self : null);
    this.epoch = welcome.room.epoch;
    this.rev = welcome.room.rev;
    if (welcome.resumed) {
      this.#arrive(messages);
    } else {
      // In the same life of the room what is shown stays true; only something may be missing behind it.
      const newest = sameLife && welcome.room.rev >= seen ? this.latest.at(-1)?.seq : undefined;
      if (newest === undefined || messages.length === 0) this.#begin(Boolean(welcome.hasMore));
      else if (welcome.hasMore && messages[0].seq > newest + 1) this.#leaveGap(newest, messages[0].seq);
      for (const message of messages) this.#place(message);
      this.#emit('messages');
      if (sameLife) this.#announce(messages.filter((message) => message.seq > seen));
    }
    this.#setPresence(welcome.presence);
  }

  /** Another list. @param {boolean} hasMore */
  #begin(hasMore) {
    this.messages = [];
    this.tail = [];
    this.hasNewer = false;
    this.gap = null;
    this.hasMore = hasMore;
    this.generation += 1;
    this.#emit('reset');
  }

  /** What follows does not join up with what is here. @param {number} after @param {number} before */
  #leaveGap(after, before) {
    if (this.hasNewer) {
      // The hole lies below the list, where scrolling down loads what is missing anyway.
      this.tail = [];
      return;
    }
    // One gap at a time: what lies above an earlier one is found again by scrolling up.
    if (this.gap) this.#dropBelow(this.gap.before);
    this.gap = { after, before };
  }

  /** @param {number} seq the first one that stays */
  #dropBelow(seq) {
    this.messages.splice(0, indexOf(this.messages, seq));
    this.hasMore = true;
    this.gap = null;
  }

  /** @param {Chat.Message[]} messages */
  #arrive(messages) {
    /** @type {Chat.Message[]} */
    const fresh = [];
    for (const message of messages) {
      if (this.#place(message)) fresh.push(message);
    }
    if (messages.length) this.#emit('messages');
    this.#announce(fresh);
  }

  /** @param {Chat.Message[]} messages */
  #announce(messages) {
    const others = messages.filter((message) => !this.isOwn(message));
    if (others.length) this.#emit('arrived', others);
  }

  /** @param {Chat.Message} message */
  isOwn(message) {
    const self = this.self?.id ?? this.selfId;
    return self !== null && message.author.id === self;
  }

  /** @param {Chat.Message} message @returns {boolean} whether it is one that was not known before */
  #place(message) {
    if (this.isOwn(message)) this.#resolve(message.clientId);
    const { oldestSeq, newestSeq, gap } = this;
    const { seq } = message;
    // A change to a message that is not loaded comes with its page.
    if (oldestSeq !== null && seq < oldestSeq && this.hasMore) return false;
    if (gap && seq > gap.after && seq < gap.before) return false;
    if (!this.hasNewer || newestSeq === null || seq <= newestSeq) return insert(this.messages, message);
    if (this.tail.length && seq < this.tail[0].seq) return false;
    const fresh = insert(this.tail, message);
    if (this.tail.length > TAIL_MAX) this.tail.splice(0, this.tail.length - TAIL_MAX);
    return fresh;
  }

  /** @param {Chat.Ack} ack */
  #ack(ack) {
    const entry = this.outbox.find(ack.clientId);
    if (!entry) return;
    // Shown at its place at once. The cursor stays: the MESSAGE itself may still be on its way.
    if (this.self && Number.isSafeInteger(ack.seq) && typeof ack.createdAt === 'string') {
      const { clientId, id, seq, rev, createdAt } = ack;
      this.#place({ id, seq, rev, clientId, author: this.self, content: entry.content, createdAt });
    }
    this.#resolve(ack.clientId);
    this.#emit('messages');
  }

  /** @param {string} clientId */
  #resolve(clientId) {
    if (this.outbox.remove(clientId)) this.#emit('resolved', clientId);
  }

  /**
   * A page of the history that ends where the list begins.
   * @param {Chat.Message[]} messages
   * @param {boolean} hasMore
   */
  older(messages, hasMore) {
    this.#insert(messages);
    this.hasMore = hasMore;
    this.#emit('messages');
  }

  /** A page of the history that begins where the list ends. @param {Chat.Message[]} messages @param {boolean} hasNewer */
  newer(messages, hasNewer) {
    this.#insert(messages);
    this.#joinTail(messages.length > 0, hasNewer);
    this.#emit('messages');
  }

  /** A page of the history that begins where the gap does. @param {Chat.Message[]} messages @param {boolean} hasMore */
  fillGap(messages, hasMore) {
    if (!this.gap) return;
    const last = messages.at(-1)?.seq ?? this.gap.before;
    this.#insert(messages);
    this.gap = hasMore && last < this.gap.before ? { ...this.gap, after: last } : null;
    this.#emit('messages');
  }

  /**
   * Another part of the room, around some message.
   * @param {Chat.Message[]} messages
   * @param {boolean} hasMore
   * @param {boolean} hasNewer
   */
  show(messages, hasMore, hasNewer) {
    this.#detach();
    this.messages = [];
    this.gap = null;
    this.hasMore = hasMore;
    this.#insert(messages);
    this.#joinTail(true, hasNewer);
    this.generation += 1;
    this.#emit('messages');
  }

  /** Back to the newest messages. */
  toLatest() {
    if (!this.hasNewer || this.tail.length === 0) return;
    this.messages = this.tail;
    this.tail = [];
    this.hasNewer = false;
    this.hasMore = true;
    this.gap = null;
    this.generation += 1;
    this.#emit('messages');
  }

  /**
   * Lets go of what is far from where the reader is; it is loaded again when they come near.
   * @param {number} max how many messages stay
   * @param {number | null} [around] the reader's place; null is the end
   */
  bound(max, around = null) {
    const { length } = this.messages;
    if (length <= max) return;
    const middle = around === null ? length : indexOf(this.messages, around);
    const start = Math.min(Math.max(middle - (max >> 1), 0), length - max);
    if (start + max < length) {
      this.#detach();
      this.messages.length = start + max;
    }
    if (start > 0) {
      this.messages.splice(0, start);
      this.hasMore = true;
    }
    const { gap } = this;
    if (gap && (this.messages[0].seq >= gap.before || this.messages[max - 1].seq <= gap.after)) this.gap = null;
    this.#emit('messages');
  }

  /** From here on the list need not reach the newest message. */
  #detach() {
    if (this.hasNewer) return;
    const from = Math.max(this.messages.length - TAIL_MAX, this.gap ? indexOf(this.messages, this.gap.before) : 0);
    this.tail = this.messages.slice(from);
    this.hasNewer = true;
  }

  /**
   * Ends the list with the newest messages, if it has come as far as them.
   * @param {boolean} found whether the history had anything behind the list
   * @param {boolean} hasNewer whether it has even more, as it said when it was asked
   */
  #joinTail(found, hasNewer) {
    const { newestSeq, tail } = this;
    if (!this.hasNewer) return;
    // What was stored since that answer is in the tail; the list is whole once it has reached it.
    if (tail.length ? found && (newestSeq === null || newestSeq < tail[0].seq) : hasNewer) return;
    this.hasNewer = false;
    this.tail = [];
    this.#insert(tail);
  }

  /** @param {Chat.Message[]} messages */
  #insert(messages) {
    for (const message of messages) {
      if (!isMessage(message)) continue;
      if (this.isOwn(message)) this.#resolve(message.clientId);
      insert(this.messages, message);
    }
  }

  /** The outbox changed in a way that shows. */
  touch() {
    this.#emit('messages');
  }

  /** @param {Chat.Author | null} self */
  #setSelf(self) {
    this.self = self;
    if (self) this.selfId = self.id;
    this.#emit('self');
    this.#emit('messages');
  }

  /** @param {any} presence */
  #setPresence(presence) {
    if (!presence || !Number.isSafeInteger(presence.count)) return;
    const { count, members, joined, left } = presence;
    /** @param {unknown} list */
    const authors = (list) => (Array.isArray(list) ? list.filter(isAuthor) : []);
    this.presence = Array.isArray(members) ? { count, members: authors(members), joined: authors(joined), left: authors(left) } : { count };
    this.#emit('presence', this.presence);
  }

  /** @param {string} type @param {unknown} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new DetailEvent(type, detail));
  }
}

/** Where the first message at or behind `seq` stands. @param {Chat.Message[]} messages @param {number} seq */
function indexOf(messages, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Puts a message where its `seq` belongs; one with the same `seq` is replaced.
 * @param {Chat.Message[]} messages
 * @param {Chat.Message} message
 * @returns {boolean} whether it is one that was not here before
 */
function insert(messages, message) {
  const at = indexOf(messages, message.seq);
  const there = messages[at];
  if (there?.seq !== message.seq) {
    messages.splice(at, 0, message);
    return true;
  }
  // A page of history may be older than what the socket has told since.
  if (message.rev >= there.rev) messages[at] = message;
  return false;
}
