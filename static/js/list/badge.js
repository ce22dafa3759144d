// The mark beside the name of whoever is more to this blog than a visitor, in a word.

import { make } from '../shared/dom.js';

/** @param {string | undefined} badge @param {Chat.Strings} strings @returns {HTMLElement[]} none where there is none that we know */
export function badgeMark(badge, strings) {
  const word = strings.badges[/** @type {keyof Chat.Strings['badges']} */ (badge)];
  return typeof word === 'string' ? [make('span', `badge ${badge}`, word)] : [];
}
