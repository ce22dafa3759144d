// The words that stand in the page itself, and the links that lead to one message.

/** @param {Chat.Strings} strings */
export function relabel(strings) {
  document.documentElement.lang = strings.locale;
  const texts = /** @type {Record<string, any>} */ (strings);
  /** @param {string} kind @param {(element: Element, text: string) => void} set */
  const each = (kind, set) => {
    for (const element of document.querySelectorAll(`[${kind}]`)) set(element, texts[element.getAttribute(kind) ?? '']);
  };
  each('data-t', (element, text) => { element.textContent = text; });
  each('data-t-label', (element, text) => element.setAttribute('aria-label', text));
  each('data-t-title', (element, text) => element.setAttribute('title', text));
  document.querySelector('#message')?.setAttribute('placeholder', strings.placeholder);
}

/** The page of a message: the chat by itself, in the visitor's own theme. @param {number} seq */
export function linkTo(seq) {
  const address = new URL(location.href);
  for (const name of ['theme', 'mode']) address.searchParams.delete(name);
  address.searchParams.set('m', String(seq));
  address.hash = '';
  return address.href;
}

/** The message that the address leads to: `#m-41` within the page, `?m=41` from elsewhere. */
export function linkedMessage() {
  const named = /^#m-(\d{1,15})$/.exec(location.hash)?.[1] ?? new URLSearchParams(location.search).get('m') ?? '';
  return /^\d{1,15}$/.test(named) ? Number(named) : null;
}
