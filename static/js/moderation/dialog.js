// A small panel above all else, with a heading, one question and an answer: a card in a wide frame, a sheet from below in
// a narrow one.

import { make } from '../shared/dom.js';

let n = 0;

export class Dialog {
  /** @param {HTMLElement} host @param {string} title @param {string} close what the button in the corner is called */
  constructor(host, title, close) {
    const { activeElement } = document;
    this.before = activeElement instanceof HTMLElement ? activeElement : null;
    /** Is done once it is closed. */
    this.closed = () => {};
    n += 1;
    this.element = make('dialog', 'mod-dialog');
    this.element.setAttribute('aria-labelledby', `mod-title-${n}`);
    const head = make('div', 'mod-head');
    const heading = make('h2', '', title);
    heading.id = `mod-title-${n}`;
    const button = make('button', 'icon', '✕');
    button.type = 'button';
    button.title = close;
    button.setAttribute('aria-label', close);
    button.addEventListener('click', () => this.close());
    head.append(heading, button);
    this.body = make('div', 'mod-body');
    this.fault = make('p', 'fault');
    this.fault.setAttribute('role', 'alert');
    this.element.append(head, this.body);
    this.element.addEventListener('cancel', (event) => {
      event.preventDefault();
      this.close();
    });
    // Beside it: what is within covers all of it.
    this.element.addEventListener('click', ({ target }) => target === this.element && this.close());
    host.append(this.element);
  }

  /** @param {(HTMLElement | string)[]} content @param {HTMLElement} focus */
  show(content, focus) {
    this.body.append(...content);
    // In front of the buttons that one presses again, and behind all else.
    this.body.insertBefore(this.fault, this.body.querySelector('.mod-foot'));
    this.element.showModal();
    focus.focus({ preventScroll: true });
  }

  get open() {
    return this.element.isConnected;
  }

  /** While an answer is on its way nothing can be pressed twice. @param {boolean} busy */
  wait(busy) {
    this.fault.textContent = '';
    for (const button of this.body.querySelectorAll('button')) button.disabled = busy;
  }

  /** @param {string} text why it did not work */
  explain(text) {
    this.wait(false);
    this.fault.textContent = text;
  }

  close() {
    if (!this.open) return;
    this.element.close();
    this.element.remove();
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
    this.closed();
  }
}

/** @param {string} className @param {string} label @param {() => void} [act] */
export function button(className, label, act) {
  const element = make('button', className, label);
  element.type = 'button';
  if (act) element.addEventListener('click', act);
  return element;
}

/**
 * One of a few, as buttons that stand together.
 * @param {string} legend
 * @param {[value: string, label: string][]} choices
 * @param {string | null} chosen
 */
export function choice(legend, choices, chosen) {
  const field = make('fieldset', 'mod-choice');
  n += 1;
  const name = `mod-choice-${n}`;
  const row = make('div', 'mod-row');
  const radios = choices.map(([value, text]) => {
    const label = make('label', 'mod-option');
    const radio = make('input');
    radio.type = 'radio';
    radio.name = name;
    radio.value = value;
    radio.checked = value === chosen;
    label.append(radio, make('span', '', text));
    row.append(label);
    return radio;
  });
  field.append(make('legend', '', legend), row);
  return { field, radios, value: () => radios.find(({ checked }) => checked)?.value ?? null };
}

/** @param {string} text */
export function check(text) {
  const label = make('label', 'mod-check');
  const box = make('input');
  box.type = 'checkbox';
  label.append(box, make('span', '', text));
  return { label, box };
}
