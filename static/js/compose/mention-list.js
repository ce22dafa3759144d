// The list of people that opens over the box where an `@` is being written.
//
// The focus stays in the box all the time: a phone's keyboard stays where it is, and what is composed is not cut
// short. So the list is no list of buttons; the box itself tells which line is the active one.

import { MentionTracker, candidates, endOf, tokenAt } from './mentions.js';
import { avatarImage, make } from '../shared/dom.js';

export { peopleOf } from './mentions.js';

/** Enter ends a Korean syllable, and some systems report that press once more. It comes at most this much later. */
const AGAIN_MS = 50;
/** The key code of a key that the input method has taken. */
const TAKEN = 229;
const HANGUL_ONLY = /^\p{Script=Hangul}+$/u;
const AVATAR_PX = 28;

/** One list per page: a box names it by its id. */
const ID = 'mention-list';

export class MentionList {
  /**
   * @param {object} options
   * @param {HTMLTextAreaElement} options.box
   * @param {HTMLElement} options.host the list is put into it and stands above it, as wide
   * @param {() => Chat.Author[]} options.people whom one can call, the likeliest first (`peopleOf` makes it)
   * @param {() => string | null} options.selfId
   * @param {() => Chat.Strings} options.strings
   * @param {AbortSignal} options.signal takes the list and all listeners away
   * @param {(text: string) => void} [options.say] tells a screen reader that there is a list
   */
  constructor({ box, host, people, selfId, strings, signal, say = () => {} }) {
    this.box = box;
    this.people = people;
    this.selfId = selfId;
    this.strings = strings;
    this.say = say;
    this.tracker = new MentionTracker();
    /** The `@` that is being written. @type {{from: number, to: number, query: string} | null} */
    this.token = null;
    /** @type {Chat.Author[]} */
    this.shown = [];
    this.active = 0;
    /** The place of an `@` whose list was closed by hand. @type {number | null} */
    this.closedAt = null;
    this.composing = false;
    this.composed = '';
    /** Chosen in the middle of a syllable; it is put in when the syllable is over. @type {Chat.Author | null} */
    this.pending = null;
    /** When the last syllable or phrase was over. */
    this.endedAt = -Infinity;
    /** When an Enter was left alone that was said to be taken, while nothing was composed. */
    this.leftAt = -Infinity;
    /** When an Enter that ended a syllable has chosen. */
    this.chosenAt = -Infinity;
    this.list = make('ul', 'mentions');
    this.list.id = ID;
    this.list.hidden = true;
    this.list.setAttribute('role', 'listbox');
    // A text area may not be called a combobox; these say the same of a text box.
    box.setAttribute('aria-autocomplete', 'list');
    box.setAttribute('aria-haspopup', 'listbox');
    host.append(this.list);
    this.#listen(signal);
  }

  get open() {
    return !this.list.hidden;
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const { box, list } = this;
    const on = { signal };
    box.addEventListener('input', () => this.update(), on);
    box.addEventListener('blur', () => this.#close(), on);
    box.ownerDocument.addEventListener('selectionchange', () => box.ownerDocument.activeElement === box && this.update(), on);
    box.addEventListener('compositionstart', () => {
      this.composing = true;
      this.composed = '';
    }, on);
    box.addEventListener('compositionupdate', ({ data }) => { this.composed = data || this.composed; }, on);
    box.addEventListener('compositionend', ({ data, timeStamp }) => {
      this.composing = false;
      this.composed = data || this.composed;
      this.endedAt = timeStamp;
      if (this.pending) this.chosenAt = timeStamp;
      // One task later the box holds the last syllable in every engine.
      setTimeout(() => this.#choosePending(), 0);
    }, on);
    box.addEventListener('keyup', ({ key }) => {
      if (key !== 'Enter' || this.composing) return;
      this.chosenAt = -Infinity;
      this.endedAt = -Infinity;
    }, on);
    // The Enter that has chosen must not write its line break as well, nor be taken for one that sends.
    box.addEventListener('beforeinput', (event) => {
      if (event.inputType !== 'insertLineBreak' && event.inputType !== 'insertParagraph') return;
      const unused = this.open && event.timeStamp - this.leftAt <= AGAIN_MS;
      if (!unused && !this.pending && event.timeStamp - this.chosenAt > AGAIN_MS) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      // Not in the event itself: the text must not change under the engine's hands.
      if (unused) this.pending = this.shown[this.active];
      if (unused) setTimeout(() => this.#choosePending(), 0);
    }, { signal, capture: true });
    // A press would take the focus from the box.
    list.addEventListener('mousedown', (event) => event.preventDefault(), on);
    list.addEventListener('click', ({ target }) => {
      const at = target instanceof Element ? [...list.children].indexOf(/** @type {Element} */ (target.closest('[role=option]'))) : -1;
      if (at >= 0) this.#press(this.shown[at]);
    }, on);
    signal.addEventListener('abort', () => {
      this.#close();
      list.remove();
      box.removeAttribute('aria-autocomplete');
      box.removeAttribute('aria-haspopup');
    }, { once: true });
  }

  /** The text, the caret or the people have changed. Looks only: the box is not touched. */
  update() {
    const { box, tracker } = this;
    tracker.edit(box.value, box.selectionEnd);
    const caret = box.selectionStart === box.selectionEnd ? box.selectionEnd : -1;
    const token = tokenAt(box.value, caret);
    if (this.closedAt !== token?.from) this.closedAt = null;
    const wanted = token && this.closedAt === null && !tracker.marks(token.from) && box.ownerDocument.activeElement === box;
    const found = wanted ? candidates(token.query, this.people(), this.selfId()) : [];
    if (!token || found.length === 0) {
      this.#close();
      return;
    }
    const moved = this.token?.from === token.from && this.token.query === token.query;
    const before = this.shown[this.active]?.id;
    this.token = token;
    // Whoever goes on writing means the best match; who has moved on by the arrows keeps that line.
    this.active = moved ? Math.max(0, found.findIndex(({ id }) => id === before)) : 0;
    this.#draw(found);
  }

  /**
   * A key in the box. The composer asks here first, before Enter means "send".
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was for the list: then it means nothing else
   */
  keydown(event) {
    const { key, shiftKey, ctrlKey, altKey, metaKey, isComposing, keyCode, timeStamp } = event;
    if (ctrlKey || altKey || metaKey) return false;
    if (key === 'Enter' && timeStamp - this.chosenAt <= AGAIN_MS) {
      event.preventDefault();
      return true;
    }
    if (!this.open || shiftKey) return false;
    const enter = key === 'Enter' || event.code === 'Enter' || event.code === 'NumpadEnter';
    const taken = isComposing || keyCode === TAKEN;
    if (this.composing || taken || timeStamp - this.endedAt <= AGAIN_MS) {
      // Enter confirms a phrase in Japanese and Chinese. In Korean the syllable is finished anyway: the person in the
      // list is meant.
      const meant = enter && HANGUL_ONLY.test(this.composed);
      if (this.composing) {
        // The key is left to the input method, which ends the syllable by it.
        if (meant) this.pending = this.shown[this.active];
        return meant;
      }
      if (timeStamp - this.endedAt > AGAIN_MS) {
        // Said to be taken, and yet nothing is composed: if it writes its line break, no input method has used it.
        if (enter) this.leftAt = timeStamp;
        return false;
      }
      // Safari ends the syllable first and tells of the Enter behind that.
      if (enter ? !meant : taken) return false;
    }
    if (key === 'ArrowDown' || key === 'ArrowUp') this.#move(key === 'ArrowDown' ? 1 : -1);
    else if (enter || key === 'Tab') this.#choose(this.shown[this.active]);
    else if (key === 'Escape') this.#dismiss();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  /** Whom the text addresses. @param {string} content as it is sent @returns {Chat.Mention[] | undefined} undefined: nobody */
  mentionsOf(content) {
    this.tracker.edit(this.box.value, this.box.selectionEnd);
    const self = this.selfId();
    const mentions = this.tracker.mentionsOf(content, this.people().filter(({ id }) => id !== self));
    return mentions.length ? mentions : undefined;
  }

  /** Which places of the box address whom: `resume` takes them up again. */
  marks() {
    this.tracker.edit(this.box.value, this.box.selectionEnd);
    return this.tracker.marked;
  }

  /** The box holds what was being written before; it may have been written on since. @param {Chat.Draft} draft */
  resume({ text, marks }) {
    this.restore(text);
    for (const { from, authorId, name } of marks) this.tracker.add(from, authorId, name);
    this.tracker.edit(this.box.value, this.box.selectionEnd);
  }

  /** The box holds another text that addresses nobody yet. */
  reset() {
    this.restore(this.box.value);
  }

  /** The box holds a stored message, to be edited. @param {string} content @param {Chat.Mention[]} [mentions] */
  restore(content, mentions) {
    this.tracker.restore(content, mentions);
    this.pending = null;
    this.closedAt = null;
    this.#close();
  }

  /** @param {number} by */
  #move(by) {
    const { length } = this.shown;
    this.active = (this.active + by + length) % length;
    this.#draw(this.shown);
  }

  /** Escape: the list is gone for this `@`, and the text stays. */
  #dismiss() {
    this.closedAt = this.token?.from ?? null;
    this.#close();
  }

  /** By touch or mouse. @param {Chat.Author} author */
  #press(author) {
    if (!this.composing) {
      this.#choose(author);
      return;
    }
    // Text may not be put in while a syllable is open. Leaving the box closes it.
    this.pending = author;
    const { token } = this;
    this.box.blur();
    this.box.focus({ preventScroll: true });
    this.token = token;
    setTimeout(() => this.#choosePending(), 0);
  }

  #choosePending() {
    const { pending } = this;
    this.pending = null;
    if (pending) this.#choose(pending);
  }

  /** @param {Chat.Author} author */
  #choose({ id, nickname }) {
    const { box, tracker } = this;
    const token = tokenAt(box.value, box.selectionEnd) ?? this.token;
    if (!token) return;
    const end = endOf(box.value, token, nickname);
    const spaced = /^\s/u.test(box.value.slice(end));
    this.#close();
    box.setSelectionRange(token.from, end);
    replaceSelection(box, `@${nickname}${spaced ? '' : ' '}`);
    const behind = token.from + 1 + nickname.length + 1;
    box.setSelectionRange(behind, behind);
    tracker.edit(box.value, behind);
    if (box.value.startsWith(`@${nickname}`, token.from)) tracker.add(token.from, id, nickname);
    this.#close();
  }

  #close() {
    this.token = null;
    if (this.list.hidden) return;
    this.list.hidden = true;
    this.shown = [];
    this.list.replaceChildren();
    this.box.removeAttribute('aria-controls');
    this.box.removeAttribute('aria-activedescendant');
  }

  /** @param {Chat.Author[]} found */
  #draw(found) {
    const { box, list, shown } = this;
    const strings = this.strings();
    const same = found.length === shown.length && found.every(({ id, nickname }, n) => id === shown[n].id && nickname === shown[n].nickname);
    const opens = list.hidden;
    this.shown = found;
    if (!same) {
      list.replaceChildren(...found.map((author, n) => {
        const option = make('li', 'person');
        option.id = `${ID}-${n}`;
        option.setAttribute('role', 'option');
        option.append(avatarImage(author.avatar, AVATAR_PX), make('bdi', '', author.nickname));
        return option;
      }));
    }
    [...list.children].forEach((option, n) => option.setAttribute('aria-selected', String(n === this.active)));
    list.setAttribute('aria-label', strings.mentionList);
    list.hidden = false;
    box.setAttribute('aria-controls', ID);
    box.setAttribute('aria-activedescendant', `${ID}-${this.active}`);
    this.#scroll();
    if (opens) this.say(strings.mentionOpen(found.length));
  }

  /** Only the list itself is scrolled, never what stands around it. */
  #scroll() {
    const { list } = this;
    const option = /** @type {HTMLElement} */ (list.children[this.active]);
    const above = option.offsetTop - list.scrollTop;
    const below = above + option.offsetHeight - list.clientHeight;
    if (above < 0) list.scrollTop += above;
    else if (below > 0) list.scrollTop += below;
  }
}

/** As if it was typed, so that "undo" takes it back, where the browser can. @param {HTMLTextAreaElement} box @param {string} text */
function replaceSelection(box, text) {
  box.focus({ preventScroll: true });
  if (box.ownerDocument.execCommand('insertText', false, text)) return;
  box.setRangeText(text, box.selectionStart, box.selectionEnd, 'end');
  box.dispatchEvent(new InputEvent('input', { inputType: 'insertText', data: text, bubbles: true }));
}
