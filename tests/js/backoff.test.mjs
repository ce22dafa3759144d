import assert from 'node:assert/strict';
import test from 'node:test';
import { FIRST_MS, LONGEST_MS, backoffMs } from '../../static/js/wire/backoff.js';

test('the ceiling doubles from half a second to twenty', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 100, 10_000].map((attempt) => backoffMs(attempt, () => 1));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000, 20_000]);
  assert.equal(FIRST_MS, 500);
  assert.equal(LONGEST_MS, 20_000);
});

test('the whole range below the ceiling is used', () => {
  assert.equal(backoffMs(5, () => 0), 0);
  assert.equal(backoffMs(5, () => 0.5), 8000);
});
