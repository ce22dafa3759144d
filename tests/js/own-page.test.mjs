import assert from 'node:assert/strict';
import test from 'node:test';
import { isOwnPage } from '../../static/js/shared/own-page.js';

/**
 * A page in frames, from the outermost origin to its own; one of another origin may not be read.
 * @param {string[]} origins @param {boolean} [isSecureContext]
 */
function page(origins, isSecureContext = true) {
  const own = origins[origins.length - 1];
  /** @type {any} */
  let window = null;
  for (const origin of origins) {
    const next = {
      isSecureContext,
      get location() {
        if (origin !== own) throw new DOMException('blocked', 'SecurityError');
        return { origin };
      },
    };
    Object.assign(next, { parent: window ?? next });
    window = next;
  }
  return window;
}

test('cookies of a login count on pages of the chat by itself, and in no frame of somebody else', () => {
  const [chat, blog] = ['https://chat.example', 'https://blog.example'];
  for (const [origins, expected] of /** @type {const} */ ([
    [[chat], true],
    [[chat, chat], true],
    [[chat, chat, chat], true],
    [[blog, chat], false],
    [[blog, chat, chat], false],
    // Between two pages of the chat.
    [[chat, blog, chat], false],
  ])) assert.equal(isOwnPage(page([...origins])), expected, origins.join(' > '));
  assert.equal(isOwnPage(page(['http://chat.example'], false)), false, 'without HTTPS there are no such cookies');
});
