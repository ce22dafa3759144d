// /me: one's own account.

import { avatarImage, make } from '../shared/dom.js';
import { openStorage } from '../shared/storage.js';
import { cleanNickname } from '../text/text.js';
import { addressSection } from './address.js';
import { Animals } from './animals.js';
import { claimSection } from './claim.js';
import { dataSection } from './data.js';
import { newPasswordField, nicknameField, passwordField } from './field.js';
import { Form } from './form.js';
import { picture } from './icons.js';
import { loginsSection } from './logins.js';
import { card, notice, section } from './parts.js';
import { forgetLogin, rememberLogin } from './remember.js';
import { explain, textOf } from './explain.js';

/** @param {Chat.AccountPage} page */
export async function mePage(page) {
  const { words, api, host } = page;
  host.replaceChildren(card(words.me.title, words.loading, []));
  const answer = await api.get('me');
  if (answer.status === 401) {
    forgetLogin();
    // Whoever signs in there comes back.
    page.go(page.link('login', { to: location.pathname + location.search }));
    return;
  }
  if (!answer.ok || typeof answer.body.user?.nickname !== 'string') {
    const again = make('button', 'primary', words.tryAgain);
    again.type = 'button';
    again.addEventListener('click', () => mePage(page));
    const foot = make('div', 'account-foot');
    foot.append(again);
    host.replaceChildren(card(words.me.title, '', [notice(explain(answer, words), 'bad'), foot]));
    return;
  }
  const { user, role, email, emailConfirmed, rights } = answer.body;
  rememberLogin(user);
  const mail = typeof email === 'string' ? email : '';
  const storage = openStorage('localStorage');
  const head = header(page, user, role, mail, mayReview(rights));
  const logins = loginsSection(page);
  const claim = claimSection(page, storage);
  host.classList.add('wide');
  host.replaceChildren(
    head.element,
    profileSection(page, user, head.draw),
    ...(typeof emailConfirmed === 'boolean' ? [addressSection(page, mail, emailConfirmed)] : []),
    passwordSection(page, mail, logins.draw),
    logins.element,
    ...(claim ? [claim] : []),
    dataSection(page, mail),
  );
  staysWith(page, user.id);
}

/**
 * Another tab may have signed in as somebody else meanwhile: nothing of this account is to be done to that one.
 * @param {Chat.AccountPage} page @param {string} id
 */
function staysWith({ api, signal }, id) {
  document.addEventListener('visibilitychange', async () => {
    if (document.hidden) return;
    const { ok, body } = await api.get('me');
    if (ok && body.user?.id !== id) location.reload();
  }, { signal });
}

/** `REVIEW` of docs/RIGHTS.md: whoever has it finds something in the console. @param {unknown} rights */
const mayReview = (rights) => Math.floor(Number(rights) / 2 ** 7) % 2 === 1;

/** @param {Chat.AccountPage} page @param {{nickname: string, avatar: string}} user @param {unknown} role @param {string} mail @param {boolean} hasConsole */
function header({ words, api, go, link }, user, role, mail, hasConsole) {
  const element = make('header', 'account-head');
  const name = make('h1');
  const text = make('div', 'account-name');
  const roleName = textOf(words.me.roles, String(role));
  const out = make('button', 'account-quiet');
  out.type = 'button';
  out.append(picture('door'), make('span', '', words.me.signOut));
  out.addEventListener('click', async () => {
    const answer = await api.post('auth/logout');
    // Ended elsewhere before: signed out as well.
    if (answer.ok || answer.status === 401) {
      forgetLogin();
      go(link('login', { said: 'out' }));
    } else {
      element.parentElement?.querySelector(':scope > .account-notice')?.remove();
      element.after(notice(explain(answer, words), 'bad'));
    }
  });
  const admin = make('a', 'account-quiet', words.me.console);
  admin.href = link('admin');
  const bdi = make('bdi');
  name.append(bdi);
  text.append(name, ...(roleName ? [make('span', `badge ${role}`, roleName)] : []), ...(mail ? [make('bdi', 'account-mail', mail)] : []));
  /** @param {{nickname: string, avatar: string}} now */
  const draw = ({ nickname, avatar }) => {
    bdi.textContent = nickname;
    element.replaceChildren(avatarImage(avatar, 72), text, ...(hasConsole ? [admin] : []), out);
  };
  draw(user);
  return { element, draw };
}

/** @param {Chat.AccountPage} page @param {{nickname: string, avatar: string}} user @param {(user: {nickname: string, avatar: string}) => void} draw */
function profileSection(page, user, draw) {
  const { words, api } = page;
  const animals = new Animals(words, user.avatar);
  const nickname = nicknameField(words, user.nickname);
  const form = new Form({
    words,
    fields: [nickname],
    submit: words.save,
    send: () => api.patch('me', { nickname: cleanNickname(nickname.value), ...(animals.avatar ? { avatar: animals.avatar } : {}) }),
    done: ({ body }) => {
      // As the server has it, where it says so.
      const now = { nickname: body.user?.nickname ?? cleanNickname(nickname.value), avatar: body.user?.avatar ?? animals.avatar };
      nickname.box.value = now.nickname;
      draw(now);
      rememberLogin({ ...user, ...now });
      said(page, form, words.me.profileDone);
    },
  });
  return section(words.me.profile, '', [animals.element, form.element]);
}

/** @param {Chat.AccountPage} page @param {string} username @param {() => void} changed other logins end with the old password */
function passwordSection(page, username, changed) {
  const { words, api } = page;
  const [old, fresh] = [passwordField(words, words.oldPassword, 'old'), newPasswordField(words, words.newPassword)];
  const form = new Form({
    words,
    username,
    fields: [old, fresh],
    submit: words.me.passwordSubmit,
    send: () => api.post('me/password', { old: old.value, new: fresh.value }),
    done: () => {
      for (const { box } of [old, fresh]) box.value = '';
      said(page, form, words.me.passwordDone);
      changed();
    },
    errors: { BAD_CREDENTIALS: words.me.passwordWrong },
  });
  return section(words.me.password, words.me.passwordLead, [form.element]);
}

/** Beside the button, until something else is done with the form. @param {Chat.AccountPage} page @param {Form} form @param {string} text */
function said({ say }, form, text) {
  form.foot.querySelector('.account-done')?.remove();
  const word = make('span', 'account-done', text);
  form.foot.append(word);
  form.element.addEventListener('input', () => word.remove(), { once: true });
  say(text);
}
