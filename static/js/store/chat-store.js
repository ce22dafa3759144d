// What this reader knows of the room: the messages in order, who is here, and how far we are.
// Every change goes through here and ends in one event; nothing here touches the page.

import { DetailEvent } from '../shared/events.js';
import { changeRev, isAuthor, isMessage, isReactions, isWelcome, readPresence } from '../wire/protocol.js';
import { Authors } from './authors.js';
import { ChangeLog, PINS_MAX, changed, changedPins, keepFrom } from './changes.js';
import { bySeq, indexOf, insert } from './message-list.js';
import { Quotes } from './quotes.js';
import { Standing } from './standing.js';
import { Typing } from './typing.js';

/** So many of the newest messages are kept while the reader is far above them. */
const TAIL_MAX = 50;

/**
 * The list is a window of the room: every message from its first to its last. Where it does not
 * reach the newest message, `tail` holds those, up to the last one known. A deleted message stays
 * in its place, without its text. A message is replaced and never changed itself.
 *
 * Events: `messages` (the list changed), `arrived` (detail: new messages of others),
 * `reset` (another list begins), `self`, `room`, `presence`, `typing`, `pinned`, `resolved` (detail: what was unsent),
 * `reacted` (detail: a message before and after its reactions changed),
 * `done` (detail: a command that the server has carried out).
 */
export class ChatStore extends EventTarget {
  /** @param {import('../wire/outbox.js').Outbox} outbox @param {import('../wire/commands.js').Commands} commands */
  constructor(outbox, commands) {
    super();
    this.outbox = outbox;
    this.commands = commands;
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
    /** Who is known by name. */
    this.authors = new Authors();
    /** What messages answer that are not in the list. */
    this.quotes = new Quotes(this);
    /** What has changed lately, for pages of history that were on their way meanwhile. */
    this.log = new ChangeLog();
    /** @type {Chat.Message[]} the newest pin first; not all of them need be in the list */
    this.pinned = [];
    this.typists = new Typing(() => this.self?.id ?? null, (now) => this.#emit('typing', now));
    /** What the room's owner has set, and what we may do here. */
    this.standing = new Standing();
    this.limits = /** @type {Chat.Limits | null} */ (null);
    this.self = /** @type {Chat.Author | null} */ (null);
    this.also = /** @type {string[]} the public ids that our account has taken over */ ([]);
    this.selfId = /** @type {string | null} our public id as of an earlier visit, until WELCOME tells */ (null);
    /** @type {Chat.Presence} */
    this.presence = { count: 0 };
    /** By so much (ms) the server's clock is ahead of ours, which may be hours off. */
    this.clockOffset = 0;
    /** Rises whenever the list begins anew, so that an answer to an older question is recognised. */
    this.generation = 0;
  }

  /** @returns {Chat.Cursor | undefined} */
  get resume() {
    return this.epoch ? { epoch: this.epoch, rev: this.rev } : undefined;
  }

  get typing() {
    return this.typists.now;
  }

  /** Our public id, as far as it is known. */
  get ownId() {
    return this.self?.id ?? this.selfId;
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
    this.log.begin(rev);
    this.messages = messages;
    this.hasMore = hasMore;
    for (const { author } of messages) this.authors.meet(author);
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
      case 'REACTION':
        if (isReactions(payload)) this.#react(payload);
        break;
      case 'ROOM':
        if (this.standing.told(payload.room)) this.#emit('room');
        keepFrom(this, payload.room ?? {});
        break;
      case 'QUEUE':
        this.standing.queue(payload), this.#emit('room');
        break;
      case 'TYPING':
        this.typists.receive(payload);
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
    const { room, resumed, pinned } = welcome;
    const sameLife = this.epoch === room.epoch;
    const messages = welcome.messages.filter(isMessage);
    const before = this.selfId;
    this.also = welcome.self?.also ?? [];
    this.#setSelf(welcome.self && isAuthor(welcome.self) ? welcome.self : null);
    if (!sameLife || this.selfId !== before) this.commands.forgetMine();
    this.epoch = room.epoch;
    // Where what was missed follows in pieces this is where we were: each piece moves it on, and a cut loses one piece.
    this.rev = room.rev;
    this.limits = welcome.limits ?? null;
    this.standing.welcome(welcome, sameLife);
    this.#emit('room');
    if (pinned || !resumed) this.pinned = Array.isArray(pinned) ? pinned.filter(isMessage).slice(0, PINS_MAX) : [];
    if (resumed) {
      this.#arrive(messages);
    } else {
      // In the same life of the room as well: nobody tells what has become of the messages that were shown.
      this.log.begin(room.rev);
      this.quotes = new Quotes(this);
      this.#begin(Boolean(welcome.hasMore));
      for (const message of messages) this.#place(message);
      this.#emit('messages');
      if (sameLife) this.#announce(messages.filter((message) => message.seq > seen));
    }
    this.#emit('pinned');
    this.typists.end();
    this.#setPresence(welcome.presence);
    keepFrom(this, room);
  }

  /** Another list. @param {boolean} hasMore */
  #begin(hasMore) {
    this.messages = [];
    this.tail = [];
    this.hasNewer = false;
    this.hasMore = hasMore;
    this.generation += 1;
    this.#emit('reset');
  }

  /** @param {Chat.Message[]} messages in the order of their `rev` */
  #arrive(messages) {
    /** @type {Chat.Message[]} */
    const fresh = [];
    for (const message of messages) {
      this.#note({ seq: message.seq, rev: message.rev, message });
      if (this.#place(message)) fresh.push(message);
    }
    if (messages.length) this.#emit('messages');
    this.#announce(fresh);
  }

  /** @param {Chat.Reactions} change */
  #react(change) {
    this.#note(change);
    for (const list of [this.messages, this.tail]) {
      const at = indexOf(list, change.seq);
      const before = list[at];
      if (before?.seq !== change.seq) continue;
      list[at] = changed(before, change);
      if (list[at] !== before) this.#emit('reacted', { before, after: list[at] });
    }
    this.#emit('messages');
  }

  /** What a change means beside the list. @param {Chat.Change} change */
  #note(change) {
    this.log.add(change);
    this.quotes.changed(change);
    const { pinned } = this;
    this.pinned = changedPins(pinned, change);
    if (this.pinned !== pinned) this.#emit('pinned');
  }

  /** @param {Chat.Message[]} messages */
  #announce(messages) {
    const others = messages.filter((message) => !message.deletedAt && !this.isOwn(message));
    if (others.length) this.#emit('arrived', others);
  }

  /** @param {Chat.Message} message */
  isOwn({ author }) {
    return author.id === this.ownId || this.also.includes(author.id);
  }

  /** @param {number} seq */
  bySeq(seq) {
    return bySeq(this.messages, seq) ?? bySeq(this.tail, seq);
  }

  /** A message that the list shows. @param {string} id */
  find(id) {
    return this.messages.find((message) => message.id === id) ?? null;
  }

  /** Nothing is due any more. */
  destroy() {
    this.typists.destroy();
  }

  /** @param {Chat.Message} message */
  mentionsMe({ mentions = [] }) {
    return mentions.some(({ authorId }) => authorId === this.ownId);
  }

  /** @param {Chat.Message} message @returns {boolean} whether it is one that was not known before */
  #place(message) {
    if (this.isOwn(message)) this.#resolve(message.clientId);
    this.authors.meet(message.author);
    const { oldestSeq, newestSeq, tail } = this;
    const { seq, rev } = message;
    // A change to a message that is not loaded comes with its page.
    const above = oldestSeq !== null && seq < oldestSeq && this.hasMore;
    if (!this.hasNewer) return !above && insert(this.messages, message);
    const inList = !above && newestSeq !== null && seq <= newestSeq && insert(this.messages, message);
    // The same message may be in both. Only with a new one may the tail begin: between a changed one and the newest
    // others may be missing.
    const belongs = tail.length ? seq >= tail[0].seq : seq === rev && seq > (newestSeq ?? 0);
    const inTail = belongs && insert(tail, message);
    if (tail.length > TAIL_MAX) tail.splice(0, tail.length - TAIL_MAX);
    return inList || inTail;
  }

  /** @param {Chat.Ack} ack */
  #ack(ack) {
    const command = this.commands.done(ack.clientId);
    if (command) {
      // The change itself comes as everybody's does.
      this.#emit('done', command);
      this.#emit('messages');
    }
    const entry = this.outbox.find(ack.clientId);
    if (!entry) return;
    this.clockOffset = Date.parse(ack.createdAt) - Date.now() || 0;
    // Shown at its place at once. The cursor stays: the MESSAGE itself may still be on its way.
    if (this.self && Number.isSafeInteger(ack.seq) && typeof ack.createdAt === 'string') {
      const { clientId, id, seq, rev, createdAt } = ack;
      const { content, replyTo } = entry;
      // A repeat's answer tells of the message as it was written: it may have been changed since.
      this.#place(this.log.upToDate({ id, seq, rev, clientId, author: this.self, content, createdAt, ...(replyTo && { replyTo }) }));
    }
    this.#resolve(ack.clientId);
    this.#emit('messages');
  }

  /** @param {string} clientId */
  #resolve(clientId) {
    const entry = this.outbox.remove(clientId);
    if (entry) this.#emit('resolved', entry);
  }

  /**
   * Whether a page of the history can be brought up to date: not one of another life of the room, nor one that is
   * older than the changes that are remembered.
   * @param {{epoch?: string, rev?: number}} page
   */
  admits({ epoch, rev }) {
    return (epoch === undefined || epoch === this.epoch) && (rev === undefined || rev >= this.log.from);
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

  /**
   * Another part of the room, around some message.
   * @param {Chat.Message[]} messages
   * @param {boolean} hasMore
   * @param {boolean} hasNewer
   */
  show(messages, hasMore, hasNewer) {
    this.#detach();
    this.messages = [];
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
    this.#emit('messages');
  }

  /** From here on the list need not reach the newest message. */
  #detach() {
    if (this.hasNewer) return;
    this.tail = this.messages.slice(-TAIL_MAX);
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
      // In an old message somebody may have another name than today.
      if (!this.authors.get(message.author.id)) this.authors.meet(message.author);
      insert(this.messages, this.log.upToDate(message));
    }
  }

  /** The outbox changed in a way that shows. */
  touch() {
    this.#emit('messages');
  }

  /** @param {Chat.Author | null} self */
  #setSelf(self) {
    this.self = self;
    if (self) {
      this.outbox.become(this.selfId = self.id);
      this.authors.meet(self);
    }
    this.#emit('self');
    this.#emit('messages');
  }

  /** @param {any} presence */
  #setPresence(presence) {
    const now = readPresence(presence);
    if (!now) return;
    this.presence = now;
    for (const author of this.presence.members ?? []) this.authors.meet(author);
    this.#emit('presence', this.presence);
  }

  /** @param {string} type @param {unknown} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new DetailEvent(type, detail));
  }
}
