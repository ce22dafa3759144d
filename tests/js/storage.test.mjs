import assert from 'node:assert/strict';
import test from 'node:test';
import { ladder, memoryStorage, openStorage, takeFromCookie, webStorage } from '../../static/js/shared/storage.js';

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

test('what an earlier version left in a cookie is read once, and the cookie goes', () => {
  const page = jar();
  const value = '{"nickname":"수달; Path=/x, \\"=\\" \u{1f9a6}"}';
  page.cookie = `__Host-realtime-chat-identity=${encodeURIComponent(value)}; Path=/; Secure`;
  assert.equal(takeFromCookie(KEY, page), value);
  assert.equal(page.cookie, 'other=1');
  assert.match(page.lines[1], /^__Host-realtime-chat-identity=; Path=\/; Secure; SameSite=None; Partitioned; Max-Age=0$/);
  assert.equal(takeFromCookie(KEY, page), null);
  assert.equal(page.lines.length, 2, 'where there is none, none is written');
});

test('junk in the cookie is not a value, and goes as well', () => {
  const page = jar();
  page.cookie = '__Host-realtime-chat-identity=%E0%A4';
  assert.equal(takeFromCookie(KEY, page), null);
  assert.equal(page.cookie, 'other=1');
  const denied = () => {
    throw new Error('SecurityError');
  };
  assert.equal(takeFromCookie(KEY, /** @type {any} */ (Object.defineProperty({}, 'cookie', { get: denied, set: denied }))), null);
});

test('web storage keeps it, memory where there is none or it is full', () => {
  for (const [name, web, lasting] of /** @type {const} */ ([
    ['web storage', area(), true],
    ['blocked', new Error('SecurityError'), false],
    ['full', area(1), false],
    ['none', null, false],
  ])) {
    withLocalStorage(web, () => {
      const storage = openStorage('localStorage');
      assert.equal(storage.get(KEY), null, name);
      storage.set(KEY, 'value');
      assert.equal(storage.get(KEY), 'value', name);
      assert.equal(storage.lasting, lasting, name);
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

test('nothing that is kept becomes a cookie', () => {
  const page = jar();
  Object.assign(globalThis, { document: page });
  try {
    for (const name of /** @type {const} */ (['sessionStorage', 'localStorage'])) openStorage(name).set(KEY, 'secret words');
    assert.deepEqual(page.lines, []);
  } finally {
    delete /** @type {any} */ (globalThis).document;
  }
});
