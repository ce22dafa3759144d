// Everything that visitors seldom need and moderators often: reports, the room's rules, the sign-in, bans, messages that
// wait, the header's desk, and the way back from each of these. Loaded with the first need of any of it.

import { loadStyle } from '../actions/style.js';
import { followWords, loadWords } from '../i18n/moderation.js';
import { byId } from '../shared/dom.js';
import { uuid } from '../store/identity.js';
import { openAccount } from './account.js';
import { openAnswers } from './answers.js';
import { post } from './api.js';
import { Asks } from './asks.js';
import { openBan } from './ban.js';
import { Desk } from './desk.js';
import { Held } from './held.js';
import { refusal } from './refusal.js';
import { openReport, openRules } from './report.js';
import { openSignIn, signOut } from './sign-in.js';
import { Toast } from './toast.js';

/** An answer may be this much (ms) behind what it answers, or before it. */
const APART_MS = 15_000;
/** So many acts are remembered, so that none is told of twice. */
const TOLD_MAX = 100;
/** What is done to messages, as the server calls it. */
const DEEDS = /** @type {const} */ ({ delete: 'deleted', pin: 'pinned', unpin: 'unpinned' });
/** Who does what nobody is there to do. */
const GUARD = 'guard';

export class Office {
  /** @param {Chat.OfficeParts} parts @param {Chat.OfficeWords} words */
  constructor(parts, words) {
    this.parts = parts;
    this.words = words;
    const { store, connection, signal } = parts;
    /** Within the same landmark as the conversation. */
    this.host = byId('log').parentElement ?? document.body;
    this.asks = new Asks(parts, uuid);
    this.toast = new Toast(this.host);
    /** What the reader has done to messages here, and when. @type {Map<string, {what: 'deleted' | 'pinned' | 'unpinned', at: number}>} */
    this.deeds = new Map();
    /** @type {Set<string>} */
    this.told = new Set();
    this.held = new Held(parts, () => this.words);
    /** @type {Desk | null} */
    this.desk = null;
    connection.addEventListener('frame', (event) => this.#hear(/** @type {any} */ (event).detail), { signal });
    store.addEventListener('done', (event) => this.#done(/** @type {any} */ (event).detail), { signal });
    store.addEventListener('room', () => this.#watch(), { signal });
    followWords(parts, (now) => {
      this.words = now;
      this.held.relabel();
      this.desk?.relabel();
    });
    signal.addEventListener('abort', () => {
      this.desk?.destroy();
      this.toast.destroy();
    });
    this.#watch();
  }

  /** @param {Chat.OfficeParts} parts */
  static async load(parts) {
    const [words] = await Promise.all([loadWords(parts.strings().locale), loadStyle('moderation')]);
    return new Office(parts, words);
  }

  /** @param {Chat.Message} message */
  report(message) {
    openReport(this, message);
  }

  /** @param {Chat.Message} message */
  ban({ author }) {
    openBan(this, author);
  }

  /** @param {string} rules @param {() => void} agreed */
  rules(rules, agreed) {
    openRules(this, rules, agreed);
  }

  /** Until when, and why. @param {Chat.WireError} error */
  banned(error) {
    this.parts.status.note(refusal(error, this.parts.strings(), this.words));
  }

  /** The login had ended. */
  signedOut() {
    this.toast.show(this.words.signIn.ended);
  }

  /** In or out, or who one is. */
  account() {
    const { token } = this.parts.identity;
    if (token === null) openSignIn(this);
    else if (token === '') openAccount(this);
    else signOut(this);
  }

  /** Whoever wrote here is told of answers by mail. */
  answers() {
    openAnswers(this);
  }

  /** Why an answer is not the one that was hoped for. @param {Chat.Frame | null} answer */
  why(answer) {
    const { unanswered } = this.words;
    if (answer?.type !== 'ERROR') return unanswered;
    return refusal(/** @type {any} */ (answer.payload), this.parts.strings(), this.words) || unanswered;
  }

  /** Something was done, and can be undone for as long as its notice stands. @param {string} auditId @param {string} text */
  did(auditId, text) {
    if (this.told.has(auditId)) return;
    this.told.add(auditId);
    if (this.told.size > TOLD_MAX) this.told.delete(/** @type {string} */ (this.told.values().next().value));
    this.toast.show(text, { label: this.words.undo, act: () => this.#undo(auditId) });
  }

  /** @param {string} auditId */
  async #undo(auditId) {
    const { undone, undoneBefore, changedSince, unanswered, errors } = this.words;
    const { status, body } = await post(`admin/audit/${encodeURIComponent(auditId)}/undo`, this.parts.identity.token);
    const code = body.code ?? body.error?.code;
    this.toast.show(status >= 200 && status < 300 ? undone : code === 'ALREADY_UNDONE' ? undoneBefore
      : code === 'CHANGED_SINCE' ? changedSince : status === 429 ? errors.RATE_LIMITED : unanswered);
  }

  /** @param {Chat.Frame} frame */
  #hear({ type, payload }) {
    if (type === 'QUEUE') this.desk?.queue.changed();
    if (type !== 'MOD' || payload.undone) return;
    const { action, auditId, by, target } = payload;
    if (by?.id === GUARD) this.#guarded(action, auditId);
    if (by?.id !== this.parts.store.ownId) return;
    // Of what is done to a message the answer is an ACK; this tells by which number it can be undone. It may come before
    // the answer, and what was done in another window is told there.
    const what = DEEDS[/** @type {keyof typeof DEEDS} */ (action)];
    const { entries } = this.parts.store.commands;
    const ours = entries.some((entry) => entry.id === target?.id && deed(entry) === what) || this.deeds.get(target?.id)?.what === what;
    if (what && ours) this.did(auditId, this.words.done[what]);
  }

  /** @param {string} action @param {string} auditId */
  #guarded(action, auditId) {
    const { guard } = this.words;
    if (action === 'guard_on') this.did(auditId, guard.on);
    else if (action === 'guard_off') this.toast.show(guard.off);
  }

  /** @param {Chat.Command} command */
  #done(command) {
    const what = deed(command);
    if (!what) return;
    for (const [id, { at }] of this.deeds) if (Date.now() - at > APART_MS) this.deeds.delete(id);
    this.deeds.set(command.id, { what, at: Date.now() });
  }

  #watch() {
    if (this.parts.store.standing.moderates) this.desk ??= new Desk(this);
  }
}

/** @param {Chat.Command} command */
const deed = (command) => (command.type === 'DELETE' ? 'deleted' : command.type === 'PIN' ? (command.on ? 'pinned' : 'unpinned') : null);
