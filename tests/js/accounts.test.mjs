import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';
import { deviceOf, isPhone } from '../../static/js/accounts/device.js';
import { explain, passwordFault, placeOf } from '../../static/js/accounts/explain.js';
import { codeOf, passedOn, wayBack } from '../../static/js/accounts/links.js';
import { inOrder } from '../../static/js/accounts/logins.js';
import { forgetVisitor, visitor } from '../../static/js/accounts/visitor.js';
import { words as en } from '../../static/js/i18n/accounts-en.js';
import { words as ko } from '../../static/js/i18n/accounts-ko.js';
import { memoryStorage } from '../../static/js/shared/storage.js';
import { Identity } from '../../static/js/store/identity.js';

/** @param {any} strings @param {string} [path] @returns {string[]} */
function shape(strings, path = '') {
  return Object.entries(strings).flatMap(([key, value]) => (typeof value === 'object'
    ? shape(value, `${path}${key}.`) : [`${path}${key}: ${typeof value}${typeof value === 'function' ? value.length : ''}`])).sort();
}

/** @param {any} strings @returns {[string, string][]} */
function texts(strings) {
  return Object.entries(strings).flatMap(([key, value]) => (typeof value === 'object' ? texts(value) : typeof value === 'string' ? [[key, value]] : []));
}

test('both languages say everything, and no text is empty', () => {
  assert.deepEqual(shape(en), shape(ko));
  for (const words of [en, ko]) for (const [key, text] of texts(words)) assert.notEqual(text.trim(), '', key);
});

test('each text is used somewhere', async () => {
  const folder = new URL('../../static/js/accounts/', import.meta.url);
  const sources = (await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')))).join('\n');
  const byKey = ['errors', 'roles', 'weak', 'nicknameFaults'];
  /** @param {any} strings @returns {string[]} */
  const keys = (strings) => Object.entries(strings).flatMap(([key, value]) => (typeof value === 'object' && !byKey.includes(key) ? keys(value) : [key]));
  for (const key of keys(ko)) if (key !== 'locale') assert.match(sources, new RegExp(`\\b${key}\\b`), key);
});

/** @param {string} code @param {object} [more] @returns {Chat.AccountAnswer} */
const refusal = (code, more = {}) => ({ ok: false, status: 400, body: {}, code, retryAfterMs: 0, ...more });

test('each refusal of accounts is explained in both languages', () => {
  const codes = ['BAD_CREDENTIALS', 'BAD_TOKEN', 'WEAK_PASSWORD', 'INVALID_EMAIL', 'EMAIL_TAKEN', 'REGISTRATION_CLOSED', 'BAD_INVITE', 'BAD_CODE', 'CSRF',
    'CLAIMED', 'LAST_OWNER', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE', 'INVALID_NICKNAME', 'NICKNAME_TAKEN', 'INVALID_AVATAR', 'FORBIDDEN', 'NOT_FOUND'];
  for (const words of [en, ko]) {
    const said = codes.map((code) => explain(refusal(code), words, 'long enough'));
    assert.equal(new Set(said).size, codes.length, 'each has words of its own');
    for (const [n, text] of said.entries()) assert.ok(!text.includes(codes[n]), text);
  }
  assert.match(explain(refusal('constructor'), en), /constructor/);
  assert.match(explain(refusal('OF_A_LATER_VERSION'), en), /try again.*OF_A_LATER_VERSION/);
  assert.equal(explain(refusal('', { status: 0 }), en), en.unanswered);
  assert.match(explain(refusal('RATE_LIMITED', { retryAfterMs: 41_200 }), en), /in 42 seconds/);
  assert.match(explain(refusal('RATE_LIMITED'), en), /in 1 second\./);
});

test('why a password is too weak is said in the reader’s language', () => {
  assert.equal(explain(refusal('WEAK_PASSWORD', { body: { error: { message: 'in English' } } }), ko, '1234567'), ko.weak.short);
  assert.equal(explain(refusal('WEAK_PASSWORD'), ko, 'x'.repeat(129)), ko.weak.long);
  assert.equal(explain(refusal('WEAK_PASSWORD'), ko, 'password1'), ko.weak.common);
  // Code points count, as the server does it.
  assert.equal(passwordFault('🦊'.repeat(8)), null);
  assert.equal(passwordFault('🦊'.repeat(7)), 'short');
  assert.equal(passwordFault('가'.repeat(128)), null);
  assert.equal(passwordFault('가'.repeat(129)), 'long');
});

test('what is refused is said at its box, where it is about one', () => {
  for (const [code, place] of /** @type {const} */ ([['EMAIL_TAKEN', 'email'], ['INVALID_EMAIL', 'email'], ['WEAK_PASSWORD', 'password'], ['BAD_CREDENTIALS', 'password'], ['INVALID_NICKNAME', 'nickname'], ['BAD_INVITE', ''], ['constructor', '']])) {
    assert.equal(placeOf(code), place, code);
  }
});

test('the way back leads to own pages alone', () => {
  const own = 'https://chat.example';
  for (const [to, base, expected] of /** @type {const} */ ([
    ['/me', '', `${own}/me`],
    ['/', '', `${own}/`],
    ['/room/a%20post?title=x#m-3', '', `${own}/room/a%20post?title=x#m-3`],
    ['/chat/room/x', '/chat', `${own}/chat/room/x`],
    ['/chat', '/chat', `${own}/chat`],
    ['/chatter', '/chat', null],
    ['/chat/../admin', '/chat', null],
    ['/chat/%2e%2e/admin', '/chat', null],
    [null, '', null],
    ['', '', null],
    ['me', '', null],
    ['https://chat.example/me', '', null],
    ['https://evil.example/', '', null],
    ['//evil.example/', '', null],
    ['/\\evil.example/', '', null],
    ['/\t/evil.example/', '', null],
    ['/\n\\evil.example/', '', null],
    ['/.//evil.example/', '', null],
    ['/x/..//evil.example/', '', null],
    ['javascript:alert(1)', '', null],
    [' /me', '', null],
  ])) assert.equal(wayBack(to, base, own), expected, JSON.stringify(to));
});

test('a link’s code is what stands behind its #', () => {
  assert.equal(codeOf('#ABCD-EFGH'), 'ABCD-EFGH');
  assert.equal(codeOf('#a%2Bb%20'), 'a+b');
  for (const none of ['', '#', '#%', `#${'x'.repeat(513)}`]) assert.equal(codeOf(none), '', none.slice(0, 9));
});

test('language, theme and way back go along to the next page, and nothing else', () => {
  assert.equal(passedOn('?lang=ko&theme=dark&to=%2Froom%2Fx&said=out&x=1'), '?lang=ko&theme=dark&to=%2Froom%2Fx');
  assert.equal(passedOn('', { said: 'out' }), '?said=out');
  assert.equal(passedOn('?to=/a', { to: '/b' }), '?to=%2Fb');
  assert.equal(passedOn('?x=1'), '');
});

test('a browser is called by the name that its owner knows', () => {
  const mozilla = 'Mozilla/5.0 ';
  for (const [agent, english, korean, phone] of /** @type {const} */ ([
    [`${mozilla}(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36`, 'Chrome on Windows', 'Windows의 Chrome', false],
    [`${mozilla}(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0`, 'Edge on Windows', 'Windows의 Edge', false],
    [`${mozilla}(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Whale/4.33.0.0 Safari/537.36`, 'Whale on Windows', 'Windows의 Whale', false],
    [`${mozilla}(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1`, 'Safari on iPhone', 'iPhone의 Safari', true],
    [`${mozilla}(iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0 Mobile/15E148 Safari/604.1`, 'Chrome on iPhone', 'iPhone의 Chrome', true],
    [`${mozilla}(Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`, 'Samsung Internet on Android', 'Android의 Samsung Internet', true],
    [`${mozilla}(Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0`, 'Firefox on Mac', 'Mac의 Firefox', false],
    [`${mozilla}(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Something/1`, 'Browser on Linux', 'Linux의 브라우저', false],
    ['curl/8.5.0', 'curl/8.5.0', 'curl/8.5.0', false],
    ['', 'Unknown device', '알 수 없는 기기', false],
  ])) {
    assert.equal(deviceOf(agent, en.device), english);
    assert.equal(deviceOf(agent, ko.device), korean);
    assert.equal(isPhone(agent), phone, agent);
  }
  assert.equal(deviceOf('x'.repeat(500), en.device).length, 61);
});

test('this login stands first, then those that were here last', () => {
  const login = (/** @type {string} */ id, /** @type {string} */ lastSeenAt, current = false) => ({ id, lastSeenAt, current, userAgent: '', createdAt: lastSeenAt });
  assert.deepEqual(inOrder([login('a', '2026-01-01'), login('b', '2026-03-01'), login('c', '2026-02-01', true)]).map(({ id }) => id), ['c', 'b', 'a']);
});

test('the visitor is the one that the page of a room has kept', () => {
  const storage = memoryStorage();
  assert.equal(visitor(storage), null);
  const identity = new Identity(storage);
  assert.equal(visitor(storage), null, 'who only reads leaves nothing behind');
  identity.choose('Otter', 'otter');
  assert.deepEqual(visitor(storage), { anonymousId: identity.anonymousId, nickname: 'Otter', avatar: 'otter' });
  identity.signIn('secret', 'Owner');
  assert.equal(visitor(storage)?.nickname, 'Otter', 'beside an account of a one-time code');
  forgetVisitor(storage, 'of another tab');
  assert.notEqual(visitor(storage), null);
  forgetVisitor(storage, identity.anonymousId);
  assert.equal(visitor(storage), null);
  for (const broken of ['', '{', '{}', '[]', '{"anonymousId":"x","nickname":"y"}']) {
    storage.set('realtime-chat:identity', broken);
    assert.equal(visitor(storage), null, broken);
  }
});
