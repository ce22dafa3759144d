// Where something that floats stands. Pure. All in CSS pixels, from the upper left corner of the window.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{left: number, top: number}} Place */

/** The bar lies over the bubble's corner by so much: the way to it leads over nothing else, and no letter is hidden. Over
 * less of a small bubble, which has a name above it. */
const OVER_X_MAX = 22;
const OVER_Y = 9;
/** From the edge of what it has to stay within. */
const MARGIN = 6;
/** Between something and what belongs to it. */
const GAP = 6;

/** @param {number} value @param {number} min @param {number} max where that is below `min`, `min` holds */
const clamp = (value, min, max) => Math.max(min, Math.min(value, max));

/**
 * The bar at the upper corner of a bubble, on the side where the bubble ends.
 * @param {Box} bubble
 * @param {Box} log the part of the window where messages are in sight
 * @param {Size} size of the bar
 * @param {boolean} own messages stand on the right
 * @returns {Place | null} null where the bubble is out of sight
 */
export function placeBar(bubble, log, size, own) {
  if (bubble.bottom <= log.top || bubble.top >= log.bottom) return null;
  const over = Math.min(OVER_X_MAX, (bubble.right - bubble.left) / 4);
  return {
    left: clamp(own ? bubble.left + over - size.width : bubble.right - over, log.left + MARGIN, log.right - MARGIN - size.width),
    top: clamp(bubble.top + OVER_Y - size.height, log.top + MARGIN, log.bottom - MARGIN - size.height),
  };
}

/**
 * Above or below something, wherever there is room; where there is none on either side it lies over it.
 * @param {Box} anchor
 * @param {Size} size
 * @param {Size} view the window
 * @param {{above: boolean, end: boolean}} wish above rather than below; its right edge at the anchor's rather than its left
 * @returns {Place}
 */
export function placePopup(anchor, size, view, { above, end }) {
  const over = anchor.top - GAP - size.height;
  const under = anchor.bottom + GAP;
  const fitsOver = over >= MARGIN;
  const fitsUnder = under + size.height <= view.height - MARGIN;
  const top = (above ? fitsOver || !fitsUnder : fitsOver && !fitsUnder) ? over : under;
  return {
    left: clamp(end ? anchor.right - size.width : anchor.left, MARGIN, view.width - MARGIN - size.width),
    top: clamp(top, MARGIN, view.height - MARGIN - size.height),
  };
}
