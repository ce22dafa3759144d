// What is stored about somebody: to be had as a file, and to be erased. To erase asks for the password, and then once more.

import { Dialog, button, check } from '../moderation/dialog.js';
import { loadStyle } from '../actions/style.js';
import { make } from '../shared/dom.js';
import { passwordField } from './field.js';
import { Form } from './form.js';
import { section } from './parts.js';

/** @param {Chat.AccountPage} page */
export function dataSection(page) {
  const { words, api, say } = page;
  const form = new Form({
    words,
    fields: [],
    submit: words.me.exportSubmit,
    kind: 'second',
    send: () => api.get('me/export'),
    done: ({ body }) => {
      keep(body);
      say(words.me.exportDone);
    },
  });
  const erase = make('button', 'account-quiet danger', words.me.eraseOpen);
  erase.type = 'button';
  erase.addEventListener('click', async () => {
    await loadStyle('moderation').catch(() => {});
    // Pressed twice, it is asked once.
    if (!document.querySelector('dialog')) ask(page);
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

/** @param {Chat.AccountPage} page @param {string} [password] @param {boolean} [texts] what was chosen before */
function ask(page, password = '', texts = false) {
  const { words } = page;
  const dialog = new Dialog(document.body, words.erase.title, words.close);
  const field = passwordField(words);
  field.box.value = password;
  const { label, box } = check(words.erase.texts);
  box.checked = texts;
  const form = new Form({
    words,
    fields: [field],
    content: [label],
    submit: words.erase.next,
    kind: 'danger',
    send: async () => ({ ok: true, status: 200, body: {}, code: '', retryAfterMs: 0 }),
    done: () => {
      dialog.close();
      askAgain(page, field.value, box.checked);
    },
  });
  form.foot.prepend(button('account-quiet', words.cancel, () => dialog.close()));
  dialog.show([make('p', 'mod-how', words.erase.how), form.element], field.box);
  return form;
}

/** @param {Chat.AccountPage} page @param {string} password @param {boolean} texts */
function askAgain(page, password, texts) {
  const { words, api, go, link } = page;
  const dialog = new Dialog(document.body, words.erase.sureTitle, words.close);
  const keepIt = button('account-quiet', words.erase.keep, () => dialog.close());
  const form = new Form({
    words,
    fields: [],
    submit: words.erase.submit,
    kind: 'danger',
    send: () => api.remove('me', { password, texts }),
    done: () => go(link('login', { said: 'erased' })),
  });
  const { refuse } = form;
  form.refuse = (answer) => {
    if (answer.code !== 'BAD_CREDENTIALS') {
      refuse.call(form, answer);
      return;
    }
    // Back to where the password is.
    dialog.close();
    ask(page, password, texts).field('password')?.explain(words.me.passwordWrong);
  };
  form.foot.prepend(keepIt);
  dialog.show([make('p', '', texts ? words.erase.sureTexts : words.erase.sure), form.element], keepIt);
}
