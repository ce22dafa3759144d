// What holds a menu or the emojis: a box beside the message, or a sheet from below. Both keep the focus within, and both
// are gone after `destroy`.

import { make } from '../shared/dom.js';
import { placePopup } from './place.js';

/** A handle that is pulled down by so many pixels closes the sheet. */
const PULL_PX = 40;

/**
 * The Tab key goes round within an element. @param {HTMLElement} within @param {KeyboardEvent} event
 * @returns {boolean} whether it had anywhere to go
 */
function goRound(within, event) {
  const stops = /** @type {HTMLElement[]} */ ([...within.querySelectorAll('button:not([tabindex="-1"]), input')]);
  if (stops.length < 2) return false;
  const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  event.preventDefault();
  stops[(at + (event.shiftKey ? stops.length - 1 : 1)) % stops.length].focus();
  return true;
}

/** A box beside something. */
export class Popup {
  /**
   * @param {HTMLElement} host
   * @param {() => import('./place.js').Box} anchor where what it belongs to is now
   * @param {{above: boolean, end: boolean}} wish as in `placePopup`
   * @param {() => void} leave the Tab key has nowhere to go in here
   */
  constructor(host, anchor, wish, leave) {
    this.anchor = anchor;
    this.wish = wish;
    this.element = make('div', 'act-popup');
    host.append(this.element);
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Tab' && !goRound(this.element, event)) leave();
    });
    // Whoever writes meanwhile goes on writing: a press on a button takes no focus from them.
    this.element.addEventListener('mousedown', (event) => event.target instanceof HTMLInputElement || event.preventDefault());
  }

  /** @param {HTMLElement} content */
  hold(content) {
    this.element.replaceChildren(content);
    this.place();
  }

  place() {
    const { style } = this.element;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const { clientWidth, clientHeight } = document.documentElement;
    const { left, top } = placePopup(this.anchor(), { width, height }, { width: clientWidth, height: clientHeight }, this.wish);
    style.left = `${left}px`;
    style.top = `${top}px`;
  }

  destroy() {
    this.element.remove();
  }
}

/** A sheet from below, above all else: the rest of the page cannot be used meanwhile. */
export class Sheet {
  /** @param {HTMLElement} host @param {() => Chat.Strings} strings @param {() => void} close */
  constructor(host, strings, close) {
    this.strings = strings;
    this.element = make('dialog', 'act-sheet');
    this.handle = make('button', 'act-handle');
    this.handle.type = 'button';
    this.content = make('div', 'act-content');
    this.element.append(this.handle, this.content);
    this.relabel();
    this.handle.addEventListener('click', close);
    this.#pull(close);
    // Beside the sheet, since what is within it covers it all.
    this.element.addEventListener('click', ({ target }) => target === this.element && close());
    // Escape, and the way back of a phone.
    this.element.addEventListener('cancel', (event) => {
      event.preventDefault();
      close();
    });
    this.element.addEventListener('contextmenu', (event) => event.preventDefault());
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Tab' && !goRound(this.element, event)) event.preventDefault();
    });
    host.append(this.element);
    this.element.showModal();
  }

  relabel() {
    const { label, close } = this.strings().actions;
    this.element.setAttribute('aria-label', label);
    this.handle.setAttribute('aria-label', close);
  }

  /** @param {() => void} close */
  #pull(close) {
    let from = NaN;
    this.handle.addEventListener('pointerdown', ({ clientY }) => { from = clientY; });
    this.handle.addEventListener('pointermove', ({ clientY, buttons }) => {
      if (buttons === 0 || !(clientY - from > PULL_PX)) return;
      from = NaN;
      close();
    });
  }

  /** @param {HTMLElement} content */
  hold(content) {
    this.content.replaceChildren(content);
  }

  place() {
    // Always at the foot of the window.
  }

  destroy() {
    this.element.close();
    this.element.remove();
  }
}
