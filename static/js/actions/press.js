// A long press on a message. For that press, and for it alone, the browser neither selects text nor shows a menu of its
// own; on links, buttons and code it does, since there its menu is what one wants.

/** What browsers take for a long press as well. */
const HOLD_MS = 500;
/** A finger that moves so far means to scroll. */
const STILL_PX = 10;
/** Here a press keeps its own meaning. */
const OWN_MEANING = 'a, button, input, textarea, pre, code, summary';

export class Press {
  /**
   * @param {object} options
   * @param {HTMLElement} options.log scrolling ends a press
   * @param {HTMLElement} options.list
   * @param {(row: HTMLElement) => boolean} options.means whether a press on this row means anything
   * @param {(row: HTMLElement) => void} options.held
   * @param {AbortSignal} options.signal
   */
  constructor({ log, list, means, held, signal }) {
    this.means = means;
    this.held = held;
    /** The row under the finger. @type {HTMLElement | null} */
    this.row = null;
    this.x = 0;
    this.y = 0;
    /** The finger has been down for long enough. */
    this.isHeld = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @param {Event} event */
    const prevent = (event) => this.isHeld && event.cancelable && event.preventDefault();
    list.addEventListener('pointerdown', (event) => this.#down(event), { signal });
    document.addEventListener('pointermove', (event) => this.#move(event), { signal, passive: true });
    for (const type of ['pointerup', 'pointercancel']) document.addEventListener(type, () => this.#up(), { signal, capture: true });
    log.addEventListener('scroll', () => this.#up(), { signal, passive: true });
    list.addEventListener('contextmenu', (event) => {
      // Some systems call a press long before we do.
      if (this.row) this.#hold();
      prevent(event);
    }, { signal });
    list.addEventListener('selectstart', (event) => this.row && event.preventDefault(), { signal });
    // Else the finger that is lifted would press what has come up below it.
    list.addEventListener('touchend', prevent, { signal, passive: false });
    signal.addEventListener('abort', () => this.#up());
  }

  /** @param {PointerEvent} event */
  #down({ target, pointerType, isPrimary, clientX, clientY }) {
    this.#up();
    this.isHeld = false;
    const element = /** @type {Element} */ (target);
    const row = /** @type {HTMLElement | null} */ (element.closest('.msg'));
    if (pointerType === 'mouse' || !isPrimary || !row || element.closest(OWN_MEANING) || !this.means(row)) return;
    this.row = row;
    this.x = clientX;
    this.y = clientY;
    this.#selectable(row, 'none');
    this.timer = setTimeout(() => this.#hold(), HOLD_MS);
  }

  /** @param {PointerEvent} event */
  #move({ clientX, clientY }) {
    if (this.row && Math.hypot(clientX - this.x, clientY - this.y) >= STILL_PX) this.#up();
  }

  #hold() {
    const { row } = this;
    clearTimeout(this.timer);
    if (!row || this.isHeld) return;
    this.isHeld = true;
    this.held(row);
  }

  #up() {
    clearTimeout(this.timer);
    if (this.row) this.#selectable(this.row, '');
    this.row = null;
  }

  /** @param {HTMLElement} row @param {'none' | ''} value */
  #selectable({ style }, value) {
    for (const name of ['user-select', '-webkit-user-select', '-webkit-touch-callout']) style.setProperty(name, value);
  }
}
