// The visitor that this browser was: what was written as such becomes the account's.

import { avatarImage, make } from '../shared/dom.js';
import { Form } from './form.js';
import { notice, section } from './parts.js';
import { forgetVisitor, hasUnsent, visitor } from './visitor.js';

/** @param {Chat.AccountPage} page @param {Chat.Storage} storage @returns {HTMLElement | null} null where there was none */
export function claimSection({ words, api, say }, storage) {
  const found = visitor(storage);
  if (!found) return null;
  const row = make('div', 'account-visitor');
  const lead = make('p', '', words.me.claimLead(`\u2068${found.nickname}\u2069`));
  row.append(avatarImage(found.avatar, 44), lead);
  const content = make('div');
  const form = new Form({
    words,
    fields: [],
    submit: words.me.claimSubmit,
    // A message that goes out later would be another author's, and might stand there twice.
    send: async () => (hasUnsent()
      ? { ok: false, status: 409, body: {}, code: 'UNSENT', retryAfterMs: 0 }
      : api.post('me/claim', { anonymousId: found.anonymousId })),
    done: () => {
      forgetVisitor(storage, found.anonymousId);
      content.replaceChildren(notice(words.me.claimDone, 'good'));
      say(words.me.claimDone);
    },
    errors: { UNSENT: words.me.claimUnsent },
  });
  content.append(row, make('p', 'account-hint', words.me.claimHow), form.element);
  return section(words.me.claim, '', [content]);
}
