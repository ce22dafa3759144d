// The console's pure parts: which screen, which rights, what waits in which order, plots, settings.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ago } from '../../static/js/console/parts.js';
import { bars, scaleOf } from '../../static/js/console/plot.js';
import { letterTo } from '../../static/js/console/inquiries.js';
import { entriesOf } from '../../static/js/console/queue-entries.js';
import { AUDIT, BAN, DEFAULTS, DELETE_ANY, REVIEW, ROOM_SET, TEAM, has, screenOf } from '../../static/js/console/rights.js';
import { textOf, valueOf } from '../../static/js/console/settings-form.js';
import { readFile } from 'node:fs/promises';

test('an address names a screen, below the path that the chat stands under', () => {
  for (const [path, base, expected] of [
    ['/admin', '', 'overview'], ['/admin/', '', 'overview'], ['/admin/rooms', '', 'rooms'], ['/admin/rooms/', '', 'rooms'],
    ['/chat/admin/queue', '/chat', 'queue'], ['/chat/admin', '/chat', 'overview'], ['/admin/nothing', '', 'overview'], ['/admin/constructor', '', 'overview'],
  ]) assert.equal(screenOf(path, base), expected, path);
});

test('rights are the bits that the docs say', async () => {
  const table = await readFile(new URL('../../docs/RIGHTS.md', import.meta.url), 'utf8');
  for (const [name, right] of Object.entries({ DELETE_ANY, BAN, ROOM_SET, REVIEW, AUDIT, DEFAULTS, TEAM })) {
    const bit = Number(new RegExp(`\\| \`${name}\` \\| (\\d+) \\|`).exec(table)?.[1]);
    assert.equal(right, 2 ** bit, name);
    assert.ok(has(8191, right) && !has(8191 - right, right) && has(2 ** 40 + right, right), name);
  }
});

/** @param {string} id @param {string} messageId @param {string} at @param {object} [more] @returns {Chat.Report} */
const report = (id, messageId, at, more = {}) => ({ id, room: 'post', messageId, by: 'x', reason: 'spam', at, ...more });

test('what waits and what was reported stands in the order in which it came, a message once', () => {
  const author = { id: 'a', nickname: 'Otter', avatar: 'otter' };
  const held = [{ id: '1', room: 'post', author, content: 'first', reason: 'first', at: '2026-01-01T00:00:02Z' }];
  const message = { id: '7', seq: 3, author, content: 'bad', createdAt: '', deleted: false };
  const entries = entriesOf(held, [report('1', '7', '2026-01-01T00:00:01Z', { message }), report('2', '7', '2026-01-01T00:00:09Z'), report('3', '8', '2026-01-01T00:00:05Z')]);
  assert.deepEqual(entries.map(({ key, kind, reports }) => [key, kind, reports.length]), [['reported-7', 'reported', 2], ['held-1', 'held', 0], ['reported-8', 'reported', 1]]);
  assert.equal(entries[0].seq, 3);
  assert.deepEqual([entries[2].author, entries[2].deleted], [null, true], 'of a message that is gone nothing is known');
});

test('an answer to an inquiry goes to its writer alone, whatever they typed', () => {
  const asked = { id: '1', email: 'otter+blog@example.com', subject: '값이 얼마예요? & cc=all@example.com', text: `one\ntwo&bcc=all@example.com\n${'x'.repeat(5_000)}`, at: '' };
  const letter = new URL(letterTo(asked, 'Otter wrote:'));
  assert.equal(letter.protocol, 'mailto:');
  assert.equal(decodeURIComponent(letter.pathname), asked.email);
  assert.deepEqual([...letter.searchParams.keys()], ['subject', 'body']);
  assert.equal(letter.searchParams.get('subject'), `Re: ${asked.subject}`);
  assert.match(letter.searchParams.get('body') ?? '', /^\r\n\r\nOtter wrote:\r\n> one\r\n> two&bcc=all@example\.com\r\n> x+$/);
  assert.ok(letter.href.length < 2_000);
});

test('a plot has a scale that is read at a glance, and a bar for each value', () => {
  for (const [most, top] of [[0, 4], [3, 4], [5, 5], [6, 10], [11, 20], [21, 50], [51, 100], [101, 200], [999, 1000], [1001, 2000]]) assert.equal(scaleOf(most), top, String(most));
  const drawn = bars([0, 10, undefined, 5]);
  assert.deepEqual(drawn.map(({ value }) => value), [0, 10, undefined, 5]);
  assert.equal(drawn[2].height, 0, 'what was not counted is nothing');
  assert.ok(drawn[0].height > 0 && drawn[1].height === 2 * drawn[3].height);
  for (const { x, y, width, height } of drawn) assert.ok([x, y, width, height].every(Number.isFinite) && x >= 0 && x + width <= 720 && y >= 0);
  assert.deepEqual(bars([]), []);
});

test('a setting is read as it was written, and an empty box takes it back', () => {
  for (const [kind, value, text] of /** @type {const} */ ([
    ['flag', true, 'true'], ['flag', false, 'false'], ['number', 0, '0'], ['number', 30, '30'], ['hold', 'links', 'links'],
    ['lines', ['one', 'two'], 'one\ntwo'], ['text', 'Be kind.', 'Be kind.'],
  ])) {
    assert.equal(textOf(kind, value), text);
    assert.deepEqual(valueOf(kind, text), value);
    assert.equal(valueOf(kind, '  '), null);
    assert.equal(textOf(kind, undefined), '');
  }
  assert.deepEqual(valueOf('lines', ' one \n\n two\n'), ['one', 'two']);
});

test('how long ago something was is said in the largest unit that helps', () => {
  const now = new Date('2026-05-14T12:00:00Z');
  const said = (/** @type {string} */ iso) => ago('en', new Date(iso), now);
  assert.equal(said('2026-05-14T11:59:30Z'), '');
  assert.equal(said('2026-05-14T11:55:00Z'), '5 minutes ago');
  assert.equal(said('2026-05-14T09:00:00Z'), '3 hours ago');
  assert.equal(said('2026-05-12T12:00:00Z'), '2 days ago');
  assert.match(said('2026-03-01T12:00:00Z'), /Mar 1$/);
  assert.match(said('2025-03-01T12:00:00Z'), /2025/);
});
