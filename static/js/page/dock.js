// The foot of the page: what stands there, and the choice of nickname and animal until the server has confirmed it.

import { base } from '../shared/base.js';
import { byId, setAvatar } from '../shared/dom.js';
import { encodeProfile } from '../wire/protocol.js';

export class Dock {
  /**
   * @param {object} parts
   * @param {import('../store/identity.js').Identity} parts.identity
   * @param {import('../store/chat-store.js').ChatStore} parts.store
   * @param {import('../wire/connection.js').Connection} parts.connection
   * @param {import('../compose/composer.js').Composer} parts.composer
   * @param {import('../compose/profile.js').Profile} parts.profile
   * @param {import('./status.js').Status} parts.status
   * @param {() => Chat.Strings} parts.strings
   * @param {AbortSignal} parts.signal
   */
  constructor({ identity, store, connection, composer, profile, status, strings, signal }) {
    this.identity = identity;
    this.store = store;
    this.connection = connection;
    this.composer = composer;
    this.profile = profile;
    this.status = status;
    this.strings = strings;
    this.form = byId('composer');
    this.joinBar = byId('join-bar');
    this.closed = byId('closed');
    this.account = byId('account');
    this.me = byId('me');
    /**
     * While a choice is unconfirmed: what to go back to if the server refuses.
     * @type {{nickname: string | null, avatar: string | null} | null}
     */
    this.before = null;
    this.joinBar.addEventListener('click', () => this.#ask('prompt'), { signal });
    this.me.addEventListener('click', () => identity.token === '' || this.#ask('profile'), { signal });
  }

  /**
   * @param {'rest' | 'profile' | 'prompt'} what
   * @param {{nickname: string, avatar: string} | null} [draft] a choice that was refused
   */
  show(what, draft = null) {
    const { identity, profile } = this;
    const joined = identity.nickname !== null;
    const asking = what !== 'rest';
    const { shut } = this.store.standing;
    const leaves = shut && this.form.contains(document.activeElement);
    this.form.hidden = !joined || asking || shut;
    this.joinBar.hidden = joined || asking || shut;
    this.closed.hidden = asking || !shut;
    if (leaves) byId('log').focus({ preventScroll: true });
    this.#offerAccount(joined);
    if (asking) profile.open(joined ? { nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' } : null, draft);
    else profile.close();
    this.#wear(identity.avatar ?? '');
    if (!this.form.hidden) this.composer.update();
  }

  /** @param {'profile' | 'prompt'} what */
  #ask(what) {
    this.show(what);
    this.#offerAccount(true);
    this.profile.focus();
  }

  /** What the room is has changed: whether one may write in it at all. */
  room() {
    const asked = !byId('profile').hidden;
    // Nobody chooses a nickname for where nothing can be said; who changes theirs goes on.
    if (!asked || (this.store.standing.shut && this.identity.nickname === null)) this.show('rest');
  }

  /** The reader is another one from here on, here and on the server. */
  changedIdentity() {
    this.before = null;
    this.show(this.identity.nickname === null ? 'prompt' : 'rest');
    // Whoever is not in yet joins as that one anyway.
    if (this.connection.state === 'live') this.connection.rejoin();
  }

  /** The ways in for who has an account, and out again. Whoever comes to read is not asked about it. @param {boolean} offered in the profile */
  #offerAccount(offered) {
    const { own, token } = this.identity;
    const what = token === null ? 'haveCode' : token ? 'signOut' : 'nicknameChange';
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('.sign-in'))) {
      link.hidden = !own || token !== null;
      link.href = `${base}/login?to=${encodeURIComponent(location.href.slice(location.origin.length))}`;
    }
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.account'))) {
      button.dataset.t = what;
      button.textContent = this.strings()[what];
    }
    this.account.hidden = !offered;
  }

  /** Whoever closed the form by keyboard goes on at what had opened it. */
  leaveProfile() {
    this.show('rest');
    const back = this.store.standing.shut ? this.closed.lastElementChild : this.identity.nickname === null ? this.joinBar : this.me;
    /** @type {HTMLElement} */ (back).focus({ preventScroll: true });
  }

  /** Down to where one takes part, whatever stands there. */
  focus() {
    if (!byId('profile').hidden) this.profile.focus();
    else if (this.store.standing.shut) byId('log').focus({ preventScroll: true });
    else if (this.identity.nickname !== null) this.composer.focus();
    else this.joinBar.focus({ preventScroll: true });
  }

  /** @param {string} nickname @param {string} avatar */
  choose(nickname, avatar) {
    const { identity } = this;
    this.before ??= { nickname: identity.nickname, avatar: identity.avatar };
    const anotherIdentity = identity.choose(nickname, avatar);
    if (anotherIdentity) this.connection.rejoin();
    else this.#send();
    this.show('rest');
    this.composer.focus();
    if (!identity.storage.lasting) this.status.note(this.strings().notKept);
  }

  /** Does nothing away from the server: the choice then goes along with the next JOIN. */
  #send() {
    const { nickname, avatar } = this.identity;
    if (nickname !== null) this.connection.send(encodeProfile({ nickname, ...(avatar ? { avatar } : {}) }));
  }

  /** The line is back: a choice that nobody has answered is said again. */
  live() {
    if (this.before !== null) this.#send();
  }

  /** The server has told who we are. @param {boolean} asked whether it answers our choice @returns {boolean} whether it is settled */
  told(asked) {
    const { identity, store: { self } } = this;
    if (!self) return false;
    const chosen = self.nickname === identity.nickname && (!identity.avatar || self.avatar === identity.avatar);
    // A WELCOME may answer a JOIN from before the choice: then the choice is still to be sent.
    if (this.before !== null && !asked && !chosen) return false;
    this.before = null;
    identity.confirm(self);
    this.#wear(self.avatar);
    return true;
  }

  /** @param {Chat.WireError} error one that is about no message and no command */
  refused(error) {
    const { identity, profile } = this;
    const joining = this.connection.state !== 'live';
    const ofProfile = ['INVALID_NICKNAME', 'NICKNAME_TAKEN', 'INVALID_AVATAR'].includes(error.code)
      || (this.before !== null && !joining && ['RATE_LIMITED', 'INTERNAL'].includes(error.code));
    if (!ofProfile) return;
    const { errors } = this.strings();
    // The name of an account is changed where the account is.
    if (identity.token === '') {
      this.status.note(errors[/** @type {keyof typeof errors} */ (error.code)]);
      return;
    }
    const draft = { nickname: identity.nickname ?? '', avatar: identity.avatar ?? '' };
    // What was refused may have come from an earlier visit: then nothing is left to go back to.
    identity.revert(joining ? null : this.before?.nickname ?? null, this.before?.avatar ?? null);
    this.before = null;
    this.show('profile', draft);
    if (error.code === 'RATE_LIMITED' && error.retryAfterMs) profile.wait(error.retryAfterMs);
    else profile.explain(errors[/** @type {keyof typeof errors} */ (error.code)]);
    // Whoever has just chosen is asked again where they are; what was refused on coming in leaves the focus alone.
    if (!joining) profile.focus();
  }

  /** @param {string} avatar */
  #wear(avatar) {
    setAvatar(/** @type {HTMLImageElement} */ (this.me.firstElementChild), avatar);
  }
}
