// What is said on a socket, as requests over HTTP, and the answers as the frames that a socket would bring. Pure.

/** @typedef {{method: string, path: string, key: string, content?: Record<string, unknown>}} Asked */
/** @typedef {{nickname?: string, avatar?: string, anonymousId?: string, token?: string}} Who as JOIN has it */

/** Refusals of a stream that a socket is closed for: this page is taken for another site's. @type {Record<string, number>} */
export const CLOSE_CODES = { FORBIDDEN: 4101 };

/** Of what has no route, and goes over a socket alone. */
export const NEEDS_SOCKET = 'NEEDS_SOCKET';

/**
 * A command as a request below the room's address.
 * @param {string} type @param {Record<string, any>} payload @param {Who} who
 * @returns {Asked | null} null where there is no such request
 */
export function asRequest(type, { clientId, id, ...payload }, { nickname, avatar }) {
  const path = `messages/${encodeURIComponent(id)}`;
  const asked = (/** @type {string} */ method, where = path, /** @type {Record<string, unknown> | undefined} */ content = undefined) => ({
    method, path: where, key: clientId, ...(content && { content }),
  });
  switch (type) {
    case 'MESSAGE': return asked('POST', 'messages', { ...payload, nickname, avatar });
    case 'EDIT': return asked('PATCH', path, payload);
    case 'DELETE': return asked('DELETE');
    case 'REACT': return asked(payload.on ? 'PUT' : 'DELETE', `${path}/reactions/${encodeURIComponent(payload.emoji)}`);
    case 'PIN': return asked(payload.on ? 'PUT' : 'DELETE', `${path}/pin`);
    default: return null;
  }
}

/** Who asks, in headers: no log has them, as it has addresses. @param {Who} who @returns {Record<string, string>} */
export function proofOf({ token, anonymousId }) {
  if (token) return { Authorization: `Bearer ${token}` };
  return anonymousId ? { 'X-Anonymous-Id': anonymousId } : {};
}

/**
 * What the server has answered, as a frame.
 * @param {string} clientId
 * @param {{status: number, body: any, retryAfterMs: number}} answer
 * @returns {Chat.Frame | null} null where it was not the chat that answered, but something on the way that could not reach it
 */
export function asFrame(clientId, { status, body, retryAfterMs }) {
  const error = body?.error;
  if (status === 202) return { type: 'ERROR', payload: { code: 'HELD', reason: body?.held?.reason, clientId } };
  if (typeof error?.code === 'string') {
    const later = Number(error.retryAfterMs) || retryAfterMs;
    return { type: 'ERROR', payload: { ...error, clientId, ...(later && { retryAfterMs: later }) } };
  }
  if (status >= 200 && status < 300) {
    // As it was stored, whatever became of it since then: that comes as a change.
    const { id, seq, createdAt } = body?.message ?? {};
    return { type: 'ACK', payload: { clientId, id, seq, rev: seq, createdAt } };
  }
  if (status === 413) return { type: 'ERROR', payload: { code: 'TOO_LARGE', clientId } };
  return status >= 500 || status === 0 ? null : { type: 'ERROR', payload: { code: 'INTERNAL', clientId } };
}
