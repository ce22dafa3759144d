// All emojis: a box to filter them by name, and below it the pictures in groups.

import { make } from '../shared/dom.js';
import { GROUP_NAMES, nameOf, search } from './emoji.js';
import { vertical } from './lines.js';

let n = 0;

export class EmojiGrid {
  /**
   * @param {object} options
   * @param {() => Chat.Strings} options.strings
   * @param {(emoji: string) => void} options.choose
   * @param {() => void} options.close Escape was pressed
   * @param {(emoji: string) => boolean} [options.isOn] whether the reader has chosen it already
   */
  constructor({ strings, choose, close, isOn = () => false }) {
    this.strings = strings;
    this.choose = choose;
    this.close = close;
    this.isOn = isOn;
    this.listening = new AbortController();
    this.id = `act-emojis-${n += 1}`;
    this.element = make('div', 'act-emojis');
    this.element.setAttribute('role', 'group');
    this.box = make('input', 'box');
    this.box.type = 'text';
    this.box.autocomplete = 'off';
    this.box.spellcheck = false;
    this.box.setAttribute('autocapitalize', 'off');
    this.box.setAttribute('enterkeyhint', 'done');
    this.box.setAttribute('aria-controls', this.id);
    this.list = make('div', 'act-grid');
    this.list.id = this.id;
    this.list.setAttribute('role', 'listbox');
    this.list.setAttribute('aria-multiselectable', 'true');
    this.told = make('p', 'act-told');
    this.told.setAttribute('role', 'status');
    this.element.append(this.box, this.told, this.list);
    /** @type {HTMLButtonElement[]} */
    this.cells = [];
    const { signal } = this.listening;
    this.element.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.box.addEventListener('input', () => this.draw(), { signal });
    this.list.addEventListener('focusin', ({ target }) => this.#current(/** @type {HTMLButtonElement} */ (target)), { signal });
    this.list.addEventListener('click', ({ target }) => {
      const cell = /** @type {Element} */ (target).closest('button');
      if (cell) this.choose(cell.value);
    }, { signal });
    this.relabel();
  }

  /** In the language of now. */
  relabel() {
    const strings = this.strings().actions;
    this.element.setAttribute('aria-label', strings.react);
    this.box.placeholder = strings.find;
    this.box.setAttribute('aria-label', strings.find);
    this.list.setAttribute('aria-label', strings.react);
    this.draw();
  }

  /** What matches the filter by now. */
  draw() {
    const { actions, locale } = this.strings();
    const focused = /** @type {HTMLButtonElement | undefined} */ (this.cells.find((cell) => cell === document.activeElement))?.value;
    const found = search(this.box.value);
    this.list.replaceChildren(...found.map(([group, entries]) => {
      const section = make('div', 'act-group');
      section.setAttribute('role', 'group');
      const name = nameOf(GROUP_NAMES[group], locale);
      section.setAttribute('aria-label', name);
      const heading = make('div', 'act-heading', name);
      heading.setAttribute('aria-hidden', 'true');
      section.append(heading, ...entries.map((entry) => this.#cell(entry[0], nameOf(entry, locale))));
      return section;
    }));
    this.list.hidden = found.length === 0;
    this.list.scrollTop = 0;
    this.cells = [...this.list.querySelectorAll('button')];
    const empty = this.cells.length === 0;
    this.told.classList.toggle('unseen', !empty);
    const words = empty ? actions.none : this.box.value.trim() ? actions.found(this.cells.length) : '';
    if (this.told.textContent !== words) this.told.textContent = words;
    const again = this.cells.find((cell) => cell.value === focused);
    if (!empty) this.#current(again ?? this.cells[0]);
    again?.focus();
  }

  /** @param {string} emoji @param {string} name */
  #cell(emoji, name) {
    const cell = make('button', 'act-emoji', emoji);
    cell.type = 'button';
    cell.tabIndex = -1;
    cell.value = emoji;
    cell.title = name;
    cell.setAttribute('role', 'option');
    cell.setAttribute('aria-label', name);
    cell.setAttribute('aria-selected', String(this.isOn(emoji)));
    return cell;
  }

  /** One of them is a stop of the Tab key. @param {HTMLButtonElement} cell */
  #current(cell) {
    for (const other of this.cells) other.tabIndex = other === cell ? 0 : -1;
  }

  /** @param {'box' | 'cells'} [where] `cells` where a keyboard on the screen would hide half of them */
  focus(where = 'box') {
    const target = where === 'box' ? this.box : this.cells[0] ?? this.box;
    target.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // Keys that an input method takes are its own: Enter ends a syllable, Escape drops it. Safari says so by the code only.
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.altKey || event.metaKey) return;
    const used = event.target === this.box ? this.#inBox(event.key) : this.#inCells(event);
    if (!used) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} key @returns {boolean} whether it meant something */
  #inBox(key) {
    if (key === 'Escape') this.close();
    else if (key === 'Enter') {
      if (this.cells.length) this.choose(this.cells[0].value);
    } else if (key === 'ArrowDown') this.cells[0]?.focus();
    else return false;
    return true;
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it meant something */
  #inCells({ key, target, repeat }) {
    const { cells } = this;
    const at = cells.indexOf(/** @type {HTMLButtonElement} */ (target));
    if (at < 0) return false;
    const places = () => cells.map(({ offsetTop: top, offsetLeft: left }) => ({ top, left }));
    switch (key) {
      case 'Escape': this.close(); return true;
      // The key that has opened the grid, kept pressed.
      case 'Enter': case ' ': return repeat;
      case 'Home': this.#focus(0); return true;
      case 'End': this.#focus(cells.length - 1); return true;
      case 'ArrowRight': this.#focus(Math.min(at + 1, cells.length - 1)); return true;
      case 'ArrowLeft': this.#focus(Math.max(at - 1, 0)); return true;
      case 'ArrowDown': this.#focus(vertical(places(), at, 1)); return true;
      case 'ArrowUp': {
        const above = vertical(places(), at, -1);
        if (above < 0) this.box.focus();
        else this.#focus(above);
        return true;
      }
      default:
        // Whoever goes on typing filters: the box takes this very key.
        if ([...key].length === 1) this.box.focus();
        return false;
    }
  }

  /** @param {number} at nowhere where it is below 0 */
  #focus(at) {
    this.cells[at]?.focus();
  }

  destroy() {
    this.listening.abort();
    this.element.remove();
  }
}
