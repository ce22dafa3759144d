// Moderation on the page: reports, rules, closed and slow rooms for visitors; the sign-in; what a moderator does. The server's
// part is put in between (moderators.mjs): here it is about what people see and do.

import assert from 'node:assert/strict';
import test from 'node:test';
import { inside, launchAsPeopleDo, openBlog } from './blog.mjs';
import { clean, fits, large } from './judges.mjs';
import { CODE, Moderated } from './moderators.mjs';
import { Server, fill, launch, until } from './support.mjs';

/** @typedef {import('./support.mjs').Visitor} Visitor */

/** Third-party storage is blocked here: Playwright's own setting. */
const browser = await launch();
const partitioning = await launchAsPeopleDo();
const server = await Server.start();
const room = (/** @type {string} */ id, query = '?lang=en') => `${server.url}/room/${id}${query}`;
const chatLine = (/** @type {string} */ id) => `<script async src="${server.url}/embed.js" data-room="${id}" data-loading="eager"></script>`;

/** Opens the menu of a message from the keyboard. @param {Visitor} visitor @param {string} text */
async function menuOf(visitor, text) {
  const row = visitor.log.locator('li.msg:not(.pending)', { hasText: text }).first();
  await row.waitFor();
  await row.evaluate((element) => {
    /** @type {HTMLElement} */ (element).tabIndex = -1;
    /** @type {HTMLElement} */ (element).focus();
  });
  await visitor.page.keyboard.press('Enter');
  const menu = visitor.where.getByRole('menu');
  await menu.waitFor();
  return menu;
}

/** @param {Visitor} visitor @param {string} text */
const noted = (visitor, text) => visitor.where.locator('.mod-toast', { hasText: text }).waitFor();

test('a visitor reports a message of another once, and is told so', async () => {
  const moderated = new Moderated();
  await fill(browser, server.url, 'report', ['buy this now'], 'Spammer');
  const visitor = await moderated.open(browser, room('report'));
  await visitor.live();
  const menu = await menuOf(visitor, 'buy this now');
  assert.deepEqual(await menu.getByRole('menuitem').allTextContents(), ['', 'Copy text', 'Copy link', 'Report']);
  await menu.getByRole('menuitem', { name: 'Report' }).click();
  const dialog = visitor.where.getByRole('dialog', { name: 'Report this message' });
  await dialog.waitFor();
  assert.equal(await visitor.page.evaluate(() => document.activeElement?.textContent), 'Spam or advertising', 'the keyboard goes on there');
  await dialog.getByRole('button', { name: 'Off topic' }).click();
  await noted(visitor, 'Reported');
  const { id, reason, clientId } = await moderated.heard('REPORT');
  assert.equal(reason, 'off_topic');
  assert.match(clientId, /^[0-9a-f-]{36}$/);
  assert.equal(id, await visitor.log.locator('li.msg').first().getAttribute('data-id'));
  assert.equal(await (await menuOf(visitor, 'buy this now')).getByRole('menuitem', { name: 'Report' }).count(), 0, 'once a message');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a report that is refused is explained where it was made, and can be made again', async () => {
  const moderated = new Moderated();
  await fill(browser, server.url, 'report-later', ['again and again'], 'Spammer');
  const visitor = await moderated.open(browser, room('report-later', '?lang=ko'));
  await visitor.live();
  moderated.refusals.set('REPORT', { code: 'RATE_LIMITED', retryAfterMs: 3_600_000 });
  await (await menuOf(visitor, 'again and again')).getByRole('menuitem', { name: '신고하기' }).click();
  const dialog = visitor.where.getByRole('dialog', { name: '메시지 신고하기' });
  await dialog.getByRole('button', { name: '욕설이나 괴롭힘' }).click();
  await dialog.getByRole('alert').filter({ hasText: '나중에 다시' }).waitFor();
  moderated.refusals.clear();
  await dialog.getByRole('button', { name: '광고나 도배' }).click();
  await noted(visitor, '신고했어요');
  // What waits for an hour must not hold up all else.
  await (await menuOf(visitor, 'again and again')).getByText('👍').click();
  await visitor.log.locator('.reaction[aria-pressed="true"]').waitFor();
  await visitor.leave();
});

test('the rules are shown once before the first message, and what was written goes then', async () => {
  const moderated = new Moderated();
  moderated.set({ rules: 'Be kind.\nNo advertising, please.' });
  const visitor = await moderated.open(browser, room('rules'));
  await visitor.join('Newcomer');
  await visitor.live();
  await visitor.say('hello');
  const dialog = visitor.where.getByRole('dialog', { name: 'Before you write' });
  await dialog.getByText('No advertising').waitFor();
  await visitor.page.keyboard.press('Escape');
  assert.equal(await visitor.composer.inputValue(), 'hello', 'the draft is kept');
  assert.deepEqual(await visitor.texts(), []);
  await visitor.composer.press('Enter');
  await dialog.getByRole('button', { name: 'All right, send it' }).click();
  await visitor.sees('hello');
  await visitor.say('and more');
  await visitor.sees('and more');
  await visitor.page.reload();
  await visitor.live();
  await visitor.say('after a reload');
  await visitor.sees('after a reload');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a closed discussion: words in the composer\'s place, the draft kept, and open again', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('closed'));
  await visitor.join('Writer');
  await visitor.live();
  await visitor.say('before');
  await visitor.sees('before');
  await visitor.composer.fill('half a sentence');
  moderated.set({ locked: true });
  const closed = visitor.where.locator('#closed');
  await closed.getByText('This discussion is closed.').waitFor();
  assert.equal(await visitor.composer.isVisible(), false);
  assert.equal(await visitor.page.evaluate(() => document.activeElement?.id), 'log', 'the focus is not lost');
  const menu = await menuOf(visitor, 'before');
  assert.deepEqual(await menu.getByRole('menuitem').allTextContents(), ['Copy text', 'Copy link', 'Delete'], 'nothing can be said or reacted');
  await visitor.page.keyboard.press('Escape');
  moderated.set({ locked: null });
  await visitor.composer.waitFor();
  assert.equal(await visitor.composer.inputValue(), 'half a sentence');
  await visitor.leave();

  moderated.set({ locked: true });
  const newcomer = await moderated.open(browser, room('closed'));
  await newcomer.where.locator('#closed').waitFor();
  assert.equal(await newcomer.nickname.isVisible(), false, 'nobody chooses a nickname for nothing');
  await newcomer.leave();
});

test('slow mode: a line says so, one waits after a message of one\'s own, and writes meanwhile', async () => {
  const moderated = new Moderated();
  moderated.set({ slowSeconds: 3 });
  const visitor = await moderated.open(browser, room('slow'));
  await visitor.join('Writer');
  await visitor.where.getByText(/one message every 3 sec/).waitFor();
  await visitor.say('one');
  await visitor.where.getByText(/you can write again in [123] sec/).waitFor();
  await visitor.sees('one');
  await visitor.say('two');
  assert.equal(await visitor.composer.inputValue(), 'two');
  assert.equal(await visitor.where.locator('#send').isDisabled(), true);
  await visitor.where.getByText(/one message every 3 sec/).waitFor();
  assert.equal(await visitor.composer.inputValue(), 'two', 'it does not go by itself');
  await visitor.composer.press('Enter');
  await visitor.sees('two');
  moderated.set({ slowSeconds: null });
  await until(() => visitor.where.locator('.slow').isVisible(), (seen) => !seen, 'the line to go');
  await visitor.say('three');
  await visitor.sees('three');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a message that came too early is a draft again, and the line counts down to when it may go', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('too-early'));
  await visitor.join('Writer');
  await visitor.live();
  moderated.refusals.set('MESSAGE', { code: 'SLOW_MODE', retryAfterMs: 2500 });
  await visitor.say('too early');
  await visitor.where.getByText(/you can write again in/).waitFor();
  assert.equal(await visitor.composer.inputValue(), 'too early');
  await visitor.counts(0);
  moderated.refusals.clear();
  await until(() => visitor.where.locator('#send').isEnabled(), Boolean, 'the time to pass');
  await visitor.composer.press('Enter');
  await visitor.sees('too early');
  await visitor.leave();
});

for (const [code, more, words] of /** @type {[string, object, RegExp][]} */ ([
  ['BANNED', { until: '2031-05-06T07:08:00.000Z', reason: 'Advertising' }, /until May \d, 2031.*Reason: Advertising/],
  ['LOCKED', {}, /This discussion is closed/],
  ['REPEATED', {}, /The same was said/], ['BLOCKED', {}, /not taken/],
])) {
  test(`${code}: words of its own, and what was written is kept`, async () => {
    const moderated = new Moderated();
    const visitor = await moderated.open(browser, room(`refused-${code.toLowerCase()}`));
    await visitor.join('Writer');
    await visitor.live();
    moderated.refusals.set('MESSAGE', { code, ...more });
    await visitor.say('what I wanted to say');
    await visitor.log.locator('.failed', { hasText: 'what I wanted to say' }).waitFor();
    await visitor.where.getByText(words).first().waitFor();
    await visitor.log.getByRole('button', { name: 'Copy' }).waitFor();
    await visitor.leave();
  });
}

/** From the profile panel into the account. @param {Visitor} visitor @param {string} [code] */
async function signIn(visitor, code = CODE) {
  await visitor.where.locator('#me, #join-bar').locator('visible=true').first().click();
  await visitor.where.getByRole('button', { name: 'Other device or code' }).locator('visible=true').click();
  const box = visitor.where.getByRole('textbox', { name: 'One-time code' });
  await box.fill(code);
  await box.press('Enter');
}

test('who runs the blog signs in by a code and out again, and is the visitor of before then', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('sign-in'));
  /** @type {string[]} */
  const addresses = [];
  visitor.page.on('request', (request) => addresses.push(request.url()));
  await visitor.nickname.waitFor();
  assert.equal(await visitor.where.getByRole('button', { name: 'Other device or code' }).locator('visible=true').count(), 0, 'whoever comes to read is not asked');
  await visitor.join('Somebody');
  await visitor.live();
  await signIn(visitor, 'abcd efgh jkmx');
  const dialog = visitor.where.getByRole('dialog');
  await dialog.getByRole('alert').filter({ hasText: 'not right' }).waitFor();
  assert.equal((await moderated.heard('code')).code, 'ABCD-EFGH-JKMX', 'as the server writes it');
  const box = visitor.where.getByRole('textbox', { name: 'One-time code' });
  await box.fill('abc');
  await box.press('Enter');
  await dialog.getByRole('alert').filter({ hasText: 'twelve' }).waitFor();
  await box.fill(CODE);
  await box.press('Enter');
  await noted(visitor, 'Signed in as');
  await visitor.where.getByRole('button', { name: 'Moderation' }).waitFor();
  const { token } = await moderated.heard('JOIN');
  assert.match(token, /^secret-/);
  await visitor.page.reload();
  await visitor.where.getByRole('button', { name: 'Moderation' }).waitFor();
  await visitor.say('as the owner');
  await visitor.sees('as the owner');
  await visitor.where.locator('#me').click();
  await visitor.where.getByRole('button', { name: 'Sign out' }).locator('visible=true').click();
  await noted(visitor, 'Signed out');
  assert.equal((await moderated.heard('logout')).token, token);
  await until(() => visitor.where.getByRole('button', { name: 'Moderation' }).count(), (count) => count === 0, 'the desk to go');
  assert.equal((await moderated.heard('JOIN')).token, null);
  await visitor.where.locator('#me').click();
  assert.equal(await visitor.nickname.inputValue(), 'Somebody');
  assert.ok(!(await visitor.page.evaluate(() => JSON.stringify(localStorage))).includes(token));
  assert.ok(!addresses.some((address) => address.includes(token) || address.includes('ABCD')), 'no secret stands in an address');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test('a login that is unknown or revoked is forgotten: a visitor again, and told so once', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('revoked'), { token: 'known' });
  await visitor.where.getByRole('button', { name: 'Moderation' }).waitFor();
  moderated.tokens.clear();
  await visitor.page.evaluate(() => dispatchEvent(new Event('offline')));
  await visitor.page.evaluate(() => dispatchEvent(new Event('online')));
  await visitor.where.getByText('Your login has ended').waitFor();
  await until(() => visitor.where.getByRole('button', { name: 'Moderation' }).count(), (count) => count === 0, 'the desk to go');
  await visitor.nickname.waitFor();
  assert.equal(await visitor.page.evaluate(() => localStorage.getItem('realtime-chat:account')), null);
  await visitor.leave();
});

for (const [what, through, kept] of /** @type {const} */ ([['partitioned', partitioning, true], ['blocked', browser, false]])) {
  test(`the sign-in works in a frame of another site, with storage ${what}`, async () => {
    const moderated = new Moderated();
    const blog = await openBlog({ '/': chatLine(`frame-${what}`) });
    const host = await moderated.open(through, blog);
    let chat = await inside(host);
    await chat.live();
    await chat.where.getByRole('button', { name: 'Just reading' }).click();
    await signIn(chat);
    await noted(chat, kept ? 'Signed in as' : 'will not remember');
    await chat.where.getByRole('button', { name: 'Moderation' }).waitFor();
    assert.deepEqual(await host.page.context().cookies(), []);
    await host.page.reload();
    chat = await inside(host);
    await chat.live();
    if (kept) await chat.where.getByRole('button', { name: 'Moderation' }).waitFor();
    else await chat.nickname.waitFor();
    assert.deepEqual(host.complaints, []);
    await host.leave();
  });
}

test('a moderator deletes, pins and bans from the menu, each with the way back', async () => {
  const moderated = new Moderated();
  await fill(browser, server.url, 'acts', ['first bad one', 'second bad one'], 'Troll');
  const visitor = await moderated.open(browser, room('acts'), { token: 'acts' });
  await visitor.where.getByRole('button', { name: 'Moderation' }).waitFor();
  const menu = await menuOf(visitor, 'first bad one');
  const offered = (await menu.getByRole('menuitem').allTextContents()).filter(Boolean);
  assert.deepEqual(offered, ['Reply', 'Copy text', 'Copy link', 'Pin', 'Ban who wrote it', 'Delete']);
  await menu.getByRole('menuitem', { name: 'Pin' }).click();
  await noted(visitor, 'pinned');
  assert.equal((await moderated.heard('PIN')).on, true);
  await visitor.where.getByRole('button', { name: 'Undo' }).click();
  await noted(visitor, 'Undone');
  await moderated.heard('undo');
  // What this moderator has done in another window is told there.
  const [{ self }] = moderated.pages;
  moderated.act('delete', self, { id: 'elsewhere' });
  moderated.act('pin', { ...self, id: 'another' }, { id: (await moderated.heard('PIN')).id });

  await (await menuOf(visitor, 'second bad one')).getByRole('menuitem', { name: 'Delete' }).click();
  await noted(visitor, 'The message is deleted');
  await moderated.heard('DELETE');

  await (await menuOf(visitor, 'first bad one')).getByRole('menuitem', { name: 'Ban who wrote it' }).click();
  const dialog = visitor.where.getByRole('dialog', { name: /Ban .*Troll/ });
  await dialog.getByRole('radio', { name: 'A week' }).check();
  await dialog.getByRole('radio', { name: 'Everywhere' }).check();
  await dialog.getByText('Delete what they wrote').click();
  await dialog.getByText('Also ban others').click();
  await dialog.getByRole('button', { name: 'Ban', exact: true }).click();
  await noted(visitor, 'is banned');
  const { seconds, deleteSeconds, scope, address, authorId, reason } = await moderated.heard('BAN');
  assert.deepEqual({ seconds, deleteSeconds, scope, address, reason }, { seconds: 604800, deleteSeconds: 3600, scope: 'all', address: true, reason: '' });
  assert.equal(authorId, await visitor.log.locator('li.msg').first().getAttribute('data-author'));
  moderated.refusals.set('BAN', { code: 'FORBIDDEN' });
  await (await menuOf(visitor, 'first bad one')).getByRole('menuitem', { name: 'Ban who wrote it' }).click();
  await dialog.getByRole('button', { name: 'Ban', exact: true }).click();
  await dialog.getByRole('alert').filter({ hasText: 'You may not do this' }).waitFor();
  await visitor.page.keyboard.press('Escape');
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

for (const [lang, theme] of [['ko', 'light'], ['en', 'dark']]) {
  test(`axe finds nothing, all is large enough and fits, in each state of moderation (${lang}, ${theme})`, async () => {
    const moderated = new Moderated();
    const id = `axe-moderation-${lang}`;
    const { strings } = lang === 'ko' ? await import('../../static/js/i18n/ko.js') : await import('../../static/js/i18n/en.js');
    const { words } = lang === 'ko' ? await import('../../static/js/i18n/moderation-ko.js') : await import('../../static/js/i18n/moderation-en.js');
    await fill(browser, server.url, id, ['a-word-that-is-longer-than-any-phone-is-wide-'.repeat(4), 'second'], 'WWWWWWWWWWWWWWW');
    /** @type {string[]} */
    const faults = [];
    const address = room(id, `?lang=${lang}&theme=${theme}&title=A%20post`);
    const small = { viewport: { width: 320, height: 568 } };
    const check = async (/** @type {Visitor} */ visitor, /** @type {string} */ state) => {
      for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
    };
    const visitor = await moderated.open(browser, address, small);
    const dialog = visitor.where.getByRole('dialog');
    const { keyboard } = visitor.page;
    await visitor.join('Writer');
    await visitor.live();
    await (await menuOf(visitor, 'a-word')).getByRole('menuitem', { name: strings.actions.report }).click();
    await dialog.waitFor();
    await check(visitor, 'report');
    moderated.refusals.set('REPORT', { code: 'RATE_LIMITED' });
    await dialog.getByRole('button', { name: words.report.reasons.other }).click();
    await dialog.getByRole('alert').filter({ hasText: words.errors.RATE_LIMITED }).waitFor();
    await check(visitor, 'report refused');
    moderated.refusals.clear();
    await dialog.getByRole('button', { name: words.report.reasons.other }).click();
    await noted(visitor, words.report.done);
    await check(visitor, 'reported');
    moderated.set({ rules: `${'rule '.repeat(300)}${'x'.repeat(200)}` });
    await visitor.say('hello');
    await dialog.waitFor();
    await check(visitor, 'rules');
    await dialog.getByRole('button', { name: words.rules.agree }).click();
    await visitor.sees('hello');
    moderated.set({ rules: null, slowSeconds: 600 });
    await visitor.where.locator('.slow').waitFor();
    await check(visitor, 'slow');
    moderated.set({ slowSeconds: null, locked: true });
    await visitor.where.locator('#closed').waitFor();
    await check(visitor, 'closed');
    moderated.set({ locked: null });
    await visitor.where.locator('#me').click();
    await check(visitor, 'profile');
    await visitor.where.locator('#account').click();
    await dialog.waitFor();
    await keyboard.type('abc');
    await keyboard.press('Enter');
    await dialog.getByRole('alert').filter({ hasText: words.signIn.short }).waitFor();
    await check(visitor, 'sign-in');
    await visitor.leave();

    moderated.badges = { WWWWWWWWWWWWWWW: 'verified' };
    const moderator = await moderated.open(browser, address, { ...small, token: id });
    await moderator.where.locator('.mod-open').waitFor();
    await moderator.say('mine');
    await moderator.log.locator('.badge', { hasText: strings.badges.owner }).waitFor();
    moderated.report(120);
    await moderator.where.locator('.mod-open').click();
    await moderator.where.locator('.mod-reports', { hasText: words.desk.reports(120) }).waitFor();
    await check(moderator, 'desk');
    await moderator.where.getByRole('switch').first().click();
    await noted(moderator, words.done.locked);
    await check(moderator, 'closed by us');
    await moderator.page.keyboard.press('Escape');
    await moderator.where.locator('#people-button').click();
    await check(moderator, 'people with badges');
    await moderator.page.keyboard.press('Escape');
    await (await menuOf(moderator, 'second')).getByRole('menuitem', { name: strings.actions.ban }).waitFor();
    await check(moderator, 'menu');
    await moderator.where.getByRole('menuitem', { name: strings.actions.ban }).click();
    await moderator.where.getByRole('dialog').waitFor();
    await check(moderator, 'ban');
    assert.deepEqual(faults, []);
    await moderator.leave();
  });
}

test('a badge stands beside the name, in a word', async () => {
  const moderated = new Moderated();
  const visitor = await moderated.open(browser, room('badge'), { token: 'badge' });
  await visitor.where.getByRole('button', { name: 'Moderation' }).waitFor();
  await visitor.say('from the owner');
  await visitor.log.locator('.who', { hasText: 'Owner' }).waitFor();
  await visitor.leave();
});

test('nothing of moderation is loaded by whoever only reads and writes', async () => {
  const moderated = new Moderated();
  await fill(browser, server.url, 'unloaded', ['hello'], 'Fox');
  const visitor = await moderated.open(browser, 'about:blank');
  /** @type {string[]} */
  const loaded = [];
  visitor.page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await visitor.page.goto(room('unloaded'));
  await visitor.join('Writer');
  await visitor.say('mine');
  await visitor.sees('mine');
  assert.deepEqual(loaded.filter((path) => /office|moderation|slow/.test(path)), []);
  await visitor.leave();
});
