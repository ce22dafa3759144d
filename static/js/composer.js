// The box where a message is written, and the Enter key in any box.

import { EnterPolicy } from './ime.js';
import { cleanContent, codePoints } from './text.js';

/** Letters left at which the count appears. */
const COUNT_FROM = 200;
const LINES_MAX = 6;

/**
 * Calls `submit` when Enter means so, whatever input method is in use.
 * @param {HTMLTextAreaElement | HTMLInputElement} box
 * @param {{touch: () => boolean, submit: () => void}} options
 * @returns {{policy: EnterPolicy}}
 */
export function listenEnter(box, { touch, submit }) {
  const policy = new EnterPolicy();
  box.addEventListener('compositionstart', () => policy.compositionStart());
  box.addEventListener('compositionupdate', (event) => policy.compositionUpdate(/** @type {CompositionEvent} */ (event).data));
  box.addEventListener('compositionend', (event) => {
    const send = policy.compositionEnd(/** @type {CompositionEvent} */ (event).data, performance.now());
    // One task later the box holds the last syllable in every engine.
    if (send) setTimeout(submit, 0);
  });
  box.addEventListener('keydown', (event) => {
    const key = /** @type {KeyboardEvent} */ (event);
    if (key.key !== 'Enter' || key.ctrlKey || key.altKey || key.metaKey) return;
    const meaning = policy.enter(key, performance.now(), touch());
    if (meaning === 'send' || meaning === 'swallow') key.preventDefault();
    if (meaning === 'send' && !key.repeat) submit();
  });
  box.addEventListener('beforeinput', (event) => {
    const { inputType } = /** @type {InputEvent} */ (event);
    const breaks = inputType === 'insertLineBreak' || inputType === 'insertParagraph';
    if (breaks && policy.swallowsLineBreak(performance.now())) event.preventDefault();
  });
  return { policy };
}

export class Composer {
  /**
   * @param {Chat.ComposerParts} parts
   * @param {object} options
   * @param {(content: string) => boolean} options.submit false when it cannot be taken: the text stays
   * @param {Chat.KeyValue} options.drafts
   * @param {string} options.draftKey
   * @param {() => Chat.Strings} options.strings
   */
  constructor(parts, { submit, drafts, draftKey, strings }) {
    this.parts = parts;
    this.submitContent = submit;
    this.drafts = drafts;
    this.draftKey = draftKey;
    this.strings = strings;
    this.contentMax = 2000;
    this.scheduled = false;
    const { form, box, send } = parts;
    const touch = matchMedia('(hover: none) and (pointer: coarse)');
    const { policy } = listenEnter(box, { touch: () => touch.matches, submit: () => this.#submit() });
    // The button must not take the focus: on phones the keyboard would go down and up again.
    send.addEventListener('pointerdown', (event) => event.preventDefault());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!policy.composing) {
        this.#submit();
        return;
      }
      // Leaving the box ends the composition, and its end sends.
      policy.sendAfterComposition();
      box.blur();
      box.focus();
    });
    box.addEventListener('input', () => this.#schedule());
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) box.blur();
    });
    box.value = drafts.get(draftKey) ?? '';
    this.update();
  }

  focus() {
    this.parts.box.focus({ preventScroll: true });
  }

  #submit() {
    const { box } = this.parts;
    const content = cleanContent(box.value);
    if (!content || codePoints(content) > this.contentMax || !this.submitContent(content)) return;
    box.value = '';
    this.update();
  }

  /** Never in the event itself: a composition fires several of them for each syllable. */
  #schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.update();
    });
  }

  update() {
    const { box, count, send } = this.parts;
    this.drafts.set(this.draftKey, box.value || null);
    box.style.height = 'auto';
    const line = parseFloat(getComputedStyle(box).lineHeight) || 22;
    const padding = box.offsetHeight - box.clientHeight + 20;
    box.style.height = `${Math.min(box.scrollHeight, line * LINES_MAX + padding)}px`;
    const content = cleanContent(box.value);
    const left = this.contentMax - codePoints(content);
    count.hidden = left > COUNT_FROM;
    count.textContent = left < 0 ? this.strings().tooLong(-left) : this.strings().left(left);
    count.classList.toggle('over', left < 0);
    send.disabled = content === '' || left < 0;
  }
}
