// The button that opens the chat in a window of its own.

import { byId } from '../shared/dom.js';

/** @param {() => Chat.Strings} strings @param {AbortSignal} signal */
export function offerPopout(strings, signal) {
  const popout = /** @type {HTMLAnchorElement} */ (byId('popout'));
  const address = new URL(location.href);
  address.searchParams.set('mode', 'popout');
  popout.href = address.href;
  popout.hidden = false;
  popout.addEventListener('click', (event) => {
    // As it looks now: the blog may have changed it.
    address.searchParams.set('theme', document.documentElement.dataset.theme ?? 'auto');
    address.searchParams.set('lang', strings().locale);
    popout.href = address.href;
    if (open(address.href, '_blank', 'popup,width=440,height=680')) event.preventDefault();
  }, { signal });
}
