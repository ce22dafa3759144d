// How many people are here, and who.

import { avatarImage, make } from '../shared/dom.js';
import { badgeMark } from '../list/badge.js';
import { isAuthor } from '../wire/protocol.js';

/** A list of thousands serves nobody, and each name in it is a picture to load. */
const SHOWN_MAX = 200;

/** A number that is only about right, with two figures: more would say that it is known. @param {number} n */
export const about = (n) => Number(n.toPrecision(2));

export class People {
  /**
   * @param {Chat.PeopleParts} parts
   * @param {import('../store/chat-store.js').ChatStore} store
   * @param {string} membersUrl
   * @param {() => Chat.Strings} strings
   * @param {AbortSignal} signal
   */
  constructor(parts, store, membersUrl, strings, signal) {
    this.parts = parts;
    this.store = store;
    this.membersUrl = membersUrl;
    this.strings = strings;
    parts.button.addEventListener('click', () => this.#show(parts.panel.hidden === true), { signal });
    // The list can be longer than the panel: the arrows scroll it.
    parts.panel.tabIndex = 0;
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || parts.panel.hidden) return;
      this.#show(false);
      parts.button.focus();
    }, { signal });
    document.addEventListener('pointerdown', (event) => {
      const target = /** @type {Node} */ (event.target);
      if (!parts.panel.contains(target) && !parts.button.contains(target)) this.#show(false);
    }, { signal });
    store.addEventListener('presence', () => this.draw(), { signal });
    store.addEventListener('self', () => this.draw(), { signal });
  }

  /** @param {boolean} show */
  #show(show) {
    const { panel, button } = this.parts;
    panel.hidden = !show;
    button.setAttribute('aria-expanded', String(show));
    if (!show) return;
    this.draw();
    panel.focus({ preventScroll: true });
    if (!this.store.presence.members) this.#fetch();
  }

  /** In a large room the list does not come by itself. */
  async #fetch() {
    try {
      const answer = await fetch(this.membersUrl);
      // One page is more than is shown; a server of before pages has no `authors`.
      const { members, authors = members.length } = await answer.json();
      if (!this.parts.panel.hidden) this.#list(members.filter(isAuthor), authors);
    } catch {
      // The number stands; the names come with the next try.
    }
  }

  draw() {
    const { button, count, heading, panel } = this.parts;
    const { presence } = this.store;
    button.hidden = presence.count === 0;
    const strings = this.strings();
    count.textContent = presence.approximate ? strings.onlineAbout(about(presence.count)) : strings.online(presence.count);
    heading.textContent = this.strings().onlineList;
    if (!panel.hidden && presence.members) this.#list(presence.members);
  }

  /**
   * @param {Chat.Author[]} members
   * @param {number} [authors] how many there are, where these are not all
   */
  #list(members, authors = members.length) {
    const { list, more } = this.parts;
    const me = this.store.self?.id;
    const ordered = [...members].sort((a, b) => Number(b.id === me) - Number(a.id === me)
      || a.nickname.localeCompare(b.nickname, this.strings().locale));
    list.replaceChildren(...ordered.slice(0, SHOWN_MAX).map((author) => {
      const item = make('li');
      item.append(avatarImage(author.avatar, 28), make('bdi', '', author.nickname), ...badgeMark(author.badge, this.strings()));
      if (author.id === me) item.append(make('span', 'you', this.strings().you));
      return item;
    }));
    const strings = this.strings();
    const readers = this.store.presence.count - authors;
    const others = authors - SHOWN_MAX;
    const lines = [...(others > 0 ? [strings.othersToo(others)] : []), ...(readers > 0 ? [strings.readersToo(readers)] : [])];
    more.hidden = lines.length === 0;
    more.textContent = lines.join(' · ');
  }
}
