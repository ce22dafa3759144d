// Tells people apart who go by the same name. Pure.

/**
 * How a name looks to somebody who does not look closely: forms of a letter, case and kinds of space are one, and what
 * draws nothing is not there.
 * @param {string} nickname
 */
function likeness(nickname) {
  return nickname.normalize('NFKC').toUpperCase().replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, '').replace(/[\s\u2800]+/gu, ' ').trim();
}

/**
 * Digits that follow from an id alone, so that they are the same on every screen and each day: two FNV-1a hashes, and
 * behind them the id itself, should both be the same.
 * @param {string} id
 */
function digits(id) {
  return [0x811c9dc5, 0x050c5d1f].map((basis) => {
    let hash = basis;
    for (let n = 0; n < id.length; n += 1) hash = Math.imul(hash ^ id.charCodeAt(n), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, '0');
  }).join('') + id;
}

const DIGITS_MIN = 2;

/**
 * The marks of those who look like somebody else, by nickname and animal. Nobody else gets one.
 * @param {Iterable<Chat.Author>} authors one may be among them more than once, under several names
 * @returns {Map<string, string>} by author id, as `#3f`; as long as it takes to tell those of one name apart
 */
export function marks(authors) {
  /** @type {Map<string, Set<string>>} */
  const alike = new Map();
  for (const { id, nickname, avatar } of authors) {
    const key = `${avatar}\n${likeness(nickname)}`;
    const ids = alike.get(key);
    if (ids) ids.add(id);
    else alike.set(key, new Set([id]));
  }
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const ids of alike.values()) {
    if (ids.size < 2) continue;
    const all = [...ids].map((id) => ({ id, digits: digits(id) }));
    let length = DIGITS_MIN;
    while (new Set(all.map((one) => one.digits.slice(0, length))).size < all.length) length += 1;
    for (const one of all) {
      const mark = `#${one.digits.slice(0, length)}`;
      if (mark.length > (found.get(one.id)?.length ?? 0)) found.set(one.id, mark);
    }
  }
  return found;
}
