// What a reader asks to have done with messages that are stored: edits, deletions, reactions, pins. Until the server has
// answered each is sent again after a break. In memory only: after a reload what is there is what counts.

import { encodeCommand } from './protocol.js';

/** More than this many unanswered commands are refused. */
export const COMMANDS_MAX = 50;
/** So many own reactions are remembered: far more than anybody has in view. */
const MINE_MAX = 500;

/** Takes the place of `Outbox` for a `Sender`: one on its way at a time, so the order of each message's commands holds. */
export class Commands {
  /** @param {() => string} newId */
  constructor(newId) {
    this.newId = newId;
    /** @type {Chat.Command[]} in the order in which they are sent */
    this.entries = [];
    /** @type {Map<string, boolean>} what was done here: whether, by message and emoji */
    this.mine = new Map();
  }

  /**
   * Takes the place of what waits and has no meaning beside it.
   * @param {Chat.Order} order
   * @returns {Chat.Command | null} null where too many wait
   */
  add(order) {
    const kept = this.entries.filter((entry) => entry.state === 'sending' || !supersedes(order, entry));
    if (kept.length >= COMMANDS_MAX) return null;
    // Never the id of what it replaces: a late answer to that must not be taken for one to this.
    /** @type {Chat.Command} */
    const command = { ...order, clientId: this.newId(), state: 'waiting', sent: false };
    this.entries = [...kept, command];
    return command;
  }

  next() {
    return this.inFlight() ? null : this.entries[0] ?? null;
  }

  inFlight() {
    return this.entries.find(({ state }) => state === 'sending') ?? null;
  }

  /** @param {string} clientId */
  find(clientId) {
    return this.entries.find((entry) => entry.clientId === clientId) ?? null;
  }

  /** @param {Chat.Command} entry */
  sending(entry) {
    entry.state = 'sending';
    entry.sent = true;
  }

  /** What was on its way goes again with the same id, unless what came after it says all. */
  interrupted() {
    for (const entry of this.entries) entry.state = 'waiting';
    this.entries = this.entries.filter((entry, n) => !this.entries.some((later, m) => m > n && supersedes(later, entry)));
  }

  /** The server has carried it out. @param {string} clientId */
  done(clientId) {
    const done = this.fail(clientId);
    if (done?.type === 'REACT') this.remember(done);
    if (done?.type !== 'EDIT') return done;
    // A further edit that was made before the answer is one of the version that this one has made.
    for (const later of this.entries) {
      if (later.type === 'EDIT' && later.id === done.id) later.version = Math.max(later.version, done.version + 1);
    }
    return done;
  }

  /** Refused for good: forget it. @param {string} clientId */
  fail(clientId) {
    const found = this.find(clientId);
    if (found) this.entries = this.entries.filter((entry) => entry !== found);
    return found;
  }

  /** @param {Chat.Command} entry */
  encode(entry) {
    return encodeCommand(entry);
  }

  /**
   * Whether we react to this message with this emoji, as far as is known here: what is on its way counts, then what
   * the message tells, then what this page did.
   * @param {Chat.Message} message
   * @param {string} emoji
   * @param {string | null} selfId null for a reader without a name
   */
  reacts({ id, reactions = [] }, emoji, selfId) {
    const ours = this.entries.filter((entry) => entry.type === 'REACT' && entry.id === id && entry.emoji === emoji).at(-1);
    return ours?.type === 'REACT' ? ours.on : this.reacted({ id, reactions }, emoji, selfId);
  }

  /**
   * As `reacts`, without what is on its way.
   * @param {{id: string, reactions?: Chat.Reaction[]}} message
   * @param {string} emoji
   * @param {string | null} selfId
   */
  reacted({ id, reactions = [] }, emoji, selfId) {
    const reaction = reactions.find((other) => other.emoji === emoji);
    if (!reaction) return false;
    if (selfId !== null && reaction.authors.includes(selfId)) return true;
    // A reader without a name does not know which of them they are.
    return (selfId === null || reaction.count > reaction.authors.length) && this.mine.get(`${id} ${emoji}`) === true;
  }

  /** The emojis that wait to be put on a message. @param {string} id @returns {string[]} */
  reactingTo(id) {
    return this.entries.flatMap((entry) => (entry.type === 'REACT' && entry.id === id && entry.on ? entry.emoji : []));
  }

  /** The text that a message is about to have. @param {string} id */
  editOf(id) {
    const edit = this.entries.filter((entry) => entry.type === 'EDIT' && entry.id === id).at(-1);
    return edit?.type === 'EDIT' ? edit : null;
  }

  /** @param {string} id */
  deletes(id) {
    return this.entries.some((entry) => entry.type === 'DELETE' && entry.id === id);
  }

  /** What the server says of our own reactions. @param {{id: string, emoji: string, on: boolean}} reaction */
  remember({ id, emoji, on }) {
    const key = `${id} ${emoji}`;
    this.mine.delete(key);
    this.mine.set(key, on);
    if (this.mine.size > MINE_MAX) this.mine.delete(/** @type {string} */ (this.mine.keys().next().value));
  }

  /** Another reader, or another life of the room. */
  forgetMine() {
    this.mine.clear();
  }
}

/** Whether nothing is lost where only the newer of these two is sent. @param {Chat.Order} newer @param {Chat.Command} older */
function supersedes(newer, older) {
  if (newer.id !== older.id) return false;
  if (newer.type === 'REACT') return older.type === 'REACT' && older.emoji === newer.emoji;
  if (newer.type === 'PIN') return older.type === 'PIN';
  // An edit that may be stored has made a version of its own, which the next one has to name.
  return newer.type === 'DELETE' || (older.type === 'EDIT' && !older.sent);
}
