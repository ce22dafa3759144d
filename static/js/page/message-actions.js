// What a reader does with messages that are stored: reacts, answers, edits, deletes, reports; and what moderators do.

import { COMMANDS_MAX } from '../wire/commands.js';

export class MessageActions {
  /**
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {object} options
   * @param {import('../store/deletions.js').Deletions} options.deletions
   * @param {import('../wire/sender.js').Sender<Chat.Command>} options.commander
   * @param {() => import('../compose/composer.js').Composer} options.composer
   * @param {() => Chat.Strings} options.strings
   * @param {(text: string) => void} options.explain why something cannot be done
   * @param {() => boolean} options.writes whether this reader has a nickname to write under
   */
  constructor(store, { deletions, commander, composer, strings, explain, writes }) {
    this.store = store;
    this.deletions = deletions;
    this.commander = commander;
    this.composer = composer;
    this.strings = strings;
    this.explain = explain;
    this.writes = writes;
    /** What was reported from this page: once a message is enough. @type {Set<string>} */
    this.reported = new Set();
  }

  /** What can be done with a message here and now. @param {Chat.Message} message */
  can(message) {
    const there = !message.deletedAt && !this.deletions.has(message.id) && !this.store.commands.deletes(message.id);
    const isOwn = this.store.isOwn(message);
    const own = isOwn && this.writes();
    const { standing } = this.store;
    const open = there && !standing.shut;
    return {
      react: open,
      reply: open && this.writes(),
      edit: open && own && this.#editable(message),
      remove: there && (own || standing.may('DELETE_ANY')),
      link: true,
      copy: there,
      report: there && !isOwn && !standing.moderates && !this.reported.has(message.id),
      pin: there && standing.may('PIN') && !message.pinnedAt,
      unpin: there && standing.may('PIN') && Boolean(message.pinnedAt),
      ban: there && !isOwn && standing.may('BAN') && message.author.badge !== 'owner',
    };
  }

  /** @param {Chat.Message} message */
  #editable({ createdAt }) {
    const seconds = this.store.limits?.editWindowSeconds;
    return seconds === undefined || Date.now() + this.store.clockOffset - Date.parse(createdAt) < seconds * 1000;
  }

  /** @param {Chat.Message} message @param {string} emoji @param {boolean} [on] the other of what is so, where it is not said */
  react(message, emoji, on = !this.reacts(message, emoji)) {
    const { reactionsMax } = this.store.limits ?? {};
    const kinds = new Set((message.reactions ?? []).map((one) => one.emoji));
    if (on && reactionsMax && !kinds.has(emoji) && kinds.size >= reactionsMax) this.explain(this.strings().errors.TOO_MANY_REACTIONS);
    else this.#order({ type: 'REACT', id: message.id, emoji, on });
  }

  /** @param {Chat.Message} message @param {string} emoji */
  reacts(message, emoji) {
    return this.store.commands.reacts(message, emoji, this.store.ownId);
  }

  /** @param {Chat.Message} message */
  reply(message) {
    this.composer().answer(message);
  }

  /** @param {Chat.Message} message */
  edit(message) {
    const edit = this.store.commands.editOf(message.id);
    this.composer().edit(message, edit?.content);
  }

  /** The last message of one's own that may still be edited. */
  editLast() {
    const message = [...this.store.latest].reverse().find((one) => this.can(one).edit);
    if (message) this.edit(message);
  }

  /** The edit that the composer has made. @param {Chat.Message} message @param {string} content @param {Chat.Mention[]} mentions */
  change(message, content, mentions) {
    const now = this.store.quotes.find(message) ?? message;
    const version = Math.max(now.version ?? 1, message.version ?? 1);
    return this.#order({ type: 'EDIT', id: message.id, version, content, ...(mentions.length && { mentions }) });
  }

  /** One's own may be kept for a while; another's is gone at once, and whoever did it can undo that. @param {Chat.Message} message */
  remove(message) {
    if (this.store.isOwn(message)) this.deletions.add(message.id);
    else this.delete(message.id);
  }

  /** @param {Chat.Message} message @param {boolean} on */
  pin({ id }, on) {
    this.#order({ type: 'PIN', id, on });
  }

  /** A deletion that can no longer be taken back. @param {string} id */
  delete(id) {
    this.#order({ type: 'DELETE', id });
  }

  /** The server has refused for good: nothing that was written is lost. @param {{code: string, entry: Chat.Command}} refusal */
  refused({ code, entry }) {
    const { errors, failed } = this.strings();
    this.explain(errors[/** @type {keyof typeof errors} */ (code)] ?? failed);
    if (entry.type !== 'EDIT' || code === 'MESSAGE_NOT_FOUND' || code === 'MESSAGE_DELETED') return;
    const message = this.store.find(entry.id);
    if (message) this.composer().edit(message, entry.content);
  }

  /** @param {Chat.Order} order @returns {boolean} whether it is on its way */
  #order(order) {
    if (!this.store.commands.add(order)) {
      this.explain(this.strings().commandsFull(COMMANDS_MAX));
      return false;
    }
    this.store.touch();
    this.commander.pump();
    return true;
  }
}
