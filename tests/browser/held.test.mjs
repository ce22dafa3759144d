// The desk of moderators, and messages that wait there, on both sides: what the writer sees, and what is decided about them;
// newcomers who may not write yet, names that are taken, rooms that are protected. The server's part is put in between (moderators.mjs).

import assert from 'node:assert/strict';
import test from 'node:test';
import { clean, fits, large } from './judges.mjs';
import { Moderated } from './moderators.mjs';
import { Server, fill, launch, until } from './support.mjs';

/** @typedef {import('./support.mjs').Visitor} Visitor */

const browser = await launch();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '?lang=en') => `${server.url}/room/${id}${query}`;
const RAID = { slowSeconds: 30, linksMax: 0, uniqueSeconds: 60, holdNew: 'all', holdYoungerSeconds: 86_400 };

/** @param {Visitor} visitor @param {string} text */
const noted = (visitor, text) => visitor.where.locator('.mod-toast', { hasText: text }).waitFor();

/** The line goes, and comes back. @param {Visitor} visitor */
async function reconnect(visitor) {
  await visitor.page.evaluate(() => dispatchEvent(new Event('offline')));
  await visitor.page.evaluate(() => dispatchEvent(new Event('online')));
}

/** What has the focus. @param {Visitor} visitor */
const focused = (visitor) => visitor.page.evaluate(() => {
  const { activeElement } = document;
  return activeElement?.id || activeElement?.getAttribute('aria-label') || activeElement?.querySelector('.mod-text')?.textContent || activeElement?.tagName;
});

/** @param {Moderated} moderated @param {string} id */
async function asModerator(moderated, id, query = '?lang=en') {
  const visitor = await moderated.open(browser, room(id, query), { token: id });
  await visitor.where.locator('.mod-open').waitFor();
  return visitor;
}

/** @param {Visitor} moderator */
async function openDesk(moderator) {
  await moderator.where.locator('.mod-open').click();
  return moderator.where.locator('.mod-queue');
}

test('a message that waits: it says so and why, survives a reload, is asked for with each JOIN, and takes its place', async () => {
  const moderated = new Moderated();
  moderated.holds = 'first';
  await fill(browser, server.url, 'held', ['already here'], 'Fox');
  const visitor = await moderated.open(browser, room('held'));
  await visitor.join('Newcomer');
  await visitor.live();
  await visitor.say('may I?');
  const held = visitor.log.locator('li.held', { hasText: 'may I?' });
  await held.getByText(/Waiting for a moderator\.\s+Everybody’s first message here/).waitFor();
  await visitor.where.locator('#announcer', { hasText: 'Waiting for a moderator' }).waitFor();
  assert.equal(await visitor.composer.inputValue(), '');
  assert.equal(await held.getByRole('button').count(), 0);
  const asked = () => moderated.said.filter(({ type }) => type === 'MESSAGE').map(({ clientId }) => clientId);
  assert.equal(asked().length, 1);
  await visitor.page.reload();
  await held.getByText(/Waiting for a moderator/).waitFor();
  await until(() => asked().length, (n) => n === 2, 'it to be asked for');
  await reconnect(visitor);
  await until(() => asked().length, (n) => n === 3, 'it to be asked for again');
  assert.equal(new Set(asked()).size, 1, 'under the same key');
  assert.equal(moderated.waiting.length, 1);
  moderated.holds = null;
  await visitor.say('this may');
  const shown = () => visitor.messages.locator('.text').allTextContents();
  await until(shown, (texts) => texts.join() === 'already here,this may,may I?', 'what waits to stand at the end');

  const moderator = await asModerator(moderated, 'held');
  const queue = await openDesk(moderator);
  await queue.getByRole('button', { name: /^Approve: .*Newcomer/ }).click();
  await noted(moderator, 'Approved what');
  await visitor.log.locator('li.msg:not(.held)', { hasText: 'may I?' }).waitFor();
  await visitor.counts(3);
  await moderator.sees('may I?');
  assert.equal(await visitor.page.evaluate(() => sessionStorage.getItem('realtime-chat:unsent:held')), null);
  assert.deepEqual([visitor.complaints, moderator.complaints], [[], []]);
  await moderator.leave();
  await visitor.leave();
});

test('refused by a moderator: told at once, the text kept to be copied or discarded, never sent again', async () => {
  const moderated = new Moderated();
  moderated.holds = 'links';
  const visitor = await moderated.open(browser, room('rejected'));
  await visitor.join('Newcomer');
  await visitor.live();
  await visitor.say('look at https://example.com');
  await visitor.log.locator('li.held').waitFor();
  const moderator = await asModerator(moderated, 'rejected');
  const queue = await openDesk(moderator);
  await queue.getByText('Has links').waitFor();
  await queue.getByRole('button', { name: /^Reject: / }).click();
  await noted(moderator, 'Rejected what');
  const row = visitor.log.locator('li.failed', { hasText: 'example.com' });
  await row.getByText('A moderator has decided against it').waitFor();
  await visitor.page.reload();
  await row.getByText('A moderator has decided against it').waitFor();
  await visitor.live();
  assert.deepEqual(await row.getByRole('button').allTextContents(), ['Copy', 'Discard']);
  assert.equal(moderated.said.filter(({ type }) => type === 'MESSAGE').length, 1);
  await row.getByRole('button', { name: 'Discard' }).click();
  await visitor.counts(0);
  await moderator.leave();
  await visitor.leave();
});

test('who signs in does not send under the new name what waits under the old one', async () => {
  const moderated = new Moderated();
  moderated.holds = 'first';
  const visitor = await moderated.open(browser, room('two-names'));
  await visitor.join('Newcomer');
  await visitor.live();
  await visitor.say('as a visitor');
  await visitor.log.locator('li.held').waitFor();
  moderated.tokens.add('secret');
  await visitor.page.evaluate(() => localStorage.setItem('realtime-chat:account', JSON.stringify({ token: 'secret', nickname: 'Jane' })));
  // The real server knows no accounts: another identity stands for one.
  await visitor.page.evaluate(() => localStorage.removeItem('realtime-chat:identity'));
  await visitor.page.reload();
  await visitor.where.locator('.mod-open').waitFor();
  await until(() => visitor.messages.count(), (n) => n === 0, 'it to be out of sight');
  await visitor.say('as the owner');
  await until(() => visitor.texts(), (texts) => texts.join() === 'as the owner', 'it to be stored');
  await visitor.counts(1);
  await visitor.leave();
});

test('a newcomer who may not write yet: told for how long, and the draft is kept', async () => {
  const moderated = new Moderated();
  moderated.set({ minAgeSeconds: 600 });
  const visitor = await moderated.open(browser, room('young'));
  await visitor.join('Newcomer');
  await visitor.live();
  moderated.refusals.set('MESSAGE', { code: 'TOO_YOUNG', retryAfterMs: 599_000 });
  await visitor.say('so early');
  await visitor.where.getByText('You are new here: you can write in 10 min.').waitFor();
  assert.equal(await visitor.composer.inputValue(), 'so early');
  assert.equal(await visitor.where.locator('#send').isDisabled(), true);
  await visitor.counts(0);
  moderated.set({ minAgeSeconds: null });
  moderated.refusals.clear();
  await until(() => visitor.where.locator('#send').isEnabled(), Boolean, 'the room to be open to newcomers');
  await visitor.composer.press('Enter');
  await visitor.sees('so early');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a name that is too much like a moderator\'s: explained beside the field, and reading goes on', async () => {
  const moderated = new Moderated();
  await fill(browser, server.url, 'taken', ['hello'], 'Fox');
  const visitor = await moderated.open(browser, room('taken'));
  moderated.refusals.set('PROFILE', { code: 'NICKNAME_TAKEN' });
  await visitor.live();
  await visitor.nickname.fill('0wner');
  await visitor.nickname.press('Enter');
  await visitor.where.locator('#fault', { hasText: 'could be taken for a moderator' }).waitFor();
  assert.equal(await visitor.nickname.inputValue(), '0wner');
  assert.equal(await visitor.nickname.getAttribute('aria-invalid'), 'true');
  assert.equal(await focused(visitor), 'nickname');
  moderated.refusals.clear();
  await visitor.join('Somebody');
  await visitor.say('under another name');
  await visitor.sees('under another name');

  moderated.refusals.set('JOIN', { code: 'NICKNAME_TAKEN' });
  await visitor.page.reload();
  await visitor.where.locator('#fault', { hasText: 'could be taken for a moderator' }).waitFor();
  await visitor.live();
  assert.equal(await visitor.nickname.inputValue(), 'Somebody');
  await visitor.sees('hello');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a room that is protected says so by the composer, and counts down beside it', async () => {
  const moderated = new Moderated();
  moderated.set({ ...RAID, slowSeconds: 30 });
  const visitor = await moderated.open(browser, room('protected'));
  await visitor.join('Writer');
  const line = visitor.where.locator('.slow');
  await line.getByText(/Protected for now/).waitFor();
  await line.getByText(/one message every 30 sec/).waitFor();
  await visitor.say('calmly');
  await visitor.sees('calmly');
  await line.getByText(/write again in/).waitFor();
  assert.match(await line.innerText(), /Protected for now/);
  moderated.set(Object.fromEntries(Object.keys(RAID).map((name) => [name, null])));
  await until(() => line.isVisible(), (seen) => !seen, 'the line to go');
  moderated.set({ slowSeconds: 30 });
  await line.waitFor();
  assert.doesNotMatch(await line.innerText(), /protected/i);
  await visitor.leave();
});

test('the desk in the header: closes, slows and calms the room, and shows how many reports wait', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('desk'), { token: 'desk' });
  await visitor.where.getByRole('button', { name: 'Moderation', exact: true }).click();
  const desk = visitor.where.getByRole('region', { name: 'Moderation' });
  await desk.getByRole('switch', { name: /Close the discussion/ }).click();
  await noted(visitor, 'The discussion is closed');
  assert.deepEqual(moderated.settings, { locked: true });
  await visitor.composer.waitFor();
  await visitor.where.getByRole('button', { name: 'Undo' }).click();
  await noted(visitor, 'Undone');
  await desk.getByRole('radio', { name: '2 min' }).check();
  await noted(visitor, 'One message every 2 min');
  assert.deepEqual(moderated.settings, { locked: true, slowSeconds: 120 });
  await desk.getByRole('switch', { name: /Calm a raid/ }).click();
  await noted(visitor, 'raid settings are on');
  assert.deepEqual(moderated.settings, { locked: true, slowSeconds: 30, linksMax: 0, uniqueSeconds: 60, holdNew: 'all', holdYoungerSeconds: 86400 });
  assert.equal(await desk.getByRole('switch', { name: /Calm a raid/ }).isChecked(), true);
  assert.equal(await desk.getByRole('radio', { name: 'All' }).isChecked(), true);
  await desk.getByRole('switch', { name: /Calm a raid/ }).click();
  await noted(visitor, 'raid settings are off');
  assert.deepEqual(moderated.settings, { locked: true });
  moderated.settingsRev += 1;
  await desk.getByRole('radio', { name: '10 sec' }).click();
  await noted(visitor, 'changed elsewhere');
  const slow = desk.getByRole('group', { name: 'Slow mode' });
  assert.equal(await slow.getByRole('radio', { name: 'Off' }).isChecked(), true, 'as it is, and not as it was pressed');
  const hold = desk.getByRole('group', { name: /new people/ });
  await hold.getByRole('radio', { name: 'Links' }).check();
  await noted(visitor, 'Links from new people wait');
  assert.deepEqual(moderated.settings, { locked: true, holdNew: 'links' });
  await hold.getByRole('radio', { name: 'Off' }).check();
  await noted(visitor, 'write freely');
  assert.deepEqual((await moderated.heard('ROOM_SET')).settings, { holdNew: 'off' });
  moderated.report(3);
  await visitor.where.getByRole('button', { name: 'Moderation, closed, 3 open reports' }).waitFor();
  await desk.getByText('3 open reports').waitFor();
  await visitor.page.keyboard.press('Escape');
  assert.equal(await desk.isVisible(), false);
  assert.equal(await visitor.page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Moderation, closed, 3 open reports');
  await visitor.leave();
});

test('the queue: what waits is listed, decided by keyboard one by one, and the focus goes on', async () => {
  const moderated = new Moderated();
  for (const [nickname, content, reason] of [['Ann', 'one', 'first'], ['Ben', `two\n${'long '.repeat(300)}`, 'links'], ['Cem', '<b>three</b>', 'all']]) {
    moderated.hold({ author: { id: nickname, nickname, avatar: 'fox' }, content, reason });
  }
  const [first] = moderated.waiting;
  moderated.reported = 1;
  const moderator = await asModerator(moderated, 'queue');
  await moderator.where.getByRole('button', { name: 'Moderation, 1 open report, 3 messages wait', exact: true }).waitFor();
  assert.equal(await moderator.where.locator('.mod-count').getAttribute('data-n'), '4');
  assert.equal(moderated.said.some(({ type }) => type === 'held'), false, 'not asked for before somebody looks');
  const queue = await openDesk(moderator);
  await queue.getByText('3 messages wait').waitFor();
  const rows = queue.getByRole('listitem');
  await until(() => rows.count(), (n) => n === 3, 'the list');
  assert.equal((await moderated.heard('held')).room, 'queue');
  assert.equal(await rows.nth(2).locator('.mod-text').textContent(), '<b>three</b>', 'plain text');
  assert.deepEqual(await queue.locator('.mod-how span').allTextContents(), ['First message here', 'Has links, from somebody new', 'From somebody new']);
  const more = queue.getByRole('button', { name: 'Show more' });
  assert.equal(await more.count(), 1);
  const folded = await rows.nth(1).evaluate((row) => row.clientHeight);
  await more.click();
  await queue.getByRole('button', { name: 'Show less' }).waitFor();
  assert.ok(await rows.nth(1).evaluate((row) => row.clientHeight) > folded);

  const { keyboard } = moderator.page;
  await queue.getByRole('button', { name: /^Approve: .*Ann/ }).focus();
  await keyboard.press('Enter');
  await noted(moderator, 'Approved what');
  assert.deepEqual((await moderated.heard('APPROVE')).heldIds, [first.id]);
  await until(() => rows.count(), (n) => n === 2, 'one to go');
  assert.match(String(await focused(moderator)), /^two/, 'the next one');
  await moderator.where.getByRole('button', { name: 'Moderation, 1 open report, 2 messages wait' }).waitFor();
  await queue.getByRole('button', { name: /^Reject: .*Cem/ }).focus();
  await keyboard.press('Enter');
  await noted(moderator, 'Rejected what');
  await until(() => rows.count(), (n) => n === 1, 'another to go');
  assert.match(String(await focused(moderator)), /^two/, 'the one before, where none follows');
  await moderator.where.getByRole('button', { name: 'Undo' }).click();
  await noted(moderator, 'Undone');

  // Somebody else was faster.
  moderated.forgetHeld(...moderated.waiting.map(({ id }) => id));
  await queue.getByRole('button', { name: /^Approve: .*Ben/ }).focus();
  await keyboard.press('Enter');
  await noted(moderator, 'Somebody else has decided');
  await until(() => rows.count(), (n) => n === 0, 'it to go');
  moderated.report(1);
  await until(() => queue.isVisible(), (seen) => !seen, 'the queue to go');
  assert.equal(await focused(moderator), 'desk');
  assert.deepEqual(moderator.complaints, []);
  await moderator.leave();
});

test('the queue: what comes while it is open is shown, and all that is shown is decided at once', async () => {
  const moderated = new Moderated();
  for (let n = 1; n <= 55; n += 1) moderated.hold({ content: `spam ${n}` });
  const moderator = await asModerator(moderated, 'many');
  const queue = await openDesk(moderator);
  const rows = queue.getByRole('listitem');
  await until(() => rows.count(), (n) => n === 50, 'a page of them');
  await queue.getByText('More come when these are decided').waitFor();
  await queue.getByRole('button', { name: 'Reject all' }).click();
  await noted(moderator, 'Rejected 50 messages');
  assert.equal((await moderated.heard('REJECT')).heldIds.length, 50);
  await until(() => rows.count(), (n) => n === 5, 'the next ones');
  moderated.hold({ content: 'a good one' });
  await queue.getByText('a good one').waitFor();
  await queue.getByRole('button', { name: 'Approve all' }).click();
  await noted(moderator, 'Approved 6 messages');
  await until(() => queue.isVisible(), (seen) => !seen, 'nothing to wait');
  await moderator.where.getByRole('button', { name: 'Moderation', exact: true }).waitFor();
  await moderator.leave();
});

test('the queue: where it cannot be loaded it says so, and where a decision is refused it stays', async () => {
  const moderated = new Moderated();
  moderated.hold({ content: 'hello' });
  const moderator = await asModerator(moderated, 'faults');
  moderated.tokens.clear();
  const queue = await openDesk(moderator);
  await queue.getByText('could not be loaded').waitFor();
  moderated.tokens.add('faults');
  await queue.getByRole('button', { name: 'Try again' }).click();
  await queue.getByText('hello').waitFor();
  moderated.refusals.set('APPROVE', { code: 'FORBIDDEN' });
  await queue.getByRole('button', { name: /^Approve: / }).click();
  await noted(moderator, 'You may not do this');
  await queue.getByText('hello').waitFor();
  assert.equal(await queue.getByRole('button', { name: /^Approve: / }).getAttribute('aria-disabled'), 'false');
  await moderator.leave();
});

test('what the guard does where nobody is there is said, with the way back', async () => {
  const moderated = new Moderated();
  const moderator = await asModerator(moderated, 'guard');
  const guard = { id: 'guard', nickname: 'guard', avatar: 'fox' };
  const { auditId } = moderated.act('guard_on', guard);
  await noted(moderator, 'protected from a raid');
  await moderator.where.getByRole('button', { name: 'Undo' }).click();
  await noted(moderator, 'Undone');
  assert.equal((await moderated.heard('undo')).auditId, auditId);
  moderated.act('guard_off', guard);
  await noted(moderator, 'The raid is over');
  assert.equal(await moderator.where.getByRole('button', { name: 'Undo' }).isVisible(), false);
  await moderator.leave();
});

for (const [lang, theme] of [['ko', 'light'], ['en', 'dark']]) {
  test(`axe finds nothing, all is large enough and fits, where messages wait (${lang}, ${theme})`, async () => {
    const moderated = new Moderated();
    const id = `axe-held-${lang}`;
    const { strings } = lang === 'ko' ? await import('../../static/js/i18n/ko.js') : await import('../../static/js/i18n/en.js');
    const { words } = lang === 'ko' ? await import('../../static/js/i18n/moderation-ko.js') : await import('../../static/js/i18n/moderation-en.js');
    const wide = 'a-word-that-is-longer-than-any-phone-is-wide-'.repeat(4);
    /** @type {string[]} */
    const faults = [];
    const address = room(id, `?lang=${lang}&theme=${theme}&title=A%20post`);
    const small = { viewport: { width: 320, height: 568 } };
    const check = async (/** @type {Visitor} */ visitor, /** @type {string} */ state) => {
      for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
    };
    const visitor = await moderated.open(browser, address, small);
    await visitor.live();
    moderated.refusals.set('PROFILE', { code: 'NICKNAME_TAKEN' });
    await visitor.nickname.fill('WWWWWWWWWWWWWWW');
    await visitor.nickname.press('Enter');
    await visitor.where.locator('#fault', { hasText: strings.errors.NICKNAME_TAKEN }).waitFor();
    await check(visitor, 'name taken');
    moderated.refusals.clear();
    await visitor.join('WWWWWWWWWWWWWWW');
    moderated.holds = 'all';
    await visitor.say(wide);
    await visitor.log.locator('li.held').waitFor();
    await check(visitor, 'held');
    moderated.set(RAID);
    await visitor.where.locator('.slow').waitFor();
    await check(visitor, 'protected');
    moderated.set(Object.fromEntries(Object.keys(RAID).map((name) => [name, null])));
    moderated.refusals.set('MESSAGE', { code: 'TOO_YOUNG', retryAfterMs: 200_000_000 });
    await visitor.say('too young');
    await visitor.where.locator('.slow').waitFor();
    await check(visitor, 'too young');
    moderated.refusals.clear();

    const moderator = await moderated.open(browser, address, { ...small, token: id });
    await moderator.where.locator('.mod-open').waitFor();
    moderated.hold({ author: { id: 'w', nickname: 'W'.repeat(15), avatar: 'fox', badge: 'member' }, content: `${wide} ${'word '.repeat(200)}`, reason: 'links' });
    moderated.report(120);
    const queue = await openDesk(moderator);
    await until(() => queue.getByRole('listitem').count(), (n) => n === 2, 'both');
    await check(moderator, 'queue');
    await queue.getByRole('button', { name: strings.showMore }).last().click();
    await check(moderator, 'unfolded');
    await queue.getByRole('button', { name: new RegExp(`^${words.queue.reject}: `) }).first().click();
    await noted(moderator, words.queue.rejected(1, '').replace(/^.*?(?=님|wrote)/, ''));
    await check(moderator, 'decided');
    await visitor.log.locator('li.failed').waitFor();
    await check(visitor, 'refused');
    assert.deepEqual(faults, []);
    await moderator.leave();
    await visitor.leave();
  });
}
