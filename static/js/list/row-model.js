// What a row of the list shows, as plain data: everything that is drawn comes from here, so that a row is drawn again
// exactly when something of it has changed. Pure.

import { reactionsOf } from '../store/reactions.js';
import { plainText } from '../text/format.js';

/** So much of a quoted message stands above its answer: code points, of its first line with text. */
const QUOTE_MAX = 120;

/**
 * @param {Extract<Chat.Row, {kind: 'message'}>} row
 * @param {Chat.RowContext} context
 */
export function messageModel({ key, message, own, continued }, context) {
  const { store, clock, strings, target } = context;
  const { commands } = store;
  const edit = commands.editOf(message.id);
  const leaving = context.leaving(message.id) || commands.deletes(message.id);
  return {
    kind: /** @type {const} */ ('message'),
    key,
    seq: message.seq,
    own,
    continued,
    target: message.seq === target,
    avatar: message.author.avatar,
    nickname: message.author.nickname,
    badge: message.author.badge ?? '',
    mark: store.authors.mark(message.author.id),
    // Of what is deleted, one line is left; of what is about to be, the way back.
    gone: message.deletedAt ? strings.deleted : leaving ? strings.deleting : '',
    undo: context.leaving(message.id),
    // An edit shows at once; until the server has it, it looks like a message on its way.
    content: message.deletedAt ? '' : edit?.content ?? message.content,
    mentions: (edit ? edit.mentions : message.mentions) ?? [],
    saving: edit !== null,
    selfId: store.ownId,
    createdAt: message.createdAt,
    time: clock.timeOf(message.createdAt),
    exactly: clock.exactly(message.createdAt),
    edited: message.editedAt && !message.deletedAt ? clock.exactly(message.editedAt) : '',
    pinned: Boolean(message.pinnedAt) && !message.deletedAt,
    quote: message.replyTo && !message.deletedAt ? quote(message.replyTo, context) : null,
    reactions: message.deletedAt || leaving ? [] : reactionsOf(message, commands, store.ownId)
      .map(({ emoji, count, mine, authors }) => ({ emoji, count, mine, label: label(emoji, count, mine, authors, context) })),
  };
}

/**
 * A message that is not stored yet.
 * @param {Extract<Chat.Row, {kind: 'unsent'}>} row
 * @param {Chat.RowContext} context
 */
export function unsentModel({ key, entry, continued }, context) {
  const { store, clock, strings, live } = context;
  const { nickname, avatar, badge = '' } = /** @type {Chat.Author} */ (store.self ?? context.me());
  const at = new Date(entry.at).toISOString();
  const failed = entry.state === 'failed';
  const waits = store.outbox.why(entry);
  return {
    kind: /** @type {const} */ ('unsent'),
    key,
    clientId: entry.clientId,
    continued,
    avatar,
    nickname,
    badge,
    content: entry.content,
    mentions: entry.mentions ?? [],
    selfId: store.ownId,
    failed,
    // What a moderator has decided is not asked for again.
    final: entry.code === 'REJECTED',
    waits,
    reason: strings.errors[/** @type {keyof Chat.Strings['errors']} */ (entry.code)] ?? '',
    createdAt: at,
    // In the place of the time, so that nothing moves when the message is stored.
    time: failed || waits ? clock.timeOf(at) : live ? strings.sending : strings.waiting,
    quote: entry.replyTo ? quote(entry.replyTo, context) : null,
  };
}

/** @typedef {ReturnType<typeof messageModel>} MessageModel */
/** @typedef {ReturnType<typeof unsentModel>} UnsentModel */

/** @param {Chat.Reply} reply @param {Chat.RowContext} context */
function quote(reply, { store, strings }) {
  const { seq } = reply;
  const quoted = store.quotes.find(reply);
  if (!quoted) return { seq, nickname: '', text: quoted === null ? strings.quoteGone : '…' };
  if (quoted.deletedAt) return { seq, nickname: '', text: strings.deleted };
  return { seq, nickname: quoted.author.nickname, text: excerpt(quoted.content) };
}

/** One line of a text, without its marks. @param {string} content */
export function excerpt(content) {
  const line = plainText(content).split('\n').map((part) => part.trim()).find(Boolean) ?? '';
  const letters = [...line.slice(0, 2 * QUOTE_MAX)];
  return letters.length > QUOTE_MAX ? `${letters.slice(0, QUOTE_MAX).join('')}…` : line;
}

/** @param {string} emoji @param {number} count @param {boolean} mine @param {string[]} authors @param {Chat.RowContext} context */
function label(emoji, count, mine, authors, { store, strings }) {
  const known = authors.filter((id) => id !== store.ownId).flatMap((id) => store.authors.get(id)?.nickname ?? []);
  const names = [...(mine ? [strings.you] : []), ...known.map((name) => `\u2068${name}\u2069`)];
  return strings.reaction(emoji, count, names, Math.max(0, count - names.length));
}

/** Whether two models are drawn alike: plain data, compared by value. @param {any} a @param {any} b @returns {boolean} */
export function alike(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => alike(a[key], b[key]));
}
