// The owner's console with the server as it is: what it shows, what is done in it, and who sees what.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words } from '../../static/js/i18n/console-en.js';
import { ConsoleServer, MARKUP, settled } from './console-server.mjs';
import { Visitor, launch, numbered, until } from './support.mjs';

const browser = await launch();
const chat = await ConsoleServer.start(browser);

/** @param {import('./support.mjs').Page} page */
const focusedIn = (page) => page.evaluate(() => document.activeElement?.closest('.con-wait')?.querySelector('.con-said')?.textContent ?? '');
/** @param {import('./support.mjs').Page} page @param {string} text */
const said = (page, text) => page.locator('.mod-toast').getByText(text, { exact: true }).waitFor();
/** @param {string} room */
const texts = async (room) => (await (await fetch(`${chat.url}/api/v1/rooms/${room}/messages`)).json()).messages.filter((/** @type {any} */ one) => !one.deletedAt).map((/** @type {any} */ one) => one.content);

test('whoever is not signed in comes back behind signing in, and is framed nowhere', async () => {
  const { page } = await Visitor.open(browser, `${chat.url}/admin/rooms?lang=en`);
  await page.waitForURL('**/login?**');
  assert.equal(new URL(page.url()).searchParams.get('to'), '/admin/rooms?lang=en');
  await page.context().close();
  for (const path of ['/admin', '/admin/queue']) {
    const { headers } = await fetch(chat.url + path);
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.equal(headers.get('x-frame-options'), 'DENY');
  }
});

test('the overview tells what there is, counts what was written, and shows it as a table', async () => {
  await chat.say('overview', numbered('hello', 1, 7));
  const { page, complaints, leave } = await visit('owner', '/admin?lang=en');
  await page.locator('figure').nth(2).waitFor();
  await settled(page);
  assert.match(await page.locator('.con-plot-messages svg').getAttribute('aria-label') ?? '', /Messages: 48 hours, \d+ in all/);
  await page.locator('.con-table summary').click();
  const newest = page.locator('.con-table tbody tr').first().locator('td').first();
  await until(async () => Number(await newest.textContent()), (n) => n >= 7, 'this hour to be counted');
  await page.getByRole('radio', { name: words.overview.spans.days }).check();
  assert.equal(await page.locator('.con-table tbody tr').count(), 90);
  assert.match(page.url(), /span=days/);
  assert.deepEqual(complaints, []);
  await leave();
});

/** @param {'owner' | 'moderator'} who @param {string} path */
async function visit(who, path) {
  const visitor = await chat.open(who, path);
  return { page: visitor.page, complaints: visitor.complaints, leave: () => visitor.leave() };
}

test('a hundred posts come a page at a time, are found, filtered and closed; what is typed is only looked for', async () => {
  for (let n = 0; n < 60; n += 1) await chat.set(`many-${String(n).padStart(2, '0')}`, { slowSeconds: n % 2 });
  await chat.set('needle-in-it', { locked: true });
  const { page, complaints, leave } = await visit('owner', '/admin/rooms?lang=en&sort=name&q=many');
  const rows = page.locator('.con-rows > .con-row');
  await until(() => rows.count(), (n) => n === 50, 'a page of posts');
  await page.getByRole('button', { name: words.next, exact: true }).click();
  await until(() => rows.count(), (n) => n === 10, 'the second page');
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'con-list', 'the keyboard is at the list');
  await page.getByRole('button', { name: words.previous, exact: true }).click();
  await until(() => rows.count(), (n) => n === 50, 'the first page again');
  await page.getByLabel(words.rooms.search).fill("%' or 1=1 --");
  await page.getByText(words.rooms.none).waitFor();
  await page.getByLabel(words.rooms.search).fill('needle');
  await until(() => rows.count(), (n) => n === 1, 'the one that is looked for');
  assert.match(page.url(), /q=needle/);
  await page.getByRole('button', { name: `${words.rooms.unlock}: needle-in-it`, exact: true }).click();
  await said(page, words.rooms.openNow);
  await page.getByRole('button', { name: `${words.rooms.lock}: needle-in-it`, exact: true }).waitFor();
  assert.equal((await chat.get('admin/rooms/needle-in-it')).settings.locked, false);
  await page.locator('.mod-toast').getByRole('button', { name: words.undo }).click();
  await said(page, words.undone);
  assert.equal((await chat.get('admin/rooms/needle-in-it')).settings.locked, true);
  assert.deepEqual(complaints, []);
  await leave();
});

test('the settings of a post are changed in a panel, and somebody else who was faster is not overwritten', async () => {
  await chat.set('set-me', { slowSeconds: 3 });
  const { page, leave } = await visit('owner', '/admin/rooms?lang=en&q=set-me');
  await page.getByRole('button', { name: `${words.rooms.settings}: set-me` }).click();
  const slow = page.getByRole('dialog').getByLabel(words.set.slowSeconds);
  await until(() => slow.inputValue(), (value) => value === '3', 'what is set');
  await chat.set('set-me', { linksMax: 2 });
  await slow.fill('7');
  await page.getByRole('dialog').getByRole('button', { name: words.save }).click();
  await page.getByRole('dialog').getByText(words.errors.SETTINGS_CONFLICT).waitFor();
  const links = page.getByRole('dialog').getByLabel(words.set.linksMax);
  await until(() => links.inputValue(), (value) => value === '2', 'what the other one has set');
  await slow.fill('7');
  await links.fill('');
  await page.getByRole('dialog').getByRole('button', { name: words.save }).click();
  await said(page, words.rooms.saved);
  assert.deepEqual((await chat.get('admin/rooms/set-me')).settings, { slowSeconds: 7 });
  await leave();
});

test('the queue is worked through by the keyboard alone, and the last deed is undone', async () => {
  await chat.hold('keys', 'let me in');
  await chat.hold('keys', 'let me in too', 'Second');
  await chat.say('reported', ['a quiet beginning'], 'Otter');
  await chat.report('reported', 'buy cheap watches');
  await chat.report('reported', 'you are all fools', { reason: 'insult' });
  const { page, complaints, leave } = await visit('owner', '/admin/queue?lang=en');
  const cards = page.locator('.con-wait');
  await until(() => cards.count(), (n) => n === 4, 'all that waits');
  await until(() => page.locator('.con-nav .con-count:not(:empty)').textContent(), (n) => n === '4', 'the number in the menu');
  await page.keyboard.press('j');
  assert.equal(await focusedIn(page), 'let me in', 'the oldest first');
  await page.keyboard.press('j');
  assert.equal(await focusedIn(page), 'let me in too');
  await page.keyboard.press('k');
  await page.keyboard.press('a');
  await said(page, words.queue.approved('\u2068Newcomer\u2069'));
  await until(() => focusedIn(page), (text) => text === 'let me in too', 'the keyboard to go on at the next one');
  await until(() => texts('keys'), (all) => all.includes('let me in'), 'the message to be shown');
  await page.keyboard.press('r');
  await said(page, words.queue.rejected('\u2068Second\u2069'));
  await until(() => focusedIn(page), (text) => text === 'buy cheap watches', 'the next one');
  // What was said around it.
  await page.keyboard.press('c');
  await page.locator('.con-lines').getByText('a quiet beginning').waitFor();
  await page.keyboard.press('d');
  await said(page, words.queue.removed('\u2068Spammer\u2069'));
  await until(() => texts('reported'), (all) => !all.includes('buy cheap watches'), 'the message to be gone');
  await page.keyboard.press('u');
  await said(page, words.undone);
  await until(() => texts('reported'), (all) => all.includes('buy cheap watches'), 'the message to be back');
  await until(() => focusedIn(page), (text) => text === 'you are all fools', 'the next one');
  await page.keyboard.press('a');
  await said(page, words.queue.kept);
  await page.getByText(words.queue.empty).waitFor();
  assert.ok((await texts('reported')).includes('you are all fools'), 'it stays');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: words.queue.keys }).waitFor();
  await page.keyboard.press('Escape');
  // The rejection, which is the last deed but one.
  await page.keyboard.press('u');
  await until(() => cards.count(), (n) => n === 1, 'what was rejected to wait again');
  await page.keyboard.press('j');
  await page.keyboard.press('b');
  await page.getByRole('dialog').getByRole('button', { name: words.ban.submit }).click();
  await said(page, words.ban.done('\u2068Second\u2069'));
  assert.equal((await chat.get('admin/bans')).bans[0].room, 'keys');
  assert.deepEqual(complaints, []);
  await leave();
});

test('what comes while the queue is open is there soon, and keys that are typed elsewhere do nothing', async () => {
  const { page, leave } = await visit('owner', '/admin/queue?lang=en&kind=reported');
  await page.getByText(words.queue.empty).waitFor();
  await chat.report('live', 'right now');
  await page.locator('.con-said').getByText('right now').waitFor();
  await page.goto(`${chat.url}/admin/rooms?lang=en`);
  await page.getByLabel(words.rooms.search).fill('adrbj?');
  await until(() => page.url(), (url) => /q=adrbj/.test(url), 'it to be looked for');
  await leave();
  assert.ok((await texts('live')).includes('right now'));
});

test('somebody is found by a name they had, and what is known of them is shown; a ban is made and lifted', async () => {
  await chat.say('people', ['something to read'], 'Wandering');
  await until(async () => (await chat.get('admin/people?q=wandering')).people.length, (n) => n === 1, 'them to be noted');
  const { page, complaints, leave } = await visit('owner', '/admin/people?lang=en');
  await page.getByLabel(words.people.search).fill('wander');
  // The list is asked for a moment after the last letter.
  await page.waitForURL(/q=wander/);
  await page.locator('.con-list a.con-person').getByText('Wandering').click();
  await page.getByRole('heading', { name: 'Wandering' }).waitFor();
  await page.getByText('something to read').waitFor();
  await page.getByRole('button', { name: words.queue.ban, exact: true }).click();
  await page.getByRole('dialog').getByLabel(words.ban.reason).fill(MARKUP);
  await page.getByRole('dialog').getByRole('button', { name: words.ban.submit }).click();
  await page.locator('.con-chip').getByText(words.people.banned).waitFor();
  await page.locator('.con-said').getByText(MARKUP, { exact: true }).waitFor();
  await page.getByRole('button', { name: words.people.lift }).click();
  await said(page, words.people.lifted);
  await page.getByText(words.people.noBans).waitFor({ state: 'detached' });
  await until(() => page.locator('.con-chip').getByText(words.people.banned).count(), (n) => n === 0, 'the ban to be lifted');
  await page.goBack();
  await page.getByLabel(words.people.search).waitFor();
  assert.equal(await page.getByLabel(words.people.search).inputValue(), 'wander', 'the list is as it was');
  assert.deepEqual(complaints, []);
  await leave();
});

test('who presses a row before what they typed was looked for comes back to what they typed', async () => {
  await chat.say('hasty', ['quickly'], 'Hasty');
  await until(async () => (await chat.get('admin/people?q=hasty')).people.length, (n) => n === 1, 'them to be noted');
  const { page, complaints, leave } = await visit('owner', '/admin/people?lang=en');
  const row = page.locator('.con-list a.con-person').getByText('Hasty');
  await row.waitFor();
  // The moment never ends, so that the row is pressed within it however slow this machine is.
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.getByLabel(words.people.search).fill('hast');
  await row.click();
  await page.getByRole('heading', { name: 'Hasty' }).waitFor();
  await page.clock.fastForward(1_000);
  assert.equal(new URL(page.url()).searchParams.get('q'), null, 'it is not looked for on the screen of one person');
  assert.notEqual(new URL(page.url()).searchParams.get('id'), null);
  await page.goBack();
  await page.getByLabel(words.people.search).waitFor();
  assert.equal(await page.getByLabel(words.people.search).inputValue(), 'hast');
  assert.equal(new URL(page.url()).searchParams.get('q'), 'hast');
  assert.deepEqual(complaints, []);
  await leave();
});

test('rules of all posts are set, what was done is written down, and undone', async () => {
  const { page, leave } = await visit('owner', '/admin/rules?lang=en');
  await page.getByLabel(words.set.blockedWords).fill('viagra\n 나쁜말 \n');
  await page.getByRole('button', { name: words.save }).click();
  await said(page, words.rules.saved);
  assert.deepEqual((await chat.get('admin/defaults')).settings.blockedWords, ['viagra', '나쁜말']);
  await page.getByRole('link', { name: words.screens.audit, exact: true }).click();
  const entry = page.locator('.con-row').filter({ hasText: words.audit.actions.defaults_set }).first();
  await entry.getByText(words.audit.you).waitFor();
  await entry.getByRole('button', { name: words.undo }).click();
  await said(page, words.undone);
  // The way back is an entry itself, before the other one.
  await page.locator('.con-row').filter({ hasText: words.audit.actions.defaults_set }).nth(1).getByText(words.audit.isUndone).waitFor();
  assert.equal((await chat.get('admin/defaults')).settings.blockedWords, undefined);
  await leave();
});

test('roles are given, accounts shut out, and invitations made and withdrawn', async () => {
  const { page, complaints, leave } = await visit('owner', '/admin/team?lang=en');
  await page.getByLabel(words.team.roleOf('\u2068Otto\u2069')).selectOption('admin');
  await said(page, words.team.changed('\u2068Otto\u2069'));
  const role = async () => (await chat.get('admin/users?q=otto')).users[0].role;
  assert.equal(await role(), 'admin');
  await page.getByLabel(words.team.roleOf('\u2068Otto\u2069')).selectOption('moderator');
  await until(role, (now) => now === 'moderator', 'the role to be back');
  await page.getByRole('button', { name: words.team.invite, exact: true }).click();
  await page.getByText(/\/register#/).waitFor();
  await page.getByRole('button', { name: words.team.withdraw }).click();
  await page.getByText(words.team.noInvites).waitFor();
  await page.getByRole('button', { name: `${words.team.reset}: \u2068Otto\u2069` }).click();
  await page.getByRole('dialog').getByText(/\/reset#/).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.getByLabel(words.team.roleOf('\u2068미나\u2069')).count(), 0, 'nobody acts on an equal');
  assert.deepEqual(complaints, []);
  await leave();
});

test('a moderator sees what they may, and nothing else', async () => {
  const again = await chat.post('admin/users/' + (await chat.get('admin/users?q=otto')).users[0].id, { disabled: false });
  assert.equal(again.role, 'moderator');
  const { page, leave } = await visit('moderator', '/admin/team?lang=en');
  await page.getByRole('heading', { name: words.screens.overview }).waitFor();
  const menu = await page.locator('.con-nav-link').allTextContents();
  assert.deepEqual(menu.map((text) => text.replace(/\d+$/, '')), [words.screens.overview, words.screens.rooms, words.screens.queue, words.screens.people, words.screens.audit, words.screens.settings]);
  for (const path of ['admin/users', 'admin/invites', 'admin/defaults']) {
    assert.equal(await page.evaluate(async (path) => (await fetch(`/api/v1/${path}`)).status, path), 403, path);
  }
  await leave();
});

test('nothing that somebody has written becomes markup, in any screen', async () => {
  const room = MARKUP.replaceAll('/', '');
  await chat.say(room, [MARKUP], '<b>Bold</b>');
  await chat.report(room, `${MARKUP} again`, { nickname: '<i>Italic</i>', reason: MARKUP });
  await chat.hold(room, `${MARKUP} waits`, '<u>Under</u>');
  await chat.set(room, { rules: MARKUP, blockedWords: [MARKUP] });
  await until(async () => (await chat.get('admin/people?q=bold')).people.length, (n) => n > 0, 'them to be noted');
  const [{ id }] = (await chat.get('admin/people?q=bold')).people;
  const { page, complaints, leave } = await visit('owner', '/admin?lang=en');
  for (const path of ['rooms', 'queue', 'people', `people?id=${id}`, 'audit', 'team', `queue?room=${encodeURIComponent(room)}`, `rooms?q=${encodeURIComponent(MARKUP)}`]) {
    await page.goto(`${chat.url}/admin/${path}${path.includes('?') ? '&' : '?'}lang=en`);
    await page.locator('.con-row, .con-wait').first().waitFor();
    await settled(page);
    const found = await page.evaluate(() => ({ canary: 'canary' in window, made: document.querySelectorAll('main b, main i, main u, main img:not(.avatar)').length }));
    assert.deepEqual(found, { canary: false, made: 0 }, path);
  }
  assert.ok(await page.getByText(MARKUP, { exact: true }).count() > 0, 'it is shown as it was written');
  await page.getByRole('button', { name: `${words.rooms.settings}: ${room}` }).click();
  await until(() => page.getByRole('dialog').getByLabel(words.set.blockedWords).inputValue(), (value) => value === MARKUP, 'the words');
  assert.deepEqual(complaints, []);
  await leave();
});

test('a server that does not answer is told of, and what is there stays', async () => {
  const { page, leave } = await visit('owner', '/admin/rooms?lang=en&q=many-0');
  await until(() => page.locator('.con-row').count(), (n) => n === 10, 'the posts');
  await page.route('**/api/v1/admin/**', (route) => route.abort());
  await page.locator('.con-line').getByText(words.stale).waitFor();
  assert.equal(await page.locator('.con-row').count(), 10);
  await page.unroute('**/api/v1/admin/**');
  await page.locator('.con-line').waitFor({ state: 'hidden' });
  await leave();
});
