// What screens consist of.

import { button } from '../moderation/dialog.js';
import { avatarImage, copyText, make } from '../shared/dom.js';

/** A name in a sentence, whichever way it is written. @param {string} name */
export const isolated = (name) => `\u2068${name}\u2069`;

/** @param {string} locale @param {number} n */
export const number = (locale, n) => new Intl.NumberFormat(locale).format(n);

/** How long ago, as far as that helps; else the day. @param {Chat.ConsoleWords} words @param {string | null} iso */
export function when({ locale, never, now: justNow }, iso) {
  const element = make('time');
  if (!iso) {
    element.textContent = never;
    return element;
  }
  const at = new Date(iso);
  element.dateTime = iso;
  element.title = at.toLocaleString(locale, { dateStyle: 'full', timeStyle: 'medium' });
  element.textContent = ago(locale, at, new Date()) || justNow;
  return element;
}

/** Empty where it was just now. @param {string} locale @param {Date} at @param {Date} now */
export function ago(locale, at, now) {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  if (Math.abs(seconds) < 60) return '';
  if (Math.abs(seconds) < 3_600) return relative.format(Math.trunc(seconds / 60), 'minute');
  if (Math.abs(seconds) < 86_400) return relative.format(Math.trunc(seconds / 3_600), 'hour');
  if (Math.abs(seconds) < 7 * 86_400) return relative.format(Math.trunc(seconds / 86_400), 'day');
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return at.toLocaleDateString(locale, { year, month: 'short', day: 'numeric' });
}

/** @param {string} title @param {string} lead */
export function heading(title, lead) {
  const element = make('header', 'con-head');
  element.append(make('h1', '', title), make('p', 'account-lead', lead));
  return element;
}

/** @param {string} title @param {(Node | string)[]} content @param {string} [lead] */
export function card(title, content, lead = '') {
  const element = make('section', 'con-card');
  element.append(make('h2', '', title), ...(lead ? [make('p', 'account-lead', lead)] : []), ...content);
  return element;
}

/** @param {string} text @param {'' | 'warn' | 'good'} [kind] */
export const chip = (text, kind = '') => make('span', `con-chip ${kind}`.trim(), text);

/** Somebody, as a way to what is known of them. @param {Chat.ConsolePage} page @param {{id: string, nickname: string, avatar: string}} author */
export function person(page, { id, nickname, avatar }) {
  const { words, link, may } = page;
  const element = make(may(32) ? 'a' : 'span', 'con-person');
  if (element instanceof HTMLAnchorElement) element.href = link('people', { id });
  element.append(avatarImage(avatar, 32), make('bdi', 'nick', nickname || words.people.nobody));
  return element;
}

/** A room, as a way to what is said there. @param {string} base @param {string} room */
export function roomLink(base, room) {
  const element = make('a', 'con-room');
  element.href = `${base}/room/${encodeURIComponent(room)}`;
  element.target = '_blank';
  element.rel = 'noopener';
  element.append(make('bdi', '', room));
  return element;
}

/** @param {string} text @param {() => void} again @param {string} label */
export function failure(text, again, label) {
  const element = make('div', 'con-empty');
  element.setAttribute('role', 'alert');
  element.append(make('p', '', text), button('account-quiet', label, again));
  return element;
}

/** @param {string} text */
export const empty = (text) => make('p', 'con-empty', text);

/** A text in a box with a button that copies it. @param {Chat.ConsolePage} page @param {string} text @param {string} label */
export function copied({ words, say }, text, label) {
  const element = make('div', 'con-code');
  const code = make('pre');
  code.tabIndex = 0;
  code.setAttribute('aria-label', label);
  code.setAttribute('role', 'region');
  code.append(make('code', '', text));
  const act = button('account-quiet', words.copy, async () => {
    if (!await copyText(text)) return;
    act.textContent = words.copied;
    say(words.copied);
  });
  act.setAttribute('aria-label', `${words.copy}: ${label}`);
  element.append(code, act);
  return element;
}

let n = 0;

/** A box with its label. @template {HTMLElement} T @param {string} label @param {T} box @param {string} [how] */
export function field(label, box, how = '') {
  n += 1;
  const element = make('div', 'con-field');
  const name = make('label', '', label);
  box.id = `con-field-${n}`;
  name.htmlFor = box.id;
  element.append(name, box);
  if (how) {
    const hint = make('p', 'account-hint', how);
    hint.id = `con-hint-${n}`;
    box.setAttribute('aria-describedby', hint.id);
    element.append(hint);
  }
  return element;
}

/** @param {[value: string, label: string][]} options @param {string} chosen */
export function select(options, chosen) {
  const box = make('select', 'box con-select');
  box.append(...options.map(([value, label]) => {
    const option = make('option', '', label);
    option.value = value;
    option.selected = value === chosen;
    return option;
  }));
  return box;
}

/**
 * A box to look for something: tells what is in it a moment after the last letter. The address has it at once when the box
 * is left: whoever presses a row within that moment comes back to what they have typed.
 * @param {string} label @param {string} hint @param {string} value
 * @param {{signal: AbortSignal, note: (text: string) => void, act: (text: string) => void}} how `note`: for the address; `act`: look for it
 */
export function search(label, hint, value, { signal, note, act }) {
  const box = make('input', 'box');
  Object.assign(box, { type: 'search', value, placeholder: hint, maxLength: 100, autocomplete: 'off', spellcheck: false });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let acted = value;
  const soon = (/** @type {number} */ ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      told();
      const text = box.value.trim();
      if (text === acted) return;
      acted = text;
      act(text);
    }, ms);
  };
  // Behind the screen's end the address is another one's.
  const told = () => { if (!signal.aborted) note(box.value.trim()); };
  signal.addEventListener('abort', () => clearTimeout(timer));
  box.addEventListener('blur', told);
  box.addEventListener('input', (event) => { if (!(/** @type {InputEvent} */ (event).isComposing)) soon(250); });
  box.addEventListener('compositionend', () => soon(250));
  box.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.isComposing) soon(0); });
  return field(label, box);
}
