// Who is here, by name. Loaded when somebody opens the list.

import { badgeMark } from '../list/badge.js';
import { avatarImage, make } from '../shared/dom.js';
import { isAuthor } from '../wire/protocol.js';

/** A list of thousands serves nobody, and each name in it is a picture to load. */
const SHOWN_MAX = 200;

/** @param {import('./people.js').People} people @param {Chat.Author[]} [known] else they are asked for */
export async function listPeople(people, known) {
  const { members, authors } = known ? { members: known, authors: known.length } : await ask(people.membersUrl);
  if (!people.parts.panel.hidden) draw(people, members, authors);
}

/** @param {string} url @returns {Promise<{members: Chat.Author[], authors: number}>} */
async function ask(url) {
  const answer = await fetch(url);
  // One page is more than is shown; a server of before pages has no `authors`.
  const { members, authors = members.length } = await answer.json();
  return { members: members.filter(isAuthor), authors };
}

/**
 * @param {import('./people.js').People} people
 * @param {Chat.Author[]} members
 * @param {number} authors how many there are, where these are not all
 */
function draw({ parts: { list, more }, store, strings: words }, members, authors) {
  const strings = words();
  const me = store.self?.id;
  const ordered = [...members].sort((a, b) => Number(b.id === me) - Number(a.id === me)
    || a.nickname.localeCompare(b.nickname, strings.locale));
  list.replaceChildren(...ordered.slice(0, SHOWN_MAX).map((author) => {
    const item = make('li');
    item.append(avatarImage(author.avatar, 28), make('bdi', '', author.nickname), ...badgeMark(author.badge, strings));
    if (author.id === me) item.append(make('span', 'you', strings.you));
    return item;
  }));
  const readers = store.presence.count - authors;
  const others = authors - SHOWN_MAX;
  const lines = [...(others > 0 ? [strings.othersToo(others)] : []), ...(readers > 0 ? [strings.readersToo(readers)] : [])];
  more.hidden = lines.length === 0;
  more.textContent = lines.join(' · ');
}
