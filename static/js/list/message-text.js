// The text of a message: its links, and the language that it is read out in.

import { make } from '../shared/dom.js';
import { findLinks } from '../text/links.js';

const HANGUL = /[\uac00-\ud7a3]/u;

/** @param {HTMLElement} element @param {string} content */
export function drawText(element, content) {
  // Korean breaks between words only, and is read out in Korean, on a page in another language too.
  if (HANGUL.test(content) && !document.documentElement.lang.startsWith('ko')) element.lang = 'ko';
  else element.removeAttribute('lang');
  const parts = findLinks(content);
  if (parts.length === 1 && !parts[0].href) {
    if (element.textContent !== content || element.firstElementChild) element.textContent = content;
    return;
  }
  element.replaceChildren(...parts.map(({ text, href }) => {
    if (!href) return text;
    const link = make('a', '', text);
    link.href = href;
    // Within a text that runs from right to left an address would be taken apart.
    link.dir = 'ltr';
    link.target = '_blank';
    link.rel = 'nofollow ugc noopener';
    return link;
  }));
}
