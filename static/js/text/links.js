// Finds addresses in what people write. Pure: text in, parts out; the view makes the elements.

/**
 * Only http and https, only hosts in plain ASCII: a look-alike letter in a host name is how people
 * are led astray, and a Korean particle often follows a bare host without a space.
 * Paths may hold any letters, as Korean addresses do, but nothing that turns the writing direction.
 */
const ADDRESS = /https?:\/\/(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?(?:[/?#][^\s<>"`\u200e\u200f\u202a-\u202e\u2066-\u2069]*)?/giu;
/** What may not follow a bare host: it would go on, only not in plain ASCII, or be a user name. */
const GOES_ON = /^(?!\p{Script=Hangul})[\p{L}\p{N}@]/u;
/** Marks that end a sentence rather than an address. */
const TRAILING = /[.,!?;:'…。、!?」』】》]$/u;

/** @param {string} text @returns {Chat.Part[]} */
export function findLinks(text) {
  /** @type {Chat.Part[]} */
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const start = match.index ?? 0;
    const address = withoutTrailing(match[0]);
    const bare = !/[/?#]/.test(address.slice('https://'.length));
    if (!isAddress(address) || (bare && GOES_ON.test(text.slice(start + match[0].length)))) continue;
    if (start > from) parts.push({ text: text.slice(from, start) });
    parts.push({ text: address, href: address });
    from = start + address.length;
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from) });
  return parts;
}

/** @param {string} address */
function withoutTrailing(address) {
  for (;;) {
    const last = address.at(-1) ?? '';
    const opening = { ')': '(', ']': '[' }[last];
    // A closing bracket belongs to the address only if it was opened in it.
    const stray = opening !== undefined && address.split(opening).length < address.split(last).length;
    if (!stray && !TRAILING.test(address)) return address;
    address = address.slice(0, -1);
  }
}

/** @param {string} address */
function isAddress(address) {
  try {
    const { protocol, hostname } = new URL(address);
    return (protocol === 'https:' || protocol === 'http:') && hostname !== '';
  } catch {
    return false;
  }
}

const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}(?:\ufe0f|\u200d|[\u{1f3fb}-\u{1f3ff}]|\p{Extended_Pictographic})*\s?){1,3}$/u;

/** Whether a message is nothing but a few emoji, which are then shown large. @param {string} text */
export function isEmojiOnly(text) {
  return text.length <= 40 && EMOJI_ONLY.test(text);
}
