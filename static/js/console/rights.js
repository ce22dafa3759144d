// What each right is called here. The numbers are those of docs/RIGHTS.md. Pure.

export const DELETE_ANY = 2 ** 3;
export const BAN = 2 ** 5;
export const ROOM_SET = 2 ** 6;
export const REVIEW = 2 ** 7;
export const AUDIT = 2 ** 8;
export const DEFAULTS = 2 ** 9;
export const TEAM = 2 ** 10;
export const OWN = 2 ** 11;

/** Whether rights, as the server sums them up, have this one. Below 2^53, so beyond what `&` takes. @param {number} rights @param {number} right */
export const has = (rights, right) => Math.floor(rights / right) % 2 === 1;

/** What a screen needs; the server refuses the rest all the same. @type {Record<Chat.Screen, number>} */
export const NEEDED = {
  overview: REVIEW, rooms: ROOM_SET, queue: REVIEW, people: BAN, rules: DEFAULTS, inquiries: DEFAULTS, audit: AUDIT, team: TEAM, bots: TEAM, webhooks: DEFAULTS, settings: REVIEW,
};

export const SCREENS = /** @type {Chat.Screen[]} */ (Object.keys(NEEDED));

/**
 * Which screen an address names: the first one where it names none.
 * @param {string} pathname @param {string} base the path that the chat is served under
 * @returns {Chat.Screen}
 */
export function screenOf(pathname, base) {
  const name = pathname.slice(`${base}/admin/`.length).replace(/\/$/, '');
  return SCREENS.find((screen) => screen === name) ?? 'overview';
}
