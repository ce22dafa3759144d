// The box where a message is written, and the Enter key in any box.

import { EnterPolicy, isEnter } from './ime.js';
import { cleanContent, codePoints } from '../text/text.js';

/** Letters left at which the count appears. */
const COUNT_FROM = 200;
const LINES_MAX = 6;

/**
 * Calls `submit` when Enter means so, whatever input method is in use.
 * @param {EventTarget} box a text field
 * @param {{touch: () => boolean, submit: () => void}} options
 * @returns {{policy: EnterPolicy}}
 */
export function listenEnter(box, { touch, submit }) {
  const policy = new EnterPolicy();
  const sendNow = () => {
    // Somebody types faster than the page runs: emptying the box now would break the new syllable.
    if (policy.composing) policy.sendAfterComposition();
    else submit();
  };
  // The events' own times: how long the page took to get to them says nothing about the keys.
  box.addEventListener('compositionstart', () => policy.compositionStart());
  box.addEventListener('compositionupdate', (event) => policy.compositionUpdate(/** @type {CompositionEvent} */ (event).data));
  box.addEventListener('compositionend', (event) => {
    const send = policy.compositionEnd(/** @type {CompositionEvent} */ (event).data, event.timeStamp);
    // One task later the box holds the last syllable in every engine.
    if (send) setTimeout(sendNow, 0);
  });
  box.addEventListener('keydown', (event) => {
    const key = /** @type {KeyboardEvent} */ (event);
    if (!isEnter(key) || key.ctrlKey || key.altKey || key.metaKey) return;
    const meaning = policy.enter(key, key.timeStamp, touch());
    if (meaning === 'send' || meaning === 'swallow') key.preventDefault();
    if (meaning === 'send' && !key.repeat) submit();
  });
  box.addEventListener('keyup', (event) => {
    if (isEnter(/** @type {KeyboardEvent} */ (event))) policy.enterUp();
  });
  box.addEventListener('beforeinput', (event) => {
    const { inputType, timeStamp } = /** @type {InputEvent} */ (event);
    if (inputType !== 'insertLineBreak' && inputType !== 'insertParagraph') return;
    const meaning = policy.lineBreak(timeStamp);
    if (meaning === 'newline') return;
    event.preventDefault();
    if (meaning === 'send') setTimeout(sendNow, 0);
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
   * @param {(text: string) => void} options.explain why nothing was sent
   * @param {() => void} options.leave the writer wants out of the box
   */
  constructor(parts, { submit, drafts, draftKey, strings, explain, leave }) {
    this.parts = parts;
    this.submitContent = submit;
    this.drafts = drafts;
    this.draftKey = draftKey;
    this.strings = strings;
    this.explain = explain;
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
      // Tab must stay free to leave the frame, so Escape is the way up to the messages.
      if (event.key === 'Escape' && !event.isComposing && event.keyCode !== 229) leave();
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
    if (!content) return;
    const over = codePoints(content) - this.contentMax;
    if (over > 0) this.explain(this.strings().tooLong(over));
    if (over > 0 || !this.submitContent(content)) return;
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

  /** Keeps what is written for the next visit of this tab. */
  keepDraft() {
    this.drafts.set(this.draftKey, this.parts.box.value || null);
  }

  update() {
    const { box, count, send } = this.parts;
    this.keepDraft();
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
