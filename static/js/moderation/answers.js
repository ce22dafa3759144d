// Being told of answers by mail: whoever wrote here types an address, and is asked there whether it is theirs.

import { listenEnter } from '../compose/enter.js';
import { make } from '../shared/dom.js';
import { ownApi } from '../wire/account-api.js';
import { send } from './api.js';
import { Dialog, button } from './dialog.js';

/** @param {import('./office.js').Office} office */
export function openAnswers(office) {
  const { words: { answers: words, cancel }, parts: { strings } } = office;
  const dialog = new Dialog(office.host, words.title, cancel);
  const label = make('label', 'mod-field');
  const box = make('input', 'box');
  Object.assign(box, { type: 'email', name: 'email', autocomplete: 'email', spellcheck: false, maxLength: 254, dir: 'ltr' });
  box.setAttribute('enterkeyhint', 'send');
  label.append(make('span', '', words.email), box);
  const submit = async () => {
    const email = box.value.trim();
    if (!email) {
      dialog.explain(words.missing);
      box.focus();
      return;
    }
    dialog.wait(true);
    const { status, code } = await ask(office, email, strings().locale);
    if (!dialog.open) return;
    if (status === 202) {
      dialog.close();
      office.toast.show(words.done);
      return;
    }
    dialog.explain(code === 'INVALID_EMAIL' ? words.wrong : status === 429 ? office.words.errors.RATE_LIMITED : office.words.unanswered);
    box.focus();
  };
  listenEnter(box, { touch: () => false, submit });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.later, () => dialog.close()), button('primary', words.submit, submit));
  dialog.show([make('p', 'mod-how', words.how), label, foot], box);
}

/**
 * As whoever one is here: what one wrote is that one's.
 * @param {import('./office.js').Office} office @param {string} email @param {string} locale
 * @returns {Promise<{status: number, code: string}>}
 */
async function ask({ parts: { room, identity } }, email, locale) {
  const path = `rooms/${encodeURIComponent(room)}/answers?lang=${locale}`;
  const { token, vouched, anonymousId } = identity;
  if (token === '') {
    const { status, code } = await ownApi().post(path, { email });
    return { status, code };
  }
  const proof = token ?? vouched;
  const { status, body } = await send(path, proof, { email }, proof === null ? { 'X-Anonymous-Id': anonymousId } : {});
  return { status, code: body.error?.code ?? '' };
}
