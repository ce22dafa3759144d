// How many messages posts have, and which came last, for lists of posts on a blog: embed.js loads this where a page has
// such places. One question for up to a hundred posts. Text only ever becomes text.

/** So many rooms are asked for at once, as the server answers them; and an address has an end. */
const ROOMS_MAX = 100;
const ADDRESS_MAX = 6_000;
const LATEST = 5;
const LATEST_MAX = 20;

/** @typedef {{id: string, messageCount: number, lastMessageAt: string | null, last?: {id: string, nickname: string, content: string, createdAt: string}}} Count */
/** @typedef {(from: string, address: string) => string} RoomOf */

/**
 * The room that a place names: an address of a post has a slash in it, a room's name has none.
 * @param {string} named @param {string | null} from how rooms follow from addresses @param {RoomOf} roomOf
 * @returns {{room: string, href: string}}
 */
function roomNamed(named, from, roomOf) {
  if (named && !named.includes('/')) return { room: named, href: '' };
  const href = new URL(named || location.href, document.baseURI).href;
  return { room: roomOf(from || 'permalink', href), href };
}

/** Parts that each make one question. @param {string[]} rooms @returns {string[]} the queries */
export function questions(rooms) {
  /** @type {string[][]} */
  const parts = [];
  let length = Infinity;
  for (const room of new Set(rooms)) {
    const id = encodeURIComponent(room);
    const last = parts.at(-1);
    if (!last || last.length === ROOMS_MAX || length + id.length > ADDRESS_MAX) {
      parts.push([id]);
      length = id.length;
    } else {
      last.push(id);
      length += id.length + 1;
    }
  }
  return parts.map((part) => `ids=${part.join(',')}`);
}

/** @param {string} server @param {string} query @returns {Promise<Count[]>} */
async function ask(server, query) {
  const answer = await fetch(`${server}api/v1/rooms?${query}`, { credentials: 'omit', referrerPolicy: 'no-referrer' });
  if (!answer.ok) throw new Error(`realtime-chat: no counts (${answer.status})`);
  const { rooms } = await answer.json();
  return rooms;
}

/**
 * Fills all such places of a page, or of a part of it. What stands in a place stays where the server does not answer.
 * @param {string} server its root, with a slash at its end
 * @param {RoomOf} roomOf
 * @param {ParentNode} [root]
 */
export async function fill(server, roomOf, root = document) {
  const places = [...root.querySelectorAll('[data-realtime-chat-count]')].map((place) => ({
    place, ...roomNamed(place.getAttribute('data-realtime-chat-count') ?? '', place.getAttribute('data-room-from'), roomOf),
  }));
  const lists = [...root.querySelectorAll('[data-realtime-chat-latest]')].map((place) => {
    const named = (place.getAttribute('data-rooms') ?? '').split(/\s+/).filter(Boolean);
    const from = place.getAttribute('data-room-from');
    return { place, rooms: named.length ? named.map((one) => roomNamed(one, from, roomOf)) : places };
  });
  /** @type {Map<string, Count>} */
  const counts = new Map();
  const rooms = [...places, ...lists.flatMap((list) => list.rooms)].map(({ room }) => room);
  const more = lists.length ? '&last=true' : '';
  const answers = await Promise.all(questions(rooms).map((query) => ask(server, query + more)));
  for (const count of answers.flat()) counts.set(count.id, count);
  for (const { place, room } of places) drawCount(place, counts.get(room));
  for (const { place, rooms } of lists) drawLatest(place, rooms, counts);
}

/** @param {Element} place */
const langOf = (place) => place.closest('[lang]')?.getAttribute('lang') || navigator.language;

/** @param {Element} place @param {Count | undefined} count */
function drawCount(place, count) {
  if (!count) return;
  place.textContent = shown(() => count.messageCount.toLocaleString(langOf(place)), String(count.messageCount));
  place.setAttribute('data-count', String(count.messageCount));
}

/** A page may say any language, also none. @param {() => string} act @param {string} otherwise */
function shown(act, otherwise) {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

/** @param {Element} place @param {{room: string, href: string}[]} rooms @param {Map<string, Count>} counts */
function drawLatest(place, rooms, counts) {
  const asked = Number(place.getAttribute('data-realtime-chat-latest')) || LATEST;
  const found = [...new Map(rooms.map(({ room, href }) => [room, href]))]
    .flatMap(([room, href]) => {
      const last = counts.get(room)?.last;
      return last ? [{ ...last, href }] : [];
    })
    .sort((one, other) => other.createdAt.localeCompare(one.createdAt))
    .slice(0, Math.min(asked, LATEST_MAX));
  const isList = place.matches('ul, ol, menu');
  place.replaceChildren(...found.map(({ nickname, content, createdAt, href }) => {
    const item = document.createElement(isList ? 'li' : 'div');
    const name = document.createElement('b');
    name.textContent = nickname;
    const text = document.createElement(href ? 'a' : 'span');
    if (text instanceof HTMLAnchorElement) text.href = href;
    text.textContent = content;
    const time = document.createElement('time');
    time.dateTime = createdAt;
    time.textContent = shown(() => new Date(createdAt).toLocaleString(langOf(place), { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }), createdAt);
    item.append(name, ' ', text, ' ', time);
    return item;
  }));
}
