// Panels that ask once more, and that show what is shown once.

import { Dialog, button, check } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { copied } from './parts.js';

/**
 * Something that has no way back.
 * @param {Chat.ConsolePage} page
 * @param {{title: string, how: string, label: string}} asked
 * @param {() => Promise<Chat.AccountAnswer>} act
 * @param {() => void} done
 */
export function sure({ words, why }, { title, how, label }, act, done) {
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, title, words.close);
  const back = button('link', words.cancel, () => dialog.close());
  const submit = button('primary danger', label, async () => {
    dialog.wait(true);
    const answer = await act();
    // Somebody else was faster: it is as it was wanted.
    if (!answer.ok && answer.status !== 404) {
      dialog.explain(why(answer));
      return;
    }
    dialog.close();
    done();
  });
  const foot = make('div', 'mod-foot');
  foot.append(back, submit);
  dialog.show([make('p', 'mod-how', how), foot], back);
}

/** A secret that nobody is told again. @param {Chat.LaterPage} page @param {string} title @param {string} how @param {string} secret */
export function shownOnce(page, title, how, secret) {
  const dialog = new Dialog(document.body, title, page.words.close);
  const box = copied(page, secret, title);
  const foot = make('div', 'mod-foot');
  foot.append(button('primary second', page.later.kept, () => dialog.close()));
  // A press beside it would lose it.
  dialog.element.addEventListener('click', (event) => { if (event.target === dialog.element) event.stopImmediatePropagation(); }, { capture: true });
  dialog.show([make('p', 'mod-how', how), box, foot], /** @type {HTMLElement} */ (box.querySelector('button')));
  return dialog;
}

/**
 * Some of a few things.
 * @param {string} legend @param {[name: string, label: string, hint?: string][]} choices @param {string[]} chosen
 */
export function several(legend, choices, chosen) {
  const field = make('fieldset', 'con-several');
  field.append(make('legend', '', legend));
  const boxes = choices.map(([name, text, hint]) => {
    const { label, box } = check(text);
    if (hint) label.append(make('code', 'con-hint', hint));
    box.value = name;
    box.checked = chosen.includes(name);
    field.append(label);
    return box;
  });
  return { field, boxes, values: () => boxes.filter(({ checked }) => checked).map(({ value }) => value) };
}
