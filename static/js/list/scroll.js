// Where the reader is in the list: at its end and following it, or at some row, which then stays where it is on the
// screen, whatever changes above and below it.
//
// The scroller is a reversed column: its resting position is the bottom, so the newest messages are in sight from the
// first paint on, before any script runs and with none at all.

/** Nearer to the end than this counts as being there. */
const FOLLOW_PX = 48;
/** Room left above a row that is brought into sight. */
const LEAD_PX = 12;

export class Scroll {
  /**
   * @param {{log: HTMLElement, list: HTMLElement}} parts the scroller, and the rows in it
   * @param {() => boolean} endsHere whether the list ends with the newest message
   */
  constructor({ log, list }, endsHere) {
    this.log = log;
    this.list = list;
    this.endsHere = endsHere;
    this.following = true;
    /** A finger or a wheel is moving it. */
    this.moving = false;
    this.lastTop = 0;
    /** @type {{node: Element, offset: number} | null} the first row in sight, and where */
    this.anchor = null;
  }

  /** CSS px between the reader and the newest message. Negative in a reversed column; some engines counted the other way once. */
  get below() {
    return Math.abs(this.log.scrollTop);
  }

  /** CSS px between the reader and the first row. */
  get above() {
    return this.log.scrollHeight - this.log.clientHeight - this.below;
  }

  /** Whether there is more than is in sight. */
  get fills() {
    return this.log.scrollHeight > this.log.clientHeight;
  }

  /** The message that the reader is at; null at the end, or where no message is in sight. */
  get seq() {
    const seq = /** @type {HTMLElement | undefined} */ (this.anchor?.node)?.dataset.seq;
    return seq ? Number(seq) : null;
  }

  /** To the end, and to following it. */
  follow() {
    this.following = true;
    this.anchor = null;
  }

  toEnd() {
    this.log.scrollTop = 0;
  }

  /** Away from the end; where to is still to be said. */
  leave() {
    this.following = false;
    this.anchor = null;
  }

  /** The scroller has moved. */
  scrolled() {
    this.moving = true;
    this.#judge();
  }

  rested() {
    this.moving = false;
  }

  /** Brings a row into sight, near the top. @param {Element} row @param {number} [lead] CSS px left above it */
  lead(row, lead = LEAD_PX) {
    const { log } = this;
    log.scrollTop += row.getBoundingClientRect().top - log.getBoundingClientRect().top - lead;
    this.#judge();
  }

  #judge() {
    this.following = this.below <= FOLLOW_PX && this.endsHere();
    this.#remember();
  }

  /** Before the rows change: somebody may have scrolled, with the event that tells still to come. */
  settle() {
    if (!this.following && this.log.scrollTop !== this.lastTop) this.#remember();
  }

  /** Remembers the first row in sight, to find it again after whatever changes around it. */
  #remember() {
    this.anchor = null;
    this.lastTop = this.log.scrollTop;
    if (this.following) return;
    const edge = this.log.getBoundingClientRect().top;
    const rows = this.list.children;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= edge) low = middle + 1;
      else high = middle;
    }
    // A divider may go away, a message stays.
    let node = rows[low];
    while (node && !node.classList.contains('msg')) node = /** @type {Element} */ (node.nextElementSibling);
    if (node) this.anchor = { node, offset: node.getBoundingClientRect().top - edge };
  }

  /** After the rows have changed: the reader is put back to where they were. */
  restore() {
    const { log } = this;
    if (this.following) {
      if (log.scrollTop !== 0) log.scrollTop = 0;
      return;
    }
    if (!this.anchor?.node.isConnected) {
      this.#remember();
      return;
    }
    const offset = this.anchor.node.getBoundingClientRect().top - log.getBoundingClientRect().top;
    const moved = offset - this.anchor.offset;
    if (Math.abs(moved) >= 0.5) log.scrollTop += moved;
    this.lastTop = log.scrollTop;
  }

  /** The scroller or the list has another size. */
  resized() {
    // Somebody has scrolled, and the event that tells is still to come: they are not thrown back. At the very top it is
    // the browser that may have moved it, because the list became shorter.
    if (!this.following && this.log.scrollTop !== this.lastTop && this.above >= 1) this.#remember();
    else this.restore();
  }
}
