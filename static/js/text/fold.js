// Whether a message is so long that it is folded at first. Decided by what is written, not by measuring what was drawn:
// measuring each row would make the browser lay out the page again and again. early.js guesses the same from the raw text.

/** The folds, and how many letters of Latin script fit into a line of the widest bubble where each holds (chat.css). */
const LETTERS = /** @type {const} */ ([['long', 74], ['longish', 46], ['lengthy', 34]]);
/** A folded message shows twelve lines; for fewer hidden ones than this many more it is not worth it. */
const LINES_MAX = 14;
/** What the head and the edges of a block of code take, in lines. */
const CODE_LINES = 3;
/** Letters from here on are about twice as wide: Hangul, Han, and, as pairs of code units, emoji. */
const WIDE_FROM = 0x1100;

/** @param {string} text @param {number} letters that fit into a line */
function linesOf(text, letters) {
  let lines = 0;
  for (const line of text.split('\n')) {
    let width = 0;
    for (let n = 0; n < line.length; n += 1) {
      const code = line.charCodeAt(n);
      width += code < WIDE_FROM || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
    }
    lines += Math.max(1, Math.ceil(width / letters));
  }
  return lines;
}

/**
 * @param {Chat.Block[]} blocks
 * @returns {Chat.Fold} the name of its class: folded everywhere, in narrow frames, on phones, or nowhere
 */
export function foldOf(blocks) {
  /** @param {number} letters */
  const lines = (letters) => blocks.reduce((sum, block) => sum + (block.kind === 'code'
    ? block.code.split('\n').length + CODE_LINES
    : linesOf(block.parts.map(({ text }) => text).join(''), letters)), 0);
  return LETTERS.find(([, letters]) => lines(letters) > LINES_MAX)?.[0] ?? '';
}

/** Messages whose fold somebody has opened or closed that are remembered. */
const KEPT_MAX = 500;

/** What the reader has unfolded, also while a message is out of sight and its row is gone. */
export class Folds {
  constructor() {
    /** @type {Map<string, boolean>} */
    this.open = new Map();
  }

  /** @param {string} key @returns {boolean | undefined} undefined where nobody has touched it */
  get(key) {
    return this.open.get(key);
  }

  /** @param {string} key @param {boolean} open */
  set(key, open) {
    this.open.delete(key);
    this.open.set(key, open);
    if (this.open.size > KEPT_MAX) this.open.delete(/** @type {string} */ (this.open.keys().next().value));
  }
}
