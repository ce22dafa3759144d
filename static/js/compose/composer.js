// The box where a message is written, answered or edited.

import { excerpt } from '../list/row-model.js';
import { make } from '../shared/dom.js';
import { cleanContent, codePoints } from '../text/text.js';
import { listenEnter } from './enter.js';
import { listenSubmit } from './submit.js';

/** Letters left at which the count appears. */
const COUNT_FROM = 200;
const LINES_MAX = 6;
/** @type {Chat.Draft} */
const NOTHING = { text: '', marks: [] };

export class Composer {
  /**
   * @param {Chat.ComposerParts} parts
   * @param {object} options
   * @param {(content: string, more: Chat.Written) => boolean} options.submit false when it cannot be taken: the text stays
   * @param {(message: Chat.Message, content: string, mentions: Chat.Mention[]) => boolean} options.edit likewise
   * @param {() => void} options.editLast the writer wants to edit the last message of their own
   * @param {(text: string) => void} options.typed something was written
   * @param {() => Promise<Chat.MentionSource | null>} options.mentions is asked for with the first `@`; null where it cannot be had
   * @param {import('./drafts.js').Drafts} options.drafts
   * @param {() => Chat.Strings} options.strings
   * @param {(text: string) => void} options.explain why nothing was sent
   * @param {() => void} options.leave the writer wants out of the box
   * @param {AbortSignal} options.signal
   */
  constructor(parts, options) {
    this.parts = parts;
    this.options = options;
    this.contentMax = 2000;
    this.scheduled = false;
    /** What is written has to wait, and is kept. */
    this.held = false;
    /** @type {Chat.Message | null} what is being answered */
    this.answered = null;
    /** @type {Chat.Message | null} what is being edited */
    this.edited = null;
    /** What was being written when the editing began; it comes back when that ends. */
    this.beside = NOTHING;
    /** Whom the text addresses, until what knows of that is there and takes it over. */
    this.marks = NOTHING.marks;
    /** @type {Chat.MentionSource | null} */
    this.mentions = null;
    /** It could not be had: what is written goes without it. */
    this.gaveUp = false;
    /** While it is being loaded. @type {Promise<void> | null} */
    this.loading = null;
    const { form, box, send, context } = parts;
    const { signal } = options;
    const touch = matchMedia('(hover: none) and (pointer: coarse)');
    this.policy = listenEnter(box, {
      touch: () => touch.matches,
      submit: () => this.#submit(),
      first: (event) => this.mentions?.keydown(event) === true,
      signal,
    });
    // The button must not take the focus: on phones the keyboard would go down and up again.
    for (const button of [send, context]) button.addEventListener('pointerdown', (event) => event.preventDefault(), { signal });
    listenSubmit(form, send, () => {
      if (!this.policy.composing) {
        this.#submit();
        return;
      }
      // Leaving the box ends the composition, and its end sends.
      this.policy.sendAfterComposition();
      box.blur();
      box.focus();
    }, signal);
    box.addEventListener('input', () => this.#schedule(), { signal });
    box.addEventListener('keydown', (event) => this.#key(event), { signal });
    document.addEventListener('selectionchange', () => {
      if (document.activeElement === box) this.mentions?.update();
    }, { signal });
    this.#resume(options.drafts.get());
    this.update();
  }

  focus() {
    this.parts.box.focus({ preventScroll: true });
  }

  /** @param {Chat.Message} message */
  answer(message) {
    this.#endEdit();
    this.answered = message;
    this.#drawContext();
    this.focus();
  }

  /**
   * Takes a message's text into the box; what was being written is kept beside it.
   * @param {Chat.Message} message
   * @param {string} [content] what it is to become, where an attempt was refused
   */
  edit(message, content = message.content) {
    const { box } = this.parts;
    if (!this.edited) this.beside = this.#written();
    // Another edit that was not sent yet is not lost: it waits beside this one.
    else if (this.edited.id !== message.id && box.value !== this.edited.content) {
      this.beside = { ...this.beside, text: [this.beside.text, box.value].filter(Boolean).join('\n') };
    }
    this.edited = message;
    this.marks = NOTHING.marks;
    box.value = content;
    const { mentions = [] } = message;
    if (mentions.length) this.#withMentions(() => this.edited === message && box.value === content && this.mentions?.restore(content, mentions));
    else this.mentions?.reset();
    this.#drawContext();
    this.update();
    this.focus();
    box.setSelectionRange(content.length, content.length);
  }

  /** Back to an ordinary message. @returns {boolean} whether it was another one */
  cancel() {
    if (!this.edited && !this.answered) return false;
    this.answered = this.edited ? this.answered : null;
    this.#endEdit();
    this.#drawContext();
    return true;
  }

  /** What is answered or edited may be gone. @param {(id: string) => boolean} isThere */
  check(isThere) {
    if (this.answered && !isThere(this.answered.id)) this.answered = null;
    else if (!this.edited || isThere(this.edited.id)) return;
    else this.#endEdit();
    this.#drawContext();
  }

  /** @param {() => void} act once it is known whom an `@` may mean, or that this cannot be had now */
  async #withMentions(act) {
    if (!this.mentions && !this.gaveUp) {
      this.loading ??= this.options.mentions().then((mentions) => {
        this.mentions = mentions;
        this.gaveUp = mentions === null;
        this.loading = null;
      });
      await this.loading;
    }
    act();
  }

  #endEdit() {
    if (!this.edited) return;
    this.edited = null;
    this.#resume(this.beside);
    this.beside = NOTHING;
    this.update();
  }

  /** Nothing is sent for a while, or it may be again. @param {boolean} held */
  hold(held) {
    if (this.held === held) return;
    this.held = held;
    this.update();
  }

  /** Sends what is in the box, as its button does. */
  submit() {
    this.#submit();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, isComposing, keyCode, shiftKey, ctrlKey, altKey, metaKey } = event;
    if (isComposing || keyCode === 229 || event.defaultPrevented) return;
    // Tab must stay free to leave the frame, so Escape is the way up to the messages.
    if (key === 'Escape') {
      if (!this.cancel()) this.options.leave();
    } else if (key === 'ArrowUp' && this.parts.box.value === '' && !this.edited && !(shiftKey || ctrlKey || altKey || metaKey)) {
      event.preventDefault();
      this.options.editLast();
    }
  }

  #submit() {
    const { box } = this.parts;
    const { explain, strings } = this.options;
    const content = cleanContent(box.value);
    if (!content || (this.held && !this.edited)) return;
    const over = codePoints(content) - this.contentMax;
    if (over > 0) {
      explain(strings().tooLong(over));
      return;
    }
    if (content.includes('@') && !this.mentions && !this.gaveUp) {
      // Whom it addresses must not be lost because it was sent before that was known.
      this.#withMentions(() => this.#submit());
      return;
    }
    const mentions = this.mentions?.mentionsOf(content) ?? [];
    if (this.edited) {
      if (content !== this.edited.content && !this.options.edit(this.edited, content, mentions)) return;
      this.#endEdit();
      this.#drawContext();
      return;
    }
    const { answered } = this;
    const more = { ...(answered && { replyTo: { id: answered.id, seq: answered.seq } }), ...(mentions.length && { mentions }) };
    if (!this.options.submit(content, more)) return;
    this.answered = null;
    this.#resume(NOTHING);
    this.#drawContext();
    this.update();
  }

  /** Never in the event itself: a composition fires several of them for each syllable. */
  #schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.update();
      if (this.parts.box.value.includes('@')) this.#withMentions(() => this.mentions?.update());
      else this.mentions?.update();
      if (!this.edited) this.options.typed(this.parts.box.value);
    });
  }

  /** What the box holds, as it can be taken up again. @returns {Chat.Draft} */
  #written() {
    return { text: this.parts.box.value, marks: this.mentions?.marks() ?? this.marks };
  }

  /** Takes up what was being written before. @param {Chat.Draft} draft */
  #resume(draft) {
    const { marks } = draft;
    this.parts.box.value = draft.text;
    this.marks = marks;
    if (this.mentions) this.mentions.resume(draft);
    else if (marks.length) this.#withMentions(() => this.marks === marks && this.mentions?.resume(draft));
  }

  /** Keeps what is written for the next visit of this tab. */
  keepDraft() {
    this.options.drafts.set(this.edited ? this.beside : this.#written());
  }

  /** After the language changed. */
  relabel() {
    this.#drawContext();
    this.update();
  }

  /** Says above the box what is being answered or edited, and leads out of it. */
  #drawContext() {
    const { context } = this.parts;
    const strings = this.options.strings();
    const message = this.edited ?? this.answered;
    context.hidden = message === null;
    if (!message) return;
    const what = this.edited ? strings.editing : strings.answering(`\u2068${message.author.nickname}\u2069`);
    const text = make('bdi', 'quoted', excerpt(message.content));
    text.dir = 'auto';
    const close = make('button', 'icon');
    close.type = 'button';
    close.setAttribute('aria-label', strings.cancel);
    close.title = strings.cancel;
    close.textContent = '✕';
    close.addEventListener('click', () => {
      this.cancel();
      this.focus();
    });
    const words = make('div', 'words');
    words.append(make('span', 'what', what), text);
    context.replaceChildren(words, close);
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
    count.textContent = left < 0 ? this.options.strings().tooLong(-left) : this.options.strings().left(left);
    count.classList.toggle('over', left < 0);
    send.disabled = content === '' || left < 0 || (this.held && !this.edited);
  }
}
