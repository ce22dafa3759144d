// The menu of a message: a line of emojis, and below it what else can be done. The same in a box beside the message and
// in a sheet on a small screen.

import { QUICK } from '../shared/quick.js';
import { make } from '../shared/dom.js';
import { icon } from './icons.js';
import { offered, step, typedAhead } from './lines.js';

/** Letters that come within this belong together. */
const TYPING_MS = 700;
/** Where keys lead while no line is picked; -1 is the last. */
const FROM_NOWHERE = new Map([['ArrowDown', 0], ['ArrowRight', 0], ['Home', 0], ['ArrowUp', -1], ['ArrowLeft', -1], ['End', -1]]);

/** @typedef {{emoji: string} | {action: import('./lines.js').Action} | 'emojis'} Choice `emojis`: all of them are wanted */

export class ActionList {
  /**
   * @param {object} options
   * @param {Chat.Subject} options.subject
   * @param {import('./lines.js').Part} options.part
   * @param {() => Chat.Strings} options.strings
   * @param {(choice: Choice) => void} options.choose
   */
  constructor({ subject, part, strings, choose }) {
    this.part = part;
    this.strings = strings;
    this.choose = choose;
    this.element = make('div', 'act-list');
    this.element.setAttribute('role', 'menu');
    this.element.tabIndex = -1;
    /** @type {HTMLButtonElement[]} */
    this.items = [];
    /** How many stand in each line. @type {number[]} */
    this.widths = [];
    /** What it was drawn from. */
    this.shows = '';
    this.typed = '';
    this.typedAt = -Infinity;
    this.element.addEventListener('keydown', (event) => this.#key(event));
    this.element.addEventListener('focusin', ({ target }) => this.#current(/** @type {HTMLElement} */ (target)));
    this.draw(subject);
  }

  /** @param {Chat.Subject} subject as it is by now; the focus stays where it was as far as that is still offered */
  draw(subject) {
    const strings = this.strings().actions;
    const { quick, actions } = offered(subject.can, this.part);
    // What is drawn anew in the middle of a press would take no notice of its end.
    const shows = JSON.stringify([this.strings().locale, quick && QUICK.map(subject.reacts), actions]);
    if (this.shows === shows) return;
    this.shows = shows;
    const { activeElement } = document;
    const focused = this.element.contains(activeElement) ? /** @type {HTMLElement} */ (activeElement).dataset.does : undefined;
    const lines = actions.map((action) => {
      const item = this.#item(action, 'menuitem', () => this.choose({ action }));
      item.append(icon(action), make('span', '', strings[action]));
      return item;
    });
    const row = quick ? [this.#quick(subject)] : [];
    this.element.setAttribute('aria-label', this.part === 'quick' ? strings.react : strings.label);
    this.element.replaceChildren(...row, ...lines);
    this.items = [...this.element.querySelectorAll('button')];
    this.widths = [...(quick ? [QUICK.length + 1] : []), ...lines.map(() => 1)];
    const again = this.items.find((item) => item.dataset.does === focused);
    if (this.items.length) this.#current(again ?? this.items[0]);
    if (focused !== undefined) (again ?? this.items[0])?.focus({ preventScroll: true });
  }

  /** @param {Chat.Subject} subject */
  #quick(subject) {
    const strings = this.strings().actions;
    const row = make('div', 'act-quick');
    row.setAttribute('role', 'group');
    row.setAttribute('aria-label', strings.react);
    for (const emoji of QUICK) {
      // A picture reads itself out, in the reader's own language.
      const item = this.#item(emoji, 'menuitemcheckbox', () => this.choose({ emoji }));
      item.textContent = emoji;
      item.setAttribute('aria-checked', String(subject.reacts(emoji)));
      row.append(item);
    }
    const more = this.#item('emojis', 'menuitem', () => this.choose('emojis'));
    more.append(icon('add'));
    more.title = strings.moreEmoji;
    more.setAttribute('aria-label', strings.moreEmoji);
    row.append(more);
    return row;
  }

  /** @param {string} does @param {string} role @param {() => void} act */
  #item(does, role, act) {
    const item = make('button', 'act-item');
    item.type = 'button';
    item.tabIndex = -1;
    item.dataset.does = does;
    item.setAttribute('role', role);
    item.addEventListener('click', act);
    return item;
  }

  /** One of them is a stop of the Tab key. @param {HTMLElement} item */
  #current(item) {
    if (item === this.element) return;
    for (const other of this.items) other.tabIndex = other === item ? 0 : -1;
  }

  /** @param {'first' | 'all'} [where] `all`: no line is picked before a key has picked one, as after a mouse or a finger */
  focus(where = 'first') {
    const target = where === 'first' ? this.items[0] ?? this.element : this.element;
    target.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, ctrlKey, altKey, metaKey } = event;
    // Who keeps the key that has opened the menu pressed does not mean its first line.
    if (event.repeat && (key === 'Enter' || key === ' ')) event.preventDefault();
    if (ctrlKey || altKey || metaKey || event.isComposing) return;
    const at = this.items.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const isLetter = [...key].length === 1 && key !== ' ';
    const place = isLetter ? this.#typeAhead(key, at, event.timeStamp)
      : at < 0 ? FROM_NOWHERE.get(key) ?? null : step(this.widths, at, key);
    if (place === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.items.at(place)?.focus();
  }

  /** @param {string} key @param {number} at @param {number} now ms @returns {number | null} */
  #typeAhead(key, at, now) {
    this.typed = now - this.typedAt < TYPING_MS ? this.typed + key : key;
    this.typedAt = now;
    return typedAhead(this.items.map((item) => item.textContent || item.title), at, this.typed);
  }
}
