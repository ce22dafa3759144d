// Messages live: what two people do with each other's and their own messages, by mouse and from the keyboard.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Line, Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();

/** Two people in a room of their own. @param {string} room @param {import('playwright-core').BrowserContextOptions} [options] */
async function two(room, options) {
  const panda = await Visitor.open(browser, `${server.url}/room/${room}?lang=en`, options);
  await panda.join('Panda');
  const fox = await Visitor.open(browser, `${server.url}/room/${room}?lang=en`, options);
  await fox.join('Fox');
  return { panda, fox };
}

/** @param {Visitor} visitor @param {string} text */
const row = (visitor, text) => visitor.log.locator('li.msg:not(.pending)', { hasText: text }).first();

/** Comes to a message from the keyboard. @param {Visitor} visitor @param {string} text */
async function focusRow(visitor, text) {
  await row(visitor, text).evaluate((element) => {
    /** @type {HTMLElement} */ (element).tabIndex = -1;
    /** @type {HTMLElement} */ (element).focus();
  });
}

/** @param {Visitor} visitor */
const announced = (visitor) => visitor.page.evaluate(() => /** @type {any} */ (window).announced ?? []);

/** Keeps all that a screen reader is told. @param {Visitor} visitor */
async function listen(visitor) {
  await visitor.page.evaluate(() => {
    const all = /** @type {any} */ (window).announced = /** @type {string[]} */ ([]);
    const region = /** @type {HTMLElement} */ (document.querySelector('#announcer'));
    new MutationObserver(() => region.textContent && all.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
}

test('a reply quotes what it answers, follows it, and leads to it', async () => {
  const { panda, fox } = await two('reply');
  await panda.say('what do you think?');
  await fox.sees('what do you think?');
  await focusRow(fox, 'what do you think?');
  await fox.page.keyboard.press('r');
  await fox.where.locator('#context').getByText('Answering').waitFor();
  await fox.say('a **lot**');
  assert.equal(await fox.where.locator('#context').isVisible(), false);
  const quote = row(panda, 'a lot').locator('a.quote');
  await quote.waitFor();
  assert.match(await quote.innerText(), /Panda\s+what do you think\?$/);

  await focusRow(panda, 'what do you think?');
  await panda.page.keyboard.press('e');
  await panda.say('what do you say?');
  await until(() => row(fox, 'a lot').locator('.quoted').innerText(), (text) => text === 'what do you say?', 'the quote after the edit');
  await row(fox, 'a lot').locator('a.quote').click();
  await fox.log.locator('li.msg.target', { hasText: 'what do you say?' }).waitFor();

  // Quoted, it leaves a line when it is deleted; and the way back is open for a while.
  await focusRow(panda, 'what do you say?');
  const undone = panda.pressAsItComes('Undo');
  await panda.page.keyboard.press('Delete');
  await undone;
  await until(() => panda.log.locator('li.msg.deleted').count(), (n) => n === 0, 'the message to be back');
  await focusRow(panda, 'what do you say?');
  await panda.page.keyboard.press('Delete');
  await panda.log.locator('li.msg.deleted').waitFor();
  await fox.log.locator('li.msg.deleted', { hasText: 'This message was deleted.' }).waitFor();
  await until(() => row(fox, 'a lot').locator('a.quote').innerText(), (text) => text.includes('deleted'), 'the quote after the deletion');
  for (const visitor of [panda, fox]) {
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  }
});

test('a deleted message that nobody answers leaves nothing; the focus goes to the list', async () => {
  const { panda, fox } = await two('gone');
  await panda.say('kept');
  await panda.say('never mind');
  await fox.sees('never mind');
  await focusRow(panda, 'never mind');
  await panda.page.keyboard.press('Delete');
  await fox.counts(1);
  await panda.counts(1);
  assert.equal(await panda.page.evaluate(() => document.activeElement?.id), 'log');
  // Nor does it after a reload.
  await fox.page.reload();
  await fox.sees('kept');
  await fox.counts(1);
});

test('whoever leaves within the time to undo has deleted it', async () => {
  const { panda, fox } = await two('leaving');
  await panda.say('gone in a moment');
  await fox.sees('gone in a moment');
  await focusRow(panda, 'gone in a moment');
  await panda.page.keyboard.press('Delete');
  await panda.log.getByRole('button', { name: 'Undo' }).waitFor();
  await panda.page.goto('about:blank');
  await fox.counts(0);
});

test('reactions: counted at once, once a person, said with who and whether pressed', async () => {
  const { panda, fox } = await two('react');
  await panda.say('we did it');
  await fox.sees('we did it');
  await listen(panda);
  await focusRow(fox, 'we did it');
  await fox.page.keyboard.press('+');
  await fox.where.getByRole('menu').getByText('👍').click();
  const chip = (/** @type {Visitor} */ visitor) => row(visitor, 'we did it').locator('button.reaction');
  await chip(panda).waitFor();
  const said = () => chip(panda).evaluate((element) => [element.getAttribute('aria-pressed'), element.getAttribute('aria-label')?.replace(/[\u2068\u2069]/g, '')]);
  // Who is here is told a moment after they came, and a reaction may be faster.
  await until(said, ([pressed, label]) => pressed === 'false' && label === '👍 1: Fox', 'the reaction to have a name');
  await until(() => announced(panda), (all) => all.some((/** @type {string} */ text) => text.includes('Fox reacted to your message with 👍')), 'the reaction told');
  await chip(panda).click();
  await until(() => chip(fox).innerText(), (text) => text.replace(/\s/g, '') === '👍2', 'two thumbs');
  await until(() => chip(panda).getAttribute('aria-pressed'), (pressed) => pressed === 'true', 'pressed');
  await chip(fox).click();
  await chip(panda).click();
  await until(() => chip(fox).count(), (n) => n === 0, 'no reaction left');
  assert.equal((await announced(panda)).filter((/** @type {string} */ text) => text.includes('reacted')).length, 1, 'told once a message');
});

test('the up arrow edits one\'s last message, a draft stays beside it, and a late refusal loses nothing', async () => {
  const line = await Line.open(() => server.port);
  const visitor = await Visitor.open(browser, `${line.url}/room/edit?lang=en`);
  await visitor.join('Panda');
  await visitor.say('frist');
  await row(visitor, 'frist').waitFor();
  await visitor.composer.press('ArrowUp');
  assert.equal(await visitor.composer.inputValue(), 'frist');
  await visitor.composer.press('Escape');
  assert.equal(await visitor.composer.inputValue(), '');
  await visitor.composer.press('ArrowUp');
  // It shows at once, away from the server as well, and goes out when the line is back.
  line.cut();
  await visitor.say('first');
  await visitor.log.locator('li.msg.pending', { hasText: 'first' }).waitFor();
  line.mend();
  await row(visitor, 'first').locator('.edited').waitFor();
  await visitor.page.reload();
  await row(visitor, 'first').locator('.edited').waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test('whom a message addresses is marked, told and counted', async () => {
  const { panda, fox } = await two('mention');
  await listen(panda);
  await fox.composer.fill('hello @Pan');
  await fox.where.getByRole('option', { name: 'Panda' }).click();
  await fox.composer.press('Enter');
  await row(panda, 'hello').locator('.mention.me').waitFor();
  assert.equal(await row(fox, 'hello').locator('.mention:not(.me)').innerText(), '@Panda');
  await until(() => announced(panda), (all) => all.some((/** @type {string} */ text) => text.includes('Fox mentioned you: hello @Panda')), 'the mention told');
});

test('who is typing is seen, by nobody else than the others, and nothing moves', async () => {
  const { panda, fox } = await two('typing');
  await panda.say('a message');
  await fox.sees('a message');
  // That somebody has come is told a moment later, in a line of its own.
  await panda.log.locator('.notice').waitFor();
  const before = await row(panda, 'a message').boundingBox();
  await fox.composer.pressSequentially('hm');
  await panda.where.locator('#typing').getByText('Fox').waitFor();
  assert.deepEqual(await row(panda, 'a message').boundingBox(), before);
  assert.equal(await panda.where.locator('#typing').getAttribute('aria-hidden'), 'true');
  assert.equal(await fox.where.locator('#typing').isVisible(), false);
  await fox.composer.press('Enter');
  await until(() => panda.where.locator('#typing').isVisible(), (visible) => !visible, 'the end of it');
});

test('people of one name and animal are told apart', async () => {
  const names = ['Twin', 'Twin'];
  /** @type {Visitor[]} */
  const visitors = [];
  for (const name of names) {
    const visitor = await Visitor.open(browser, `${server.url}/room/twins?lang=en`);
    await visitor.nickname.waitFor();
    await visitor.where.locator('#face').click();
    await visitor.where.locator('#animals label').first().click();
    await visitor.join(name);
    visitors.push(visitor);
  }
  await visitors[0].say('I am the first');
  await visitors[1].say('I am the second');
  const marks = async () => visitors[0].log.locator('.mark').allTextContents();
  await until(marks, (all) => all.length === 2 && all[0] !== all[1] && all.every((mark) => mark.startsWith('#')), 'two marks');
});
