// Where a page came by plain http a login's cookies would not be kept, and a password could be read on its way.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { card, greeters, link } from './parts.js';

/** @param {Chat.AccountPage} page */
export function insecurePage({ words, host, code }) {
  const { title, why, owner, open } = words.insecure;
  const { hostname, port, pathname, search } = location;
  const content = [make('p', 'account-hint', owner)];
  // Another port has another server behind it, for all that is known.
  if (port === '') {
    const row = make('div', 'account-foot');
    const button = link(open, `https://${hostname}${pathname}${search}${code ? `#${encodeURIComponent(code)}` : ''}`);
    button.className = 'primary';
    row.append(button);
    content.push(row);
  }
  host.replaceChildren(greeters(base), card(title, why, content));
}
