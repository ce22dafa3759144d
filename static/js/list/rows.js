// What stands in the list, row by row: day dividers, messages in groups of one author, the line
// above what is unread, notices, what is still unsent. Pure: the view only draws it.

/** Messages of one author stand together while less than this lies between them, as in the server's page. */
const GROUP_MS = 5 * 60_000;

/**
 * @param {object} list
 * @param {Chat.Message[]} list.messages by seq
 * @param {Chat.Unsent[]} list.unsent
 * @param {Chat.Notice[]} list.notices by afterSeq
 * @param {number | null} list.unreadSeq where the unread messages begin
 * @param {string | null} list.selfId
 * @param {(message: Chat.Message) => boolean} [list.isOwn]
 * @param {boolean} [list.hasMore] whether messages above these exist
 * @param {boolean} [list.hasNewer] whether messages below these exist
 * @param {(iso: string) => string} dayOf names the day in the reader's own time
 * @returns {Chat.Row[]}
 */
export function buildRows({ messages, unsent, notices, unreadSeq, selfId, isOwn = ({ author }) => author.id === selfId, hasMore = false, hasNewer = false }, dayOf) {
  /** @type {Chat.Row[]} */
  const rows = [];
  /** @type {Chat.Message | null} */
  let previous = null;
  let day = '';
  let n = 0;
  let above = hasMore ? null : -1;
  const answered = new Set([...messages, ...unsent].flatMap(({ replyTo }) => replyTo?.id ?? []));
  for (const message of messages) {
    // Of a deleted message a line is left only where something still refers to it.
    if (message.deletedAt && !answered.has(message.id)) continue;
    for (; n < notices.length && notices[n].afterSeq < message.seq; n += 1) {
      // What stood further up is not here, and these belong to it.
      if (above === null) continue;
      rows.push(noticeRow(notices[n]));
      previous = null;
    }
    const today = dayOf(message.createdAt);
    if (today !== day) {
      rows.push({ kind: 'day', key: `day:${today}`, at: message.createdAt });
      day = today;
      previous = null;
    }
    // Above the first message here the line would say that all above is read, which nobody knows.
    if (unreadSeq !== null && above !== null && above < unreadSeq && message.seq >= unreadSeq) {
      rows.push({ kind: 'unread', key: 'unread' });
      previous = null;
    }
    above = message.seq;
    rows.push({
      kind: 'message',
      key: rowKey(message.author.id, message.clientId ?? message.id),
      message,
      continued: previous !== null && continues(previous, message),
      own: isOwn(message),
    });
    previous = message;
  }
  // The end of the room is elsewhere, and with it what stands there.
  if (hasNewer) return rows;
  for (; n < notices.length; n += 1) {
    rows.push(noticeRow(notices[n]));
    previous = null;
  }
  let continued = previous !== null && previous.author.id === selfId;
  for (const entry of unsent) {
    rows.push({
      kind: 'unsent',
      // The key that the stored message will have, so that it takes over this very row.
      key: rowKey(selfId ?? '', entry.clientId),
      entry,
      continued,
    });
    continued = true;
  }
  return rows;
}

/** @param {string} authorId @param {string} clientId */
const rowKey = (authorId, clientId) => `msg:${authorId}:${clientId}`;

/** @param {Chat.Notice} notice @returns {Chat.Row} */
function noticeRow(notice) {
  return { kind: 'notice', key: `notice:${notice.afterSeq}`, notice };
}

/** @param {Chat.Message} previous @param {Chat.Message} message */
export function continues(previous, message) {
  return previous.author.id === message.author.id
    && previous.author.nickname === message.author.nickname
    && previous.author.avatar === message.author.avatar
    && previous.author.badge === message.author.badge
    && Date.parse(message.createdAt) - Date.parse(previous.createdAt) < GROUP_MS;
}
