// What a message looks like, stored or on its way. Drawn from its model alone: a field that the model does not have
// cannot be drawn, and so cannot be forgotten when it changes.

import { avatarImage, copyText, make, setAvatar } from '../shared/dom.js';
import { isEmojiOnly } from '../text/emoji.js';
import { badgeMark } from './badge.js';

/**
 * @param {HTMLElement} node
 * @param {import('./row-model.js').MessageModel} model
 * @param {Pen} pen
 */
export function drawMessage(node, model, { strings, actions, texts }) {
  const parts = skeleton(node, model.own, model.continued);
  node.classList.toggle('big', !model.gone && isEmojiOnly(model.content));
  node.classList.toggle('target', model.target);
  node.classList.toggle('deleted', model.gone !== '');
  node.classList.toggle('pending', model.saving);
  node.dataset.seq = String(model.seq);
  node.id = `m-${model.seq}`;
  parts.at.href = `#m-${model.seq}`;
  drawAuthor(parts, model, strings);
  drawQuote(parts, model.quote, strings);
  const { key, gone, content, mentions, selfId, target: unfold } = model;
  texts.draw(parts.text, gone ? { key, content: gone } : { key, content, mentions, selfId, unfold });
  parts.time.dateTime = model.createdAt;
  parts.time.textContent = model.saving ? strings.sending : model.time;
  parts.at.title = model.exactly;
  // As it stands there, and what pressing it does.
  const words = [model.pinned && strings.pinned, model.edited && strings.edited, parts.time.textContent].filter(Boolean).join(' ');
  parts.at.setAttribute('aria-label', `${words}, ${strings.linkCopy}`);
  drawMark(parts.at, 'edited', model.edited && strings.edited, model.edited);
  drawMark(parts.at, 'pinned', model.pinned ? strings.pinned : '', '');
  drawReactions(parts.body, model, strings, actions);
  const state = node.querySelector('.state');
  if (!model.undo) state?.remove();
  else if (!state) parts.body.append(undo(model.seq, strings, actions));
}

/**
 * @param {HTMLElement} node
 * @param {import('./row-model.js').UnsentModel} model
 * @param {Pen} pen
 */
export function drawUnsent(node, model, { strings, actions, texts }) {
  const parts = skeleton(node, true, model.continued);
  node.classList.add(model.failed ? 'failed' : model.waits ? 'held' : 'pending');
  node.classList.toggle('big', isEmojiOnly(model.content));
  drawAuthor(parts, { ...model, mark: '' }, strings);
  drawQuote(parts, model.quote, strings);
  const { key, content, mentions, selfId } = model;
  texts.draw(parts.text, { key, content, mentions, selfId });
  parts.time.dateTime = model.createdAt;
  parts.time.textContent = model.time;
  node.querySelector('.state')?.remove();
  if (model.failed) parts.body.append(failure(model, strings, actions));
  else if (model.waits) parts.body.append(make('div', 'state', model.waits));
}

/** @typedef {{strings: Chat.Strings, actions: Chat.ViewActions, texts: import('./message-text.js').MessageTexts}} Pen what rows are drawn with */
/** @typedef {ReturnType<typeof skeleton>} Parts */

/** @param {Parts} parts @param {{avatar: string, nickname: string, badge: string, mark: string}} model @param {Chat.Strings} strings */
function drawAuthor({ avatar, nick, who }, model, strings) {
  setAvatar(avatar, model.avatar);
  nick.textContent = model.nickname;
  who.replaceChildren(nick, ...badgeMark(model.badge, strings), ...(model.mark ? [make('span', 'mark', model.mark)] : []));
}

/** What the message answers, above its text. @param {Parts} parts @param {import('./row-model.js').MessageModel['quote']} quote @param {Chat.Strings} strings */
function drawQuote({ body, line }, quote, strings) {
  const there = /** @type {HTMLAnchorElement | null} */ (body.querySelector('a.quote'));
  if (!quote) {
    there?.remove();
    return;
  }
  const link = there ?? make('a', 'quote');
  link.href = `#m-${quote.seq}`;
  link.dataset.to = String(quote.seq);
  const text = make('bdi', 'quoted', quote.text);
  text.dir = 'auto';
  link.replaceChildren(make('span', 'unseen', `${strings.answerTo} `), make('bdi', 'quoted-nick', quote.nickname), ' ', text);
  if (there) return;
  if (!body.contains(document.activeElement)) link.tabIndex = -1;
  body.insertBefore(link, line);
}

/** A word above the time. @param {HTMLElement} at @param {string} name @param {string} word @param {string} title */
function drawMark(at, name, word, title) {
  const there = /** @type {HTMLElement | null} */ (at.querySelector(`.${name}`));
  if (!word) there?.remove();
  else {
    const mark = there ?? make('span', name);
    mark.textContent = `${word} `;
    mark.title = title;
    if (!there) at.prepend(mark);
  }
}

/** @param {HTMLElement} body @param {import('./row-model.js').MessageModel} model @param {Chat.Strings} strings @param {Chat.ViewActions} actions */
function drawReactions(body, { seq, reactions }, strings, actions) {
  const there = /** @type {HTMLElement | null} */ (body.querySelector('.reactions'));
  if (reactions.length === 0) {
    there?.remove();
    return;
  }
  const group = there ?? make('div', 'reactions');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', strings.reactions);
  /** @type {Map<string | undefined, HTMLElement>} */
  const before = new Map([...group.children].map((child) => [/** @type {HTMLElement} */ (child).dataset.emoji, /** @type {HTMLElement} */ (child)]));
  for (const [at, { emoji, count, mine, label }] of reactions.entries()) {
    let chip = before.get(emoji);
    before.delete(emoji);
    if (!chip?.firstElementChild || chip.tagName !== 'BUTTON' || !chip.dataset.live) {
      const made = make('button', 'reaction');
      made.type = 'button';
      made.dataset.emoji = emoji;
      made.dataset.live = 'yes';
      made.append(make('span', 'chip'));
      made.addEventListener('click', () => actions.react(seq, emoji));
      if (!group.closest('.msg')?.contains(document.activeElement)) made.tabIndex = -1;
      if (chip) chip.replaceWith(made);
      chip = made;
    }
    // Pressed or not is said by the state, who by the name; both are told when one comes to it, and never by themselves.
    chip.setAttribute('aria-pressed', String(mine));
    chip.setAttribute('aria-label', label);
    chip.title = label;
    /** @type {HTMLElement} */ (chip.firstElementChild).replaceChildren(make('span', 'emoji', emoji), ' ', make('span', 'number', String(count)));
    // Moving it would take the focus from it.
    if (group.children[at] !== chip) group.insertBefore(chip, group.children[at] ?? null);
  }
  for (const chip of before.values()) chip.remove();
  if (!there) body.append(group);
}

/** @param {number} seq @param {Chat.Strings} strings @param {Chat.ViewActions} actions */
function undo(seq, strings, actions) {
  const state = make('div', 'state undo');
  state.append(button(strings.undo, () => actions.keep(seq)));
  return state;
}

/** @param {import('./row-model.js').UnsentModel} model @param {Chat.Strings} strings @param {Chat.ViewActions} actions */
function failure({ clientId, content, reason, final }, strings, actions) {
  const state = make('div', 'state');
  state.append(make('span', '', reason ? `${strings.failed}: ${reason}` : strings.failed));
  const all = make('span', 'actions');
  all.append(
    ...(final ? [] : [button(strings.retry, () => actions.retry(clientId))]),
    button(strings.copy, () => copyText(content)),
    button(strings.discard, () => actions.discard(clientId)),
  );
  state.append(all);
  return state;
}

/**
 * The parts of a message's row, made if they are not there. The server draws the same ones.
 * @param {HTMLElement} node @param {boolean} own @param {boolean} continued
 */
function skeleton(node, own, continued) {
  node.className = `msg${own ? ' own' : ''}${continued ? ' cont' : ''}`;
  if (!node.firstElementChild) {
    const body = make('div', 'body');
    const who = make('div', 'who');
    who.append(make('bdi', 'nick'));
    const line = make('div', 'line');
    const text = make('p', 'text');
    text.dir = 'auto';
    const at = make('a', 'at');
    at.append(make('time'));
    line.append(text, at);
    body.append(who, line);
    node.append(avatarImage('', 36), body);
  }
  const at = /** @type {HTMLAnchorElement} */ (node.querySelector('.at'));
  // The list is one stop of the Tab key; the row that has the focus adds its own link.
  if (!node.contains(document.activeElement)) at.tabIndex = -1;
  return {
    avatar: /** @type {HTMLImageElement} */ (node.querySelector('.avatar')),
    body: /** @type {HTMLElement} */ (node.querySelector('.body')),
    who: /** @type {HTMLElement} */ (node.querySelector('.who')),
    nick: /** @type {HTMLElement} */ (node.querySelector('.nick')),
    line: /** @type {HTMLElement} */ (node.querySelector('.line')),
    text: /** @type {HTMLElement} */ (node.querySelector('.text')),
    at,
    time: /** @type {HTMLTimeElement} */ (node.querySelector('time')),
  };
}

/** @param {string} label @param {() => void} act */
export function button(label, act) {
  const element = make('button', 'link', label);
  element.type = 'button';
  element.addEventListener('click', act);
  return element;
}
