// How many people are here; who they are is loaded when somebody asks (people-list.js).

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
    if (!this.store.presence.members) this.#list();
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

  /** @param {Chat.Author[]} [members] in a large room the list does not come by itself */
  async #list(members) {
    try {
      const { listPeople } = await import('./people-list.js');
      await listPeople(this, members);
    } catch {
      // The number stands; the names come with the next try.
    }
  }
}
