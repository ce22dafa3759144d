// The messages from the keyboard: the list is one stop of the Tab key, the arrows walk through it.

export class Roving {
  /**
   * @param {HTMLElement} log one stop of the Tab key
   * @param {HTMLElement} list its children of class `msg` are the messages
   * @param {{toBottom: () => void, leave: () => void}} actions
   * @param {AbortSignal} signal
   */
  constructor(log, list, { toBottom, leave }, signal) {
    this.log = log;
    this.list = list;
    this.toBottom = toBottom;
    /** Where the reader was; to come back to. @type {HTMLElement | null} */
    this.current = null;
    log.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      if (event.key === 'Escape') leave();
      else if (!this.#go(event.key, /** @type {Element} */ (event.target))) return;
      event.preventDefault();
    }, { signal });
  }

  /** @param {string} key @param {Element} from @returns {boolean} whether this was for us */
  #go(key, from) {
    if (!['ArrowUp', 'ArrowDown', 'Home', 'End'].includes(key)) return false;
    const rows = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll(':scope > .msg')]);
    if (rows.length === 0) return false;
    const last = rows.length - 1;
    const here = rows.indexOf(/** @type {HTMLElement} */ (from.closest('.msg')));
    if (key === 'Home') this.#focus(rows[0]);
    else if (key === 'End') this.#end(rows[last]);
    else if (here < 0) this.#focus(this.current && rows.includes(this.current) ? this.current : this.#nearest(rows));
    else if (key === 'ArrowUp') this.#focus(rows[Math.max(here - 1, 0)]);
    else if (here < last) this.#focus(rows[here + 1]);
    else this.#end(rows[last]);
    return true;
  }

  /** The newest message in sight. @param {HTMLElement[]} rows */
  #nearest(rows) {
    const end = this.log.getBoundingClientRect().bottom;
    return rows.filter((row) => row.getBoundingClientRect().top < end).at(-1) ?? rows[0];
  }

  /** @param {HTMLElement} row */
  #end(row) {
    this.#focus(row);
    this.toBottom();
  }

  /** @param {HTMLElement} row */
  #focus(row) {
    this.current = row;
    row.tabIndex = -1;
    row.focus();
  }
}
