// Everything that opens at a message: the bar under a mouse, the box beside it, the sheet under a finger. One of them at
// a time; what is open follows its message, and goes with it.

import { ActionList } from './action-list.js';
import { Bar, bubbleOf } from './bar.js';
import { Popup, Sheet } from './shell.js';
import { loadStyle } from './style.js';

/** @typedef {import('./lines.js').Part} Part */
/** @typedef {import('./emoji-grid.js').EmojiGrid} EmojiGrid */

export class ActionMenu {
  /**
   * @param {Pick<Chat.ActionParts, 'log' | 'strings' | 'act'>
   *   & {subjectOf?: Chat.ActionParts['subjectOf'], say?: (text: string) => void}} parts `subjectOf`: a message may
   * change while its menu is open. Without it what was true when it opened holds.
   */
  constructor({ log, strings, act, subjectOf, say = () => {} }) {
    this.log = log;
    this.strings = strings;
    this.act = act;
    this.subjectOf = subjectOf;
    this.say = say;
    /** Beside the list and within the same landmark. */
    this.host = log.parentElement ?? document.body;
    /** The message's row that anything is open at. @type {HTMLElement | null} */
    this.row = null;
    /** @type {Chat.Subject | null} */
    this.subject = null;
    /** @type {Bar | null} */
    this.bar = null;
    /** @type {Popup | Sheet | null} */
    this.shell = null;
    /** @type {ActionList | EmojiGrid | null} */
    this.content = null;
    /** What had the focus before. @type {HTMLElement | null} */
    this.before = null;
    /** Escape was pressed at its bar: it stays away until the pointer has been elsewhere. @type {HTMLElement | null} */
    this.dismissed = null;
    /** Ends all that listens while something is open. @type {AbortController | null} */
    this.listening = null;
  }

  /** Once what it looks like is there as well. @param {ConstructorParameters<typeof ActionMenu>[0]} parts */
  static async load(parts) {
    await loadStyle('actions');
    return new ActionMenu(parts);
  }

  /**
   * The bar at the corner of a message, for a mouse that is on it.
   * @param {HTMLElement} row @param {Chat.Subject} subject
   */
  showBar(row, subject) {
    if (this.shell || row === this.dismissed || (this.bar && row === this.row)) return;
    this.close();
    this.#begin(row, subject);
    this.bar = new Bar({
      host: this.host, log: this.log, row, can: subject.can, strings: this.strings,
      choose: (part, button) => this.#barChosen(part, button),
    });
    if (!this.bar.place()) this.close();
  }

  /**
   * The whole menu beside a message, with the focus in it.
   * @param {HTMLElement} row @param {Chat.Subject} subject
   */
  openMenu(row, subject) {
    this.close();
    this.#begin(row, subject);
    const end = row.classList.contains('own');
    const list = this.#openPopup('all', () => bubbleOf(row).getBoundingClientRect(), { above: false, end });
    list?.focus();
  }

  /**
   * The whole menu from below, for a finger.
   * @param {HTMLElement} row @param {Chat.Subject} subject
   */
  openSheet(row, subject) {
    this.close();
    this.#begin(row, subject);
    this.before = focused();
    this.shell = new Sheet(this.host, this.strings, () => this.close());
    const list = this.#list('all');
    list?.focus('all');
  }

  /** Whatever is open; the focus goes back to where it was, if it was in there. */
  close() {
    this.listening?.abort();
    this.#drop();
    this.bar?.destroy();
    this.listening = null;
    this.bar = null;
    this.row = null;
    this.subject = null;
  }

  destroy() {
    this.close();
  }

  // Beginning and end

  /** @param {HTMLElement} row @param {Chat.Subject} subject */
  #begin(row, subject) {
    this.row = row;
    this.subject = subject;
    this.dismissed = null;
    this.listening = new AbortController();
    const { signal } = this.listening;
    const options = { signal, capture: true };
    document.addEventListener('keydown', (event) => this.#key(event), options);
    document.addEventListener('pointerdown', (event) => this.#pressed(event), options);
    this.host.addEventListener('pointerleave', (event) => this.#left(event), options);
    this.log.addEventListener('scroll', () => this.#moved(true), { signal, passive: true });
    addEventListener('resize', () => this.#moved(false), { signal });
    const list = row.parentElement ?? row;
    const size = new ResizeObserver(() => this.#moved(false));
    size.observe(list);
    const rows = new MutationObserver(() => this.#changed());
    rows.observe(list, { childList: true });
    rows.observe(row, { childList: true, subtree: true, characterData: true, attributeFilter: ['class'] });
    const language = new MutationObserver(() => this.#relabel());
    language.observe(document.documentElement, { attributeFilter: ['lang'] });
    signal.addEventListener('abort', () => {
      for (const observer of [size, rows, language]) observer.disconnect();
    });
  }

  /** The box or the sheet; the bar may stay. */
  #drop() {
    const { shell, content, before } = this;
    const hadFocus = shell?.element.contains(document.activeElement);
    this.content = null;
    this.shell = null;
    this.before = null;
    this.bar?.mark(null);
    if (content && 'destroy' in content) content.destroy();
    shell?.destroy();
    // Where what had the focus is gone, the list is as near as one can come.
    if (hadFocus) (before?.isConnected ? before : this.log).focus({ preventScroll: true });
  }

  // What is shown in it

  /** @param {Part} part @param {() => DOMRect} anchor @param {{above: boolean, end: boolean}} wish */
  #openPopup(part, anchor, wish) {
    this.#drop();
    this.before = focused();
    this.shell = new Popup(this.host, anchor, wish, () => this.close());
    return this.#list(part);
  }

  /** @param {Part} part */
  #list(part) {
    const { shell, subject, strings } = this;
    if (!shell || !subject) return null;
    const list = new ActionList({ subject, part, strings, choose: (choice) => this.#chosen(choice) });
    this.content = list;
    shell.hold(list.element);
    return list;
  }

  async #grid() {
    const { shell } = this;
    if (!shell) return;
    try {
      const { EmojiGrid } = await import('./emoji-grid.js');
      if (this.shell !== shell || !this.subject) return;
      this.content = new EmojiGrid({
        strings: this.strings,
        choose: (emoji) => this.#chosen({ emoji }),
        close: () => this.close(),
        isOn: (emoji) => this.subject?.reacts(emoji) ?? false,
      });
      shell.hold(this.content.element);
      // A keyboard on the screen would hide half of the pictures before anybody has asked for it.
      this.content.focus(shell instanceof Sheet ? 'cells' : 'box');
    } catch {
      this.say(this.strings().actions.unavailable);
    }
  }

  /** @param {'react' | 'reply' | 'more'} part @param {HTMLElement} button */
  #barChosen(part, button) {
    if (part === 'reply') {
      this.#chosen({ action: 'reply' });
      return;
    }
    const isOpen = button.getAttribute('aria-expanded') === 'true';
    this.#drop();
    if (isOpen) return;
    const end = this.row?.classList.contains('own') ?? false;
    const list = this.#openPopup(part === 'react' ? 'quick' : 'more', () => button.getBoundingClientRect(), { above: part === 'react', end });
    this.bar?.mark(button);
    // Whoever is writing goes on writing; everybody else's keys belong to what has just opened.
    if (!focused()?.matches('input, textarea')) list?.focus('all');
  }

  /** @param {import('./action-list.js').Choice} choice */
  #chosen(choice) {
    if (choice === 'emojis') {
      this.#grid();
      return;
    }
    const subject = this.#now();
    // First the focus goes back; what was chosen may lead it elsewhere.
    this.close();
    if (!subject) return;
    const { message, reacts } = subject;
    if ('emoji' in choice) this.act.react(message, choice.emoji, !reacts(choice.emoji));
    else this.act[choice.action](message);
  }

  /** What can be done with the message by now. */
  #now() {
    return this.row && this.subjectOf ? this.subjectOf(this.row) : this.subject;
  }

  // What happens around it

  /** @param {KeyboardEvent} event */
  #key(event) {
    // An input method's Escape only drops a syllable.
    if (event.key !== 'Escape' || event.isComposing || event.keyCode === 229) return;
    if (!this.shell) {
      // The bar is in nobody's way: the key means what it means without it as well.
      const { row } = this;
      this.close();
      this.dismissed = row;
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.close();
  }

  /** @param {PointerEvent} event */
  #pressed({ target, pointerType }) {
    const on = (/** @type {Element | undefined} */ element) => target instanceof Node && element?.contains(target);
    if (on(this.shell?.element) || on(this.bar?.element)) return;
    if (this.shell instanceof Popup) this.close();
    else if (this.bar && pointerType !== 'mouse') this.close();
  }

  /** @param {PointerEvent} event */
  #left({ target, relatedTarget }) {
    if (!this.bar || this.shell || this.bar.covers(relatedTarget)) return;
    if (this.bar.covers(target)) this.close();
  }

  /** @param {boolean} scrolled by the reader, or by what has come above or below */
  #moved(scrolled) {
    if (this.bar && !this.shell && scrolled) {
      this.close();
      return;
    }
    if (this.bar && !this.bar.place()) this.close();
    else if (this.shell instanceof Popup && !this.#isInSight()) this.close();
    else this.shell?.place();
  }

  #isInSight() {
    if (!this.row) return false;
    const bubble = bubbleOf(this.row).getBoundingClientRect();
    const { top, bottom } = this.log.getBoundingClientRect();
    return bubble.bottom > top && bubble.top < bottom;
  }

  /** The rows were drawn anew. */
  #changed() {
    const subject = this.row?.isConnected ? this.#now() : null;
    if (!subject) {
      this.close();
      return;
    }
    this.subject = subject;
    if (this.content instanceof ActionList) this.content.draw(subject);
    this.#moved(false);
  }

  #relabel() {
    this.bar?.relabel();
    if (this.shell instanceof Sheet) this.shell.relabel();
    if (this.content instanceof ActionList) {
      if (this.subject) this.content.draw(this.subject);
    } else this.content?.relabel();
    this.#moved(false);
  }
}

/** @returns {HTMLElement | null} */
function focused() {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement && activeElement !== document.body ? activeElement : null;
}
