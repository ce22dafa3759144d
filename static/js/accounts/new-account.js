// /register and /setup: a new account, and the first of all.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { cleanNickname } from '../text/text.js';
import { Animals } from './animals.js';
import { emailField, newPasswordField, nicknameField } from './field.js';
import { Form } from './form.js';
import { card, command, greeters, link } from './parts.js';
import { rememberLogin } from './remember.js';

/** @param {Chat.AccountPage} page */
export async function registerPage(page) {
  const { words, api, host, code } = page;
  host.replaceChildren(card(words.register.title, words.loading, []));
  const { ok, body } = await api.get('auth/settings');
  const registration = ok ? /** @type {Chat.AccountSettings} */ (body).registration : '';
  const toLogin = link(words.register.toLogin, page.link('login'));
  const [title, how] = registration === 'closed' ? [words.register.closedTitle, words.register.closedHow] : [words.register.inviteTitle, words.register.inviteHow];
  // Where the settings could not be asked the server says what it thinks of what is sent.
  if (registration === 'closed' || (registration === 'invite' && !code)) {
    host.replaceChildren(greeters(base), card(title, how, [toLogin]));
    return;
  }
  form(page, words.register, toLogin, (content) => api.post('auth/register', { ...content, ...(code ? { invite: code } : {}) }));
}

/** @param {Chat.AccountPage} page */
export async function setupPage(page) {
  const { words, api, host, code } = page;
  if (!code) {
    host.replaceChildren(greeters(base), card(words.setup.noCodeTitle, words.setup.noCodeHow, [command('realtime-chat owner')]));
    return;
  }
  form(page, words.setup, null, ({ avatar: _, ...content }) => api.post('auth/setup', { ...content, code }));
}

/**
 * @param {Chat.AccountPage} page
 * @param {{title: string, lead: string, submit: string}} texts
 * @param {HTMLElement | null} more
 * @param {(content: {email: string, password: string, nickname: string, avatar?: string, session: 'cookie'}) => Promise<Chat.AccountAnswer>} send
 */
function form(page, texts, more, send) {
  const { words, host } = page;
  // The first owner's animal is chosen later: there is enough to do.
  const animals = more ? new Animals(words) : null;
  const [email, password, nickname] = [emailField(words), newPasswordField(words), nicknameField(words)];
  const made = new Form({
    words,
    fields: [nickname, email, password],
    submit: texts.submit,
    send: () => send({
      email: email.value.trim(),
      password: password.value,
      nickname: cleanNickname(nickname.value),
      ...(animals?.avatar ? { avatar: animals.avatar } : {}),
      session: 'cookie',
    }),
    done: ({ body }) => {
      rememberLogin(body.user);
      page.go(page.back());
    },
    errors: more ? {} : { BAD_CODE: words.setup.badCode },
  });
  const element = card(texts.title, texts.lead, [made.element, ...(more ? [linkRow(more)] : [])]);
  if (animals) element.prepend(animals.element);
  host.replaceChildren(...(animals ? [] : [greeters(base)]), element);
  nickname.box.focus({ preventScroll: true });
}

/** @param {HTMLElement} more */
function linkRow(more) {
  const row = make('div', 'account-more');
  row.append(more);
  return row;
}

/** @param {Chat.AccountPage} page */
export async function resetPage(page) {
  const { words, api, host, code } = page;
  if (!code) {
    host.replaceChildren(greeters(base), card(words.reset.noCodeTitle, words.reset.noCodeHow, [link(words.login.submit, page.link('login'))]));
    return;
  }
  const password = newPasswordField(words, words.newPassword);
  const made = new Form({
    words,
    fields: [password],
    submit: words.reset.submit,
    send: () => api.post('auth/password/reset', { code, password: password.value }),
    done: () => page.go(page.link('login', { said: 'reset' })),
  });
  host.replaceChildren(greeters(base), card(words.reset.title, words.reset.lead, [made.element]));
  password.box.focus({ preventScroll: true });
}
