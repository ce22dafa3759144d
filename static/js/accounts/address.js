// One's mail address: whether it is confirmed, a link for that once more, and another address.

import { make } from '../shared/dom.js';
import { explain } from './explain.js';
import { emailField, passwordField } from './field.js';
import { Form } from './form.js';
import { notice, section } from './parts.js';

/**
 * @param {Chat.AccountPage} page @param {string} mail @param {boolean} confirmed
 * @returns {HTMLElement}
 */
export function addressSection(page, mail, confirmed) {
  const { words } = page;
  const line = make('p', 'account-address');
  line.append(make('bdi', '', mail), make('span', `badge ${confirmed ? 'verified' : 'guest'}`, confirmed ? words.me.addressConfirmed : words.me.addressOpen));
  const change = make('details', 'account-forgotten');
  change.append(make('summary', 'link', words.me.addressChange), changeForm(page, mail));
  return section(words.me.address, '', [line, ...(confirmed ? [] : [again(page)]), change]);
}

/** @param {Chat.AccountPage} page */
function again({ words, api }) {
  const part = make('div', 'account-again');
  const button = make('button', 'account-quiet', words.me.addressAgain);
  button.type = 'button';
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    const answer = await api.post('me/verify-email');
    if (answer.ok) {
      part.replaceChildren(notice(words.me.addressSent, 'good'));
      return;
    }
    button.removeAttribute('aria-disabled');
    part.querySelector('.account-notice')?.remove();
    part.append(notice(explain(answer, words), 'bad'));
  });
  part.append(make('p', 'account-hint', words.me.addressHow), button);
  return part;
}

/** @param {Chat.AccountPage} page @param {string} mail */
function changeForm({ words, api }, mail) {
  const [email, password] = [emailField(words), passwordField(words, words.oldPassword, 'old')];
  email.box.setAttribute('autocomplete', 'email');
  const form = new Form({
    words,
    username: mail,
    fields: [email, password],
    submit: words.me.addressSubmit,
    kind: 'second',
    send: () => api.post('me/email', { email: email.value.trim(), password: password.value }),
    done: () => form.element.replaceWith(notice(words.me.addressChanging, 'good')),
    errors: { BAD_CREDENTIALS: words.me.passwordWrong },
  });
  form.element.prepend(make('p', 'account-hint', words.me.addressChangeHow));
  return form.element;
}
