// The links of a message: its time is the link to it, and its quote leads to the message that it answers.

import { copyText } from '../shared/dom.js';

export class MessageLinks {
  /** @param {import('./view.js').View} view */
  constructor(view) {
    this.view = view;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const { ctrlKey, metaKey, shiftKey } = event;
    if (ctrlKey || metaKey || shiftKey) return;
    const target = /** @type {Element} */ (event.target);
    const quote = /** @type {HTMLElement | null} */ (target.closest('a.quote'));
    const at = /** @type {HTMLElement | null} */ (target.closest('a.at'));
    const seq = Number(quote?.dataset.to ?? /** @type {HTMLElement | null} */ (at?.closest('.msg') ?? null)?.dataset.seq);
    if (!seq) return;
    event.preventDefault();
    if (quote) this.#toQuoted(seq);
    else this.copy(seq);
  }

  /** @param {number} seq */
  async #toQuoted(seq) {
    await this.view.open(seq);
    const row = /** @type {HTMLElement | null} */ (this.view.parts.list.querySelector(`[data-seq="${seq}"]`));
    if (!row) return;
    // Whoever reads on by keyboard goes on there.
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
  }

  /** Copies the link to a message, and says so beside it. @param {number} seq */
  async copy(seq) {
    const { parts, strings, actions } = this.view;
    if (!await copyText(actions.linkTo(seq))) return;
    actions.say(strings.linkCopied);
    const at = /** @type {HTMLElement | null} */ (parts.list.querySelector(`[data-seq="${seq}"] a.at`));
    if (!at) return;
    at.dataset.told = strings.linkCopied;
    at.addEventListener('animationend', () => delete at.dataset.told, { once: true });
  }

  /** The list is one stop of the Tab key; the row that has the focus adds what can be pressed in it. @param {Element} element */
  focused(element) {
    const row = element.closest('.msg');
    for (const stop of this.view.parts.list.querySelectorAll(`${STOPS}:not([tabindex="-1"])`)) {
      if (!row?.contains(stop)) /** @type {HTMLElement} */ (stop).tabIndex = -1;
    }
    for (const stop of row?.querySelectorAll(STOPS) ?? []) stop.removeAttribute('tabindex');
  }
}

/** What can be pressed in a row, beside links in what somebody wrote. */
const STOPS = ':is(a.at[href], a.quote, button.reaction)';
