// Another device without an account: a code that one browser shows, and another one types.

import assert from 'node:assert/strict';
import test from 'node:test';
import { strings as en } from '../../static/js/i18n/en.js';
import { strings as ko } from '../../static/js/i18n/ko.js';
import { words as office } from '../../static/js/i18n/moderation-en.js';
import { words as koOffice } from '../../static/js/i18n/moderation-ko.js';
import { clean, fits, large } from './judges.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const browser = await launch();
const server = await Server.start({ CHAT_RATE_LIMITS: 'off' });

/** A browser of its own. @param {string} room @param {'ko' | 'en'} lang */
async function open(room, lang) {
  const visitor = await Visitor.open(browser, `${server.url}/room/${room}?lang=${lang}`, { locale: lang === 'ko' ? 'ko-KR' : 'en-US' });
  await visitor.live();
  return visitor;
}

/** Where a code is shown and typed. @param {Visitor} visitor @param {'ko' | 'en'} lang */
async function dialogOf({ where }, lang) {
  const way = where.getByRole('button', { name: (lang === 'ko' ? ko : en).haveCode }).locator('visible=true');
  // The profile may be open from the time before.
  if (!await way.count()) await where.locator('#me, #join-bar').locator('visible=true').first().click();
  await way.click();
  const dialog = where.getByRole('dialog', { name: (lang === 'ko' ? koOffice : office).signIn.title });
  await dialog.waitFor();
  return dialog;
}

/** @param {import('playwright-core').Locator} dialog @param {'ko' | 'en'} lang */
async function shown(dialog, lang) {
  await dialog.getByRole('button', { name: (lang === 'ko' ? koOffice : office).device.show }).click();
  const code = dialog.locator('output');
  return until(() => code.textContent(), (text) => /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/.test(text ?? ''), 'a code');
}

/** @param {import('playwright-core').Locator} dialog @param {string | null} code */
async function types(dialog, code) {
  const box = dialog.getByRole('textbox');
  await box.fill(code?.toLowerCase() ?? '');
  await box.press('Enter');
}

test('a second browser is the same person by a code, and keeps back what it had not sent', async () => {
  const phone = await open('devices', 'ko');
  await phone.join('수달');
  await phone.say('전화기에서');
  const laptop = await open('devices', 'en');
  // What is written now and then gets lost on its way.
  let loses = false;
  await laptop.page.routeWebSocket(/\/ws\//, (socket) => {
    const to = socket.connectToServer();
    socket.onMessage((text) => { if (!loses || !String(text).includes('"MESSAGE"')) to.send(text); });
  });
  await laptop.page.reload();
  await laptop.live();
  await laptop.join('Squirrel');
  await laptop.say('from the laptop');
  for (const one of [phone, laptop]) for (const text of ['전화기에서', 'from the laptop']) await one.sees(text);
  const secrets = await Promise.all([phone, laptop].map((one) => one.page.evaluate(() => JSON.parse(localStorage.getItem('realtime-chat:identity') ?? '').anonymousId)));
  /** @type {string[]} */
  const asked = [];
  laptop.page.on('request', (request) => asked.push(`${request.url()} ${request.postData() ?? ''}`));

  const showing = await dialogOf(phone, 'ko');
  const code = await shown(showing, 'ko');
  assert.deepEqual([...await clean(phone), ...await large(phone), ...await fits(phone)], []);
  loses = true;
  await laptop.say('not sent yet');
  await laptop.pending.filter({ hasText: 'not sent yet' }).waitFor();
  const typing = await dialogOf(laptop, 'en');
  await types(typing, 'abcd');
  await typing.getByRole('alert').filter({ hasText: office.signIn.short }).waitFor();
  await types(typing, '2222-2222-2222');
  await typing.getByRole('alert').filter({ hasText: office.signIn.wrong }).waitFor();
  assert.deepEqual(await clean(laptop), []);
  await types(typing, code);
  await laptop.where.locator('.mod-toast', { hasText: '수달' }).waitFor();
  loses = false;
  const failed = laptop.log.locator('li.msg.failed', { hasText: 'not sent yet' });
  await failed.getByText(en.errors.OTHER_AUTHOR).waitFor();

  // As one person: what is said here is the other one's own as well, and so is what was said before.
  await laptop.say('as 수달');
  const mine = phone.log.locator('li.msg', { hasText: 'as 수달' });
  await mine.waitFor();
  assert.equal(await mine.getAttribute('class').then((names) => names?.includes('own')), true);
  await phone.page.keyboard.press('Escape');
  await phone.own.filter({ hasText: 'from the laptop' }).waitFor();
  for (const text of ['전화기에서', 'from the laptop', 'as 수달']) await laptop.own.filter({ hasText: text }).waitFor();
  assert.equal(await phone.log.getByText('not sent yet').count(), 0);
  assert.ok(!asked.some((line) => line.includes(secrets[0])), 'the secret of the first is with the first alone');
  assert.equal(await laptop.page.evaluate(() => JSON.parse(localStorage.getItem('realtime-chat:identity') ?? '').anonymousId), secrets[1]);

  // After a reload as well, under the name that both have.
  await laptop.page.reload();
  await laptop.live();
  await laptop.say('still 수달');
  await phone.own.filter({ hasText: 'still 수달' }).waitFor();
  // By its own writer's word it goes.
  await failed.getByRole('button', { name: en.retry }).click();
  await phone.own.filter({ hasText: 'not sent yet' }).waitFor();
  for (const one of [phone, laptop]) {
    assert.deepEqual(one.complaints, []);
    await one.leave();
  }
});

test('whoever has no name yet comes in by a code, and one\'s own code says so', async () => {
  const first = await open('newcomer', 'en');
  await first.join('Otter');
  const showing = await dialogOf(first, 'en');
  const code = await shown(showing, 'en');
  await types(showing, code);
  await showing.getByRole('alert').filter({ hasText: office.device.same }).waitFor();
  const newcomer = await open('newcomer', 'ko');
  await newcomer.nickname.waitFor();
  await newcomer.where.locator('#profile-dismiss').click();
  const typing = await dialogOf(newcomer, 'ko');
  assert.equal(await typing.getByRole('button', { name: koOffice.device.show }).count(), 0, 'there is nobody yet to be');
  await types(typing, code);
  await newcomer.composer.waitFor();
  await newcomer.say('안녕하세요');
  const said = first.own.filter({ hasText: '안녕하세요' });
  await said.waitFor();
  const kept = await newcomer.page.evaluate(() => JSON.parse(localStorage.getItem('realtime-chat:identity') ?? ''));
  assert.equal(kept.nickname, 'Otter');
  await newcomer.leave();
  await first.leave();
});

test('a device is taken back by the first one, or leaves by itself, and is somebody new from then on', async () => {
  const phone = await open('taken-back', 'ko');
  await phone.join('수달');
  await phone.say('전화기에서');
  const others = await Promise.all(['Laptop', 'Tablet'].map(async (name) => {
    const one = await open('taken-back', 'en');
    await one.join(name);
    await one.say(`before, from the ${name}`);
    await one.sees(`before, from the ${name}`);
    return one;
  }));
  const [laptop, tablet] = others;
  for (const one of others) {
    const showing = await dialogOf(phone, 'ko');
    const code = await shown(showing, 'ko');
    await types(await dialogOf(one, 'en'), code);
    await one.own.filter({ hasText: '전화기에서' }).waitFor();
    await phone.page.keyboard.press('Escape');
  }
  // The first one sees both, and takes the first of them back.
  const list = await dialogOf(phone, 'ko');
  const rows = list.locator('.mod-devices li');
  await until(() => rows.count(), (count) => count === 2, 'both devices');
  assert.deepEqual([...await clean(phone), ...await large(phone), ...await fits(phone)], []);
  await list.getByRole('button', { name: `${koOffice.devices.remove}: ${koOffice.devices.name(1)}` }).click();
  await until(() => rows.count(), (count) => count === 1, 'one that is left');
  await phone.page.keyboard.press('Escape');
  await until(() => laptop.own.count(), (count) => count === 0, 'somebody new');
  await laptop.say('as somebody new');
  await laptop.sees('as somebody new');
  await phone.own.filter({ hasText: 'before, from the Laptop' }).waitFor();
  await phone.sees('as somebody new');
  assert.equal(await phone.own.filter({ hasText: 'as somebody new' }).count(), 0);
  // The other one sees itself alone, and leaves.
  const own = await dialogOf(tablet, 'en');
  const leave = own.getByRole('button', { name: `${office.devices.leave}: ${office.devices.here}` });
  await leave.waitFor();
  assert.deepEqual([...await clean(tablet), ...await fits(tablet)], []);
  await leave.click();
  await tablet.page.keyboard.press('Escape');
  await until(() => tablet.own.count(), (count) => count === 0, 'somebody new as well');
  await phone.own.filter({ hasText: 'before, from the Tablet' }).waitFor();
  for (const one of [phone, laptop, tablet]) {
    assert.deepEqual(one.complaints, []);
    await one.leave();
  }
});
