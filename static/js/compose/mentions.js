// Who is meant by an `@`: what is being written at the caret, who fits it, and which places of a text address whom.
// Pure: the list of people (mention-list.js) feeds it and draws what it answers.

import { folded, initials, keystrokes } from '../text/hangul.js';

/** The server drops what is beyond (docs/PROTOCOL.md, section 13). */
export const MENTIONS_MAX = 20;
const CANDIDATES_MAX = 8;
/** A nickname has no more code points than this. */
const QUERY_MAX = 50;

/** In front of an `@` that calls somebody: nothing, white space, a comma, or a bracket or quote that opens. Not the letters of a mail address. */
const OPENS = /[\s\p{Ps}\p{Pi}"',]/u;
/** Scripts whose words end with a space: `@Anna` is not `@Ann`. In others a particle follows a name without one (`@수달님`). */
const SPACED = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}]/u;

/**
 * The `@` that is being written, in UTF-16 units: from the `@` itself to the caret.
 * Nicknames hold single spaces, so the query may as well; whether it is still about a name is seen by whom it fits.
 * @param {string} text
 * @param {number} caret
 * @returns {{from: number, to: number, query: string} | null}
 */
export function tokenAt(text, caret) {
  const line = text.lastIndexOf('\n', caret - 1) + 1;
  const from = text.lastIndexOf('@', caret - 1);
  if (caret < 1 || from < line) return null;
  if (from > 0 && !OPENS.test(text[from - 1])) return null;
  const query = text.slice(from + 1, caret);
  if (/^\s|\s\s/u.test(query) || [...query].length > QUERY_MAX) return null;
  return { from, to: caret, query };
}

/**
 * Where the text ends that the name takes the place of: what stands behind the caret goes along where it is the rest
 * of that name, and stays where it is anything else.
 * @param {string} text
 * @param {{from: number, to: number}} token
 * @param {string} nickname
 */
export function endOf(text, { from, to }, nickname) {
  const whole = from + 1 + nickname.length;
  return whole > to && folded(text.slice(from + 1, whole)) === folded(nickname) && ends(text, whole) ? whole : to;
}

/**
 * Who may be meant: names that begin with the query first, then those with a word that does, then those that have it
 * inside. In each of these the order is that of `people`.
 * @param {string} query
 * @param {Chat.Author[]} people
 * @param {string | null} selfId nobody calls themselves
 * @returns {Chat.Author[]} at most 8
 */
export function candidates(query, people, selfId) {
  const wanted = folded(query);
  /** @type {Chat.Author[][]} */
  const found = [[], [], []];
  const seen = new Set([selfId]);
  for (const author of people) {
    if (seen.has(author.id)) continue;
    seen.add(author.id);
    const rank = rankOf(folded(author.nickname), wanted);
    if (rank !== null) found[rank].push(author);
  }
  return found.flat().slice(0, CANDIDATES_MAX);
}

/** @param {string} name @param {string} wanted both folded @returns {0 | 1 | 2 | null} */
function rankOf(name, wanted) {
  const keys = keystrokes(wanted);
  /** @type {1 | 2 | null} */
  let rank = null;
  let at = 0;
  for (const letter of name) {
    const rest = name.slice(at);
    if (keystrokes(rest).startsWith(keys) || initials(rest).startsWith(keys)) {
      if (at === 0) return 0;
      rank = rank === 1 || name[at - 1] === ' ' ? 1 : 2;
    }
    at += letter.length;
  }
  return wanted === '' ? 0 : rank;
}

/**
 * Whom one can call, each once: who wrote lately, then who is here. Messages keep the name of their time; the name is
 * the one of now.
 * @param {Chat.Message[]} messages
 * @param {Chat.Author[]} [members]
 * @returns {Chat.Author[]}
 */
export function peopleOf(messages, members = []) {
  const now = new Map(members.map((author) => [author.id, author]));
  /** @type {Map<string, Chat.Author>} */
  const people = new Map();
  for (let n = messages.length - 1; n >= 0; n -= 1) {
    const { author } = messages[n];
    if (!people.has(author.id)) people.set(author.id, now.get(author.id) ?? author);
  }
  for (const author of members) people.set(author.id, author);
  return [...people.values()];
}

/** Whether a name that ends here is not the beginning of a longer word. @param {string} text @param {number} end */
function ends(text, end) {
  const next = String.fromCodePoint(text.codePointAt(end) ?? 0x20);
  return !(SPACED.test(next) && SPACED.test(text[end - 1] ?? ''));
}

/** Where `@name` stands. @param {string} text @param {string} name @returns {number[]} */
function placesOf(text, name) {
  const places = [];
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1)) places.push(at);
  return places;
}

/**
 * Remembers whom the text of a box addresses while that text is written on. It is told the text, not the keys: so it
 * makes no difference whether somebody types, pastes, undoes or uses an input method.
 */
export class MentionTracker {
  constructor() {
    this.text = '';
    /** @type {Chat.Marked[]} by their places */
    this.marked = [];
    /** Whom each name stood for that was ever chosen in this text, so that undo, redo and moving a sentence keep it. */
    this.chosen = /** @type {Map<string, string>} */ (new Map());
  }

  /** @param {string} [text] */
  reset(text = '') {
    this.text = text;
    this.marked = [];
    this.chosen.clear();
  }

  /** A stored message, to be edited. @param {string} content @param {Chat.Mention[]} [mentions] */
  restore(content, mentions = []) {
    this.reset(content);
    const letters = [...content];
    for (const { authorId, from, to } of mentions) {
      const name = letters.slice(from + 1, to).join('');
      if (letters[from] === '@' && name) this.add(letters.slice(0, from).join('').length, authorId, name);
    }
  }

  /** Here, somebody is addressed. @param {number} from the place of the `@` @param {string} authorId @param {string} name */
  add(from, authorId, name) {
    this.chosen.set(name, authorId);
    this.marked = this.marked.filter((one) => one.from + 1 + one.name.length <= from || one.from > from + name.length);
    this.marked.push({ authorId, name, from });
    this.marked.sort((a, b) => a.from - b.from);
  }

  /**
   * What the box holds now.
   * @param {string} text
   * @param {number} [caret] where the change ended: of two places that look alike, it tells which one went
   */
  edit(text, caret = text.length) {
    const before = this.text;
    if (text === before) return;
    const most = Math.min(text.length, before.length);
    const behind = Math.min(most, text.length - caret);
    let tail = 0;
    while (tail < behind && text[text.length - 1 - tail] === before[before.length - 1 - tail]) tail += 1;
    let head = 0;
    while (head < most - tail && text[head] === before[head]) head += 1;
    while (tail < most - head && text[text.length - 1 - tail] === before[before.length - 1 - tail]) tail += 1;
    this.text = text;
    const shift = text.length - before.length;
    this.marked = this.marked.flatMap((one) => {
      if (one.from + 1 + one.name.length <= head) return one;
      return one.from >= before.length - tail ? { ...one, from: one.from + shift } : [];
    });
  }

  /** Whether somebody is addressed by the `@` at this place. @param {number} from */
  marks(from) {
    return this.marked.some((one) => one.from === from && ends(this.text, from + 1 + one.name.length));
  }

  /**
   * Whom the text addresses, by its code points. Beside those that were chosen: whose whole name was written by hand,
   * where one person alone has it.
   * @param {string} content the text as it is sent, its ends trimmed
   * @param {Chat.Author[]} [people]
   * @returns {Chat.Mention[]}
   */
  mentionsOf(content, people = []) {
    /** @type {Map<string, string | null>} */
    const named = new Map();
    for (const { id, nickname } of people) named.set(nickname, named.has(nickname) && named.get(nickname) !== id ? null : id);
    for (const [name, id] of this.chosen) named.set(name, id);
    // Cleaning takes no name away, so that the second `@수달` of the box is the second of what is sent.
    /** @type {Map<number, Chat.Marked>} */
    const marked = new Map();
    for (const one of this.marked) {
      const from = placesOf(content, one.name)[placesOf(this.text, one.name).indexOf(one.from)];
      if (from !== undefined) marked.set(from, { ...one, from });
    }
    // The longest name that stands there is meant: `@익명의 수달`, and not somebody called `익명의`.
    const names = [...named.keys()].filter((name) => named.get(name)).sort((a, b) => b.length - a.length);
    /** @type {Chat.Mention[]} */
    const mentions = [];
    let at = content.indexOf('@');
    let counted = 0;
    let points = 0;
    while (at >= 0 && mentions.length < MENTIONS_MAX) {
      const one = marked.get(at);
      const from = at;
      const opens = from === 0 || OPENS.test(content[from - 1]);
      const name = one && ends(content, from + 1 + one.name.length) ? one.name
        : opens ? names.find((each) => content.startsWith(each, from + 1) && ends(content, from + 1 + each.length)) : undefined;
      if (name !== undefined) {
        points += [...content.slice(counted, from)].length;
        counted = from;
        const authorId = one?.name === name ? one.authorId : named.get(name) ?? '';
        mentions.push({ authorId, from: points, to: points + 1 + [...name].length });
      }
      at = content.indexOf('@', from + 1 + (name?.length ?? 0));
    }
    return mentions;
  }
}
