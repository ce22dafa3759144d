// The way to a message's menu for whoever cannot hover, press or use a shortcut: a button in the row that has the focus,
// behind its link. It is one and the same for all rows, and to be seen while it has the focus itself.

import { make } from '../shared/dom.js';

export class RowButton {
  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {AbortSignal} options.signal
   * @param {(row: HTMLElement) => boolean} options.means whether anything can be done with this row's message
   * @param {() => string} options.label
   * @param {(row: HTMLElement) => void} options.reached the button has the focus: its looks come with the menu's
   * @param {(row: HTMLElement) => void} options.pressed
   */
  constructor({ list, signal, means, label, reached, pressed }) {
    const button = make('button', 'unseen act-open', '⋯');
    button.type = 'button';
    button.setAttribute('aria-haspopup', 'menu');
    list.addEventListener('focusin', ({ target }) => {
      const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('.msg'));
      if (!row || !means(row)) return;
      button.setAttribute('aria-label', label());
      if (target === button) reached(row);
      else if (!row.contains(button)) (row.querySelector('.line') ?? row).append(button);
    }, { signal });
    button.addEventListener('click', () => {
      const row = /** @type {HTMLElement | null} */ (button.closest('.msg'));
      if (row) pressed(row);
    }, { signal });
    signal.addEventListener('abort', () => button.remove());
  }
}
