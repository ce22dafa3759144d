// What can be done with messages, in frames that may do less than others: sandboxes, and storage that is blocked.

import assert from 'node:assert/strict';
import test from 'node:test';
import { inside, openBlog, visit } from './blog.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

/** Storage is blocked in frames of other sites here: Playwright's own setting. */
const browser = await launch();
const server = await Server.start();

/** By the room's name: the frame's attributes, and what is out of its reach. @type {Record<string, {sandbox: string | null, origin: boolean}>} */
const FRAMES = {
  scripts: { sandbox: 'allow-scripts', origin: false },
  origin: { sandbox: 'allow-scripts allow-same-origin', origin: true },
  blocked: { sandbox: null, origin: true },
};
const blog = await openBlog(Object.fromEntries(Object.entries(FRAMES).map(([room, { sandbox }]) => [
  `/${room}`, `<iframe src="${server.url}/room/${room}?lang=en" title="Chat" width="460" height="560" ${sandbox === null ? '' : `sandbox="${sandbox}"`}></iframe>`,
])));

/** @param {Visitor} visitor @param {string} text */
const row = (visitor, text) => visitor.log.locator('li.msg:not(.pending)', { hasText: text }).first();

/** A try that takes longer is made again. */
const ONE_TRY_MS = 5_000;

/** The bar and the menu close where the list moves below them, as it may at any moment. @param {() => Promise<void>} attempt @param {string} what */
const again = (attempt, what) => until(async () => {
  try {
    await attempt();
    return 'done';
  } catch (error) {
    return String(error);
  }
}, (answer) => answer === 'done', what);

/** Somebody in the frame, who has come by mouse, and a friend in a window of their own. @param {string} room */
async function two(room) {
  const friend = await Visitor.open(browser, `${server.url}/room/${room}?lang=en`);
  await friend.join('Friend');
  await friend.say('what do you think?');
  const host = await visit(browser, `${blog}/${room}`);
  const guest = await inside(host);
  await guest.sees('what do you think?');
  await guest.nickname.fill('Guest');
  await guest.where.locator('#profile-submit').click();
  await guest.composer.waitFor();
  const bar = guest.where.locator('.act-bar');
  return {
    friend, host, guest,
    popup: guest.where.locator('.act-popup'),
    /** Opens a button of the bar at a message. @param {string} text @param {string} name */
    async press(text, name) {
      await again(async () => {
        // The same message again brings the bar only to a mouse that comes from elsewhere.
        await guest.composer.hover({ timeout: ONE_TRY_MS });
        await row(guest, text).locator('.text').hover({ timeout: ONE_TRY_MS });
        await bar.getByRole('button', { name, exact: true }).click({ timeout: ONE_TRY_MS });
      }, `"${name}" at "${text}"`);
    },
    /** Takes a line of a message's menu. @param {string} text @param {string} line */
    async choose(text, line) {
      const item = guest.where.locator('.act-popup').getByRole('menuitem', { name: line });
      await again(async () => {
        await this.press(text, 'More');
        await item.click({ timeout: ONE_TRY_MS });
      }, `"${line}" at "${text}"`);
    },
    async leave() {
      for (const { complaints } of [friend, host]) assert.deepEqual(complaints, []);
      await host.leave();
      await friend.leave();
    },
  };
}

for (const [room, { sandbox, origin }] of Object.entries(FRAMES)) {
  const name = sandbox === null ? 'a frame whose storage is blocked' : `a frame with sandbox="${sandbox}"`;

  test(`${name} is what it is said to be`, async () => {
    const host = await visit(browser, `${blog}/${room}`);
    const guest = await inside(host);
    await guest.live();
    assert.deepEqual(await /** @type {any} */ (guest.where).evaluate(() => {
      try {
        localStorage.getItem('any');
        return [self.origin, 'kept'];
      } catch {
        return [self.origin, 'blocked'];
      }
    }), [origin ? server.url : 'null', 'blocked']);
    await host.leave();
  });

  test(`${name}: react with one at hand and with one of all, and take it back`, async () => {
    const { friend, guest, popup, press, leave } = await two(room);
    const chips = (/** @type {Visitor} */ visitor) => row(visitor, 'what do you think?').locator('button.reaction');
    await press('what do you think?', 'React');
    await popup.getByRole('menuitemcheckbox', { name: '👍' }).click();
    await until(() => chips(friend).allInnerTexts(), (all) => all.join().replace(/\s/g, '') === '👍1', 'the thumb');
    await press('what do you think?', 'React');
    await popup.getByRole('menuitem', { name: 'More emoji' }).click();
    await popup.getByRole('textbox').fill('penguin');
    await popup.getByRole('option', { name: 'penguin' }).click();
    await until(() => chips(friend).allInnerTexts(), (all) => all.join().replace(/\s/g, '') === '👍1,🐧1', 'the penguin');
    for (const emoji of ['👍', '🐧']) {
      const chip = chips(guest).filter({ hasText: emoji });
      assert.equal(await chip.getAttribute('aria-pressed'), 'true');
      await chip.click();
    }
    await until(() => chips(friend).count(), (n) => n === 0, 'no reaction left');
    await leave();
  });

  test(`${name}: answer and send by the button, edit, call somebody`, async () => {
    const host = await two(room);
    const { friend, guest, press, leave } = host;
    await press('what do you think?', 'Reply');
    await guest.where.locator('#context').getByText('Answering').waitFor();
    await guest.composer.fill('a lto');
    await guest.where.locator('#send').click();
    await row(friend, 'a lto').locator('a.quote').waitFor();
    await host.choose('a lto', 'Edit');
    await until(() => guest.composer.inputValue(), (text) => text === 'a lto', 'the text in the box');
    await guest.composer.fill('a lot');
    await guest.where.locator('#send').click();
    await row(friend, 'a lot').locator('.edited').waitFor();
    await guest.composer.pressSequentially('thank you @Fr');
    await guest.where.getByRole('option', { name: 'Friend' }).first().click();
    await guest.composer.press('Enter');
    await row(friend, 'thank you').locator('.mention').waitFor();
    await leave();
  });

  test(`${name}: copy the text and the link of a message`, async () => {
    const { guest, popup, press, leave } = await two(room);
    /** What a reader has copied, as they would see it. */
    const pasted = async () => {
      await guest.composer.fill('');
      await guest.composer.press('ControlOrMeta+v');
      return guest.composer.inputValue();
    };
    await press('what do you think?', 'More');
    await popup.getByRole('menuitem', { name: 'Copy text' }).click();
    await until(pasted, (text) => text === 'what do you think?', 'the text');
    await press('what do you think?', 'More');
    await popup.getByRole('menuitem', { name: 'Copy link' }).click();
    await row(guest, 'what do you think?').locator('a.at[data-told]').waitFor();
    const { origin: at, pathname, searchParams } = new URL(await until(pasted, (text) => text.startsWith('http'), 'the link'));
    assert.deepEqual([at, pathname], [server.url, `/room/${room}`]);
    assert.equal(searchParams.get('m'), await row(guest, 'what do you think?').getAttribute('data-seq'));
    await guest.composer.fill('');
    await leave();
  });

  test(`${name}: delete, keep it after all, and delete it`, async () => {
    const host = await two(room);
    const { friend, guest, leave } = host;
    await guest.say('never mind');
    await friend.sees('never mind');
    await until(() => guest.pending.count(), (count) => count === 0, 'its being stored');
    const undone = guest.pressAsItComes('Undo');
    await host.choose('never mind', 'Delete');
    await undone;
    await row(guest, 'never mind').waitFor();
    await host.choose('never mind', 'Delete');
    await until(() => friend.texts(), (texts) => !texts.includes('never mind'), 'the end of it');
    await until(() => guest.texts(), (texts) => !texts.includes('never mind'), 'the end of it in the frame');
    await leave();
  });
}
