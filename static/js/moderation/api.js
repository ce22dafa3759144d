// What those who look after the blog ask for over HTTP. The login's secret goes in a header, never in an address; where
// cookies have it, it is asked as all pages of the chat itself ask.

import { base } from '../shared/base.js';
import { ownApi } from '../wire/account-api.js';

/** @typedef {{status: number, body: any}} Answer status 0 where there was none */

/** @param {string} path below /api/v1 @param {string | null} token empty where cookies have it @returns {Promise<Answer>} */
export const get = (path, token) => (token === '' ? ownApi().get(path) : call(path, token, { method: 'GET' }));

/** @param {string} path below /api/v1 @param {string | null} token @param {object} [content] @returns {Promise<Answer>} */
export const post = (path, token, content) => (token === '' ? ownApi().post(path, content) : call(path, token, {
  method: 'POST',
  ...(content ? { body: JSON.stringify(content), headers: { 'Content-Type': 'application/json' } } : {}),
}));

/**
 * As a visitor, whose secret goes in a header as well.
 * @param {'GET' | 'DELETE'} method @param {string} path @param {string} anonymousId @returns {Promise<Answer>}
 */
export const asVisitor = (method, path, anonymousId) => call(path, null, { method, headers: { 'X-Anonymous-Id': anonymousId } });

/**
 * Says something as whoever has this proof, or by what the headers say.
 * @param {string} path below /api/v1 @param {string | null} token @param {object} content @param {Record<string, string>} headers
 * @returns {Promise<Answer>}
 */
export const send = (path, token, content, headers) => call(path, token, {
  method: 'POST', body: JSON.stringify(content), headers: { 'Content-Type': 'application/json', ...headers },
});

/** @param {string} path @param {string | null} token @param {RequestInit} request @returns {Promise<Answer>} */
async function call(path, token, request) {
  try {
    const answer = await fetch(`${base}/api/v1/${path}`, {
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      ...request,
      headers: { ...(token === null ? {} : { Authorization: `Bearer ${token}` }), ...request.headers },
    });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, body: {} };
  }
}
