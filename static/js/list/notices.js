// Who has come and gone, as lines between the messages. Pure.

/** Above this many people, coming and going is noise. */
const PEOPLE_MAX = 20;
/** So many notices are kept; older ones say nothing to anybody. */
const NOTICES_MAX = 20;

/**
 * Folds people coming and going into one notice for as long as nobody writes in between.
 * Whoever comes and goes within it is not worth a word.
 * @param {Chat.Notice[]} notices
 * @param {number} afterSeq the newest message now
 * @param {Chat.Author[]} joined
 * @param {Chat.Author[]} left
 * @returns {Chat.Notice[]}
 */
export function foldNotices(notices, afterSeq, joined, left) {
  if (joined.length + left.length === 0) return notices;
  const last = notices.at(-1);
  const open = last && last.afterSeq >= afterSeq ? last : { afterSeq, joined: [], left: [] };
  let nowJoined = [...open.joined];
  let nowLeft = [...open.left];
  for (const author of joined) {
    if (nowLeft.some(same(author))) nowLeft = nowLeft.filter((other) => !same(author)(other));
    else if (!nowJoined.some(same(author))) nowJoined.push(author);
  }
  for (const author of left) {
    if (nowJoined.some(same(author))) nowJoined = nowJoined.filter((other) => !same(author)(other));
    else if (!nowLeft.some(same(author))) nowLeft.push(author);
  }
  const kept = open === last ? notices.slice(0, -1) : notices;
  if (nowJoined.length + nowLeft.length === 0) return kept;
  return [...kept, { afterSeq: open.afterSeq, joined: nowJoined, left: nowLeft }].slice(-NOTICES_MAX);
}

/** @param {Chat.Author} author @returns {(other: Chat.Author) => boolean} */
const same = (author) => (other) => other.id === author.id;

export class Notices {
  /** @param {import('../store/chat-store.js').ChatStore} store */
  constructor(store) {
    this.store = store;
    /** @type {Chat.Notice[]} by afterSeq */
    this.list = [];
  }

  forget() {
    this.list = [];
  }

  /** @param {Chat.Presence} presence @returns {boolean} whether there is another line */
  people({ count, joined = [], left = [] }) {
    if (count > PEOPLE_MAX) return false;
    const { latest, ownId } = this.store;
    /** @param {{id: string}} author */
    const notMe = (author) => author.id !== ownId;
    // Who has just spoken needs no announcing; the server tells of a newcomer only after a while.
    const spoken = new Set(latest.slice(-PEOPLE_MAX).map(({ author }) => author.id));
    const newcomers = joined.filter((author) => notMe(author) && !spoken.has(author.id));
    const list = foldNotices(this.list, latest.at(-1)?.seq ?? 0, newcomers, left.filter(notMe));
    const changed = list !== this.list;
    this.list = list;
    return changed;
  }
}
