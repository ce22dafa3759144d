// What the menu of a message offers, and how the keys walk through it. Pure.

import { keystrokes } from '../text/hangul.js';

/** @typedef {'reply' | 'edit' | 'copy' | 'link' | 'pin' | 'unpin' | 'report' | 'ban' | 'remove'} Action */

/** In the order in which they are offered; what cannot be undone for ever stands last. @type {Action[]} */
const ACTIONS = ['reply', 'edit', 'copy', 'link', 'pin', 'unpin', 'report', 'ban', 'remove'];

/**
 * Which part of all that can be done: `quick` the emojis, `more` what the bar has no button for, `all` both and what
 * the bar has.
 * @typedef {'quick' | 'more' | 'all'} Part
 */

/**
 * @param {Chat.Can} can
 * @param {Part} part
 * @returns {{quick: boolean, actions: Action[]}}
 */
export function offered(can, part) {
  return {
    quick: can.react && part !== 'more',
    actions: part === 'quick' ? [] : ACTIONS.filter((action) => can[action] && (part === 'all' || action !== 'reply')),
  };
}

/**
 * Where a key leads. The places are counted line by line, from 0.
 * @param {number[]} widths how many places each line has
 * @param {number} at
 * @param {string} key as in KeyboardEvent.key
 * @returns {number | null} null where the key means nothing here
 */
export function step(widths, at, key) {
  const starts = widths.map((_, n) => widths.slice(0, n).reduce((sum, width) => sum + width, 0));
  const line = starts.filter((start) => start <= at).length - 1;
  const n = widths.length;
  const column = at - starts[line];
  switch (key) {
    case 'Home': return 0;
    case 'End': return starts[n - 1] + widths[n - 1] - 1;
    case 'ArrowDown': return starts[(line + 1) % n];
    case 'ArrowUp': return starts[(line + n - 1) % n];
    case 'ArrowRight': return starts[line] + (column + 1) % widths[line];
    case 'ArrowLeft': return starts[line] + (column + widths[line] - 1) % widths[line];
    default: return null;
  }
}

/**
 * Where the letters that were typed lead: the next place whose words begin with them, round the end. The same letter
 * again goes on to the next one. In Korean the first letter of a syllable is enough, since a key that is typed outside
 * of a text box arrives as one.
 * @param {string[]} labels of each place
 * @param {number} at -1 where none is picked
 * @param {string} typed
 * @returns {number | null} null where there is none
 */
export function typedAhead(labels, at, typed) {
  const keys = keystrokes(typed);
  const wanted = [...keys].every((key) => key === keys[0]) ? keys[0] : keys;
  // One letter leads on; more of them may still mean the place where the first of them has led.
  const from = wanted.length === 1 ? at + 1 : Math.max(at, 0);
  for (let n = 0; n < labels.length; n += 1) {
    const place = (from + n) % labels.length;
    if (keystrokes(labels[place]).startsWith(wanted)) return place;
  }
  return null;
}

/**
 * The cell above or below one, in the column that is nearest.
 * @param {{top: number, left: number}[]} cells in reading order
 * @param {number} at
 * @param {-1 | 1} direction up or down
 * @returns {number} -1 where no cell is
 */
export function vertical(cells, at, direction) {
  const { top, left } = cells[at];
  const beyond = cells.map((cell, n) => ({ ...cell, n })).filter((cell) => (cell.top - top) * direction > 0);
  if (beyond.length === 0) return -1;
  const row = direction > 0 ? beyond[0].top : beyond[beyond.length - 1].top;
  return beyond.filter((cell) => cell.top === row)
    .reduce((best, cell) => (Math.abs(cell.left - left) < Math.abs(best.left - left) ? cell : best)).n;
}
