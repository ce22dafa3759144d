// The owner's console for everybody: axe in each screen, sizes and widths, in both languages, light and dark, small and large.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ConsoleServer, WIDE, settled } from './console-server.mjs';
import { clean, fits, large } from './judges.mjs';
import { launch, until } from './support.mjs';

const browser = await launch();
const chat = await ConsoleServer.start(browser);
const LONG = `blog.example:2026:05:${'a-post-with-a-very-long-name-'.repeat(6)}`;
await chat.say('short', ['hello', '안녕하세요'], WIDE);
await chat.report(LONG, `${'x'.repeat(300)} ${'한글로 아주 긴 메시지 '.repeat(20).trim()}`, { nickname: WIDE, reason: 'insult' });
await chat.hold('waits', `${'w'.repeat(200)}`, WIDE);
await chat.set(LONG, { locked: true, slowSeconds: 3600 });
await chat.post('admin/invites', { role: 'admin', uses: 3, hours: 72 });
await until(async () => (await chat.get(`admin/people?q=${WIDE}`)).people.length, (n) => n >= 2, 'people to be noted');
const [{ id }] = (await chat.get(`admin/people?q=${WIDE}`)).people;
await chat.post('admin/bans', { authorId: id, scope: 'all', seconds: 3600, reason: 'r'.repeat(200) });

const SCREENS = ['', '/rooms', '/queue', '/people', `/people?id=${id}`, '/rules', '/audit', '/team', '/settings'];

for (const lang of /** @type {const} */ (['ko', 'en'])) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing, all is large enough and fits, in each screen (${lang}, ${theme})`, async () => {
      const { words } = await import(`../../static/js/i18n/console-${lang}.js`);
      const visitor = await chat.open('owner', `/admin?lang=${lang}&theme=${theme}`, { viewport: { width: 320, height: 640 } });
      const { page } = visitor;
      /** @type {string[]} */
      const faults = [];
      const check = async (/** @type {string} */ state) => {
        for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${state}: ${fault}`));
      };
      for (const screen of SCREENS) {
        await page.goto(`${chat.url}/admin${screen}${screen.includes('?') ? '&' : '?'}lang=${lang}&theme=${theme}`);
        await page.locator('h1').first().waitFor();
        await settled(page);
        if (screen === '') await page.locator('.con-table summary').click();
        if (screen === '/queue') {
          await page.getByRole('button', { name: words.queue.context }).first().click();
          await page.locator('.con-lines').first().waitFor();
        }
        if (screen === '/audit') await page.locator('.con-details summary').first().click();
        for (const width of [320, 768, 1440]) {
          await page.setViewportSize({ width, height: 640 });
          if (width === 320) await check(`${screen} ${width}`);
          else faults.push(...(await fits(visitor)).map((fault) => `${screen} ${width}: ${fault}`));
        }
        await page.setViewportSize({ width: 320, height: 640 });
        if (screen === '/rooms') {
          await page.locator('.con-acts .account-quiet').first().click();
          await page.getByRole('dialog').getByRole('button', { name: words.save }).waitFor();
          await check('the settings of a post');
          await page.keyboard.press('Escape');
        }
        if (screen === '/queue') {
          await page.locator('.con-wait-acts').first().getByRole('button', { name: words.queue.ban }).click();
          await page.getByRole('dialog').waitFor();
          await check('banning');
          await page.keyboard.press('Escape');
          await page.keyboard.press('?');
          await page.getByRole('dialog').waitFor();
          await check('the help');
          await page.keyboard.press('Escape');
        }
      }
      assert.deepEqual(faults, []);
      assert.deepEqual(visitor.complaints, []);
      await visitor.leave();
    });
  }
}

test('each screen has one heading of the first rank, a name, and a place in the menu', async () => {
  const { words } = await import('../../static/js/i18n/console-en.js');
  const visitor = await chat.open('owner', '/admin?lang=en');
  const { page } = visitor;
  for (const [screen, name] of Object.entries(words.screens)) {
    await page.getByRole('link', { name: new RegExp(`^${name}`) }).first().click();
    await page.locator('h1').waitFor();
    assert.equal(await page.locator('h1').count(), 1, screen);
    assert.equal(await page.title(), `${name} · ${words.title}`);
    assert.match(await page.locator('.con-nav [aria-current=page]').textContent() ?? '', new RegExp(`^${name}`));
    assert.equal(new URL(page.url()).pathname, screen === 'overview' ? '/admin' : `/admin/${screen}`);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'page', 'whoever cannot see it is there');
  }
  await visitor.leave();
});
