import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';
import { strings as en } from '../../static/js/i18n/en.js';
import { load, supported } from '../../static/js/i18n/index.js';
import { strings as ko } from '../../static/js/i18n/ko.js';

/** @param {any} strings @param {string} [path] @returns {string[]} */
function shape(strings, path = '') {
  return Object.entries(strings).flatMap(([key, value]) => (typeof value === 'object'
    ? shape(value, `${path}${key}.`) : [`${path}${key}: ${typeof value}${typeof value === 'function' ? value.length : ''}`])).sort();
}

test('both languages say everything', () => {
  assert.deepEqual(shape(en), shape(ko));
});

test('no text is empty', () => {
  for (const strings of [ko, en]) {
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
  // What our own page cannot cause, or answers by itself: NOT_JOINED sends again behind the JOIN.
  const ours = new Set(['NOT_JOINED', 'ALREADY_JOINED']);
  let seen = 0;
  for (const [, code, when, , retryAfter] of rows) {
    seen += 1;
    if (/HTTP only|upgrade only/.test(when) || code === 'NOT_FOUND' || ours.has(code)) continue;
    if (retryAfter.trim() === 'yes' && code !== 'RATE_LIMITED') continue;
    for (const strings of [ko, en]) assert.ok(/** @type {any} */ (strings.errors)[code], `${strings.locale} ${code}`);
  }
  assert.ok(seen > 12, `${seen} codes read`);
});
