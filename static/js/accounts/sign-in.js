// /login

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { emailField, passwordField } from './field.js';
import { Form } from './form.js';
import { card, greeters, link, notice } from './parts.js';
import { rememberLogin } from './remember.js';

/** What a page that led here may have to say, by `?said=`. */
const SAID = /** @type {const} */ (['out', 'erased', 'reset']);

/** @param {Chat.AccountPage} page */
export async function signInPage(page) {
  const { words, api, host } = page;
  const [email, password] = [emailField(words), passwordField(words)];
  const form = new Form({
    words,
    fields: [email, password],
    submit: words.login.submit,
    send: () => api.post('auth/login', { email: email.value.trim(), password: password.value, session: 'cookie' }),
    done: ({ body }) => {
      rememberLogin(body.user);
      page.go(page.back());
    },
  });
  const query = new URLSearchParams(location.search);
  const said = SAID.find((name) => name === query.get('said'));
  const more = make('div', 'account-more');
  const element = card(words.login.title, words.login.lead, [...(said ? [notice(words.login[said], 'good')] : []), form.element, more]);
  host.replaceChildren(greeters(base), element);
  email.box.focus({ preventScroll: true });
  // The form needs none of it, and does not wait.
  const { ok, body } = await api.get('auth/settings');
  if (ok) tell(page, body, element, more);
}

/** @param {Chat.AccountPage} page @param {Chat.AccountSettings} settings @param {HTMLElement} element @param {HTMLElement} more */
function tell(page, settings, element, more) {
  const { words } = page;
  if (settings.setup) element.querySelector('form')?.before(notice(words.login.noOwner));
  const forgotten = make('details', 'account-forgotten');
  const summary = make('summary', 'link', words.login.forgotten);
  forgotten.append(summary, ...(settings.mail ? [byMail(page)] : [make('p', 'account-hint', words.login.forgottenHow)]));
  more.append(forgotten);
  if (settings.registration === 'open') more.append(link(words.login.toRegister, page.link('register')));
  if (settings.registration === 'invite') more.append(make('p', 'account-hint', words.login.invited));
}

/** @param {Chat.AccountPage} page */
function byMail({ words, api }) {
  const email = emailField(words);
  const form = new Form({
    words,
    fields: [email],
    submit: words.login.forgottenSubmit,
    kind: 'second',
    send: () => api.post('auth/password/forgot', { email: email.value.trim() }),
    done: () => form.element.replaceWith(notice(words.login.forgottenDone, 'good')),
  });
  form.element.prepend(make('p', 'account-hint', words.login.forgottenMail));
  return form.element;
}
