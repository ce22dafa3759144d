// Who is here, by name, in a panel below the number. Loaded when somebody opens it.

import { loadWords } from '../i18n/moderation.js';
import { badgeMark } from '../list/badge.js';
import { base } from '../shared/base.js';
import { avatarImage, make } from '../shared/dom.js';
import { isAuthor } from '../wire/protocol.js';

/** A list of thousands serves nobody, and each name in it is a picture to load. */
const SHOWN_MAX = 200;

export class PeopleList {
  /** @param {import('./people.js').People} people */
  constructor(people) {
    const { parts, store, membersUrl, strings, signal } = people;
    this.people = people;
    this.parts = parts;
    this.store = store;
    this.membersUrl = membersUrl;
    this.strings = strings;
    const { panel, button } = parts;
    this.#offer();
    // The list can be longer than the panel: the arrows scroll it.
    panel.tabIndex = 0;
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || panel.hidden) return;
      this.show(false);
      button.focus();
    }, { signal });
    document.addEventListener('pointerdown', (event) => {
      const target = /** @type {Node} */ (event.target);
      if (!panel.contains(target) && !button.contains(target)) this.show(false);
    }, { signal });
  }

  /** @param {boolean} show */
  show(show) {
    const { panel, button } = this.parts;
    panel.hidden = !show;
    button.setAttribute('aria-expanded', String(show));
    if (!show) return;
    this.draw();
    panel.focus({ preventScroll: true });
    if (!this.store.presence.members) this.#fetch();
  }

  /** What there is where the server sends mail. */
  async #offer() {
    const { contact, mails } = document.body.dataset;
    if (!contact && !mails) return;
    const { locale } = this.strings();
    const words = await loadWords(locale).catch(() => null);
    if (!words) return;
    if (mails) this.#offerAnswers(words);
    if (contact) this.#offerContact(words, locale);
  }

  /** Whoever writes here may be told of answers. @param {Chat.OfficeWords} words */
  #offerAnswers(words) {
    const button = make('button', 'link', words.answers.open);
    button.type = 'button';
    button.addEventListener('click', () => {
      this.show(false);
      this.parts.button.focus();
      this.people.office?.with((office) => office.answers());
    });
    const line = make('p');
    line.append(button);
    this.parts.panel.append(line);
  }

  /**
   * Where the owner has switched the contact form on. It is a page of its own: none of a blog's frames shows it.
   * @param {Chat.OfficeWords} words @param {string} locale
   */
  #offerContact(words, locale) {
    const link = make('a', 'link', words.contact);
    const { theme = 'auto' } = document.documentElement.dataset;
    Object.assign(link, { href: `${base}/contact?lang=${locale}&theme=${theme}`, target: '_blank', rel: 'noopener' });
    const line = make('p');
    line.append(link);
    this.parts.panel.append(line);
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
    const { heading, panel } = this.parts;
    const { members } = this.store.presence;
    heading.textContent = this.strings().onlineList;
    if (!panel.hidden && members) this.#list(members);
  }

  /**
   * @param {Chat.Author[]} members
   * @param {number} [authors] how many there are, where these are not all
   */
  #list(members, authors = members.length) {
    const { list, more } = this.parts;
    const strings = this.strings();
    const me = this.store.self?.id;
    const ordered = [...members].sort((a, b) => Number(b.id === me) - Number(a.id === me)
      || a.nickname.localeCompare(b.nickname, strings.locale));
    list.replaceChildren(...ordered.slice(0, SHOWN_MAX).map((author) => {
      const item = make('li');
      item.append(avatarImage(author.avatar, 28), make('bdi', '', author.nickname), ...badgeMark(author.badge, strings));
      if (author.id === me) item.append(make('span', 'you', strings.you));
      return item;
    }));
    const readers = this.store.presence.count - authors;
    const others = authors - SHOWN_MAX;
    const lines = [...(others > 0 ? [strings.othersToo(others)] : []), ...(readers > 0 ? [strings.readersToo(readers)] : [])];
    more.hidden = lines.length === 0;
    more.textContent = lines.join(' · ');
  }
}
