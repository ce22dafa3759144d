// Input methods in a real Chromium: driven through its own interface for them, and by the event
// orders of other engines and systems (tests/js/data/ime-orders.json, with sources).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { replay } from '../js/ime-replay.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const { orders } = JSON.parse(await readFile(new URL('../js/data/ime-orders.json', import.meta.url), 'utf8'));

/** @param {string} room */
async function writer(room) {
  const visitor = await Visitor.open(browser, `${server.url}/room/${room}`);
  await visitor.join('Writer');
  await visitor.live();
  await visitor.composer.focus();
  const input = await visitor.page.context().newCDPSession(visitor.page);
  return {
    visitor,
    /** @param {string} text */
    compose: (text) => input.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length }),
    /** @param {string} text */
    commit: (text) => input.send('Input.insertText', { text }),
    /** Enter as the input method takes it. */
    async enterTaken() {
      await input.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 });
    },
    async enterUp() {
      await input.send('Input.dispatchKeyEvent', { type: 'keyUp', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 });
    },
    /** What others see, once something sent behind it has been stored. @param {string[]} expected */
    async sent(expected) {
      await visitor.say('end');
      const texts = await until(() => visitor.texts(), (all) => all.includes('end'), 'the last message');
      assert.deepEqual(texts, [...expected, 'end']);
    },
  };
}

test('Hangul, syllable by syllable: one Enter in the middle of the last one sends all of it, once', async () => {
  const { visitor, compose, commit, enterTaken, enterUp, sent } = await writer('ime-ko');
  for (const [first, then] of [['ㅇ', '안'], ['ㄴ', '녕'], ['ㅎ', '하']]) {
    await compose(first);
    await compose(then);
    await commit(then);
  }
  await compose('ㅇ');
  await compose('요');
  await enterTaken();
  await commit('요');
  await enterUp();
  await until(() => visitor.composer.inputValue(), (value) => value === '', 'the box to be empty');
  await sent(['안녕하요']);
});

test('Hangul, two messages in a row, one press each', async () => {
  const { visitor, compose, commit, enterTaken, enterUp, sent } = await writer('ime-ko-twice');
  for (const syllable of ['네', '응']) {
    await compose(syllable);
    await enterTaken();
    await commit(syllable);
    await enterUp();
    await until(() => visitor.texts(), (texts) => texts.includes(syllable), syllable);
  }
  await sent(['네', '응']);
});

for (const [language, steps, text] of [['Japanese', ['に', 'にほん', '日本'], '日本'], ['Chinese', ['n', 'ni', 'ni hao'], '你好']]) {
  test(`${language}: the Enter that confirms sends nothing, the next one does`, async () => {
    const { visitor, compose, commit, enterTaken, enterUp, sent } = await writer(`ime-${language}`);
    for (const step of steps) await compose(step);
    await enterTaken();
    await commit(String(text));
    await enterUp();
    assert.equal(await visitor.composer.inputValue(), text);
    assert.equal(await visitor.messages.count(), 0);
    await visitor.composer.press('Enter');
    await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
    await sent([String(text)]);
  });
}

test('the button in the middle of a syllable sends the whole text once', async () => {
  const { visitor, compose, sent } = await writer('ime-button');
  await visitor.composer.pressSequentially('ok ');
  await compose('네');
  await visitor.where.getByRole('button', { name: '보내기' }).click();
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  await sent(['ok 네']);
});

for (const touch of [false, true]) {
  test(`the event orders of other engines, ${touch ? 'on a touch screen' : 'at a desk'}`, async () => {
    const visitor = await Visitor.open(browser, `${server.url}/room/orders-${touch}`, touch ? { hasTouch: true, isMobile: true } : {});
    await visitor.join('Writer');
    await visitor.live();
    /** @type {string[]} */
    const expected = [];
    let later = 0;
    for (const { name, steps, sent, rest, touch: onTouch = false } of orders) {
      if (onTouch !== touch) continue;
      for (const apart of [false, true]) {
        later += 10_000;
        await visitor.page.evaluate(`(${replay})(document.querySelector('#message'), ${JSON.stringify(steps)}, ${apart}, ${later})`);
        assert.equal(await visitor.composer.inputValue(), rest, name);
        await visitor.composer.fill('');
        expected.push(...sent);
        const texts = await until(() => visitor.texts(), (all) => all.length >= expected.length, name);
        assert.deepEqual(texts, expected, name);
      }
    }
    assert.deepEqual(visitor.complaints, []);
  });
}
