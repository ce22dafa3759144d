import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;

test('two visitors talk', async () => {
  const one = await Visitor.open(browser, room('talk'));
  const two = await Visitor.open(browser, room('talk', '?lang=en'));
  await one.join('수달');
  await two.join('Fox');
  await one.say('안녕하세요');
  await two.sees('안녕하세요');
  await two.say('Hello!');
  await one.sees('Hello!');
  for (const visitor of [one, two]) {
    assert.deepEqual(await visitor.texts(), ['안녕하세요', 'Hello!']);
    assert.equal(await visitor.own.count(), 1);
    assert.deepEqual(visitor.complaints, []);
  }
  const heard = two.messages.first();
  assert.equal(await heard.locator('.nick').textContent(), '수달');
  assert.match(await heard.locator('.avatar').getAttribute('src') ?? '', /^\/avatars\/\w+\.svg$/);
  assert.match(await heard.locator('time').textContent() ?? '', /\d:\d\d/);
  const sides = await two.messages.evaluateAll((rows) => rows.map((row) => row.querySelector('.text')?.getBoundingClientRect().left ?? 0));
  assert.ok(sides[1] > sides[0], 'one\'s own messages stand on the other side');
  await one.leave();
  await two.leave();
});

test('a reload keeps the nickname and brings the history, one\'s own on one\'s own side', async () => {
  const visitor = await Visitor.open(browser, room('reload'));
  await visitor.join('단골손님');
  await visitor.say('첫 번째');
  await visitor.say('두 번째');
  await until(() => visitor.texts(), (texts) => texts.length === 2, 'two messages stored');
  await visitor.page.reload();
  await visitor.composer.waitFor();
  assert.equal(await visitor.nickname.isVisible(), false, 'nobody asks again');
  assert.deepEqual(await visitor.texts(), ['첫 번째', '두 번째']);
  assert.equal(await visitor.own.count(), 2);
  await visitor.say('세 번째');
  await until(() => visitor.texts(), (texts) => texts.length === 3, 'the third');
  const names = await visitor.log.locator('.nick').allTextContents();
  assert.deepEqual(new Set(names), new Set(['단골손님']));
  await visitor.leave();
});

test('a reader sees everything, sends nothing and leaves no trace', async () => {
  const writer = await Visitor.open(browser, room('read'));
  await writer.join('Writer');
  await writer.say('before');
  const reader = await Visitor.open(browser, room('read'));
  await reader.sees('before');
  await reader.live();
  await writer.say('after');
  await reader.sees('after');
  assert.equal(await reader.composer.isVisible(), false);
  assert.match(await until(() => reader.nickname.inputValue(), Boolean, 'a suggestion'), /^익명의 ./);
  await reader.where.getByRole('button', { name: '읽기만 할래요' }).click();
  assert.equal(await reader.nickname.isVisible(), false);
  assert.deepEqual(await reader.page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, '']);
  await reader.where.getByRole('button', { name: /닉네임|참여/ }).click();
  await reader.nickname.press('Enter');
  await reader.composer.waitFor();
  await reader.say('now I do');
  await writer.sees('now I do');
  await reader.leave();
  await writer.leave();
});

test('a nickname that will not do is explained and keeps the prompt open', async () => {
  const visitor = await Visitor.open(browser, room('names', '?lang=en'));
  await visitor.nickname.waitFor();
  for (const [name, fault] of [['a', /two letters/], ['a'.repeat(16), /fifteen/], ['ab\u202ec', /cannot be used/]]) {
    await visitor.nickname.fill(String(name));
    await visitor.nickname.press('Enter');
    await visitor.where.getByText(/** @type {RegExp} */ (fault)).waitFor();
  }
  assert.equal(await visitor.composer.isVisible(), false);
  await visitor.leave();
});

test('a suggestion that comes when somebody is about to write gives way to what is written', async () => {
  const visitor = await Visitor.open(browser, 'about:blank');
  /** @type {(value?: unknown) => void} */
  let release = () => {};
  const held = new Promise((resolve) => { release = resolve; });
  await visitor.page.route('**/api/v1/avatars', async (route) => {
    await held;
    await route.continue();
  });
  await visitor.page.goto(`${server.url}/room/suggestion`);
  await visitor.nickname.focus();
  assert.equal(await visitor.nickname.inputValue(), '');
  release();
  await until(() => visitor.nickname.inputValue(), Boolean, 'the suggestion');
  await visitor.page.keyboard.type('Somebody');
  assert.equal(await visitor.nickname.inputValue(), 'Somebody');
  await visitor.leave();
});

test('Enter sends, Shift+Enter makes a line, nothing is not sent', async () => {
  const visitor = await Visitor.open(browser, room('lines'));
  await visitor.join('Writer');
  await visitor.composer.press('Enter');
  await visitor.composer.pressSequentially('one');
  await visitor.composer.press('Shift+Enter');
  await visitor.composer.pressSequentially('two');
  assert.equal(await visitor.composer.inputValue(), 'one\ntwo');
  await visitor.composer.press('Enter');
  await until(() => visitor.texts(), (texts) => texts.length > 0, 'a message');
  assert.deepEqual(await visitor.texts(), ['one\ntwo']);
  assert.equal(await visitor.composer.inputValue(), '');
  await visitor.leave();
});

test('a Hangul Enter in the middle of a syllable sends the whole text once', async () => {
  const visitor = await Visitor.open(browser, room('hangul'));
  await visitor.join('한글');
  await visitor.composer.focus();
  const input = await visitor.page.context().newCDPSession(visitor.page);
  // The input method holds the last syllable while Enter is pressed, then hands it over.
  await input.send('Input.insertText', { text: '안녕하세' });
  await input.send('Input.imeSetComposition', { text: '요', selectionStart: 1, selectionEnd: 1 });
  await input.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 });
  await input.send('Input.insertText', { text: '요' });
  await input.send('Input.dispatchKeyEvent', { type: 'keyUp', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 });
  await until(() => visitor.texts(), (texts) => texts.length > 0, 'the message');
  await visitor.say('다음');
  await until(() => visitor.texts(), (texts) => texts.length > 1, 'the next');
  assert.deepEqual(await visitor.texts(), ['안녕하세요', '다음']);
  await visitor.leave();
});

test('people: who is here, a change of name, coming and going', async () => {
  const one = await Visitor.open(browser, room('people', '?lang=en'));
  await one.join('Alice');
  const two = await Visitor.open(browser, room('people', '?lang=en'));
  await two.join('Bob');
  await one.where.getByRole('button', { name: '2 online' }).click();
  await one.where.locator('#people-list').getByText('Bob').waitFor();
  await one.page.keyboard.press('Escape');
  await one.where.getByText(/Bob.* came in/).waitFor();
  await two.where.getByRole('button', { name: 'Your profile' }).click();
  await two.nickname.fill('Robert');
  await two.nickname.press('Enter');
  await two.composer.waitFor();
  await until(() => two.page.evaluate(() => localStorage.getItem('realtime-chat:identity')), (stored) => String(stored).includes('Robert'), 'the new name');
  await two.say('renamed');
  await one.sees('renamed');
  assert.equal(await one.messages.last().locator('.nick').textContent(), 'Robert');
  await two.leave();
  await one.where.getByText(/Robert.* left/).waitFor();
  await one.where.getByRole('button', { name: '1 online' }).waitFor();
  await one.leave();
});

test('markup is text, everywhere', async () => {
  const evil = '<img src=x onerror="document.title=1">';
  const visitor = await Visitor.open(browser, room(encodeURIComponent(`"><script>x`), `?lang=en&title=${encodeURIComponent(evil)}&accent=${encodeURIComponent('red;}</style><script>')}`));
  assert.equal(await visitor.where.locator('h1').textContent(), evil);
  await visitor.join('<b>bold</b>');
  await visitor.say(evil);
  await visitor.say('https://example.com/?a=1&b=2 and javascript:alert(1)');
  await until(() => visitor.texts(), (texts) => texts.length === 2, 'two messages');
  await visitor.page.reload();
  await visitor.composer.waitFor();
  assert.equal((await visitor.texts())[0], evil);
  assert.equal(await visitor.log.locator('.text img, .text script, .nick b').count(), 0);
  const links = visitor.log.locator('.text a');
  assert.equal(await links.count(), 1);
  assert.equal(await links.getAttribute('href'), 'https://example.com/?a=1&b=2');
  assert.equal(await links.getAttribute('rel'), 'nofollow ugc noopener');
  assert.equal(await links.getAttribute('target'), '_blank');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('long words and long names do not break the page', async () => {
  await fill(browser, server.url, 'long', ['x'.repeat(2000), '가'.repeat(300), 'https://example.com/'.padEnd(500, 'a')], 'W'.repeat(15));
  const visitor = await Visitor.open(browser, room('long'), { viewport: { width: 320, height: 480 } });
  await visitor.counts(3);
  const overflow = await visitor.page.evaluate(() => [document.documentElement, document.querySelector('#log')].map((element) => Number(element?.scrollWidth) - Number(element?.clientWidth)));
  assert.deepEqual(overflow, [0, 0]);
  await visitor.leave();
});
