// A quiet notice at the foot of the conversation, with the way back where there is one. One at a time.

import { make } from '../shared/dom.js';

/** So long what a notice tells of can be undone in it; longer while somebody is about to. */
const UNDO_MS = 10_000;
/** So long one stays that there is only to read. */
const READ_MS = 5_000;

export class Toast {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.element = make('div', 'mod-toast');
    this.text = make('p');
    this.text.setAttribute('role', 'status');
    this.button = make('button', 'link');
    this.button.type = 'button';
    this.element.append(this.text, this.button);
    this.element.hidden = true;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {(() => void) | null} */
    this.act = null;
    this.button.addEventListener('click', () => this.act?.());
    // Whoever is on the way to the button gets there.
    for (const type of ['pointerenter', 'focusin']) this.element.addEventListener(type, () => clearTimeout(this.timer));
    for (const type of ['pointerleave', 'focusout']) this.element.addEventListener(type, () => this.#soon());
    host.append(this.element);
  }

  /** @param {string} text @param {{label: string, act: () => void} | null} [button] */
  show(text, button = null) {
    const hadFocus = document.activeElement === this.button;
    this.element.hidden = false;
    this.button.hidden = button === null;
    this.button.textContent = button?.label ?? '';
    this.act = button && (() => {
      // Pressed twice it would be asked for twice.
      this.act = null;
      button.act();
    });
    // A region that has just come is read out when its words come after it.
    this.text.textContent = '';
    requestAnimationFrame(() => { this.text.textContent = text; });
    if (hadFocus && !button) document.getElementById('log')?.focus({ preventScroll: true });
    this.#soon();
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), this.button.hidden ? READ_MS : UNDO_MS);
  }

  hide() {
    this.element.hidden = true;
    this.act = null;
  }

  destroy() {
    clearTimeout(this.timer);
    this.element.remove();
  }
}
