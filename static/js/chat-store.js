// What this reader knows of the room: the messages in order, who is here, and how far we are.
// Every change goes through here and ends in one event; nothing here touches the page.

import { DetailEvent } from './events.js';
import { changeRev, isAuthor, isMessage, isWelcome } from './protocol.js';

/**
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
      this.messages = [];
      this.hasMore = Boolean(welcome.hasMore);
      this.generation += 1;
      this.#emit('reset');
      for (const message of messages) this.#place(message);
      this.#emit('messages');
      // After a longer absence the page is another one, but what is new in it is still new.
      if (sameLife) this.#announce(messages.filter((message) => message.seq > seen));
    }
    this.#setPresence(welcome.presence);
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

  /**
   * Puts a message where its `seq` belongs; one with the same `seq` is replaced.
   * @param {Chat.Message} message
   * @returns {boolean} whether it is one that was not here before
   */
  #place(message) {
    if (this.isOwn(message)) this.#resolve(message.clientId);
    const oldest = this.oldestSeq;
    // A change to a message above the part that we have loaded comes with its page.
    if (oldest !== null && message.seq < oldest && this.hasMore) return false;
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq < message.seq) low = middle + 1;
      else high = middle;
    }
    const there = this.messages[low];
    if (there && there.seq === message.seq) {
      // A page of history may be older than what the socket has told since.
      if (message.rev >= there.rev) this.messages[low] = message;
      return false;
    }
    this.messages.splice(low, 0, message);
    return true;
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
   * A page of older messages, from the history over HTTP.
   * @param {Chat.Message[]} messages
   * @param {boolean} hasMore
   */
  older(messages, hasMore) {
    // The page lies above what we have, so nothing of it may be held back.
    this.hasMore = false;
    for (const message of messages) if (isMessage(message)) this.#place(message);
    this.hasMore = hasMore;
    this.#emit('messages');
  }

  /** Lets go of the oldest messages beyond `max`; the reader finds them again by scrolling up. @param {number} max */
  trim(max) {
    if (this.messages.length <= max) return;
    this.messages.splice(0, this.messages.length - max);
    this.hasMore = true;
    this.generation += 1;
    this.#emit('messages');
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
    this.presence = presence;
    this.#emit('presence', presence);
  }

  /** @param {string} type @param {unknown} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new DetailEvent(type, detail));
  }
}
