// Whom the blog vouches for: what is read of a token here.

import assert from 'node:assert/strict';
import test from 'node:test';
import { claimsOf } from '../../static/js/page/blog-user.js';

/** @param {unknown} claims */
const token = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;

test('the name in a token is read as it was signed, for the time until the server has answered', () => {
  const claims = { iss: 'https://blog.example', sub: '42', name: '수달이 🦦 ÿ?>' };
  assert.deepEqual(claimsOf(token(claims)), claims);
});

test('what is no token says nothing', () => {
  for (const text of ['', 'a', 'a.b', 'a.%.c', '...', 'e30.bnVsbA.x', token(null), token(7), token('x')]) assert.deepEqual(claimsOf(text), {}, text);
});
