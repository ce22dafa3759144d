// One line below the conversation: who is writing right now. It is for the eyes only, because a screen reader would be
// interrupted by it all the time. Loaded when somebody is.

import { make } from '../shared/dom.js';

/** So many are called by their names; more of them are counted. */
const NAMES_MAX = 2;

export class TypingLine {
  /**
   * @param {HTMLElement} element stands over the foot of the list, which keeps room for it
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {() => Chat.Strings} strings
   * @param {AbortSignal} signal
   */
  constructor(element, store, strings, signal) {
    this.element = element;
    this.store = store;
    this.strings = strings;
    /** What is shown, so that the dots are not begun anew with each word of the server. */
    this.shown = '';
    store.addEventListener('typing', () => this.#draw(), { signal });
    this.#draw();
  }

  /** After the language changed. */
  relabel() {
    this.#draw();
  }

  #draw() {
    const { element } = this;
    const { authors, more } = this.store.typing;
    element.hidden = authors.length === 0;
    const parts = typingParts(authors.map(({ nickname }) => nickname), more, this.strings());
    const shown = JSON.stringify(parts);
    if (element.hidden || shown === this.shown) return;
    this.shown = shown;
    const words = make('span', 'words');
    words.append(...parts.map(({ name, text }) => (name === undefined ? text : make('bdi', '', name))));
    const dots = make('span', 'dots');
    dots.append(make('i'), make('i'), make('i'));
    const line = make('span');
    line.append(dots, words);
    element.replaceChildren(line);
  }
}

/**
 * What the line says, with each name apart: names may be written from right to left, which must not turn the rest.
 * @param {string[]} names
 * @param {number} more how many besides
 * @param {Pick<Chat.Strings, 'typing' | 'typingMany'>} strings
 * @returns {{text: string, name?: undefined}[] | {name?: string, text: string}[]}
 */
export function typingParts(names, more, strings) {
  const count = names.length + more;
  if (names.length === 0) return [];
  if (count > NAMES_MAX) return [{ text: strings.typingMany(count) }];
  // No nickname has a NUL: the words around the names are what it leaves apart.
  return strings.typing(names.map(() => '\0')).split('\0')
    .flatMap((text, n) => (n === 0 ? [{ text }] : [{ name: names[n - 1], text: '' }, { text }]))
    .filter(({ text, ...part }) => text !== '' || 'name' in part);
}
