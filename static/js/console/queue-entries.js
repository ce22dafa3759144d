// What stands in the queue: messages that wait, and messages that were reported, each once. Pure.

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {'held' | 'reported'} kind
 * @property {string} id of what is held; of a message that was reported, its own
 * @property {string} room
 * @property {Chat.Author | null} author
 * @property {string} text
 * @property {boolean} deleted
 * @property {string} at
 * @property {Chat.HoldReason} reason
 * @property {Chat.Report[]} reports
 * @property {string} message the id of a message that was reported
 * @property {number | null} seq where it stands in its room
 */

/**
 * The oldest first, as they came.
 * @param {(Chat.Held & {room: string})[]} held @param {Chat.Report[]} reports
 * @returns {Entry[]}
 */
export function entriesOf(held, reports) {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  for (const { id, room, author, content, reason, at } of held) {
    const key = `held-${id}`;
    entries.set(key, { key, kind: 'held', id, room, author, text: content, deleted: false, at, reason: /** @type {Chat.HoldReason} */ (reason), reports: [], message: '', seq: null });
  }
  for (const report of reports) {
    const { room, messageId, message, at } = report;
    const key = `reported-${messageId}`;
    const there = entries.get(key);
    if (there) {
      there.reports.push(report);
      continue;
    }
    entries.set(key, {
      key, kind: 'reported', id: messageId, room, author: message?.author ?? null, text: message?.content ?? '', deleted: message?.deleted ?? true, at,
      reason: 'all', reports: [report], message: messageId, seq: message?.seq ?? null,
    });
  }
  return [...entries.values()].sort((one, other) => one.at.localeCompare(other.at));
}
