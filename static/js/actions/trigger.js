// Notices that somebody wants to do something with a message: by a mouse on it, by a finger held on it, by a key while it
// has the focus. What then opens is loaded with the first such wish.

import { meaningOf } from './keys.js';
import { Press } from './press.js';
import { RowButton } from './row-button.js';

export class Trigger {
  /** @param {Chat.ActionParts & {list: HTMLElement, say: (text: string) => void, signal: AbortSignal}} parts */
  constructor(parts) {
    const { log, list, signal } = parts;
    this.parts = parts;
    /** @type {Promise<import('./menu.js').ActionMenu> | null} */
    this.loading = null;
    /** @type {import('./menu.js').ActionMenu | null} */
    this.menu = null;
    /** The row under the mouse. @type {HTMLElement | null} */
    this.under = null;
    list.addEventListener('pointermove', (event) => this.#hover(event), { signal, passive: true });
    list.addEventListener('pointerleave', () => { this.under = null; }, { signal });
    list.addEventListener('keydown', (event) => this.#key(event), { signal });
    const means = (/** @type {HTMLElement} */ row) => parts.subjectOf(row) !== null;
    new RowButton({
      list, signal, means,
      label: () => parts.strings().actions.label,
      reached: (row) => this.#with(row, () => {}, true),
      pressed: (row) => this.#with(row, (menu, at, subject) => menu.openMenu(at, subject)),
    });
    new Press({
      log, list, signal, means,
      held: (row) => this.#with(row, (menu, at, subject) => menu.openSheet(at, subject)),
    });
    signal.addEventListener('abort', () => this.loading?.then((menu) => menu.destroy(), () => {}));
  }

  /**
   * @param {HTMLElement | null} row
   * @param {(menu: import('./menu.js').ActionMenu, row: HTMLElement, subject: Chat.Subject) => void} open
   * @param {boolean} [quietly] nobody has asked for it in so many words
   */
  async #with(row, open, quietly = false) {
    this.loading ??= import('./menu.js').then(({ ActionMenu }) => ActionMenu.load(this.parts));
    try {
      this.menu = await this.loading;
    } catch {
      this.loading = null;
      if (!quietly) this.parts.say(this.parts.strings().actions.unavailable);
      return;
    }
    // It may be gone by the time that the menu is here.
    const subject = row?.isConnected && !this.parts.signal.aborted ? this.parts.subjectOf(row) : null;
    if (row && subject) open(this.menu, row, subject);
  }

  /** @param {PointerEvent} event */
  #hover({ target, pointerType, buttons }) {
    // With a button pressed somebody selects text.
    if (pointerType !== 'mouse' || buttons !== 0) return;
    const row = rowOf(target);
    const isNew = row !== this.under;
    this.under = row;
    // The same row again only where its bar was closed meanwhile.
    if (row && (isNew || (this.menu && this.menu.row !== row))) this.#with(row, (menu, at, subject) => at === this.under && menu.showBar(at, subject), true);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = rowOf(event.target);
    const subject = row && row === event.target ? this.parts.subjectOf(row) : null;
    const meaning = subject && meaningOf(event, subject.can);
    if (!meaning) return;
    event.preventDefault();
    if (meaning === 'menu') this.#with(row, (menu, at, now) => document.activeElement === at && menu.openMenu(at, now));
    else this.parts.act[meaning](subject.message);
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
const rowOf = (target) => (target instanceof Element ? target.closest('.msg') : null);
