// A server of one room in a few lines: what the tests of equivalence hold the page's store against.

import { other } from './support.mjs';

/**
 * Every kind of change that there is, with what the server calls it (`Action` in crates/domain/src/change.rs, and a new
 * message). A kind without its case in `ModelServer.make` fails the tests, and so does one of the server's without its
 * line here.
 */
export const ACTIONS = /** @type {const} */ ({
  message: 'Message', reply: 'Message', edit: 'Edit', delete: 'Delete', react: 'React', unreact: 'React', 'react to many': 'React', restore: 'Restore',
  unname: 'Unname', pin: 'Pin', unpin: 'Pin',
});
export const KINDS = /** @type {(keyof typeof ACTIONS)[]} */ (Object.keys(ACTIONS));
const PAGE = 12;
const EMOJIS = ['👍', '❤️', '😂', '🎉'];
const PEOPLE = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/** The same whole numbers below `n` for the same seed (mulberry32). @param {number} seed */
export function random(seed) {
  let state = seed * 0x9e3779b1;
  return (/** @type {number} */ n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

export class ModelServer {
  /** @param {(n: number) => number} next @param {string} [epoch] */
  constructor(next, epoch = 'e1') {
    this.next = next;
    this.epoch = epoch;
    this.rev = 0;
    /** What the owner has set: no change, but a state with a number of its own. */
    this.room = { settings: {}, settingsRev: 0 };
    /** @type {Map<number, any>} by `seq`: messages with `who`, the names behind each emoji */
    this.rows = new Map();
    /** @type {any[]} every frame that was told to everybody */
    this.frames = [];
    /** @type {Set<string>} */
    this.happened = new Set();
  }

  /** One change of a random kind, where such a one is possible. */
  change() {
    // Mostly new messages, as it is.
    const kind = this.next(3) === 0 ? 'message' : KINDS[this.next(KINDS.length)];
    const before = this.rev;
    this.make(kind);
    if (this.rev === before) return;
    this.happened.add(kind);
  }

  /** @param {typeof KINDS[number]} kind */
  make(kind) {
    const rows = [...this.rows.values()].filter((row) => !row.deletedAt);
    const row = rows[this.next(rows.length || 1)];
    if (kind === 'message') return this.write({});
    if (!row) return undefined;
    switch (kind) {
      case 'reply': return this.write({ replyTo: { id: row.id, seq: row.seq }, mentions: [{ authorId: 'a', from: 0, to: 2 }] });
      case 'edit': return this.whole({ ...row, version: (row.version ?? 1) + 1, editedAt: this.time(), content: `edit at ${this.rev}` });
      case 'delete': {
        const { version: _, editedAt: __, pinnedAt: ___, replyTo: ____, mentions: _____, ...rest } = row;
        return this.whole({ ...rest, content: '', deletedAt: this.time(), deletedBy: this.next(2) ? 'author' : 'moderator', who: new Map(), text: row.content });
      }
      case 'restore': {
        const gone = [...this.rows.values()].find((one) => one.deletedAt);
        if (!gone) return undefined;
        const { text, deletedAt: _, deletedBy: __, ...rest } = gone;
        return this.whole({ ...rest, content: text });
      }
      case 'unname': {
        // Whoever was erased is named nowhere, on what is deleted neither.
        const named = [...this.rows.values()].filter(({ author }) => author.nickname !== '—');
        const one = named[this.next(named.length || 1)];
        return one && this.whole({ ...one, author: { ...one.author, nickname: '—' } });
      }
      case 'react': return this.react(row, 1, true);
      case 'unreact': return this.react(row, 1, false);
      case 'react to many': return this.react(row, 4, null);
      case 'pin': return this.pinned().length < 10 && !row.pinnedAt ? this.whole({ ...row, pinnedAt: this.time() }) : undefined;
      case 'unpin': {
        const { pinnedAt, ...rest } = rows.find((one) => one.pinnedAt) ?? row;
        return pinnedAt ? this.whole(rest) : undefined;
      }
      default: throw new Error(`a kind of change without its case: ${kind}`);
    }
  }

  /** Other settings, told to everybody. */
  set() {
    this.room = { settings: [{}, { locked: true }, { slowSeconds: 30, linksMax: 0 }][this.next(3)], settingsRev: this.room.settingsRev + 1 };
    this.frames.push({ type: 'ROOM', payload: { rev: this.rev, room: this.room } });
  }

  /** Times differ by a minute for each value of the counter. */
  time() {
    return new Date(Date.UTC(2026, 0, 1) + this.rev * 60_000).toISOString();
  }

  /** @param {object} more */
  write(more) {
    const seq = this.rev + 1;
    this.whole({ id: `id${seq}`, seq, clientId: `c${seq}`, author: other, content: `text ${seq}`, createdAt: this.time(), who: new Map(), ...more });
  }

  /** A change that is told whole. @param {any} row */
  whole(row) {
    this.rev += 1;
    const now = { ...row, rev: this.rev };
    this.rows.set(row.seq, now);
    this.frames.push({ type: 'MESSAGE', payload: told(now) });
  }

  /** A batch of reactions to one message: one change. @param {any} row @param {number} n @param {boolean | null} on null: either */
  react(row, n, on) {
    const before = figures(row.who);
    const who = new Map([...row.who].map(([emoji, names]) => [emoji, [...names]]));
    for (let done = 0; done < n; done += 1) {
      const [emoji, name] = [EMOJIS[this.next(EMOJIS.length)], PEOPLE[this.next(PEOPLE.length)]];
      const names = who.get(emoji) ?? [];
      const wanted = on ?? this.next(2) === 0;
      if (wanted && !names.includes(name)) who.set(emoji, [...names, name]);
      else if (!wanted && names.includes(name)) who.set(emoji, names.filter((/** @type {string} */ one) => one !== name));
    }
    // Only where nobody is left at the end of a batch does an emoji lose its place.
    for (const [emoji, names] of who) if (names.length === 0) who.delete(emoji);
    const after = figures(who);
    const gone = before.filter(({ emoji }) => !who.has(emoji)).map(({ emoji }) => ({ emoji, count: 0, authors: [] }));
    const same = (/** @type {any} */ one) => before.some((old) => JSON.stringify(old) === JSON.stringify(one));
    const reactions = [...after.filter((one) => !same(one)), ...gone];
    if (reactions.length === 0) return;
    this.rev += 1;
    this.rows.set(row.seq, { ...row, who, rev: this.rev });
    this.frames.push({ type: 'REACTION', payload: { id: row.id, seq: row.seq, rev: this.rev, reactions } });
  }

  /** Every message as it is now, by `seq`. */
  all() {
    return [...this.rows.values()].sort((a, b) => a.seq - b.seq).map(told);
  }

  pinned() {
    return this.all().filter(({ pinnedAt }) => pinnedAt).sort((a, b) => Date.parse(b.pinnedAt) - Date.parse(a.pinnedAt) || b.seq - a.seq);
  }

  /** @param {number} [count] */
  welcome(count = PAGE) {
    const all = this.all();
    return this.#head({ rev: this.rev, resumed: false, messages: all.slice(-count), hasMore: all.length > count });
  }

  /** The frames that answer a resume from there. @param {number} rev @param {number} piece changes in each @param {boolean} inPieces */
  resume(rev, piece, inPieces) {
    const missed = this.all().filter((message) => message.rev > rev).sort((a, b) => a.rev - b.rev);
    if (!inPieces) return [this.#head({ rev: this.rev, resumed: true, messages: missed })];
    const frames = [this.#head({ rev, head: this.rev, resumed: true, messages: [] })];
    for (let at = 0; at < missed.length; at += piece) {
      frames.push({ type: 'BATCH', payload: { frames: missed.slice(at, at + piece).map((payload) => ({ type: 'MESSAGE', payload })) } });
    }
    return frames;
  }

  /** @param {any} how */
  #head({ rev, ...how }) {
    return {
      type: 'WELCOME',
      payload: {
        sessionId: 's', self: null, room: { id: 'r', epoch: this.epoch, rev, ...this.room }, hasMore: false,
        presence: { count: 1 }, pinned: this.pinned(), limits: { contentMax: 2000 }, heartbeatSeconds: 30, ...how,
      },
    };
  }

  /** What a reader who scrolls may ask for now: steps for `Reader`. @param {any} state */
  pages({ messages, hasMore, hasNewer }) {
    const all = this.all();
    const { epoch, rev } = this;
    const first = messages[0]?.seq;
    const last = messages.at(-1)?.seq;
    const above = all.filter(({ seq }) => seq < first);
    const below = all.filter(({ seq }) => seq > last);
    return [
      ...(hasMore && first ? [{ before: first, page: { epoch, rev, messages: above.slice(-PAGE), hasMore: above.length > PAGE } }] : []),
      ...(hasNewer && last ? [{ after: last, page: { epoch, rev, messages: below.slice(0, PAGE), hasMore: below.length > PAGE } }] : []),
    ];
  }
}

/** @param {Map<string, string[]>} who */
const figures = (who) => [...who].map(([emoji, names]) => ({ emoji, count: names.length, authors: names.slice(0, 5) }));

/** A message as it stands on the wire; the text of a deleted one stays behind. @param {any} row */
function told({ who, text: _, ...message }) {
  const reactions = figures(who);
  return reactions.length ? { ...message, reactions } : message;
}
