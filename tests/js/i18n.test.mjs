import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';
import { words as consoleEn } from '../../static/js/i18n/console-en.js';
import { words as consoleKo } from '../../static/js/i18n/console-ko.js';
import { words as laterEn } from '../../static/js/i18n/console-later-en.js';
import { words as laterKo } from '../../static/js/i18n/console-later-ko.js';
import { strings as en } from '../../static/js/i18n/en.js';
import { load, supported } from '../../static/js/i18n/index.js';
import { strings as ko } from '../../static/js/i18n/ko.js';
import { words as moderationEn } from '../../static/js/i18n/moderation-en.js';
import { words as moderationKo } from '../../static/js/i18n/moderation-ko.js';
import { refusal } from '../../static/js/moderation/refusal.js';

/** @param {any} strings @param {string} [path] @returns {string[]} */
function shape(strings, path = '') {
  return Object.entries(strings).flatMap(([key, value]) => (typeof value === 'object'
    ? shape(value, `${path}${key}.`) : [`${path}${key}: ${typeof value}${typeof value === 'function' ? value.length : ''}`])).sort();
}

test('both languages say everything', () => {
  assert.deepEqual(shape(en), shape(ko));
});

test('what comes with moderation is said in both languages, and each of it somewhere', async () => {
  assert.deepEqual(shape(moderationEn), shape(moderationKo));
  const folder = new URL('../../static/js/moderation/', import.meta.url);
  const files = [...(await readdir(folder)).map((name) => new URL(name, folder)), new URL('../compose/slow.js', folder), new URL('../page/blog-user.js', folder), new URL('../page/people-list.js', folder)];
  const sources = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
  for (const [group, text] of Object.entries(moderationKo)) {
    const keys = typeof text === 'string' || ['done', 'errors'].includes(group) ? [group] : Object.keys(text);
    for (const key of keys) assert.ok(new RegExp(`\\b${key}\\b`).test(sources), `${group} ${key}`);
  }
});

test('what the console says is said in both languages, and each of it somewhere', async () => {
  assert.deepEqual(shape(consoleEn), shape(consoleKo));
  assert.deepEqual(shape(laterEn), shape(laterKo));
  const folder = new URL('../../static/js/console/', import.meta.url);
  const sources = (await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')))).join('\n');
  for (const [group, text] of [...Object.entries(consoleKo), ...Object.entries(laterKo)]) {
    // Names of actions, roles and settings come from the server.
    const keys = typeof text === 'string' || ['errors', 'set', 'screens'].includes(group) ? [group] : Object.keys(text);
    for (const key of keys) assert.ok(new RegExp(`\\b${key}\\b`).test(sources), `${group} ${key}`);
  }
});

test('no text is empty', () => {
  for (const strings of [ko, en, moderationKo, moderationEn, consoleKo, consoleEn, laterKo, laterEn]) {
    for (const [key, value] of Object.entries(strings)) {
      if (typeof value === 'string') assert.notEqual(value.trim(), '', key);
    }
  }
});

test('the names that tools and tests rely on', () => {
  assert.match(ko.message, /메시지/);
  assert.match(en.message, /Message/);
  assert.match(ko.nickname, /닉네임/);
  assert.match(en.nickname, /Nickname/);
  assert.match(ko.joinBar, /닉네임|참여/);
  assert.match(en.joinBar, /nickname|join/i);
  assert.match(ko.newMessages(3), /새 메시지/);
  assert.match(en.newMessages(3), /New messages/);
  assert.equal(ko.anonymous('수달'), '익명의 수달');
  assert.equal(en.anonymous('Otter'), 'Anonymous Otter');
  // These buttons stand beside the one that opens the prompt and must not be taken for it.
  assert.match(ko.onlineAbout(1200), /약 1,200명/);
  assert.match(en.onlineAbout(1200), /about 1,200/);
  for (const name of [ko.online(3), ko.nicknameChange, ko.onlineList]) assert.doesNotMatch(name, /닉네임|참여/);
  for (const name of [en.online(3), en.nicknameChange]) assert.doesNotMatch(name, /nickname|join/i);
});

test('each text that the page asks for is there', async () => {
  const page = await readFile(new URL('../../static/room.html', import.meta.url), 'utf8');
  for (const [, key] of page.matchAll(/data-t(?:-label|-title)?="([^"]+)"/g)) assert.equal(typeof (/** @type {any} */ (ko))[key], 'string', key);
});

test('Korean for Korean, English for everybody else', async () => {
  for (const lang of ['ko', 'ko-KR', 'KO']) assert.equal(supported(lang), 'ko');
  for (const lang of ['en', 'ja', '', 'xx"><script>']) assert.equal(supported(lang), 'en');
  assert.equal((await load('ko-KR')).locale, 'ko');
});

test('each text is used somewhere', async () => {
  const folder = new URL('../../static/js/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js')).map((name) => new URL(name, folder));
  const sources = await Promise.all([...files, new URL('../../static/room.html', import.meta.url)].map((file) => readFile(file, 'utf8')));
  const all = sources.join('\n');
  const unused = Object.keys(ko).filter((key) => !new RegExp(`\\.${key}\\b|data-t(-label|-title)?="${key}"`).test(all));
  assert.deepEqual(unused, []);
});

test('each refusal that the protocol knows is explained or waited out', async () => {
  const protocol = await readFile(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');
  const rows = protocol.slice(protocol.indexOf('## 9 Errors'), protocol.indexOf('## 10 ')).matchAll(/^\| `([A-Z_]+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$/gm);
  // What our own page cannot cause, or answers by itself: NOT_JOINED sends again behind the JOIN, BAD_TOKEN joins without,
  // HELD is no refusal and has words for each of its reasons; what meets TOKEN_EXPIRED waits for the blog, and with
  // OTHER_USER the page joins anew.
  const ours = new Set(['NOT_JOINED', 'ALREADY_JOINED', 'BAD_TOKEN', 'TOKEN_EXPIRED', 'OTHER_USER', 'HELD']);
  let seen = 0;
  for (const [, code, when, , retryAfter] of rows) {
    seen += 1;
    if (/HTTP only|upgrade only/.test(when) || code === 'NOT_FOUND' || ours.has(code)) continue;
    if (retryAfter.trim() === 'yes' && code !== 'RATE_LIMITED') continue;
    for (const [strings, words] of /** @type {const} */ ([[ko, moderationKo], [en, moderationEn]])) {
      assert.ok(/** @type {any} */ ({ ...words.errors, ...strings.errors })[code], `${strings.locale} ${code}`);
    }
  }
  assert.ok(seen > 12, `${seen} codes read`);
});

test('a ban says until when and why, where the server says so', () => {
  const why = (/** @type {Chat.WireError} */ error) => refusal(error, en, moderationEn);
  assert.equal(why({ code: 'BANNED' }), 'You cannot write here any more.');
  assert.match(why({ code: 'BANNED', until: '2026-12-24T12:00:00.000Z', reason: 'Spam' }), /^You cannot write here until December 2\d, 2026.*\. Reason: Spam$/);
  assert.match(refusal({ code: 'BANNED', until: '2026-12-24T12:00:00.000Z' }, ko, moderationKo), /^2026년 12월 2\d일.*까지 여기에 쓸 수 없어요\.$/);
  assert.equal(why({ code: 'BANNED', until: 'soon' }), 'You cannot write here any more.');
  assert.equal(why({ code: 'LOCKED' }), en.errors.LOCKED);
  assert.equal(why({ code: 'RATE_LIMITED' }), moderationEn.errors.RATE_LIMITED);
  assert.equal(why({ code: 'OF_A_LATER_VERSION' }), '');
});
