// /contact: a form that writes to the owner.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { Field, emailField } from './field.js';
import { Form } from './form.js';
import { card, greeters } from './parts.js';

/** As the server has them, in characters. */
const NAME_MAX = 50;
const SUBJECT_MAX = 200;
const TEXT_MAX = 8000;

/** @param {Chat.AccountPage} page */
export async function contactPage(page) {
  const { words, api, host } = page;
  const texts = words.contact;
  host.replaceChildren(card(texts.title, words.loading, []));
  const { ok, body } = await api.get('auth/settings');
  if (ok && !body.contact) {
    host.replaceChildren(greeters(base), card(texts.offTitle, texts.offHow, []));
    return;
  }
  const name = new Field({ place: 'name', label: texts.name, type: 'text', autocomplete: 'name', optional: true, max: NAME_MAX });
  const email = emailField(words);
  email.box.setAttribute('autocomplete', 'email');
  const subject = new Field({ place: 'subject', label: texts.subject, type: 'text', autocomplete: 'off', max: SUBJECT_MAX, missing: texts.missingSubject });
  const text = new Field({ place: 'text', label: texts.text, type: 'long', autocomplete: 'off', max: TEXT_MAX, missing: texts.missingText });
  const trap = bait();
  const form = new Form({
    words,
    fields: [name, email, subject, text],
    content: [trap],
    submit: texts.submit,
    send: () => api.post(`inquiries?lang=${words.locale}`, {
      name: name.value.trim(),
      email: email.value.trim(),
      subject: subject.value.trim(),
      text: text.value,
      website: trap.value,
    }),
    done: () => {
      const thanks = card(texts.doneTitle, texts.doneHow, []);
      host.replaceChildren(greeters(base), thanks);
      const heading = thanks.querySelector('h1');
      heading?.setAttribute('tabindex', '-1');
      heading?.focus();
      page.say(texts.doneTitle);
    },
    errors: { INVALID_CONTENT: texts.invalid },
  });
  host.replaceChildren(card(texts.title, texts.lead, [form.element]));
  name.box.focus({ preventScroll: true });
}

/** A box that no person sees or reaches: programs that fill in every box give themselves away. */
function bait() {
  const box = make('input', 'unseen');
  Object.assign(box, { type: 'text', name: 'website', tabIndex: -1 });
  box.setAttribute('autocomplete', 'off');
  box.setAttribute('aria-hidden', 'true');
  return box;
}
