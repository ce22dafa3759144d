// Colours of code, by the server that knows the languages. Loaded when the first code comes into sight. What cannot be
// had leaves the code as it is.

import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';

/** What the server calls the parts of a code (docs/openapi.json); chat.css has their colours. */
const CLASSES = new Set(['comment', 'string', 'number', 'constant', 'keyword', 'operator', 'type', 'function', 'tag', 'attribute', 'heading', 'inserted', 'deleted']);
/** Codes whose parts are kept. */
const KEPT_MAX = 100;
/** An answer that does not come keeps the next one waiting no longer than this. */
const WAIT_MS = 10_000;

/** @typedef {[number, string | null][]} Spans lengths in UTF-16 code units, in order, each with its class */
/** @type {Map<string, Spans>} */
const kept = new Map();
/** One request at a time: a page full of code asks for what is in sight, not for everything at once. @type {Promise<unknown>} */
let turn = Promise.resolve();

/** @param {HTMLElement} element holds the code and nothing else @param {string} language */
export async function colour(element, language) {
  const code = element.textContent ?? '';
  const mine = turn.then(() => spansOf(language, code));
  turn = mine.catch(() => {});
  const spans = await mine.catch(() => null);
  // Meanwhile the message may have been edited.
  if (!spans || element.textContent !== code) return;
  let at = 0;
  element.replaceChildren(...spans.map(([length, name]) => {
    const text = code.slice(at, at += length);
    return name ? make('span', `c-${name}`, text) : text;
  }));
}

/** @param {string} language @param {string} code @returns {Promise<Spans | null>} */
async function spansOf(language, code) {
  const key = `${language}\n${code}`;
  const known = kept.get(key);
  if (known) return known;
  // As plain text: a page in a sandbox would have to ask whether it may send JSON, and no server of ours looks at the type.
  const answer = await fetch(`${base}/api/v1/highlight`, { method: 'POST', body: JSON.stringify({ language, code }), signal: AbortSignal.timeout?.(WAIT_MS) });
  const { spans } = answer.ok ? await answer.json() : { spans: null };
  if (!fits(spans, code.length)) return null;
  kept.set(key, spans);
  if (kept.size > KEPT_MAX) kept.delete(/** @type {string} */ (kept.keys().next().value));
  return spans;
}

/** Whether these are parts of a text of this length. @param {any} spans @param {number} length */
export function fits(spans, length) {
  if (!Array.isArray(spans)) return false;
  let sum = 0;
  for (const span of spans) {
    if (!Array.isArray(span) || !Number.isInteger(span[0]) || span[0] < 1 || (span[1] !== null && !CLASSES.has(span[1]))) return false;
    sum += span[0];
  }
  return sum === length;
}
