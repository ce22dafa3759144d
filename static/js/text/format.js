// What the marks in a message mean: bold, italic, struck and code, fenced code, quotes, links, mentions. Pure, and linear
// in the length of the text, whatever that is. It never fails: what is not clearly a mark is text.
//
// The rules of CommonMark, made stricter where people in a chat mean something else (snake_case, 2*3*4, *^^*, 네~~) and
// looser where a Korean particle follows without a space (**"강조"**는). A line ends all marks but those of fenced code.

import { findLinks } from './links.js';

/** A text without any of these has no marks. */
const MARKED = /[*_~`]|^> |:\/\//m;
/** A line of back ticks, perhaps with the name of a language behind them. */
const FENCE = /^(`{3,})([\w+#.-]{0,32})[ \t]*$/;
const QUOTED = /^>(?: |$)/;

/** Longer runs of a mark are lines and drawings. @type {Record<string, number>} */
const LONGEST = { '*': 3, _: 1, '~': 2 };
/** A run of marks, or something that can be emphasised, up to the next mark. */
const RUNS = /\*+|_+|~+|[\p{L}\p{N}\p{Extended_Pictographic}\u{1f1e6}-\u{1f1ff}][^*_~]*/gu;
/** Scripts that put no space between a word and what belongs to it. */
const DENSE = /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const WORD = /[\p{L}\p{N}\p{M}]/u;
/** What a single mark may stand behind where it begins something: anything else is an emoticon, a formula or a path. */
const BEFORE = /^$|[\s\p{Ps}\p{Pi}"',:–—·*_~-]/u;
/** What the emphasised text may begin with, and what it may end with. */
const FIRST = /[\p{L}\p{N}\p{Extended_Pictographic}\u{1f1e6}-\u{1f1ff}\p{Ps}\p{Pi}"'@#$₩*_~`]/u;
const LAST = /[\p{L}\p{N}\p{M}\p{Extended_Pictographic}\u{1f1e6}-\u{1f1ff}\p{Pe}\p{Pf}"'.!?…,:;%+#*_~`]/u;

/** @typedef {{at: number, end: number, code?: boolean, href?: string, authorId?: string}} Piece of a line */
/** @typedef {{at: number, length: number, style: 'strong' | 'em' | 'strike', on: boolean}} Cut marks that are taken away */

/**
 * @param {string} content
 * @param {Chat.Mention[]} [mentions] those that cannot be are dropped
 * @returns {Chat.Block[]} at least one; each part says where in the content its text stands
 */
export function parse(content, mentions = []) {
  const named = mentions.length ? placesOf(content, mentions) : [];
  if (named.length === 0 && !MARKED.test(content)) return [{ kind: 'text', parts: [{ text: content, at: 0 }] }];
  const lines = linesOf(content);
  /** @type {Chat.Block[]} */
  const blocks = [];
  /** The first of the lines that belong to no other block yet. */
  let open = 0;
  /** No run of so many back ticks closes anything further down. */
  let unclosed = Infinity;
  /** @param {'text' | 'quote'} kind @param {number} from @param {number} to lines */
  const put = (kind, from, to) => {
    const isEmpty = (/** @type {{at: number, end: number}} */ { at, end }) => content.slice(at, end).trim() === '';
    // Between blocks there is room already.
    if (kind === 'text' && (blocks.length || to < lines.length)) {
      while (from < to && isEmpty(lines[from])) from += 1;
      while (from < to && isEmpty(lines[to - 1])) to -= 1;
    }
    if (from === to) return;
    /** @type {Chat.Part[]} */
    const parts = [];
    for (let n = from; n < to; n += 1) {
      const { at, end } = lines[n];
      if (n > from) add(parts, { text: '\n', at: at - 1 });
      inline(content, kind === 'quote' ? Math.min(at + 2, end) : at, end, named, parts);
    }
    blocks.push({ kind, parts });
  };
  for (let n = 0; n < lines.length;) {
    const line = content.slice(lines[n].at, lines[n].end);
    const fence = FENCE.exec(line);
    if (fence && fence[1].length < unclosed) {
      const code = codeFrom(content, lines, n + 1, fence[1].length);
      if (!code) unclosed = fence[1].length;
      else if (code.code.trim()) {
        put('text', open, n);
        blocks.push({ kind: 'code', language: fence[2], code: code.code, at: code.at });
        n = code.next;
        open = n;
        continue;
      }
    } else if (line.startsWith('> ')) {
      put('text', open, n);
      open = n;
      while (n < lines.length && QUOTED.test(content.slice(lines[n].at, lines[n].end))) n += 1;
      put('quote', open, n);
      open = n;
      continue;
    }
    n += 1;
  }
  put('text', open, lines.length);
  return blocks.length ? blocks : [{ kind: 'text', parts: [{ text: content, at: 0 }] }];
}

/** The text without its marks, as it is read out or quoted. @param {string} content @param {Chat.Mention[]} [mentions] */
export function plainText(content, mentions) {
  return parse(content, mentions).map((block) => (block.kind === 'code' ? block.code : block.parts.map(({ text }) => text).join(''))).join('\n');
}

/** @param {string} content @returns {{at: number, end: number}[]} */
function linesOf(content) {
  let at = 0;
  return content.split('\n').map((line) => {
    const place = { at, end: at + line.length };
    at = place.end + 1;
    return place;
  });
}

/**
 * The code that begins with line `from`, up to a run of `n` back ticks or more: in a line of their own, or, as is common
 * in chats, at the end of the last line of the code.
 * @param {string} content @param {{at: number, end: number}[]} lines @param {number} from @param {number} n
 */
function codeFrom(content, lines, from, n) {
  for (let last = from; last < lines.length; last += 1) {
    const { at, end } = lines[last];
    const line = content.slice(at, end).trimEnd();
    let length = line.length;
    while (line[length - 1] === '`') length -= 1;
    if (line.length - length < n) continue;
    const start = lines[from].at;
    const stop = length === 0 ? at - 1 : at + length;
    return { at: start, code: content.slice(start, Math.max(start, stop)), next: last + 1 };
  }
  return null;
}

/** Where somebody is named, in UTF-16 code units. @param {string} content @param {Chat.Mention[]} mentions */
function placesOf(content, mentions) {
  const offsets = [0];
  for (const letter of content) offsets.push(offsets[offsets.length - 1] + letter.length);
  let last = 0;
  return [...mentions].sort((one, other) => one.from - other.from).flatMap(({ authorId, from, to }) => {
    const at = offsets[from];
    const end = offsets[to];
    if (!(at >= last && end > at) || content[at] !== '@' || content.slice(at, end).includes('\n')) return [];
    last = end;
    return [{ at, end, authorId }];
  });
}

/** @param {Chat.Part[]} parts @param {Chat.Part} part */
function add(parts, part) {
  const last = parts.at(-1);
  const { text, at, ...kind } = part;
  const joins = last && last.at + last.text.length === at && !last.href && !last.authorId && !last.code
    && Object.keys(kind).length === Object.keys(last).length - 2 && Object.keys(kind).every((key) => key in last);
  if (joins) last.text += text;
  else if (text) parts.push(part);
}

/**
 * One line, or the part of it that is not a mark of the block.
 * @param {string} content @param {number} from @param {number} to
 * @param {Piece[]} named @param {Chat.Part[]} parts where what is found goes
 */
function inline(content, from, to, named, parts) {
  const pieces = piecesOf(content, from, to, named);
  const cuts = emphasis(content, from, to, pieces);
  const depth = { strong: 0, em: 0, strike: 0 };
  let next = 0;
  for (const { at, end, ...kind } of pieces) {
    let here = at;
    /** @param {number} until */
    const put = (until) => add(parts, {
      text: content.slice(here, until), at: here, ...kind,
      ...(depth.strong ? { strong: true } : {}), ...(depth.em ? { em: true } : {}), ...(depth.strike ? { strike: true } : {}),
    });
    for (; next < cuts.length && cuts[next].at < end; next += 1) {
      const cut = cuts[next];
      put(cut.at);
      depth[cut.style] += cut.on ? 1 : -1;
      here = cut.at + cut.length;
    }
    put(end);
  }
}

/**
 * Code, people and links, which hold no marks, and the text between them.
 * @param {string} content @param {number} from @param {number} to @param {Piece[]} named
 */
function piecesOf(content, from, to, named) {
  /** @type {Piece[]} */
  const pieces = [];
  const closing = backticks(content, from, to);
  let at = from;
  /** @param {number} end */
  const text = (end) => {
    for (const { text: { length }, href } of findLinks(content.slice(at, end))) {
      pieces.push({ at, end: at + length, ...(href ? { href } : {}) });
      at += length;
    }
  };
  let person = named.findIndex((place) => place.at >= from);
  for (let here = from; here < to;) {
    while (person >= 0 && person < named.length && named[person].at < here) person += 1;
    const place = named[person];
    if (place?.at === here && place.end <= to) {
      text(here);
      pieces.push(place);
      at = here = place.end;
      continue;
    }
    if (content[here] !== '`') {
      here += 1;
      continue;
    }
    let length = /^`+/.exec(content.slice(here, to))?.[0].length ?? 0;
    const close = closing.get(here);
    if (close !== undefined && content.slice(here + length, close).trim()) {
      text(here);
      // One space on each side makes room for back ticks in the code.
      const pad = Number(/^ .* $/.test(content.slice(here + length, close)));
      pieces.push({ at: here + length + pad, end: close - pad, code: true });
      at = close + length;
      length = at - here;
    }
    here += length;
  }
  text(to);
  return pieces;
}

/** For each run of back ticks, where the next one of its length stands. @param {string} content @param {number} from @param {number} to */
function backticks(content, from, to) {
  /** @type {Map<number, number>} */
  const closing = new Map();
  /** @type {Map<number, number>} */
  const last = new Map();
  for (const { 0: { length }, index } of content.slice(from, to).matchAll(/`+/g)) {
    const before = last.get(length);
    if (before !== undefined) closing.set(before, from + index);
    last.set(length, from + index);
  }
  return closing;
}

/**
 * Pairs of marks. Each run is put on the pile once and taken from it once.
 * @param {string} content @param {number} from @param {number} to @param {Piece[]} pieces
 * @returns {Cut[]} by their places
 */
function emphasis(content, from, to, pieces) {
  /** @type {Cut[]} */
  const cuts = [];
  /** Runs that may begin something. @type {{mark: string, at: number, left: number}[]} */
  const pile = [];
  /** @type {Record<string, number>} how many of them are of each mark */
  const piled = { '*': 0, _: 0, '~': 0 };
  /** The last place where something stands that can be emphasised. */
  let lastWord = -1;

  /** @param {string} run @param {number} at @param {boolean} opens */
  const close = (run, at, opens) => {
    let used = 0;
    while (used < run.length && piled[run[0]] > 0) {
      let opener = pile.at(-1);
      while (opener && opener.mark !== run[0]) {
        piled[opener.mark] -= 1;
        pile.pop();
        opener = pile.at(-1);
      }
      if (!opener) break;
      const left = run.length - used;
      // One star does not end what two began, nor the other way round.
      if (left + opener.left === 3 && left !== 3 && opener.left !== 3 && run[0] === '*') return used > 0 || !opens;
      const length = Math.min(left, opener.left, 2);
      // An emoticon, as *^^*, is no pair of marks, and neither of the two belongs to another.
      const isEmpty = lastWord < opener.at;
      if (!isEmpty) {
        const style = run[0] === '~' ? 'strike' : length === 2 ? 'strong' : 'em';
        cuts.push({ at: opener.at + opener.left - length, length, style, on: true }, { at: at + used, length, style, on: false });
        opener.left -= length;
        used += length;
      }
      if (isEmpty || opener.left === 0) {
        piled[run[0]] -= 1;
        pile.pop();
      }
      if (isEmpty) return true;
    }
    return used > 0;
  };

  for (const piece of pieces) {
    if (piece.code || piece.href || piece.authorId) {
      lastWord = piece.at;
      continue;
    }
    for (const { 0: run, index } of content.slice(piece.at, piece.end).matchAll(RUNS)) {
      const at = piece.at + index;
      if (!'*_~'.includes(run[0])) {
        lastWord = at;
        continue;
      }
      const { opens, closes } = directions(run, around(content, from, to, at, run.length));
      if (closes && close(run, at, opens)) continue;
      if (!opens) continue;
      pile.push({ mark: run[0], at, left: run.length });
      piled[run[0]] += 1;
    }
  }
  return cuts.sort((one, other) => one.at - other.at);
}

/** The characters on both sides of a run, empty at the ends of the line. @param {string} content @param {number} from @param {number} to @param {number} at @param {number} length */
function around(content, from, to, at, length) {
  const before = at > from ? [...content.slice(Math.max(from, at - 2), at)].at(-1) ?? '' : '';
  const after = at + length < to ? String.fromCodePoint(content.codePointAt(at + length) ?? 0) : '';
  return { before, after };
}

/**
 * Whether a run of marks may begin something, and whether it may end something.
 * @param {string} run @param {{before: string, after: string}} around
 */
function directions(run, { before, after }) {
  const neither = { opens: false, closes: false };
  const isWide = run[0] === '*' && run.length > 1;
  if (run.length > (LONGEST[run[0]] ?? 0) || run === '~') return neither;
  // Of a keycap.
  if (/[\ufe0f\u20e3]/.test(after)) return neither;
  /** @param {string} letter */
  const isWord = (letter) => WORD.test(letter) && !DENSE.test(letter);
  if (isWide) {
    return {
      opens: /[^\s\p{Pe}\p{Pf}]/u.test(after) && !isWord(before) && !/[/\\]/.test(before),
      closes: /[^\s\p{Ps}\p{Pi}/\\]/u.test(before),
    };
  }
  // A face, as '_' and ^_^, is the same on both sides.
  if (before === after) return neither;
  return {
    opens: BEFORE.test(before) && FIRST.test(after),
    closes: LAST.test(before) && !isWord(after) && !/[/\\]/.test(after),
  };
}
