import assert from 'node:assert/strict';
import test from 'node:test';
import { Server, Visitor, fill, launch, numbered, until } from './support.mjs';

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '') => `${server.url}/room/${id}${query}`;
await fill(browser, server.url, 'linked', numbered('line', 1, 300));

/** The highlighted message, if it is in sight. @param {Visitor} visitor */
const target = (visitor) => visitor.log.evaluate((log) => {
  const row = log.querySelector('li.msg.target');
  const box = row?.getBoundingClientRect();
  const { top, bottom } = log.getBoundingClientRect();
  return box && box.top >= top && box.bottom <= bottom ? row?.querySelector('.text')?.textContent ?? '' : '';
});

for (const address of ['?m=41', '#m-41']) {
  test(`${address} opens the message with context, highlighted, and the way back down`, async () => {
    const visitor = await Visitor.open(browser, room('linked', address));
    await until(() => target(visitor), (text) => text === 'line 41', 'the message');
    const texts = await visitor.texts();
    assert.ok(texts.includes('line 31') && texts.includes('line 51'), 'messages around it');
    await visitor.where.getByRole('button', { name: '맨 아래로' }).click();
    await visitor.sees('line 300');
    assert.equal(await visitor.log.evaluate((log) => log.scrollTop), 0);
    assert.equal(await visitor.log.locator('.target').count(), 0);
    await visitor.leave();
  });
}

test('a link within the page leads on; one to the latest page needs no loading', async () => {
  const visitor = await Visitor.open(browser, room('linked'));
  await visitor.live();
  await visitor.page.evaluate(() => { location.hash = '#m-100'; });
  await until(() => target(visitor), (text) => text === 'line 100', 'the message');
  await visitor.page.evaluate(() => { location.hash = '#m-299'; });
  await until(() => target(visitor), (text) => text === 'line 299', 'the other message');
  await visitor.leave();
});

test('a link to what never was leads to what is nearest; nonsense is ignored', async () => {
  const visitor = await Visitor.open(browser, room('linked', '?m=99999999'));
  await visitor.live();
  await until(() => target(visitor), (text) => text === 'line 300', 'the newest');
  for (const nonsense of ['?m=abc', '?m=-1', '?m=', '#m-%3Cb%3E', `?m=${'9'.repeat(400)}`]) {
    await visitor.page.goto(room('linked', nonsense));
    await visitor.live();
    assert.equal(await visitor.log.evaluate((log) => log.scrollTop), 0, nonsense);
  }
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a click on the time copies the link, in the page and in a frame on a blog', async () => {
  const visitor = await Visitor.open(browser, room('linked', '?title=A+post&theme=dark'), { permissions: ['clipboard-read', 'clipboard-write'] });
  await visitor.live();
  await visitor.messages.filter({ hasText: 'line 299' }).locator('a.at').click();
  await visitor.log.locator('a.at[data-told="링크를 복사했어요"]').waitFor();
  assert.equal(await visitor.page.evaluate(() => navigator.clipboard.readText()), room('linked', '?title=A+post&m=299'));
  await visitor.leave();

  const blog = await Visitor.open(browser, server.url, { permissions: ['clipboard-read', 'clipboard-write'] });
  await fill(browser, server.url, 'demo', ['hello']);
  const frame = blog.page.frameLocator('iframe').first();
  await frame.locator('li.msg a.at').first().click();
  await frame.locator('a.at[data-told]').waitFor();
  const copied = new URL(await blog.page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(copied.pathname, '/room/demo');
  assert.equal(copied.searchParams.get('m'), '1');
  await blog.leave();
});

test('without scripts a link leads to the message too', async () => {
  const visitor = await Visitor.open(browser, room('linked', '#m-260'), { javaScriptEnabled: false });
  const box = await visitor.messages.filter({ hasText: 'line 260' }).boundingBox();
  assert.ok(box && box.y > 0 && box.y < 640);
  await visitor.leave();
});
