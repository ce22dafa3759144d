import assert from 'node:assert/strict';
import test from 'node:test';
import { cookieStorage, ladder, memoryStorage, openStorage, webStorage } from '../../static/js/storage.js';

const KEY = 'realtime-chat:identity';

/** A cookie jar as browsers have it, which takes `accepts` only. @param {(line: string) => boolean} [accepts] */
function jar(accepts = () => true) {
  /** @type {Map<string, string>} */
  const cookies = new Map([['other', '1']]);
  /** @type {string[]} */
  const lines = [];
  return {
    lines,
    get cookie() {
      return [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    },
    set cookie(line) {
      lines.push(line);
      if (!accepts(line)) return;
      const [, name, value] = /^([^=]*)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    },
  };
}

/** @param {any} value what stands for `localStorage`; throws where it is an error */
function withLocalStorage(value, /** @type {() => void} */ run) {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get() {
      if (value instanceof Error) throw value;
      return value;
    },
  });
  try {
    run();
  } finally {
    if (before) Object.defineProperty(globalThis, 'localStorage', before);
    else delete /** @type {any} */ (globalThis).localStorage;
  }
}

function area(quota = Infinity) {
  /** @type {Map<string, string>} */
  const values = new Map();
  return {
    values,
    getItem: (/** @type {string} */ key) => values.get(key) ?? null,
    removeItem: (/** @type {string} */ key) => values.delete(key),
    setItem(/** @type {string} */ key, /** @type {string} */ value) {
      if (value.length > quota) throw new Error('QuotaExceededError');
      values.set(key, value);
    },
  };
}

test('memory keeps a value for as long as the page lives', () => {
  const storage = memoryStorage();
  storage.set('a', 'b');
  assert.equal(storage.get('a'), 'b');
  storage.set('a', null);
  assert.equal(storage.get('a'), null);
  assert.equal(storage.lasting, false);
});

test('the cookie is bound to this host and this blog, and is spelled so that any text fits', () => {
  const page = jar();
  const cookies = cookieStorage(page);
  const value = '{"nickname":"수달; Path=/x, \\"=\\" \u{1f9a6}"}';
  assert.equal(cookies.set(KEY, value), true);
  assert.equal(cookies.get(KEY), value);
  assert.match(page.lines[0], /^__Host-realtime-chat-identity=[\w%.!~*'()-]+; Path=\/; Secure; SameSite=None; Partitioned; Max-Age=34560000$/);
  assert.equal(cookies.set(KEY, null), true);
  assert.equal(cookies.get(KEY), null);
  assert.equal(page.cookie, 'other=1');
});

test('a cookie that would be too long is not half kept', () => {
  const page = jar();
  const cookies = cookieStorage(page);
  cookies.set(KEY, 'short');
  assert.equal(cookies.set(KEY, 'x'.repeat(5000)), false);
  assert.equal(cookies.get(KEY), null);
});

test('junk in the cookie is not a value', () => {
  assert.equal(cookieStorage({ cookie: '__Host-realtime-chat-identity=%E0%A4' }).get(KEY), null);
  assert.equal(cookieStorage({ cookie: '' }).get(KEY), null);
});

test('each rung is tried in turn, by writing', () => {
  const denied = () => {
    throw new Error('SecurityError');
  };
  const throwing = /** @type {{cookie: string}} */ (Object.defineProperty({}, 'cookie', { get: denied, set: denied }));
  const refusing = () => jar(() => false);
  for (const [name, web, page, lasting, written] of /** @type {const} */ ([
    ['web storage', area(), jar(), true, 0],
    ['blocked, then a cookie', new Error('SecurityError'), jar(), true, 1],
    ['full, then a cookie', area(1), jar(), true, 1],
    ['none, then a cookie', null, jar(), true, 1],
    ['blocked, cookies too', new Error('SecurityError'), refusing(), false, 1],
    ['cookies throw', new Error('SecurityError'), throwing, false, 0],
  ])) {
    withLocalStorage(web, () => {
      const storage = ladder([webStorage('localStorage'), cookieStorage(page)]);
      assert.equal(storage.get(KEY), null, name);
      assert.equal('lines' in page ? page.lines.length : 0, 0, `${name}: reading leaves no trace`);
      storage.set(KEY, 'value');
      assert.equal(storage.get(KEY), 'value', name);
      assert.equal(storage.lasting, lasting, name);
      assert.equal('lines' in page ? page.lines.length : 0, written, name);
      storage.set(KEY, null);
      assert.equal(storage.get(KEY), null, name);
    });
  }
});

test('an old value never comes back when the new one finds no room', () => {
  const web = area(5);
  withLocalStorage(web, () => {
    const storage = ladder([webStorage('localStorage')]);
    storage.set(KEY, 'old');
    storage.set(KEY, 'too long for it');
    assert.equal(storage.get(KEY), 'too long for it');
    assert.equal(storage.lasting, false);
    assert.equal(web.values.size, 0);
  });
});

test('what is not sent yet never becomes a cookie', () => {
  const page = jar();
  Object.assign(globalThis, { document: page });
  try {
    openStorage('sessionStorage').set('realtime-chat:draft:room', 'secret words');
    assert.deepEqual(page.lines, []);
    openStorage('localStorage').set(KEY, 'x');
    assert.equal(page.lines.length, 1);
  } finally {
    delete /** @type {any} */ (globalThis).document;
  }
});
