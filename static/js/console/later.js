// Screens and panels that few need are loaded when somebody goes there, with their words.

import { loadLaterWords } from '../i18n/console-later.js';
import { make } from '../shared/dom.js';
import { failure } from './parts.js';

/** @typedef {(page: Chat.LaterPage) => unknown} Draw */

/**
 * The same page, with what is said there. It explains refusals of its own as well.
 * @param {Chat.ConsolePage} page @returns {Promise<Chat.LaterPage>}
 */
async function withWords(page) {
  const words = await loadLaterWords(page.words.locale);
  const { errors } = words;
  const why = (/** @type {Chat.AccountAnswer} */ answer) => (
    Object.hasOwn(errors, answer.code) ? errors[/** @type {keyof typeof errors} */ (answer.code)] : page.why(answer));
  return { ...page, why, later: words };
}

/** A screen that is not there yet. @param {Chat.ConsolePage} page @param {() => Promise<Draw>} load */
export async function later(page, load) {
  const { words, host, signal } = page;
  host.replaceChildren(make('p', 'con-empty', words.loading));
  const [draw, whole] = await Promise.all([load(), withWords(page)]).catch(() => [null, null]);
  if (signal.aborted) return;
  host.replaceChildren();
  if (draw && whole) draw(whole);
  else host.append(failure(words.unanswered, () => later(page, load), words.tryAgain));
}

/** A panel that is not there yet; it says where it cannot be. @param {Chat.ConsolePage} page @param {() => Promise<Draw>} load */
export async function laterPanel(page, load) {
  const [draw, whole] = await Promise.all([load(), withWords(page)]).catch(() => [null, null]);
  if (page.signal.aborted) return;
  if (draw && whole) draw(whole);
  else page.did(page.words.unanswered);
}
