import assert from 'node:assert/strict';
import test from 'node:test';
import { Composer } from '../../static/js/compose/composer.js';
import { Drafts } from '../../static/js/compose/drafts.js';
import { strings } from '../../static/js/i18n/en.js';
import { memoryStorage } from '../../static/js/shared/storage.js';
import { message } from './support.mjs';

/** As much of an element as the composer touches. */
function element(more = {}) {
  return Object.assign(new EventTarget(), {
    value: '', hidden: true, textContent: '', disabled: false, offsetHeight: 46, clientHeight: 44, scrollHeight: 44,
    style: { height: '' }, classList: { toggle() {} }, focus() {}, blur() {}, setSelectionRange() {}, replaceChildren() {}, ...more,
  });
}

/**
 * As much of the list of people as the composer touches.
 * @param {Chat.Marked[]} marks @param {Chat.Mention[]} [mentions]
 */
function knows(marks, mentions = []) {
  /** @type {any[]} */
  const resumed = [];
  return {
    resumed, update() {}, keydown: () => false, reset() {}, restore() {}, marks: () => marks, mentionsOf: () => mentions,
    resume(/** @type {Chat.Draft} */ draft) {
      resumed.push(draft);
      marks = draft.marks;
    },
  };
}

const settled = () => new Promise((resolve) => { setImmediate(resolve); });

/** @param {(world: any) => void | Promise<void>} run @param {{drafts?: Drafts, takes?: boolean, source?: any}} [options] */
async function withComposer(run, { drafts = new Drafts(memoryStorage(), 'r'), takes = true, source = null } = {}) {
  const names = ['matchMedia', 'getComputedStyle', 'requestAnimationFrame', 'document'];
  const before = names.map((name) => /** @type {any} */ (globalThis)[name]);
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false }), getComputedStyle: () => ({ lineHeight: '24px' }), requestAnimationFrame: (/** @type {() => void} */ draw) => draw(),
    document: Object.assign(new EventTarget(), { createElement: () => element({ append() {}, setAttribute() {} }) }),
  });
  try {
    const parts = /** @type {any} */ ({ form: element(), box: element(), count: element(), send: element(), context: element() });
    /** @type {string[]} */
    const sent = [];
    /** @type {string[]} */
    const explained = [];
    /** @type {any[]} what went with each message, or the edits */
    const more = [];
    let left = 0;
    let up = 0;
    const composer = new Composer(parts, {
      submit(content, written) {
        if (takes) sent.push(content);
        if (takes) more.push(written);
        return takes;
      },
      edit(message, content) {
        if (takes) more.push({ edited: message.id, content });
        return takes;
      },
      editLast: () => { up += 1; },
      typed: () => {},
      mentions: async () => source,
      signal: new AbortController().signal,
      drafts, strings: () => strings, explain: (text) => explained.push(text), leave: () => { left += 1; },
    });
    await run({
      composer, ...parts, sent, more, explained, offer: (/** @type {any} */ one) => { source = one; }, drafts, left: () => left, up: () => up,
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
  assert.equal(drafts.get().text, 'half a thou');
  press('Enter');
  assert.deepEqual([sent, box.value, drafts.get().text], [['half a thou'], '', '']);
}));

test('a draft comes back', () => {
  const drafts = new Drafts(memoryStorage(), 'r');
  drafts.set({ text: 'from before', marks: [] });
  return withComposer(({ box, send }) => assert.deepEqual([box.value, send.disabled], ['from before', false]), { drafts });
});

test('what cannot be taken stays in the box', () => withComposer(({ type, press, box, sent, drafts }) => {
  type('the twenty-first');
  press('Enter');
  assert.deepEqual([sent, box.value, drafts.get().text], [[], 'the twenty-first', 'the twenty-first']);
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

test('an answer goes with what it answers, once', () => withComposer(({ composer, context, type, press, sent, more }) => {
  composer.answer(message(3));
  assert.equal(context.hidden, false);
  type('me too');
  press('Enter');
  type('and more');
  press('Enter');
  assert.deepEqual([sent, more, context.hidden], [['me too', 'and more'], [{ replyTo: { id: 'm3', seq: 3 } }, {}], true]);
}));

test('an edit keeps what was being written beside it', () => withComposer(({ composer, context, type, press, box, drafts, sent, more }) => {
  type('half a thou');
  composer.edit(message(3));
  assert.deepEqual([box.value, drafts.get().text, context.hidden], ['text 3', 'half a thou', false]);
  type('better');
  press('Enter');
  assert.deepEqual([more, sent, box.value, context.hidden], [[{ edited: 'm3', content: 'better' }], [], 'half a thou', true]);
}));

test('Escape leaves an edit, and only then the box; what is not changed is not sent', () => withComposer(({ composer, type, press, box, more, left }) => {
  type('mine');
  composer.edit(message(3));
  type('never mind');
  press('Escape', { keyCode: 27 });
  assert.deepEqual([box.value, more, left()], ['mine', [], 0]);
  composer.edit(message(3));
  press('Enter');
  assert.deepEqual([box.value, more], ['mine', []]);
  press('Escape', { keyCode: 27 });
  assert.equal(left(), 1);
}));

test('an edit that cannot be taken stays in the box; what is edited may go away meanwhile', () => withComposer(({ composer, type, press, box, context }) => {
  composer.edit(message(3));
  type('better');
  press('Enter');
  assert.deepEqual([box.value, context.hidden], ['better', false]);
  composer.check(() => true);
  assert.equal(context.hidden, false);
  composer.check(() => false);
  assert.deepEqual([box.value, context.hidden], ['', true]);
}, { takes: false }));

test('the up arrow in an empty box asks for the last message of one\'s own', () => withComposer(({ type, press, up }) => {
  press('ArrowUp', { keyCode: 38 });
  press('ArrowUp', { keyCode: 38, shiftKey: true });
  type('words');
  press('ArrowUp', { keyCode: 38 });
  assert.equal(up(), 1);
}));

test('Ctrl or Cmd with Enter sends', () => withComposer(({ type, press, sent }) => {
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { ctrlKey: true, shiftKey: true }]) {
    type(JSON.stringify(more));
    press('Enter', more);
  }
  type('not this');
  press('Enter', { altKey: true });
  assert.equal(sent.length, 3);
}));

test('a message with an @ waits until it is known whom it addresses, and goes without where that cannot be had', () => withComposer(async ({ type, press, sent, more, offer }) => {
  offer(knows([], [{ authorId: 'a', from: 0, to: 4 }]));
  type('@Fox');
  press('Enter');
  assert.deepEqual(sent, []);
  await new Promise((resolve) => { setImmediate(resolve); });
  assert.deepEqual([sent, more], [['@Fox'], [{ mentions: [{ authorId: 'a', from: 0, to: 4 }] }]]);
}).then(() => withComposer(async ({ type, press, sent, more }) => {
  type('@Fox');
  press('Enter');
  await new Promise((resolve) => { setImmediate(resolve); });
  assert.deepEqual([sent, more], [['@Fox'], [{}]]);
})));

test('an edit that takes the place of another one loses no text', () => withComposer(({ composer, type, press, box }) => {
  type('draft');
  composer.edit(message(3));
  type('half an edit');
  composer.edit(message(4), 'refused before');
  assert.equal(box.value, 'refused before');
  press('Escape', { keyCode: 27 });
  assert.equal(box.value, 'draft\nhalf an edit');
}));

const FOX = [{ authorId: 'a', name: 'Fox', from: 3 }];

test('whom a draft addresses is kept with it, and is gone when it is sent', () => {
  const storage = memoryStorage();
  const drafts = new Drafts(storage, 'r');
  const source = knows(FOX);
  return withComposer(async ({ type, press, sent }) => {
    type('hi @Fox');
    await settled();
    type('hi @Fox ');
    assert.deepEqual(new Drafts(storage, 'r').get(), { text: 'hi @Fox ', marks: FOX });
    assert.deepEqual(new Drafts(storage, 'other').get(), { text: '', marks: [] });
    press('Enter');
    assert.deepEqual([sent, drafts.get()], [['hi @Fox'], { text: '', marks: [] }]);
  }, { drafts, source });
});

test('a draft comes back with whom it addresses, and what is typed meanwhile loses nobody', () => {
  const drafts = new Drafts(memoryStorage(), 'r');
  drafts.set({ text: 'hi @Fox', marks: FOX });
  const source = knows([], [{ authorId: 'a', from: 3, to: 7 }]);
  return withComposer(async ({ type, press, sent, more }) => {
    type('hi @Fox!');
    assert.deepEqual(drafts.get(), { text: 'hi @Fox!', marks: FOX });
    press('Enter');
    await settled();
    assert.deepEqual(source.resumed[0], { text: 'hi @Fox', marks: FOX });
    assert.deepEqual([sent, more], [['hi @Fox!'], [{ mentions: [{ authorId: 'a', from: 3, to: 7 }] }]]);
  }, { drafts, source });
});

test('where it cannot be had whom a draft addresses, that is kept for the next visit', () => {
  const drafts = new Drafts(memoryStorage(), 'r');
  drafts.set({ text: 'hi @Fox', marks: FOX });
  return withComposer(async ({ composer }) => {
    await settled();
    composer.keepDraft();
    assert.deepEqual(drafts.get().marks, FOX);
  }, { drafts });
});

test('an edit begun before a draft is whole does not take its names', () => {
  const drafts = new Drafts(memoryStorage(), 'r');
  drafts.set({ text: 'hi @Fox', marks: FOX });
  const source = knows([]);
  return withComposer(async ({ composer, press }) => {
    composer.edit(message(3));
    await settled();
    assert.deepEqual(source.resumed, []);
    assert.deepEqual(drafts.get(), { text: 'hi @Fox', marks: FOX });
    press('Escape', { keyCode: 27 });
    assert.deepEqual(source.resumed, [{ text: 'hi @Fox', marks: FOX }]);
  }, { drafts, source });
});

test('what is kept of a draft may be anything: only a name that stands there counts', () => {
  const storage = memoryStorage();
  const drafts = new Drafts(storage, 'r');
  drafts.set({ text: 'hi @Fox', marks: FOX });
  storage.set('realtime-chat:draft:r', 'by @Fox of old');
  assert.deepEqual(drafts.get().marks, FOX);
  storage.set('realtime-chat:draft:r', 'oh hi @Fox');
  assert.deepEqual(drafts.get().marks, []);
  for (const kept of ['', '{', 'null', '7', '{"a":1}', '[null,7,{}]', '[{"authorId":"a","name":"","from":6}]', '[{"authorId":7,"name":"Fox","from":6}]', '[{"authorId":"a","name":"Fox","from":"6"}]']) {
    storage.set('realtime-chat:draft-mentions:r', kept);
    assert.deepEqual(drafts.get(), { text: 'oh hi @Fox', marks: [] }, kept);
  }
});
