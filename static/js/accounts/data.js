// What is stored about somebody: to be had as a file, and to be erased. To erase asks for the password, and then once more.

import { Dialog, button, check } from '../moderation/dialog.js';
import { loadStyle } from '../actions/style.js';
import { make } from '../shared/dom.js';
import { passwordField } from './field.js';
import { Form } from './form.js';
import { section } from './parts.js';
import { forgetLogin } from './remember.js';

/** @param {Chat.AccountPage} page @param {string} username */
export function dataSection(page, username) {
  const { words, api, say } = page;
  const form = new Form({
    words,
    fields: [],
    submit: words.me.exportSubmit,
    kind: 'second',
    // What broke off on its way is not all of it.
    send: () => api.get('me/export').then((answer) => (answer.ok && answer.body.complete !== true ? { ...answer, ok: false, status: 0 } : answer)),
    done: ({ body }) => {
      keep(body);
      say(words.me.exportDone);
    },
    errors: { NOT_FOUND: words.me.exportMissing },
  });
  const erase = make('button', 'account-quiet danger', words.me.eraseOpen);
  erase.type = 'button';
  erase.addEventListener('click', async () => {
    await loadStyle('moderation').catch(() => {});
    // Pressed twice, it is asked once.
    if (!document.querySelector('dialog')) ask(page, { username });
  });
  const foot = make('div', 'account-foot');
  foot.append(erase);
  const gone = make('div', 'account-erase');
  gone.append(make('p', 'account-lead', words.me.eraseLead), foot);
  return section(words.me.data, words.me.exportLead, [form.element, gone]);
}

/** Hands a file to the browser. @param {unknown} body */
function keep(body) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(body, null, 2)], { type: 'application/json' }));
  const link = make('a');
  link.href = url;
  link.download = `realtime-chat-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url));
}

/** @typedef {{username: string, password?: string, texts?: boolean}} Wish what was typed and chosen before */

/** @param {Chat.AccountPage} page @param {Wish} wish */
function ask(page, { username, password = '', texts = false }) {
  const { words } = page;
  const dialog = new Dialog(document.body, words.erase.title, words.close);
  const field = passwordField(words);
  field.box.value = password;
  const { label, box } = check(words.erase.texts);
  box.checked = texts;
  const form = new Form({
    words,
    username,
    fields: [field],
    content: [label],
    submit: words.erase.next,
    kind: 'danger',
    send: async () => ({ ok: true, status: 200, body: {}, code: '', retryAfterMs: 0 }),
    done: () => {
      dialog.close();
      askAgain(page, { username, password: field.value, texts: box.checked });
    },
  });
  form.foot.prepend(button('account-quiet', words.cancel, () => dialog.close()));
  dialog.show([make('p', 'mod-how', words.erase.how), form.element], field.box);
  return form;
}

/** @param {Chat.AccountPage} page @param {Wish} wish */
function askAgain(page, wish) {
  const { password, texts } = wish;
  const { words, api, go, link } = page;
  const dialog = new Dialog(document.body, words.erase.sureTitle, words.close);
  const keepIt = button('account-quiet', words.erase.keep, () => dialog.close());
  const form = new Form({
    words,
    fields: [],
    submit: words.erase.submit,
    kind: 'danger',
    send: () => api.remove('me', { password, texts }),
    done: () => {
      forgetLogin();
      go(link('login', { said: 'erased' }));
    },
  });
  const { refuse } = form;
  form.refuse = (answer) => {
    const isPassword = answer.code === 'BAD_CREDENTIALS';
    const isTexts = texts && answer.code === 'BAD_REQUEST';
    if (!isPassword && !isTexts) {
      refuse.call(form, answer);
      return;
    }
    // Back to where it can be mended.
    dialog.close();
    const first = ask(page, wish);
    if (isPassword) first.field('password')?.explain(words.me.passwordWrong);
    else first.fault.textContent = words.erase.textsStay;
  };
  form.foot.prepend(keepIt);
  dialog.show([make('p', '', texts ? words.erase.sureTexts : words.erase.sure), form.element], keepIt);
}
