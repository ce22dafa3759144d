// The wire, version 1: what the server says and what we say. Nothing here acts.

export const SUBPROTOCOL = 'realtime-chat.v1';

/** Frames that carry a `rev` and are still no change of the room. (ROOM is a state, with a counter of its own.) */
const NOT_A_CHANGE = new Set(['ACK', 'HEARTBEAT', 'ROOM', 'WELCOME']);

/** What somebody may do beside writing, as bits of the `rights` in WELCOME. */
export const RIGHT = { DELETE_ANY: 8, PIN: 16, BAN: 32, ROOM_SET: 64, REVIEW: 128 };

/** Refusals that pass with time and still want the writer: what was written waits for them and does not go by itself. */
export const WANTS_WRITER = new Set(['BANNED', 'BLOCKED', 'LOCKED', 'REPEATED', 'SLOW_MODE', 'TOO_YOUNG']);

/** Batches do not nest in version 1; the limit only bounds what a broken sender can cost. */
const NESTING_MAX = 4;

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads one text frame into the frames it holds: a batch becomes its members, in order.
 * Whatever cannot be read is left out, because one bad frame must not cost the others.
 * @param {unknown} data
 * @returns {Chat.Frame[]}
 */
export function decode(data) {
  if (typeof data !== 'string') return [];
  try {
    /** @type {Chat.Frame[]} */
    const frames = [];
    flatten(JSON.parse(data), frames, 0);
    return frames;
  } catch {
    return [];
  }
}

/** @param {unknown} value @param {Chat.Frame[]} into @param {number} depth */
function flatten(value, into, depth) {
  if (!isObject(value) || typeof value.type !== 'string' || !isObject(value.payload)) return;
  if (value.type !== 'BATCH') {
    into.push({ type: value.type, payload: value.payload });
  } else if (depth < NESTING_MAX && Array.isArray(value.payload.frames)) {
    for (const frame of value.payload.frames) flatten(frame, into, depth + 1);
  }
}

/**
 * The counter value that this frame moves the cursor to, or null where it is no change.
 * It goes by the field and not by the type, so that changes invented later (edits, reactions)
 * do not make this client ask for them again and again.
 * @param {Chat.Frame} frame
 * @returns {number | null}
 */
export function changeRev({ type, payload }) {
  return !NOT_A_CHANGE.has(type) && Number.isSafeInteger(payload.rev) ? payload.rev : null;
}

/** @param {unknown} value @returns {value is Chat.Author} */
export function isAuthor(value) {
  return isObject(value) && typeof value.id === 'string'
    && typeof value.nickname === 'string' && typeof value.avatar === 'string';
}

/** @param {unknown} value @returns {value is Chat.Message} */
export function isMessage(value) {
  return isObject(value) && typeof value.id === 'string' && Number.isSafeInteger(value.seq)
    && Number.isSafeInteger(value.rev) && typeof value.content === 'string'
    && typeof value.createdAt === 'string' && isAuthor(value.author)
    && [value.mentions, value.reactions].every((list) => list === undefined || Array.isArray(list));
}

/** @param {unknown} value @returns {value is Chat.Reactions} */
export function isReactions(value) {
  return isObject(value) && Number.isSafeInteger(value.seq) && Number.isSafeInteger(value.rev) && Array.isArray(value.reactions)
    && value.reactions.every((one) => isObject(one) && typeof one.emoji === 'string' && Number.isSafeInteger(one.count)
      && Array.isArray(one.authors));
}

/** @param {unknown} value @returns {value is Chat.Welcome} */
export function isWelcome(value) {
  return isObject(value) && isObject(value.room) && typeof value.room.epoch === 'string'
    && Number.isSafeInteger(value.room.rev) && Array.isArray(value.messages);
}

/** @param {unknown} value @returns {value is Chat.Room} */
export function isRoom(value) {
  return isObject(value) && isObject(value.settings) && Number.isSafeInteger(value.settingsRev);
}

/** Who is here, as far as it can be read. @param {any} presence @returns {Chat.Presence | null} */
export function readPresence(presence) {
  if (!isObject(presence) || !Number.isSafeInteger(presence.count)) return null;
  const { members, joined, left } = presence;
  /** @type {Chat.Presence} */
  const count = presence.approximate === true ? { count: presence.count, approximate: true } : { count: presence.count };
  /** @param {unknown} list */
  const authors = (list) => (Array.isArray(list) ? list.filter(isAuthor) : []);
  return Array.isArray(members) ? { ...count, members: authors(members), joined: authors(joined), left: authors(left) } : count;
}

/** @param {{anonymousId: string, token?: string, nickname?: string, avatar?: string, resume?: Chat.Cursor}} payload */
export const encodeJoin = (payload) => JSON.stringify({ type: 'JOIN', payload });

/** @param {{nickname: string, avatar?: string}} payload */
export const encodeProfile = (payload) => JSON.stringify({ type: 'PROFILE', payload });

/** @param {Chat.Unsent} entry */
export const encodeMessage = ({ clientId, content, replyTo, mentions }) => JSON.stringify({
  type: 'MESSAGE', payload: { clientId, content, replyTo: replyTo?.id, mentions },
});

/** @param {Chat.Command} command */
export const encodeCommand = ({ type, state: _, sent: __, ...payload }) => JSON.stringify({ type, payload });

/** Somebody is typing here: at most one in 3 s is passed on. */
export const TYPING = JSON.stringify({ type: 'TYPING', payload: {} });

export const PING = JSON.stringify({ type: 'PING', payload: {} });

/**
 * What a close code asks of us.
 * @param {number} code
 * @returns {'come back' | 'stay away'}
 */
export function afterClose(code) {
  // 4100 to 4199 is the server's "do not come back"; everything else, the network included, passes. Whose login was ended
  // (4104) comes back once more: the answer is BAD_TOKEN, and then they are the visitor that they were before.
  return code >= 4100 && code <= 4199 && code !== 4104 ? 'stay away' : 'come back';
}

/** Close code: the room's life ended, join without a resume cursor. */
export const START_OVER = 4003;

/** Close code: no room for another session right now. */
export const SERVER_FULL = 4005;

/** Close code: the address that this page comes from has all the sessions it may have, which others may share. */
export const ADDRESS_FULL = 4006;

/** Close code: this person has as many sessions as one may have. Those that died unnoticed count as well, for a while. */
export const TOO_MANY_SESSIONS = 4103;
