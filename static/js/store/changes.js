// What can become of a message after it was written, without the page: figures of reactions put over a message, the
// changes received lately (a page of history may be older than they are), and the pinned messages.

/** So many changes are remembered. A page of history that is older than all of them is asked for again. */
const LOG_MAX = 200;
/** Twice what a room may have (docs/PROTOCOL.md): only a broken server sends more. */
export const PINS_MAX = 20;

/**
 * A message in the state that a change brings it to; as it is where it has come further already.
 * @param {Chat.Message} message
 * @param {Chat.Change} change
 * @returns {Chat.Message}
 */
export function changed(message, change) {
  if (change.rev <= message.rev) return message;
  if (change.message) return change.message;
  const reactions = [...message.reactions ?? []];
  for (const { emoji, count, authors } of change.reactions ?? []) {
    const at = reactions.findIndex((other) => other.emoji === emoji);
    // In the order of first use: what everybody took back and somebody uses again comes last.
    if (count <= 0) at < 0 || reactions.splice(at, 1);
    else reactions.splice(at < 0 ? reactions.length : at, 1, { emoji, count, authors });
  }
  const { reactions: _, ...rest } = message;
  return reactions.length ? { ...rest, rev: change.rev, reactions } : { ...rest, rev: change.rev };
}

/** The changes received lately, in the order of their `rev`. */
export class ChangeLog {
  constructor() {
    /** @type {Chat.Change[]} */
    this.changes = [];
    /** A state of the room before this `rev` cannot be brought up to date. */
    this.from = 0;
  }

  /** Nothing is known of the changes up to this one. @param {number} rev */
  begin(rev) {
    this.changes = [];
    this.from = rev;
  }

  /** @param {Chat.Change} change */
  add(change) {
    // A new message is in every page that could hold it, in this state or a later one.
    if (change.rev === change.seq) return;
    this.changes.push(change);
    if (this.changes.length > LOG_MAX) this.from = /** @type {Chat.Change} */ (this.changes.shift()).rev;
  }

  /** A message from elsewhere, with what is known to have become of it. @param {Chat.Message} message */
  upToDate(message) {
    let now = message;
    for (const change of this.changes) if (change.seq === message.seq) now = changed(now, change);
    return now;
  }
}

/**
 * The pinned messages after a change, the newest pin first.
 * @param {Chat.Message[]} pinned
 * @param {Chat.Change} change
 */
export function changedPins(pinned, change) {
  const there = pinned.find(({ seq }) => seq === change.seq);
  const now = there ? changed(there, change) : change.message;
  if (now === there || (!there && !now?.pinnedAt)) return pinned;
  const others = pinned.filter((other) => other !== there);
  return now?.pinnedAt ? inOrder([...others, now]) : others;
}

/** @param {Chat.Message[]} pinned */
function inOrder(pinned) {
  /** @param {Chat.Message} message */
  const at = ({ pinnedAt }) => Date.parse(pinnedAt ?? '');
  return pinned.sort((a, b) => at(b) - at(a) || b.seq - a.seq).slice(0, PINS_MAX);
}

/**
 * Messages below `firstSeq` are gone for good; what drops them is loaded with the first that may be here.
 * @param {import('./chat-store.js').ChatStore} store @param {{firstSeq?: number}} room
 */
export function keepFrom(store, { firstSeq = 0 }) {
  const { oldestSeq, pinned, quotes } = store;
  if (firstSeq > (oldestSeq ?? 0) || (firstSeq && pinned.length + quotes.known.size)) import('./gone.js').then(({ drop }) => drop(store, firstSeq));
}
