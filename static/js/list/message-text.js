// What a message says, as elements: its formats, its links, its code, its fold. Text only ever becomes text here.

import { make } from '../shared/dom.js';
import { Folds, foldOf } from '../text/fold.js';
import { parse } from '../text/format.js';

const HANGUL = /[\uac00-\ud7a3]/u;
/** @type {Chat.Fold[]} */
const FOLDED = ['long', 'longish', 'lengthy'];

export class MessageTexts {
  /**
   * @param {object} options
   * @param {HTMLElement} options.list holds all texts that are drawn: what is done with them is heard here
   * @param {() => Chat.Strings} options.strings
   * @param {(text: string) => Promise<boolean>} options.copy puts a text into the clipboard; whether that went well
   * @param {(text: string) => void} options.say tells screen readers
   * @param {AbortSignal} [options.signal] ends it all
   */
  constructor({ list, strings, copy, say, signal }) {
    this.strings = strings;
    this.copy = copy;
    this.say = say;
    this.folds = new Folds();
    /** The message that each element shows. @type {WeakMap<Element, {key: string, shows: string}>} */
    this.drawn = new WeakMap();
    /** Code that has not been in sight yet. @type {IntersectionObserver | null} */
    this.unseen = null;
    list.addEventListener('click', (event) => this.#clicked(/** @type {Element} */ (event.target)), { signal });
    list.addEventListener('focusin', (event) => this.#focused(/** @type {Element} */ (event.target)), { signal });
    signal?.addEventListener('abort', () => this.unseen?.disconnect(), { once: true });
  }

  /**
   * A text of one paragraph stays in the element that it has, so that what the server has drawn is not moved. One with
   * quotes or code gets another in its place, since a paragraph may not hold those.
   * @param {HTMLElement} element @param {Chat.MessageText} text
   * @returns {HTMLElement} the element that shows the text now
   */
  draw(element, text) {
    const { key, content, mentions = [], selfId = null, unfold = false } = text;
    const { locale } = this.strings();
    const shows = JSON.stringify([key, content, locale, mentions.length && [mentions, selfId]]);
    // A reaction, a pin: the text is the same. To make it anew would take away what the reader has selected.
    if (this.drawn.get(element)?.shows === shows) {
      if (unfold) this.#fold(element, foldNow(element), true);
      return element;
    }
    const blocks = parse(content, mentions);
    const [first] = blocks;
    const only = blocks.length === 1 && first.kind === 'text' ? first : null;
    const place = inPlaceOf(element, only ? 'p' : 'div');
    this.drawn.set(place, { key, shows });
    // Korean breaks between words only, and is read out in Korean, on a page in another language too.
    if (HANGUL.test(content) && !document.documentElement.lang.startsWith('ko')) place.lang = 'ko';
    else place.removeAttribute('lang');
    if (only) drawParts(place, only.parts, selfId);
    else place.replaceChildren(...blocks.map((block) => this.#block(block, selfId)));
    this.#fold(place, foldOf(blocks), unfold);
    return place;
  }

  /** @param {Chat.Block} block @param {string | null} selfId */
  #block(block, selfId) {
    if (block.kind === 'code') return this.#code(block);
    const element = make(block.kind === 'quote' ? 'blockquote' : 'p');
    element.dir = 'auto';
    drawParts(element, block.parts, selfId);
    return element;
  }

  /** @param {{language: string, code: string}} block */
  #code({ language, code }) {
    const strings = this.strings();
    const box = make('div', 'code');
    box.dir = 'ltr';
    const head = make('div', 'code-head');
    const copy = make('button', 'link copy', strings.copy);
    copy.type = 'button';
    copy.setAttribute('aria-label', strings.codeCopy);
    head.append(make('span', '', language), copy);
    const scroller = make('pre');
    // It scrolls sideways, by keyboard as well. A group: as many landmarks as blocks of code would be of no use.
    scroller.tabIndex = 0;
    scroller.setAttribute('role', 'group');
    scroller.setAttribute('aria-label', strings.code(language));
    const text = make('code', '', code);
    scroller.append(text);
    box.append(head, scroller);
    if (language) this.#whenSeen(text, language);
    return box;
  }

  /** Colours come when somebody looks, and nothing waits for them. @param {HTMLElement} text @param {string} language */
  #whenSeen(text, language) {
    this.unseen ??= new IntersectionObserver((entries, observer) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        import('./colours.js').then(
          ({ colour }) => colour(/** @type {HTMLElement} */ (target), /** @type {HTMLElement} */ (target).dataset.language ?? ''),
          () => {}, // Code without colours is code as well.
        );
      }
    });
    text.dataset.language = language;
    this.unseen.observe(text);
  }

  /** @param {HTMLElement} element @param {Chat.Fold} kind @param {boolean} unfold */
  #fold(element, kind, unfold) {
    const line = element.parentElement;
    const body = line?.parentElement;
    if (!line || !body) return;
    for (const name of FOLDED) element.classList.toggle(name, name === kind);
    let button = body.querySelector(':scope > .unfold');
    if (!kind) {
      button?.remove();
      return;
    }
    if (!button) {
      button = make('button');
      /** @type {HTMLButtonElement} */ (button).type = 'button';
      line.after(button);
    }
    button.className = `link unfold ${kind}`;
    this.#show(element, button, this.folds.get(this.drawn.get(element)?.key ?? '') ?? unfold);
  }

  /** @param {Element} element @param {Element} button @param {boolean} open */
  #show(element, button, open) {
    element.classList.toggle('open', open);
    button.setAttribute('aria-expanded', String(open));
    button.textContent = open ? this.strings().showLess : this.strings().showMore;
  }

  /** @param {Element} element @param {Element} button @param {boolean} open */
  #toggle(element, button, open) {
    // What the reader looks at stays where it is: the beginning, which they read on from, or the button they have pressed.
    const still = open ? element : button;
    const log = element.closest('.log');
    const { top } = still.getBoundingClientRect();
    this.folds.set(this.drawn.get(element)?.key ?? '', open);
    this.#show(element, button, open);
    if (!log) return;
    log.scrollTop += still.getBoundingClientRect().top - top;
    // Also where that moved nothing: what is in sight is another part of the row now, and the list keeps the reader there.
    log.dispatchEvent(new Event('scroll'));
    log.dispatchEvent(new Event('scrollend'));
  }

  /** @param {Element} target */
  #clicked(target) {
    const unfold = target.closest('.unfold');
    const text = unfold?.parentElement?.querySelector(':scope > .line > .text');
    if (unfold && text) this.#toggle(text, unfold, !text.classList.contains('open'));
    const copy = /** @type {HTMLElement | null} */ (target.closest('.code .copy'));
    if (copy) this.#copied(copy);
  }

  /** @param {HTMLElement} button */
  async #copied(button) {
    const text = button.closest('.code')?.querySelector('code')?.textContent ?? '';
    if (!await this.copy(text)) return;
    const strings = this.strings();
    this.say(strings.copied);
    button.textContent = strings.copied;
    button.classList.add('done');
    button.addEventListener('animationend', () => {
      button.textContent = this.strings().copy;
      button.classList.remove('done');
    }, { once: true });
  }

  /** The Tab key leads to nothing that is folded away. @param {Element} target */
  #focused(target) {
    const text = target.closest('.text:not(.open)');
    const button = text?.parentElement?.parentElement?.querySelector(':scope > .unfold');
    if (!text || !button || target.getBoundingClientRect().top < text.getBoundingClientRect().bottom - FADE_PX) return;
    this.#toggle(text, button, true);
    target.scrollIntoView({ block: 'nearest' });
  }
}

/** The end of a folded text, where it fades (chat.css). */
const FADE_PX = 32;

/** @param {Element} element */
const foldNow = (element) => FOLDED.find((name) => element.classList.contains(name)) ?? '';

/** @param {HTMLElement} element @param {'p' | 'div'} tag */
function inPlaceOf(element, tag) {
  if (element.localName === tag) return element;
  const other = make(tag, element.className);
  other.dir = 'auto';
  element.replaceWith(other);
  return other;
}

/** @param {HTMLElement} element @param {Chat.Part[]} parts @param {string | null} selfId */
function drawParts(element, parts, selfId) {
  const nodes = parts.map((part) => partNode(part, selfId));
  const [only] = nodes;
  if (nodes.length === 1 && only instanceof Text) {
    // What the server has drawn stays untouched.
    if (element.textContent !== only.data || element.firstElementChild) element.textContent = only.data;
  } else element.replaceChildren(...nodes);
}

/** @param {Chat.Part} part @param {string | null} selfId @returns {Node} */
function partNode(part, selfId) {
  /** @type {Node} */
  let node = document.createTextNode(part.text);
  if (part.href) node = linkTo(part.href);
  else if (part.code) node = make('code', '', part.text);
  else if (part.authorId) {
    // A name that runs from right to left moves nothing around it.
    const name = make('bdi', part.authorId === selfId ? 'mention me' : 'mention', part.text);
    name.dataset.author = part.authorId;
    node = name;
  }
  for (const [style, tag] of /** @type {const} */ ([['strike', 's'], ['em', 'em'], ['strong', 'strong']])) {
    if (!part[style]) continue;
    const around = make(tag);
    around.append(node);
    node = around;
  }
  return node;
}

/** @param {string} href */
function linkTo(href) {
  const link = make('a', '', href);
  link.href = href;
  // Within a text that runs from right to left an address would be taken apart.
  link.dir = 'ltr';
  link.target = '_blank';
  link.rel = 'nofollow ugc noopener';
  return link;
}
