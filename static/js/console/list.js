// A list that comes in pages: one of them is on the screen, however many there are.

import { button } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { empty, failure } from './parts.js';

/**
 * @template T
 * @typedef {object} Listed
 * @property {(cursor: string) => string} path what to ask for a page; the first one has no cursor
 * @property {(body: any) => {items: T[], next: string}} read what an answer has, and where the next page begins
 * @property {(item: T) => HTMLElement} row
 * @property {() => HTMLElement} [missing] what stands there where the server has no such list
 * @property {string} none what is said where there is nothing
 * @property {string} label
 */

/** @template T */
export class List {
  /** @param {Chat.ConsolePage} page @param {Listed<T>} options */
  constructor(page, options) {
    this.page = page;
    this.options = options;
    this.element = make('section', 'con-list');
    this.element.setAttribute('aria-label', options.label);
    this.element.tabIndex = -1;
    /** Where the pages up to this one begin. */
    this.cursors = [''];
    /** Only the last question's answer is shown. */
    this.asked = 0;
    this.shown = '';
  }

  /** From the first page on. */
  begin() {
    this.cursors = [''];
    return this.load();
  }

  /** The page that is shown, as it is now. @param {{quiet?: boolean}} [how] quiet: what is there stays until there is something else */
  async load({ quiet = false } = {}) {
    const { page: { words, api, signal, why }, options } = this;
    const asked = this.asked += 1;
    this.element.setAttribute('aria-busy', 'true');
    if (!quiet && !this.element.childElementCount) this.element.replaceChildren(make('p', 'con-empty', words.loading));
    const answer = await api.get(options.path(this.cursors.at(-1) ?? ''));
    if (signal.aborted || asked !== this.asked) return;
    this.element.removeAttribute('aria-busy');
    if (!answer.ok) {
      this.shown = '';
      if (answer.status === 404 && options.missing) {
        this.element.replaceChildren(options.missing());
        return;
      }
      // What is there is better than nothing.
      if (!quiet) this.element.replaceChildren(failure(why(answer), () => this.load(), words.tryAgain));
      return;
    }
    // The same once more: whoever reads or is about to press something is not disturbed.
    const shown = JSON.stringify(answer.body);
    if (quiet && shown === this.shown) return;
    this.shown = shown;
    const { items, next } = options.read(answer.body);
    const rows = make('ul', 'con-rows');
    rows.append(...items.map((item) => options.row(item)));
    this.element.replaceChildren(...(items.length ? [rows] : [empty(options.none)]), ...this.#pager(next));
  }

  /** @param {string} next */
  #pager(next) {
    const { words } = this.page;
    if (!next && this.cursors.length === 1) return [];
    const foot = make('div', 'con-pager');
    const turn = async (/** @type {() => void} */ act) => {
      act();
      await this.load();
      this.element.scrollIntoView({ block: 'start' });
      this.element.focus({ preventScroll: true });
    };
    const back = button('account-quiet', words.previous, () => turn(() => this.cursors.pop()));
    const on = button('account-quiet', words.next, () => turn(() => this.cursors.push(next)));
    back.disabled = this.cursors.length === 1;
    on.disabled = !next;
    foot.append(back, make('span', 'con-page-number', String(this.cursors.length)), on);
    return [foot];
  }
}
