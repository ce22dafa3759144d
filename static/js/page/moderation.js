// What moderators do, reports, the sign-in of who runs the blog, the room's rules and its slow mode, and who the blog says
// that its reader is: all of it is loaded with the first need of it. Here is what notices that need.

export class Moderation {
  /** @param {Chat.OfficeParts} parts */
  constructor(parts) {
    const { store, sender, commander, signal } = parts;
    this.parts = parts;
    /** @type {Promise<import('../moderation/office.js').Office> | null} */
    this.loading = null;
    /** @type {Promise<import('../compose/slow.js').Slow> | null} */
    this.slow = null;
    /** @type {Promise<import('./blog-user.js').BlogUser> | null} */
    this.user = null;
    /** The rules that the writer knows. */
    this.rules = '';
    this.wasShut = false;
    store.addEventListener('room', () => this.#room(), { signal });
    for (const one of [sender, commander]) {
      one.addEventListener('failed', (event) => {
        const { code, entry, error } = /** @type {any} */ (event).detail;
        if (one === sender && (code === 'SLOW_MODE' || code === 'TOO_YOUNG')) this.#slowly((slow) => slow.refused(entry, error));
        if (code === 'BANNED') this.with((office) => office.banned(error));
      }, { signal });
    }
    // What waits for a moderator is explained; what has waited since before a reload is sent again as well.
    sender.addEventListener('changed', () => {
      if (!this.loading && store.outbox.entries.some(({ held }) => held)) this.with(() => {}, () => {});
    }, { signal });
    document.addEventListener('click', ({ target }) => {
      // Who has an account is called what the account is.
      if (/** @type {Element} */ (target).closest(parts.identity.token === '' ? '.account, #me' : '.account')) this.with((office) => office.account());
    }, { signal });
  }

  /** @param {(office: import('../moderation/office.js').Office) => void} act @param {() => void} [otherwise] it cannot be had now */
  async with(act, otherwise) {
    this.loading ??= import('../moderation/office.js').then(({ Office }) => Office.load(this.parts));
    const { signal, status, strings } = this.parts;
    const office = await this.loading.catch(() => null);
    if (signal.aborted) return;
    if (office) act(office);
    else {
      this.loading = null;
      if (otherwise) otherwise();
      else status.note(strings().actions.unavailable);
    }
  }

  /** Comes in; where the blog is about to say who its reader is, not as somebody else before. */
  enter() {
    if (location.search.includes('user=1')) return this.vouch();
    this.parts.connection.start();
    // The page that has opened this window may learn of its reader later.
    if (opener) this.vouch(null);
  }

  /** The blog says who its reader is. @param {string | null} [token] none of its users; undefined: it is about to say */
  vouch(token) {
    this.user ??= import('./blog-user.js').then(({ BlogUser }) => BlogUser.load(this.parts));
    this.user.then((user) => user.take(token), () => {
      this.user = null;
      if (this.parts.connection.stopped) this.parts.connection.start();
    });
  }

  /** Whether what is in the box may go now. Where the room has rules the writer reads them first, and what is in the box goes then. */
  mayWrite() {
    const { store: { standing }, composer } = this.parts;
    const { rules = '' } = standing.room.settings;
    if (!rules || standing.moderates || rules === this.rules) return true;
    const go = () => {
      this.rules = rules;
      composer().submit();
    };
    // Nobody is kept from writing by a file that does not come.
    this.with((office) => office.rules(rules, go), go);
    return false;
  }

  /** Something was stored by another tab: who one is, perhaps. */
  follow() {
    import('./follow.js').then(({ follow }) => follow(this.parts, () => this.forget(true)), () => {});
  }

  /** The login has ended, elsewhere. @param {boolean} ended whether it is this page's */
  forget(ended) {
    if (!ended) return;
    const { identity, changedIdentity } = this.parts;
    identity.signOut();
    changedIdentity();
    this.with((office) => office.signedOut());
  }

  #room() {
    const { store: { standing }, announcer, strings } = this.parts;
    const { shut, moderates, room: { settings } } = standing;
    if (shut && !this.wasShut) announcer.say(strings().closed);
    this.wasShut = shut;
    if (moderates && !this.loading) this.with(() => {}, () => {});
    if (settings.slowSeconds && !moderates) this.#slowly(() => {});
  }

  /** @param {(slow: import('../compose/slow.js').Slow) => void} act */
  #slowly(act) {
    this.slow ??= import('../compose/slow.js').then(({ Slow }) => Slow.load(this.parts));
    this.slow.then(act, () => { this.slow = null; });
  }
}
