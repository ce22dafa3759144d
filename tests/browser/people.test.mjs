// Who is here: the profile panel, the list, the notices.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '?lang=en') => `${server.url}/room/${id}${query}`;

/** People who only are there, each a socket of its own; all leave with the page. @param {string} id @param {string[]} names */
async function crowd(id, names) {
  const page = await browser.newPage();
  await page.goto(room(`${id}-entrance`));
  await page.evaluate(async ([name, nicknames]) => {
    const uuid = () => '00000000-0000-4000-8000-000000000000'.replace(/0/g, () => Math.floor(Math.random() * 16).toString(16));
    await Promise.all(nicknames.map((nickname) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/ws/room/${name}`);
      socket.onopen = () => socket.send(JSON.stringify({ type: 'JOIN', payload: { anonymousId: uuid(), nickname } }));
      socket.onmessage = resolve;
      socket.onclose = reject;
    })));
  }, /** @type {[string, string[]]} */ ([id, names]));
  return page;
}

/** @param {string} word @param {number} n */
const names = (word, n) => Array.from({ length: n }, (_, index) => `${word}${index + 1}`);

test('several who come and go are one notice', async () => {
  const visitor = await Visitor.open(browser, room('fold'));
  await visitor.join('Host');
  await visitor.live();
  const others = await crowd('fold', names('Guest', 5));
  await visitor.log.getByText('5 people came in').waitFor();
  await others.close();
  // Whoever came and went with nobody writing in between is worth no word.
  await until(() => visitor.log.locator('.notice').count(), (count) => count === 0, 'the notice to go');
  const two = await crowd('fold', ['Ann', 'Ben']);
  // Both come at the same time, in either order.
  await visitor.log.getByText(/(Ann.* and .*Ben|Ben.* and .*Ann).* came in/).waitFor();
  await two.close();
  await visitor.leave();
});

test('in a large room nobody is announced, and the list comes when somebody asks', async () => {
  const visitor = await Visitor.open(browser, room('large'));
  /** @type {any[]} */
  const told = [];
  visitor.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
    const { type, payload: inner } = JSON.parse(String(payload));
    for (const frame of type === 'BATCH' ? inner.frames : [{ type, payload: inner }]) if (frame.type === 'PRESENCE') told.push(frame.payload);
  }));
  await visitor.page.reload();
  await visitor.join('Host');
  const others = await crowd('large', names('Guest', 30));
  await visitor.where.getByRole('button', { name: '31 online' }).waitFor();
  await until(() => told.some((presence) => presence.joined?.length > 0), Boolean, 'the server to tell of newcomers');
  assert.equal(await visitor.log.locator('.notice').count(), 0);
  const more = await crowd('large', names('More', 30));
  await visitor.where.getByRole('button', { name: '61 online' }).click();
  await until(() => visitor.where.locator('#people-list li').count(), (count) => count === 61, 'all names');
  await visitor.page.keyboard.press('Escape');
  assert.equal(await visitor.where.locator('#people').isVisible(), false);
  assert.equal(await visitor.page.evaluate(() => document.activeElement?.id), 'people-button');
  await others.close();
  await more.close();
  await visitor.leave();
});

test('readers are counted and have no name', async () => {
  const visitor = await Visitor.open(browser, room('readers'));
  const reader = await Visitor.open(browser, room('readers'));
  await visitor.join('Writer');
  await visitor.where.getByRole('button', { name: '2 online' }).click();
  await visitor.where.getByText('1 more is reading').waitFor();
  assert.deepEqual(await visitor.where.locator('#people-list bdi').allTextContents(), ['Writer']);
  await reader.leave();
  await visitor.leave();
});

test('the profile by keyboard: every animal is there, arrows choose, Enter saves, Escape goes back', async () => {
  const visitor = await Visitor.open(browser, room('profile'));
  await visitor.join('Alice');
  const { page } = visitor;
  const me = visitor.where.getByRole('button', { name: 'Your profile' });
  const before = await me.locator('img').getAttribute('src');
  await me.focus();
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.id), (id) => id === 'nickname', 'the box to have the focus');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  const animals = visitor.where.getByRole('radio');
  const { avatars } = await (await fetch(`${server.url}/api/v1/avatars`)).json();
  await until(() => animals.count(), (count) => count === avatars.length, 'all animals');
  for (const { en } of avatars) assert.equal(await visitor.where.getByRole('radio', { name: en, exact: true }).count(), 1, en);
  await page.keyboard.press('ArrowRight');
  const chosen = await page.evaluate(() => /** @type {HTMLInputElement} */ (document.activeElement).value);
  await page.keyboard.press('Escape');
  assert.equal(await animals.first().isVisible(), false, 'Escape closes the animals first');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await visitor.composer.waitFor();
  await until(() => me.locator('img').getAttribute('src'), (src) => src === `/avatars/${chosen}.svg`, 'the new animal');
  assert.notEqual(before, `/avatars/${chosen}.svg`);
  await visitor.say('with another face');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.equal(await visitor.own.locator('.avatar').getAttribute('src'), `/avatars/${chosen}.svg`);
  await me.click();
  await visitor.nickname.fill('Nothing of this');
  await page.keyboard.press('Escape');
  await visitor.composer.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'me');
  await visitor.leave();
});

test('changed too often: a countdown, the choice stays in the box, the old name stays in use', async () => {
  const strict = await Server.start({});
  const visitor = await Visitor.open(browser, `${strict.url}/room/often?lang=en`);
  // On a session that is there already: then joining is the first change of the three, and else none.
  await visitor.live();
  await visitor.join('Name 0');
  for (let n = 1; n <= 3; n += 1) {
    await visitor.where.getByRole('button', { name: 'Your profile' }).click();
    await visitor.nickname.fill(`Name ${n}`);
    await visitor.nickname.press('Enter');
    if (n < 3) await until(() => visitor.page.evaluate(() => localStorage.getItem('realtime-chat:identity')), (stored) => String(stored).includes(`Name ${n}`), `Name ${n}`);
  }
  await visitor.where.getByText(/Changed too often.* in \d+ s/).waitFor();
  assert.equal(await visitor.nickname.inputValue(), 'Name 3');
  await visitor.where.getByRole('button', { name: 'Cancel' }).click();
  await visitor.say('as before');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the message');
  assert.equal(await visitor.own.locator('.nick').textContent(), 'Name 2');
});
