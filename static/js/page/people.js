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
    this.signal = signal;
    /** What opens what is seldom needed. @type {import('./moderation.js').Moderation | undefined} */
    this.office = undefined;
    /** @type {import('./people-list.js').PeopleList | null} */
    this.list = null;
    parts.button.addEventListener('click', () => this.#toggle(), { signal });
    for (const type of ['presence', 'self']) store.addEventListener(type, () => this.draw(), { signal });
  }

  async #toggle() {
    try {
      const { PeopleList } = await import('./people-list.js');
      this.list ??= new PeopleList(this);
      this.list.show(this.parts.panel.hidden === true);
    } catch {
      // The number stands; the names come with the next try.
    }
  }

  draw() {
    const { parts: { button, count }, store: { presence } } = this;
    button.hidden = presence.count === 0;
    const strings = this.strings();
    count.textContent = presence.approximate ? strings.onlineAbout(about(presence.count)) : strings.online(presence.count);
    this.list?.draw();
  }
}
