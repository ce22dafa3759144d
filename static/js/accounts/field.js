// One box of a form: its name above it, a hint and what is wrong with it below.

import { make } from '../shared/dom.js';
import { picture } from './icons.js';

let n = 0;

/**
 * @typedef {object} FieldOptions
 * @property {import('./explain.js').Place | 'old' | 'name' | 'subject' | 'text'} place which one it is, for what is refused
 * @property {string} label
 * @property {'text' | 'email' | 'password' | 'long'} type long: a text of several lines
 * @property {string} autocomplete what browsers and keepers of passwords may put there
 * @property {string} [hint]
 * @property {string} [value]
 * @property {boolean} [optional] it may be left empty
 * @property {number} [max] the most characters
 * @property {string} [missing] what is said where it is empty
 * @property {{show: string, hide: string}} [reveal] of a password: what the button is called that shows it
 */

export class Field {
  /** @param {FieldOptions} options */
  constructor({ place, label, type, autocomplete, hint = '', value = '', reveal, optional = false, max, missing = '' }) {
    n += 1;
    this.place = place;
    this.element = make('div', 'account-field');
    this.optional = optional;
    this.missing = missing;
    /** @type {HTMLInputElement | HTMLTextAreaElement} */
    this.box = type === 'long' ? make('textarea', 'box') : Object.assign(make('input', 'box'), { type });
    Object.assign(this.box, { id: `field-${n}`, value, spellcheck: type === 'long', required: !optional, ...(max ? { maxLength: max } : {}) });
    this.box.setAttribute('autocomplete', autocomplete);
    this.box.setAttribute('autocapitalize', 'off');
    this.box.dir = type === 'text' || type === 'long' ? 'auto' : 'ltr';
    if (type !== 'password') this.box.name = place;
    const name = make('label', '', label);
    name.htmlFor = this.box.id;
    this.hint = make('p', 'account-hint', hint);
    this.hint.id = `hint-${n}`;
    this.wrong = make('p', 'fault');
    this.wrong.id = `fault-${n}`;
    this.wrong.setAttribute('role', 'alert');
    this.box.setAttribute('aria-describedby', [this.wrong.id, ...(hint ? [this.hint.id] : [])].join(' '));
    const row = make('div', 'account-row');
    row.append(this.box, ...(reveal ? [this.#revealer(reveal)] : []));
    this.element.append(name, row, this.wrong, ...(hint ? [this.hint] : []));
    this.box.addEventListener('input', () => this.explain(''));
  }

  get value() {
    return this.box.value;
  }

  /** What is typed stays: it is mended, not written anew. @param {string} text empty where nothing is wrong */
  explain(text) {
    this.wrong.textContent = text;
    if (text) this.box.setAttribute('aria-invalid', 'true');
    else this.box.removeAttribute('aria-invalid');
  }

  /** @param {{show: string, hide: string}} words */
  #revealer({ show, hide }) {
    const box = /** @type {HTMLInputElement} */ (this.box);
    const button = make('button', 'account-reveal');
    button.type = 'button';
    const draw = () => {
      const shown = box.type === 'text';
      button.replaceChildren(picture(shown ? 'hide' : 'show'));
      button.title = shown ? hide : show;
      button.setAttribute('aria-label', button.title);
    };
    button.addEventListener('click', () => {
      box.type = box.type === 'password' ? 'text' : 'password';
      draw();
    });
    draw();
    return button;
  }
}

/** @param {Chat.AccountWords} words @param {string} [value] */
export function emailField(words, value) {
  return new Field({ place: 'email', label: words.email, type: 'email', autocomplete: 'username', value });
}

/** @param {Chat.AccountWords} words @param {string} [value] */
export function nicknameField(words, value) {
  return new Field({ place: 'nickname', label: words.nickname, type: 'text', autocomplete: 'nickname', hint: words.nicknameHint, value });
}

/** @param {Chat.AccountWords} words @param {string} [label] @param {'password' | 'old'} [place] */
export function passwordField(words, label = words.password, place = 'password') {
  return new Field({ place, label, type: 'password', autocomplete: 'current-password', reveal: words });
}

/** @param {Chat.AccountWords} words @param {string} [label] */
export function newPasswordField(words, label = words.password) {
  return new Field({ place: 'password', label, type: 'password', autocomplete: 'new-password', hint: words.passwordHint, reveal: words });
}
