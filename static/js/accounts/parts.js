// What these pages consist of.

import { make } from '../shared/dom.js';

/** The animals that greet on a page which is nobody's yet. */
const GREETERS = ['otter', 'fox', 'owl'];

/** @param {string} title @param {string} lead @param {(Node | string)[]} content */
export function card(title, lead, content) {
  const element = make('section', 'account-card');
  const heading = make('h1', '', title);
  element.append(heading, ...(lead ? [make('p', 'account-lead', lead)] : []), ...content);
  return element;
}

/** @param {string} base */
export function greeters(base) {
  const row = make('div', 'account-greeters');
  row.append(...GREETERS.map((name) => {
    const image = make('img');
    Object.assign(image, { src: `${base}/avatars/${name}.svg`, width: 56, height: 56, alt: '' });
    return image;
  }));
  return row;
}

/** @param {string} title @param {string} lead @param {(Node | string)[]} content */
export function section(title, lead, content) {
  const element = make('section', 'account-card account-section');
  const heading = make('h2', '', title);
  element.append(heading, ...(lead ? [make('p', 'account-lead', lead)] : []), ...content);
  return element;
}

/** @param {string} text @param {'good' | 'bad' | ''} [kind] */
export function notice(text, kind = '') {
  const element = make('p', `account-notice ${kind}`.trim(), text);
  element.setAttribute('role', 'status');
  return element;
}

/** @param {string} text @param {string} href */
export function link(text, href) {
  const element = make('a', 'link', text);
  element.href = href;
  return element;
}

/** @param {string} text */
export function command(text) {
  const element = make('code', 'account-command', text);
  element.lang = 'en';
  return element;
}
