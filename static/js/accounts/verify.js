// /verify: whoever has opened the link that came by mail says that the address is theirs. It takes a press: what looks at mail
// before its reader does opens links as well.

import { base } from '../shared/base.js';
import { Form } from './form.js';
import { card, greeters, link } from './parts.js';

/** @param {Chat.AccountPage} page */
export function verifyPage(page) {
  const { words, api, host, code } = page;
  const texts = words.verify;
  const toMe = () => link(texts.toMe, page.link('me'));
  if (!code) {
    host.replaceChildren(greeters(base), card(texts.noCodeTitle, texts.noCodeHow, [toMe()]));
    return;
  }
  const form = new Form({
    words,
    fields: [],
    submit: texts.submit,
    send: () => api.post('auth/verify-email', { code }),
    done: () => {
      const done = card(texts.doneTitle, texts.doneHow, [toMe()]);
      host.replaceChildren(greeters(base), done);
      const heading = done.querySelector('h1');
      heading?.setAttribute('tabindex', '-1');
      heading?.focus();
      page.say(texts.doneTitle);
    },
    errors: { BAD_CODE: texts.badCode, EMAIL_TAKEN: texts.taken },
  });
  host.replaceChildren(greeters(base), card(texts.title, texts.lead, [form.element]));
  form.button.focus({ preventScroll: true });
}
