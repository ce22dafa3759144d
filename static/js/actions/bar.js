// The bar that a mouse brings up at a message: react, reply, more.

import { make } from '../shared/dom.js';
import { icon } from './icons.js';
import { offered } from './lines.js';
import { placeBar } from './place.js';

export class Bar {
  /**
   * @param {object} options
   * @param {HTMLElement} options.host
   * @param {HTMLElement} options.log
   * @param {HTMLElement} options.row
   * @param {Chat.Can} options.can
   * @param {() => Chat.Strings} options.strings
   * @param {(part: 'react' | 'reply' | 'more', button: HTMLElement) => void} options.choose
   */
  constructor({ host, log, row, can, strings, choose }) {
    this.log = log;
    this.row = row;
    this.strings = strings;
    this.element = make('div', 'act-bar');
    this.element.setAttribute('role', 'toolbar');
    const has = { react: can.react, reply: can.reply, more: offered(can, 'more').actions.length > 0 };
    const parts = /** @type {const} */ (['react', 'reply', 'more']).filter((part) => has[part]);
    this.buttons = parts.map((part) => {
      const button = make('button', 'act-button');
      button.type = 'button';
      // From the keyboard the row's own menu has all of it.
      button.tabIndex = -1;
      button.dataset.does = part;
      if (part !== 'reply') button.setAttribute('aria-haspopup', 'menu');
      button.append(icon(part));
      button.addEventListener('click', () => choose(part, button));
      return button;
    });
    this.element.append(...this.buttons);
    this.element.addEventListener('mousedown', (event) => event.preventDefault());
    this.relabel();
    if (this.buttons.length) host.append(this.element);
  }

  relabel() {
    const strings = this.strings().actions;
    this.element.setAttribute('aria-label', strings.label);
    for (const button of this.buttons) {
      const label = strings[/** @type {'react' | 'reply' | 'more'} */ (button.dataset.does)];
      button.title = label;
      button.setAttribute('aria-label', label);
    }
  }

  /** Which of its buttons has something open. @param {Element | null} open */
  mark(open) {
    for (const button of this.buttons) {
      if (button.hasAttribute('aria-haspopup')) button.setAttribute('aria-expanded', String(button === open));
    }
  }

  /** @returns {boolean} whether its message is in sight */
  place() {
    const { left, top, bottom } = this.log.getBoundingClientRect();
    // Without the scroll bar.
    const within = { left, top, bottom, right: left + this.log.clientWidth };
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const bubble = bubbleOf(this.row).getBoundingClientRect();
    const place = placeBar(bubble, within, { width, height }, this.row.classList.contains('own'));
    if (!place) return false;
    this.element.style.left = `${place.left}px`;
    this.element.style.top = `${place.top}px`;
    return true;
  }

  /** Whether the message or the bar is there. @param {EventTarget | null} target */
  covers(target) {
    return target instanceof Node && (this.row.contains(target) || this.element.contains(target));
  }

  destroy() {
    this.element.remove();
  }
}

/** What a row shows of its message. @param {HTMLElement} row @returns {Element} */
export function bubbleOf(row) {
  return row.querySelector('.text') ?? row;
}
