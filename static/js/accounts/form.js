// A form of these pages: boxes, a button, one request at a time, and what is said where it was refused.

import { listenEnter } from '../compose/enter.js';
import { make } from '../shared/dom.js';
import { cleanNickname, nicknameFault } from '../text/text.js';
import { explain, passwordFault, placeOf, textOf } from './explain.js';

/**
 * @typedef {object} FormOptions
 * @property {Chat.AccountWords} words
 * @property {import('./field.js').Field[]} fields
 * @property {string} [username] whose password it is, for what keeps passwords, where no box asks for it
 * @property {Element[]} [content] what stands between the boxes and the button
 * @property {string} submit
 * @property {() => Promise<Chat.AccountAnswer>} send what to do once nothing is wrong
 * @property {(answer: Chat.AccountAnswer) => void} done
 * @property {Record<string, string>} [errors] what some codes mean here
 * @property {string} [kind] further classes of the button
 */

/** @param {string} value */
function keptUsername(value) {
  const box = make('input');
  Object.assign(box, { type: 'text', readOnly: true, hidden: true, value });
  box.setAttribute('autocomplete', 'username');
  return box;
}

export class Form {
  /** @param {FormOptions} options */
  constructor(options) {
    this.options = options;
    const { fields, username = '', content = [], submit, kind = '' } = options;
    this.busy = false;
    this.element = make('form', 'account-form');
    this.element.noValidate = true;
    this.button = make('button', `primary ${kind}`.trim(), submit);
    this.button.type = 'submit';
    this.fault = make('p', 'fault account-fault');
    this.fault.setAttribute('role', 'alert');
    this.foot = make('div', 'account-foot');
    this.foot.append(this.button);
    this.element.append(...(username ? [keptUsername(username)] : []), ...fields.map(({ element }) => element), ...content, this.fault, this.foot);
    for (const { box } of fields.filter((field) => field.place !== 'text')) listenEnter(box, { touch: () => false, submit: () => this.submit() });
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  /** @param {string} place */
  field(place) {
    return this.options.fields.find((field) => field.place === place);
  }

  async submit() {
    if (this.busy) return;
    this.#clear();
    if (this.#faulty()) return;
    this.#wait(true);
    const answer = await this.options.send();
    this.#wait(false);
    if (answer.ok) this.options.done(answer);
    else this.refuse(answer);
  }

  /** @param {Chat.AccountAnswer} answer */
  refuse(answer) {
    const { words, errors = {} } = this.options;
    const text = textOf(errors, answer.code) ?? explain(answer, words, this.field('password')?.value);
    // The password that one has is what is wrong with a login; the new one is not, where there are both.
    const place = answer.code === 'BAD_CREDENTIALS' && this.field('old') ? 'old' : placeOf(answer.code);
    const field = this.field(place);
    if (field) {
      field.explain(text);
      field.box.focus();
      return;
    }
    this.fault.textContent = text;
    this.button.focus();
  }

  #clear() {
    this.fault.textContent = '';
    for (const field of this.options.fields) field.explain('');
  }

  /** Says what the server would refuse anyway. The first of these boxes is gone to. */
  #faulty() {
    const found = this.options.fields.filter((field) => {
      field.explain(this.#faultOf(field));
      return field.box.hasAttribute('aria-invalid');
    });
    found[0]?.box.focus();
    return found.length > 0;
  }

  /** @param {import('./field.js').Field} field */
  #faultOf({ place, value, box, optional, missing: unsaid }) {
    const { missing, weak, nicknameFaults } = this.options.words;
    if (optional) return '';
    if (unsaid) return value.trim() ? '' : unsaid;
    if (place === 'email') return value.trim() ? '' : missing.email;
    if (place === 'nickname') {
      const fault = nicknameFault(cleanNickname(value));
      return fault ? nicknameFaults[fault] : '';
    }
    if (box.autocomplete !== 'new-password') return value ? '' : missing.password;
    const fault = value ? passwordFault(value) : null;
    return value ? (fault ? weak[fault] : '') : missing.password;
  }

  /** @param {boolean} busy */
  #wait(busy) {
    this.busy = busy;
    // Not disabled: who has pressed it by the keyboard would stand nowhere.
    this.button.setAttribute('aria-disabled', String(busy));
    this.button.classList.toggle('busy', busy);
  }
}
