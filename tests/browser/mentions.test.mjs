// Calling people by `@`, and who is typing, in a real browser: by keys, by touch, by input method.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test from 'node:test';
import { replay } from '../js/ime-replay.mjs';
import { Server, Visitor, fill, launch, until } from './support.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await launch();
const server = await Server.start();

/**
 * Somebody in a room where others have written, each their name.
 * @param {string} room
 * @param {string[]} names the last one wrote first, so that they are offered in this order
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
async function among(room, names, options = {}) {
  for (const name of [...names].reverse()) await fill(browser, server.url, room, [name], name);
  const me = await Visitor.open(browser, `${server.url}/room/${room}?lang=en`, options);
  await me.join('Me');
  await me.live();
  await me.counts(names.length);
  return { me, list: me.where.getByRole('listbox'), options: me.where.getByRole('option'), sent: () => settled(me, names.length + 1), nothingSent: () => me.counts(names.length) };
}

/** What the room's last message says and whom it addresses, as stored. @param {string} room */
async function stored(room) {
  const answer = await fetch(`${server.url}/api/v1/rooms/${room}/messages?limit=1`);
  const { messages: [{ content, mentions = [] }] } = await answer.json();
  return { content, addressed: mentions.map((/** @type {any} */ { from, to }) => [...content].slice(from, to).join('')), mentions };
}

/** @param {Visitor} visitor @param {number} count */
const settled = (visitor, count) => until(() => visitor.texts(), (texts) => texts.length === count, `${count} stored messages`);

test('arrows and Enter choose, the next Enter sends, and the server keeps whom it addresses', async () => {
  const { me, list, options, sent, nothingSent } = await among('keys', ['Fox', 'Foxglove', 'Night Fox']);
  await me.composer.pressSequentially('hi @fo');
  await list.waitFor();
  assert.deepEqual(await options.allTextContents(), ['Fox', 'Foxglove', 'Night Fox']);
  await me.composer.press('ArrowDown');
  await me.composer.press('ArrowDown');
  const active = await me.composer.getAttribute('aria-activedescendant');
  assert.equal(await me.where.locator(`#${active}`).textContent(), 'Night Fox');
  assert.equal(await me.where.locator(`#${active}`).getAttribute('aria-selected'), 'true');
  await me.composer.press('ArrowDown');
  await me.composer.press('ArrowUp');
  await me.composer.press('Enter');
  assert.equal(await me.composer.inputValue(), 'hi @Night Fox ');
  assert.equal(await list.isVisible(), false);
  assert.equal(await me.composer.getAttribute('aria-activedescendant'), null);
  await nothingSent();
  await me.composer.pressSequentially('👋 @f');
  await me.composer.press('Tab');
  await me.composer.press('Enter');
  await sent();
  const { content, addressed } = await stored('keys');
  assert.equal(content, 'hi @Night Fox 👋 @Fox');
  assert.deepEqual(addressed, ['@Night Fox', '@Fox']);
});

test('whom a draft addresses is still meant after a reload, and where more is written in front of it', async () => {
  // Of two people with one name only the one who was chosen can be meant.
  const { me, list, options, sent } = await among('draft', ['Twin', 'Twin']);
  const { messages } = await (await fetch(`${server.url}/api/v1/rooms/draft/messages`)).json();
  await me.composer.pressSequentially('hi @tw');
  await list.waitFor();
  assert.deepEqual(await options.allTextContents(), ['Twin', 'Twin']);
  await me.composer.press('ArrowDown');
  await me.composer.press('Enter');
  await until(() => me.composer.inputValue(), (text) => text === 'hi @Twin ', 'the name in the box');
  await me.page.reload();
  await me.live();
  assert.equal(await me.composer.inputValue(), 'hi @Twin ');
  await me.composer.press('Home');
  await me.composer.pressSequentially('👋 oh ');
  await me.page.reload();
  await me.live();
  await me.composer.press('Enter');
  await sent();
  const { content, mentions } = await stored('draft');
  assert.equal(content, '👋 oh hi @Twin');
  // The last one who wrote is offered first.
  assert.deepEqual(mentions, [{ authorId: messages[0].author.id, from: 8, to: 13 }]);
  assert.deepEqual(me.complaints, []);
  await me.page.reload();
  await me.live();
  assert.equal(await me.composer.inputValue(), '');
  await me.leave();
});

test('Escape closes the list and stays in the box; "undo" takes a name back', async () => {
  const { me, list } = await among('escape', ['Fox']);
  await me.composer.pressSequentially('@f');
  await list.waitFor();
  await me.composer.press('Escape');
  assert.equal(await list.isVisible(), false);
  assert.equal(await me.composer.evaluate((box) => box === document.activeElement), true);
  await me.composer.pressSequentially('o');
  assert.equal(await list.isVisible(), false, 'closed for this one');
  await me.composer.press('Escape');
  assert.equal(await me.composer.evaluate((box) => box === document.activeElement), false, 'the next Escape leaves, as ever');
  await me.composer.fill('');
  await me.composer.pressSequentially('@');
  await list.waitFor();
  await me.composer.press('Enter');
  assert.equal(await me.composer.inputValue(), '@Fox ');
  await me.composer.press('Control+z');
  assert.equal(await me.composer.inputValue(), '@');
});

test('an address, an unknown name and a line of its own are text', async () => {
  const { me, list, sent } = await among('text', ['Fox']);
  await me.composer.pressSequentially('mail me@fo');
  assert.equal(await list.isVisible(), false);
  await me.composer.fill('');
  await me.composer.pressSequentially('@nobody');
  assert.equal(await list.isVisible(), false);
  await me.composer.press('Enter');
  await sent();
  assert.deepEqual((await stored('text')).mentions, []);
});

test('whole names written by hand address people, and a name that was changed does not', async () => {
  const { me, sent } = await among('hand', ['익명의 수달', 'Fox']);
  await me.say('@익명의 수달님 안녕하세요, @Foxes');
  await sent();
  assert.deepEqual((await stored('hand')).addressed, ['@익명의 수달']);
});

test('by touch: a press chooses, and the keyboard stays', async () => {
  const { me, list, options, sent } = await among('touch', ['여우', '여우비'], { hasTouch: true, isMobile: true, viewport: { width: 320, height: 560 } });
  await me.composer.tap();
  await me.composer.pressSequentially('@');
  await list.waitFor();
  await me.composer.evaluate((box) => {
    const seen = { blurs: 0 };
    Object.assign(window, { seen });
    box.addEventListener('blur', () => { seen.blurs += 1; });
  });
  const box = await options.nth(1).boundingBox();
  assert.ok(box && box.height >= 44, 'room for a finger');
  const whole = await list.boundingBox();
  assert.ok(whole && whole.x >= 0 && whole.x + whole.width <= 320 && whole.y >= 0, JSON.stringify(whole));
  await options.getByText('여우비', { exact: true }).tap();
  assert.equal(await me.composer.inputValue(), '@여우비 ');
  assert.equal(await me.page.evaluate(() => /** @type {any} */ (window).seen.blurs), 0);
  await me.where.getByRole('button', { name: 'Send' }).tap();
  await sent();
  assert.deepEqual((await stored('touch')).addressed, ['@여우비']);
});

/** @param {Visitor} visitor */
async function inputMethod(visitor) {
  const input = await visitor.page.context().newCDPSession(visitor.page);
  return {
    /** @param {string} text */
    compose: (text) => input.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length }),
    /** @param {string} text */
    commit: (text) => input.send('Input.insertText', { text }),
    enterTaken: () => input.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 }),
    enterUp: () => input.send('Input.dispatchKeyEvent', { type: 'keyUp', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 }),
  };
}

test('Hangul: found on every step, and the Enter that ends the syllable chooses and sends nothing', async () => {
  const { me, list, options, sent, nothingSent } = await among('hangul', ['홍길동', '홍수']);
  await me.composer.focus();
  const { compose, commit, enterTaken, enterUp } = await inputMethod(me);
  await me.composer.pressSequentially('@');
  for (const step of ['ㅎ', '호', '홍']) {
    await compose(step);
    await until(() => options.allTextContents(), (names) => names.length === 2, step);
  }
  await commit('홍');
  for (const step of ['ㄱ', '기', '길']) {
    await compose(step);
    await until(() => options.allTextContents(), (names) => names.join() === '홍길동', step);
  }
  await enterTaken();
  assert.equal(await me.composer.inputValue(), '@홍길', 'the syllable is the input method\'s as long as it is open');
  await commit('길');
  await enterUp();
  await until(() => me.composer.inputValue(), (value) => value === '@홍길동 ', 'the name');
  assert.equal(await list.isVisible(), false);
  await nothingSent();
  await me.composer.press('Enter');
  await sent();
  assert.deepEqual((await stored('hangul')).addressed, ['@홍길동']);
});

test('Japanese: the Enter that confirms neither chooses nor sends', async () => {
  const { me, list, nothingSent } = await among('kana', ['日本太郎']);
  await me.composer.focus();
  const { compose, commit, enterTaken, enterUp } = await inputMethod(me);
  await me.composer.pressSequentially('@');
  for (const step of ['に', 'にほん', '日本']) await compose(step);
  await list.waitFor();
  await enterTaken();
  await commit('日本');
  await enterUp();
  assert.equal(await me.composer.inputValue(), '@日本');
  await nothingSent();
  await list.waitFor();
  await me.composer.press('Enter');
  assert.equal(await me.composer.inputValue(), '@日本太郎 ');
});

test('a press in the middle of a syllable puts the name in once', async () => {
  const { me, options } = await among('middle', ['홍길동']);
  await me.composer.focus();
  const { compose } = await inputMethod(me);
  await me.composer.pressSequentially('@');
  await compose('호');
  await options.first().click();
  await until(() => me.composer.inputValue(), (value) => value === '@홍길동 ', 'the name');
  assert.equal(await me.composer.evaluate((box) => box === document.activeElement), true);
});

test('the event orders of other engines: a Hangul Enter chooses, the one that confirms a phrase does not, none sends', async () => {
  const { orders } = JSON.parse(await readFile(new URL('../js/data/ime-orders.json', import.meta.url), 'utf8'));
  const desk = orders.filter((/** @type {any} */ { touch }) => !touch);
  const written = (/** @type {any} */ { sent, rest }) => sent[0] ?? rest;
  const { me, nothingSent } = await among('orders', [...new Set(desk.map(written))].map((text) => `${text}왕`));
  await me.composer.focus();
  let later = 0;
  for (const order of desk) {
    // As it was recorded, behind an `@`; the box tells of each change, as it does when somebody types.
    const steps = order.steps.flatMap((/** @type {[string, any]} */ [name, detail]) => (name === 'value' ? [[name, `@${detail}`], ['input', {}]] : [[name, detail]]));
    const expected = order.sent.length > 0 ? `@${written(order)}왕 ` : `@${order.rest}`;
    for (const apart of [false, true]) {
      later += 10_000;
      await me.page.evaluate(`(${replay})(document.querySelector('#message'), ${JSON.stringify(steps)}, ${apart}, ${later})`);
      assert.equal(await me.composer.inputValue(), expected, `${order.name}, ${apart ? 'apart' : 'at once'}`);
      await me.composer.fill('');
    }
  }
  await nothingSent();
  assert.deepEqual(me.complaints, []);
});

for (const scheme of /** @type {const} */ (['light', 'dark'])) {
  test(`the open list has no fault that axe knows, ${scheme}`, async () => {
    const { me, list } = await among(`axe-${scheme}`, ['Fox', '익명의 수달'], { colorScheme: scheme, viewport: { width: 320, height: 560 } });
    await me.composer.pressSequentially('@');
    await list.waitFor();
    await me.page.evaluate(axe);
    const { violations } = await me.page.evaluate(() => /** @type {any} */ (window).axe.run(document));
    assert.deepEqual(violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes[0].html}`), []);
    assert.deepEqual(me.complaints, []);
  });
}

test('who is typing is shown in one line that moves nothing, and goes with the message', async () => {
  const come = async (/** @type {string} */ name) => {
    const visitor = await Visitor.open(browser, `${server.url}/room/typing?lang=en`);
    await visitor.join(name);
    await visitor.live();
    return visitor;
  };
  const me = await come('Me');
  const [fox, owl] = await Promise.all(['Fox', 'Owl'].map(come));
  // That somebody has come is told a moment later, in a line between the messages.
  await until(async () => (await me.log.locator('.notice').allTextContents()).join(), (told) => /Fox/.test(told) && /Owl/.test(told), 'both to be told of');
  await fox.say('first');
  await settled(me, 1);
  const place = () => me.messages.last().boundingBox();
  const before = await place();
  /** Who types is told for seconds only: they go on until it shows. @param {Visitor} where @param {RegExp} words @param {Visitor[]} who */
  const shows = (where, words, ...who) => until(async () => {
    for (const one of who) await one.composer.pressSequentially('a');
    const line = where.page.locator('.typing');
    return (await line.isVisible()) ? line.textContent() : '';
  }, (text) => words.test(text ?? ''), String(words));
  const line = me.page.locator('.typing');
  await shows(me, /^Fox is typing$/, fox);
  assert.deepEqual(await place(), before);
  assert.equal(await line.getAttribute('aria-hidden'), 'true');
  await shows(me, /^(Fox and Owl|Owl and Fox) are typing$/, fox, owl);
  await fox.composer.press('Enter');
  await shows(me, /^Owl is typing$/, owl);
  await owl.composer.press('Enter');
  await until(() => line.isVisible(), (seen) => !seen, 'the line to go');
  await shows(fox, /^Me is typing$/, me);
  assert.equal(await line.isVisible(), false, 'nobody is told about themselves');
});
