// Finds addresses in what people write. Pure: text in, parts out; the view makes the elements.

/**
 * Only http and https, only hosts in plain ASCII: a look-alike letter in a host name is how people
 * are led astray, and a Korean particle often follows a bare host without a space.
 * Paths may hold any letters, as Korean addresses do, but nothing that turns the writing direction, nothing that cannot
 * be seen, no East Asian brackets and sentence marks, no emoji and no lone jamo (as in ㅋㅋ): a reader sees the end there.
 */
const ADDRESS = /https?:\/\/(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?(?:[/?#][^\s<>"`|\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u3001-\u3003\u3008-\u3011\u3014-\u301f\u3131-\u318e\uff08\uff09\uff0c\uff1b\uff3b\uff3d\uff5b\uff5d\uff5f-\uff64“”‘’«»\p{Emoji_Presentation}]*)?/giu;
/** What may not follow a bare host: it would go on, only not in plain ASCII, or be a user name, with a password or not. */
const GOES_ON = /^(?:(?!\p{Script=Hangul})[\p{L}\p{N}@]|:[^\s/]*@)/u;
/** Marks that end a sentence, or emphasise it, rather than belong to an address. */
const TRAILING = /[.,!?:;'*_~…·。！？：]/u;
/** Marks of bold and struck text end an address wherever they stand. */
const MARKS = /\*\*|~~|\*(?=\p{Script=Hangul})/u;
/**
 * Korean particles and forms of "to be" that follow a word without a space. They end an address that ends in them,
 * where what stands before is plain ASCII: `docs에서` is the page `docs`, while `위키에서` may well be a page's name.
 */
const PARTICLE = new RegExp(`(?<=[a-z\\d)\\]'"/])(?:${[
  '(?:에서|에게|한테|께|까지|부터|으로|로|에|와|과|이?랑|하고|보다|처럼)(?:부터|까지|서|써)?[는은도만의]?',
  '은|는|이|가|을|를|의|도|만|요|께서|마다|조차|마저|밖에|이?나|이?라도|이?라는|이?라고|에선|이?라서',
  '입니다만?|이에요|예요|에요|이고|인데요?|이지만|임|이며|이었[는어]?[데요]?',
].join('|')})(?=$|[(),!…]|[.?:;~'](?![a-z\\d]))`, 'iu');

/** @param {string} text @returns {{text: string, href?: string}[]} */
export function findLinks(text) {
  /** @type {{text: string, href?: string}[]} */
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const start = match.index ?? 0;
    const address = ended(match[0]);
    const bare = !/[/?#]/.test(address.slice('https://'.length));
    if (!isAddress(address) || (bare && GOES_ON.test(text.slice(start + match[0].length)))) continue;
    if (start > from) parts.push({ text: text.slice(from, start) });
    parts.push({ text: address, href: address });
    from = start + address.length;
  }
  if (from < text.length || parts.length === 0) parts.push({ text: text.slice(from) });
  return parts;
}

/** The address as far as a reader would say it goes. @param {string} address */
function ended(address) {
  const marks = address.search(MARKS);
  let end = withoutTrailing(marks < 0 ? address : address.slice(0, marks));
  const particle = PARTICLE.exec(end);
  if (particle && belongsToSentence(end, particle)) end = withoutTrailing(end.slice(0, particle.index));
  return end;
}

/**
 * Behind a slash, a particle of one syllable may be a page's name: /wiki/이. Right behind the host it hardly is.
 * @param {string} address @param {RegExpExecArray} particle
 */
function belongsToSentence(address, { 0: { length }, index }) {
  return address[index - 1] !== '/' || length > 1 || address.indexOf('/', 'https://'.length) === index - 1;
}

/** @param {string} address */
function withoutTrailing(address) {
  /** How many more of each closing bracket there are than opening ones. @type {Record<string, number>} */
  const stray = { ')': 0, ']': 0 };
  for (const letter of address) {
    if (letter === '(') stray[')'] -= 1;
    else if (letter === '[') stray[']'] -= 1;
    else if (letter in stray) stray[letter] += 1;
  }
  let { length } = address;
  for (;; length -= 1) {
    const last = address[length - 1] ?? '';
    // A closing bracket belongs to the address only if it was opened in it.
    if (stray[last] > 0) stray[last] -= 1;
    else if (!TRAILING.test(last)) return address.slice(0, length);
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
