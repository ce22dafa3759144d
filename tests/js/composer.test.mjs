import assert from 'node:assert/strict';
import test from 'node:test';
import { Composer } from '../../static/js/compose/composer.js';
import { strings } from '../../static/js/i18n/en.js';
import { memoryStorage } from '../../static/js/shared/storage.js';

/** As much of an element as the composer touches. */
function element(more = {}) {
  return Object.assign(new EventTarget(), {
    value: '', hidden: true, textContent: '', disabled: false, offsetHeight: 46, clientHeight: 44, scrollHeight: 44,
    style: { height: '' }, classList: { toggle() {} }, focus() {}, blur() {}, ...more,
  });
}

/** @param {(world: any) => void} run @param {{drafts?: any, takes?: boolean}} [options] */
function withComposer(run, { drafts = memoryStorage(), takes = true } = {}) {
  const names = ['matchMedia', 'getComputedStyle', 'requestAnimationFrame'];
  const before = names.map((name) => /** @type {any} */ (globalThis)[name]);
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false }), getComputedStyle: () => ({ lineHeight: '24px' }), requestAnimationFrame: (/** @type {() => void} */ draw) => draw(),
  });
  try {
    const parts = /** @type {any} */ ({ form: element(), box: element(), count: element(), send: element() });
    /** @type {string[]} */
    const sent = [];
    /** @type {string[]} */
    const explained = [];
    let left = 0;
    const composer = new Composer(parts, {
      submit(content) {
        if (takes) sent.push(content);
        return takes;
      },
      drafts, draftKey: 'draft', strings: () => strings, explain: (text) => explained.push(text), leave: () => { left += 1; },
    });
    run({
      composer, ...parts, sent, explained, drafts, left: () => left,
      type(/** @type {string} */ text) {
        parts.box.value = text;
        parts.box.dispatchEvent(new Event('input'));
      },
      press(/** @type {string} */ key, more = {}) {
        const event = Object.assign(new Event('keydown', { cancelable: true }), { key, code: key, keyCode: 13, shiftKey: false, isComposing: false, repeat: false, ...more });
        parts.box.dispatchEvent(event);
      },
    });
  } finally {
    names.forEach((name, index) => Object.assign(globalThis, { [name]: before[index] }));
  }
}

test('what is written is kept, what is sent is no draft any more', () => withComposer(({ type, press, drafts, sent, box }) => {
  type('half a thou');
  assert.equal(drafts.get('draft'), 'half a thou');
  press('Enter');
  assert.deepEqual([sent, box.value, drafts.get('draft')], [['half a thou'], '', null]);
}));

test('a draft comes back', () => {
  const drafts = memoryStorage();
  drafts.set('draft', 'from before');
  withComposer(({ box, send }) => assert.deepEqual([box.value, send.disabled], ['from before', false]), { drafts });
});

test('what cannot be taken stays in the box', () => withComposer(({ type, press, box, sent, drafts }) => {
  type('the twenty-first');
  press('Enter');
  assert.deepEqual([sent, box.value, drafts.get('draft')], [[], 'the twenty-first', 'the twenty-first']);
}, { takes: false }));

test('code points are counted, from two hundred on; what is too much is explained, not sent', () => withComposer(({ composer, type, press, count, send, sent, explained, box }) => {
  composer.contentMax = 300;
  type('😀'.repeat(99));
  assert.equal(count.hidden, true);
  type('😀'.repeat(100));
  assert.deepEqual([count.hidden, count.textContent, send.disabled], [false, '200 left', false]);
  type('😀'.repeat(301));
  assert.deepEqual([count.textContent, send.disabled], ['1 too many', true]);
  press('Enter');
  assert.deepEqual([sent, explained, box.value.length], [[], ['1 too many'], 602]);
}));

test('Escape leaves the box, but not while it belongs to the input method', () => withComposer(({ press, left }) => {
  press('Escape', { isComposing: true });
  press('Escape', { keyCode: 229 });
  assert.equal(left(), 0);
  press('Escape', { keyCode: 27 });
  assert.equal(left(), 1);
}));
