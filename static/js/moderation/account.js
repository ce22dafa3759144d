// Who one is here, for whoever has signed in on the chat's own pages: the name, the way to the account, and out.

import { badgeMark } from '../list/badge.js';
import { base } from '../shared/base.js';
import { avatarImage, make } from '../shared/dom.js';
import { Dialog, button } from './dialog.js';
import { signOut } from './sign-in.js';

/** @param {import('./office.js').Office} office */
export function openAccount(office) {
  const { parts: { identity, store, strings }, words } = office;
  const dialog = new Dialog(office.host, words.account.title, words.close);
  const who = make('div', 'mod-account');
  const name = make('p');
  name.append(make('bdi', '', identity.nickname ?? ''), ...badgeMark(store.self?.badge, strings()));
  const text = make('div');
  text.append(name, make('p', 'mod-how', words.account.how));
  who.append(avatarImage(identity.avatar ?? '', 56), text);
  const link = make('a', 'primary', words.account.open);
  link.href = `${base}/me?lang=${strings().locale}&theme=${document.documentElement.dataset.theme ?? 'auto'}`;
  // Pages of accounts stand in no frame.
  link.target = '_top';
  const foot = make('div', 'mod-foot');
  foot.append(button('link', strings().signOut, async () => {
    dialog.wait(true);
    if (await signOut(office)) dialog.close();
    else dialog.explain(words.unanswered);
  }), link);
  dialog.show([who, foot], link);
}
