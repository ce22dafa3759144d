// How long to wait before the next attempt to connect.

export const FIRST_MS = 500;
export const LONGEST_MS = 20_000;

/**
 * Full jitter: a random time between nothing and a ceiling that doubles with each failed attempt.
 * Spreading over the whole range, not around its end, is what keeps a thousand readers from
 * coming back in step after a restart.
 * @param {number} attempt failed attempts so far, from 0
 * @param {() => number} [random] a number in [0, 1)
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, random = Math.random) {
  // 2^16 is beyond the ceiling already; larger exponents would only overflow.
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return random() * ceiling;
}
