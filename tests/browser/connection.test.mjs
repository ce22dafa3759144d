import assert from 'node:assert/strict';
import test from 'node:test';
import { Line, Server, Visitor, launch, numbered, until } from './support.mjs';

const browser = await launch();

test('offline and back: nothing lost, nothing twice, the unsent sent once', async () => {
  const server = await Server.start();
  const line = await Line.open(() => server.port);
  const away = await Visitor.open(browser, `${line.url}/room/offline`);
  const here = await Visitor.open(browser, `${server.url}/room/offline`);
  await away.join('Traveller');
  await here.join('Resident');
  await away.say('before');
  await here.sees('before');

  await away.page.context().setOffline(true);
  line.cut();
  await away.say('from the tunnel 1');
  await away.say('from the tunnel 2');
  await until(() => away.pending.count(), (count) => count === 2, 'two that wait');
  for (const text of numbered('meanwhile', 1, 3)) await here.say(text);
  await here.sees('meanwhile 3');
  await away.where.getByText('오프라인이에요').waitFor();
  assert.deepEqual(await away.texts(), ['before']);

  line.mend();
  await away.page.context().setOffline(false);
  const expected = ['before', ...numbered('meanwhile', 1, 3), 'from the tunnel 1', 'from the tunnel 2'];
  for (const visitor of [away, here]) {
    await until(() => visitor.texts(), (texts) => texts.length === expected.length, 'all messages');
    assert.deepEqual(await visitor.texts(), expected);
  }
  assert.equal(await away.pending.count(), 0);
  await until(() => away.where.getByText('오프라인이에요').isVisible(), (shown) => !shown, 'the notice to go');
  await away.page.reload();
  await away.composer.waitFor();
  assert.deepEqual(await away.texts(), expected, 'and the same after a reload');
});

test('the server is killed and comes back: visitors go on by themselves', async () => {
  const server = await Server.start();
  const line = await Line.open(() => server.port);
  const one = await Visitor.open(browser, `${line.url}/room/crash`);
  const two = await Visitor.open(browser, `${line.url}/room/crash`);
  await one.join('One');
  await two.join('Two');
  await one.say('kept');
  await two.sees('kept');
  await server.kill();
  await one.say('written while it was down');
  await until(() => one.pending.count(), (count) => count === 1, 'one that waits');
  await server.up();
  await two.sees('written while it was down');
  await until(() => one.texts(), (texts) => texts.length === 2, 'two messages');
  for (const visitor of [one, two]) assert.deepEqual(await visitor.texts(), ['kept', 'written while it was down']);
});

test('a short break shows no notice', async () => {
  const server = await Server.start();
  const line = await Line.open(() => server.port);
  const visitor = await Visitor.open(browser, `${line.url}/room/short`);
  await visitor.join('Reader');
  await visitor.say('one');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the first');
  await visitor.page.evaluate(() => {
    const shown = { ever: false };
    Object.assign(window, { shown });
    const strip = /** @type {HTMLElement} */ (document.querySelector('#status'));
    new MutationObserver(() => { shown.ever ||= !strip.hidden; }).observe(strip, { attributes: true });
  });
  line.cut();
  line.mend();
  await visitor.say('two');
  await until(() => visitor.texts(), (texts) => texts.length === 2, 'the second');
  assert.equal(await visitor.page.evaluate(() => /** @type {any} */ (window).shown.ever), false);
});

test('the unsent and the draft survive a reload', async () => {
  const server = await Server.start();
  const visitor = await Visitor.open(browser, `${server.url}/room/unsent`);
  await visitor.join('Writer');
  await visitor.say('stored');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the first');
  let blocked = true;
  await visitor.page.routeWebSocket(/\/ws\/room\//, (socket) => {
    if (blocked) socket.close();
    else socket.connectToServer();
  });
  await visitor.page.reload();
  await visitor.say('unsent 1');
  await visitor.say('unsent 2');
  await visitor.composer.fill('a draft');
  await until(() => visitor.pending.count(), (count) => count === 2, 'two that wait');
  await until(() => visitor.page.evaluate(() => Object.values(sessionStorage).join()), (stored) => stored.includes('a draft'), 'the draft to be kept');
  blocked = false;
  await visitor.page.reload();
  await until(() => visitor.texts(), (texts) => texts.length === 3, 'all three');
  assert.deepEqual(await visitor.texts(), ['stored', 'unsent 1', 'unsent 2']);
  assert.equal(await visitor.composer.inputValue(), 'a draft');
});

test('too fast: told in words, and everything arrives by itself, once and in order', async () => {
  const server = await Server.start({ CHAT_MESSAGE_BURST: '2' });
  const visitor = await Visitor.open(browser, `${server.url}/room/fast`);
  const other = await Visitor.open(browser, `${server.url}/room/fast`);
  await visitor.join('Hasty');
  const texts = numbered('fast', 1, 6);
  // All in one moment: a person's pace on a slow machine would be within the limit.
  await visitor.composer.evaluate((box, all) => {
    for (const text of all) {
      /** @type {HTMLTextAreaElement} */ (box).value = text;
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true }));
    }
  }, texts);
  await visitor.where.getByText(/조금 천천히요. \d+초 뒤에/).waitFor();
  await until(() => other.texts(), (seen) => seen.length === texts.length, 'all of them');
  assert.deepEqual(await other.texts(), texts);
  await until(() => visitor.pending.count(), (count) => count === 0, 'nothing waiting');
  assert.deepEqual(await visitor.texts(), texts);
  assert.equal(await visitor.where.getByText(/조금 천천히요/).isVisible(), false);
});

test('a refused message says why, keeps its text, and can be discarded', async () => {
  const server = await Server.start();
  const visitor = await Visitor.open(browser, `${server.url}/room/refused`);
  await visitor.join('Writer');
  await visitor.sayRefused('not this');
  await visitor.log.getByText('보낼 수 없는 문자').waitFor();
  await visitor.say('fine');
  await until(() => visitor.texts(), (texts) => texts.length === 1, 'the next one');
  await visitor.log.getByRole('button', { name: '지우기' }).click();
  await visitor.counts(1);
});
