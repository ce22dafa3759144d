// Bots, their keys and webhooks in the owner's console, with the real server and a receiver that takes or refuses.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';
import { words as later } from '../../static/js/i18n/console-later-en.js';
import { words } from '../../static/js/i18n/console-en.js';
import { ConsoleServer, WIDE, settled } from './console-server.mjs';
import { clean, fits, large } from './judges.mjs';
import { launch, until } from './support.mjs';

const browser = await launch();
const chat = await ConsoleServer.start(browser, { CHAT_WEBHOOK_NETWORKS: '127.0.0.0/8' });
const { bots, webhooks } = later;
const isolated = (/** @type {string} */ name) => `\u2068${name}\u2069`;
/** @param {import('./support.mjs').Page} page @param {string} text */
const said = (page, text) => page.locator('.mod-toast').getByText(text, { exact: true }).waitFor();
/** What a bot's key says. @param {string} key @param {string} text */
const write = (key, text) => fetch(`${chat.url}/api/v1/rooms/post/messages`, {
  method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify({ content: text }),
});

/** Somebody who is told; what they answer can be changed. */
async function receiver() {
  const heard = /** @type {any[]} */ ([]);
  const told = { heard, status: 204, url: '' };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    heard.push(JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(told.status).end();
  });
  server.unref();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  told.url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/hook`;
  return told;
}

test('a bot is made, gets a key that is shown once and works, loses it, and ends', async () => {
  const { page, complaints, leave } = await visit('/admin/bots?lang=en');
  await page.getByText(bots.none).waitFor();
  await page.getByLabel(bots.name).fill('x');
  await page.getByRole('button', { name: bots.make, exact: true }).click();
  await page.getByText(later.errors.INVALID_NICKNAME).waitFor();
  await page.getByLabel(bots.name).fill('Robo');
  await page.getByRole('button', { name: bots.make, exact: true }).click();
  await said(page, bots.made(isolated('Robo')));
  const row = page.locator('.con-row').filter({ hasText: 'Robo' });
  await row.getByText(bots.noKeys).waitFor();
  await row.getByText(words.audit.you).waitFor();
  await row.getByRole('button', { name: `${bots.addKey}: ${isolated('Robo')}` }).click();
  const dialog = page.getByRole('dialog');
  const scopes = dialog.getByRole('checkbox');
  for (const box of await scopes.all()) await box.uncheck();
  await dialog.getByRole('button', { name: bots.addKey }).click();
  await dialog.getByText(bots.noScope).waitFor();
  await dialog.getByLabel(bots.scopes['messages:write']).check();
  await dialog.getByLabel(bots.days).selectOption('30');
  await dialog.getByRole('button', { name: bots.addKey }).click();
  const once = page.getByRole('dialog', { name: bots.onceTitle });
  const key = await once.locator('code').textContent() ?? '';
  assert.match(key, /^rtc_/);
  await page.mouse.click(4, 4);
  assert.equal(await once.count(), 1, 'a press beside it does not lose it');
  await once.getByRole('button', { name: later.kept }).click();
  assert.ok(!(await page.content()).includes(key), 'it is shown once');
  assert.equal((await write(key, 'beep')).status, 201);
  await page.reload();
  await row.getByText('messages:write').waitFor();
  assert.match(await row.textContent() ?? '', /Last used: just now/);
  const [{ expiresAt }] = (await chat.get('admin/keys')).keys;
  assert.ok(Math.abs(new Date(expiresAt).getTime() - Date.now() - 30 * 86_400_000) < 3_600_000);
  await row.getByRole('button', { name: new RegExp(`^${bots.takeBack}`) }).click();
  await page.keyboard.press('Escape');
  assert.equal((await chat.get('admin/keys')).keys.length, 1, 'nothing is done before it was asked once more');
  await row.getByRole('button', { name: new RegExp(`^${bots.takeBack}`) }).click();
  await dialog.getByRole('button', { name: bots.takeBack }).click();
  await said(page, bots.taken);
  await row.getByText(bots.noKeys).waitFor();
  assert.equal((await write(key, 'boop')).status, 401);
  await row.getByRole('button', { name: `${bots.end}: ${isolated('Robo')}` }).click();
  await dialog.getByRole('button', { name: bots.end, exact: true }).click();
  await page.getByText(bots.none).waitFor();
  await until(() => page.evaluate(() => document.activeElement?.className ?? ''), (name) => /con-list/.test(name), 'the keyboard to be at the list');
  assert.deepEqual((await chat.get('admin/bots')).bots, []);
  assert.deepEqual(complaints, []);
  await leave();
});

test('a webhook is made, tested, changed, behind, tried again from its log, and removed', async () => {
  const told = await receiver();
  const { page, complaints, leave } = await visit('/admin/webhooks?lang=en');
  await page.getByText(webhooks.noneOut).waitFor();
  await page.getByRole('button', { name: webhooks.add }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(webhooks.url).fill('http://10.0.0.1/');
  await dialog.getByRole('button', { name: webhooks.add }).click();
  await dialog.getByText(webhooks.badUrl).waitFor();
  await dialog.getByLabel(webhooks.url).fill(told.url);
  const kinds = (await chat.get('admin/webhooks')).kinds;
  assert.equal(await dialog.getByRole('checkbox').count(), kinds.length, 'what one can be told of is the server’s list');
  await dialog.getByRole('button', { name: webhooks.add }).click();
  const once = page.getByRole('dialog', { name: webhooks.onceTitle });
  assert.match(await once.locator('code').textContent() ?? '', /^whsec_/);
  await once.getByRole('button', { name: later.kept }).click();
  const row = page.locator('.con-row').filter({ hasText: told.url });
  await row.getByText(webhooks.everything).waitFor();
  await row.locator('.con-chip.good').getByText(webhooks.states.on).waitFor();
  const press = (/** @type {string} */ name) => row.getByRole('button', { name: `${name}: ${told.url}` }).click();
  await press(webhooks.test);
  await page.locator('.mod-toast').getByText(/^Taken, in/).waitFor();
  assert.equal(told.heard.at(-1).type, 'test');
  // Of deleted messages alone, and back.
  await press(webhooks.edit);
  for (const kind of kinds.filter((/** @type {string} */ one) => one !== 'message.deleted')) await dialog.locator(`input[value="${kind}"]`).uncheck();
  await dialog.getByRole('button', { name: words.save }).click();
  await said(page, webhooks.saved);
  await row.getByText(webhooks.kinds['message.deleted']).waitFor();
  await press(webhooks.edit);
  await dialog.locator('input[value="message.created"]').check();
  await dialog.getByRole('button', { name: words.save }).click();
  await row.getByText(webhooks.kinds['message.created']).waitFor();
  told.status = 500;
  await chat.say('hooked', ['nobody takes it'], 'Otter');
  await until(async () => (await chat.get('admin/webhooks')).webhooks[0].state, (state) => state === 'failing', 'it to be behind');
  await page.reload();
  await row.locator('.con-chip.warn').getByText(new RegExp(`^${webhooks.states.failing}`)).waitFor();
  told.status = 204;
  await press(webhooks.wake);
  await said(page, webhooks.woken);
  await until(async () => (await chat.get('admin/webhooks')).webhooks[0].state, (state) => state === 'on', 'it to be well');
  await press(webhooks.log);
  await dialog.locator('.con-log .con-chip.warn').getByText('500').first().waitFor();
  await dialog.locator('.con-log .con-chip.good').getByText('204').first().waitFor();
  assert.ok(!(await dialog.textContent() ?? '').includes('nobody takes it'), 'no text is kept');
  const n = told.heard.length;
  await dialog.getByRole('button', { name: new RegExp(`^${webhooks.again}`) }).first().click();
  await dialog.getByRole('status').getByText(/^Taken, in/).waitFor();
  assert.equal(told.heard.length, n + 1);
  assert.equal(told.heard.at(-1).data.message.content, 'nobody takes it');
  await page.keyboard.press('Escape');
  await press(webhooks.remove);
  await dialog.getByRole('button', { name: webhooks.remove }).click();
  await said(page, webhooks.removed);
  await page.getByText(webhooks.noneOut).waitFor();
  assert.deepEqual(complaints, []);
  await leave();
});

test('an address that others write by is made, works, and is removed', async () => {
  const { page, complaints, leave } = await visit('/admin/webhooks?lang=en');
  await page.getByRole('button', { name: webhooks.addIn }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(webhooks.inRoom).fill('build');
  await dialog.getByLabel(webhooks.name).fill('Builder');
  await dialog.getByRole('button', { name: webhooks.addIn }).click();
  const once = page.getByRole('dialog', { name: webhooks.pathTitle });
  const address = await once.locator('code').textContent() ?? '';
  assert.ok(address.startsWith(`${chat.url}/api/v1/hooks/`), address);
  const send = () => fetch(address, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text: 'it is built' }) });
  assert.equal((await send()).status, 200);
  await once.getByRole('button', { name: later.kept }).click();
  const row = page.locator('.con-row').filter({ hasText: 'Builder' });
  await row.getByRole('button', { name: `${webhooks.remove}: ${isolated('Builder')}` }).click();
  await dialog.getByRole('button', { name: webhooks.remove }).click();
  await said(page, webhooks.removedIn);
  await page.getByText(webhooks.noneIn).waitFor();
  assert.equal((await send()).status, 404);
  assert.deepEqual(complaints, []);
  await leave();
});

test('axe finds nothing, all is large enough and fits, in each language, light and dark', async () => {
  const told = await receiver();
  const bot = await chat.post('admin/bots', { nickname: WIDE, role: 'admin' });
  await chat.post('admin/keys', { botId: bot.id, scopes: Object.keys(bots.scopes), days: 3650 });
  await chat.post('admin/keys', { botId: bot.id, scopes: ['messages:read'] });
  await chat.post('admin/bots', { nickname: '알림봇' });
  const hook = await chat.post('admin/webhooks', { url: `${told.url}?${'a-long-query-'.repeat(20)}` });
  await chat.post('admin/webhooks', { url: 'https://hooks.example.com/services/chat', events: ['message.deleted'], roomId: `blog.example:2026:${'a-post-'.repeat(20)}` });
  await chat.post(`admin/webhooks/${hook.id}/test`, {});
  await chat.post('admin/hooks', { roomId: 'build', nickname: 'Builder' });
  for (const [lang, theme] of [['ko', 'dark'], ['en', 'light'], ['ko', 'light'], ['en', 'dark']]) {
    const { words: { close } } = await import(`../../static/js/i18n/console-${lang}.js`);
    const { words: own } = await import(`../../static/js/i18n/console-later-${lang}.js`);
    const visitor = await chat.open('owner', `/admin/bots?lang=${lang}&theme=${theme}`, { viewport: { width: 320, height: 640 } });
    const { page } = visitor;
    /** @type {string[]} */
    const faults = [];
    const check = async (/** @type {string} */ state) => {
      for (const found of [await clean(visitor), await large(visitor), await fits(visitor)]) faults.push(...found.map((/** @type {string} */ fault) => `${lang} ${theme} ${state}: ${fault}`));
      await picture(page, `${state}-${lang}-${theme}`);
    };
    const wide = async (/** @type {string} */ state) => {
      for (const width of [768, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        faults.push(...(await fits(visitor)).map((fault) => `${state} ${width}: ${fault}`));
        await picture(page, `${state}-${lang}-${theme}-${width}`);
      }
      await page.setViewportSize({ width: 320, height: 640 });
    };
    const panel = async (/** @type {string} */ label, /** @type {string} */ state) => {
      await page.getByRole('button', { name: new RegExp(`^${label}`) }).last().click();
      await page.getByRole('dialog').waitFor();
      await settled(page);
      await check(state);
      await page.getByRole('dialog').getByRole('button', { name: close }).click();
    };
    await page.getByRole('button', { name: new RegExp(`^${own.bots.addKey}`) }).first().waitFor();
    await check('bots');
    await wide('bots');
    await panel(own.bots.addKey, 'a key');
    await panel(own.bots.end, 'ending');
    await page.goto(`${chat.url}/admin/webhooks?lang=${lang}&theme=${theme}`);
    await page.getByRole('button', { name: new RegExp(`^${own.webhooks.log}`) }).first().waitFor();
    await settled(page);
    await check('webhooks');
    await wide('webhooks');
    await panel(own.webhooks.edit, 'changing a webhook');
    await panel(own.webhooks.log, 'the log');
    await panel(own.webhooks.addIn, 'adding an address');
    assert.deepEqual(faults, []);
    assert.deepEqual(visitor.complaints, []);
    await visitor.leave();
  }
});

/** For who wants to look at it: CHAT_PICTURES names a folder. @param {import('./support.mjs').Page} page @param {string} name */
async function picture(page, name) {
  const folder = process.env.CHAT_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name.replaceAll(' ', '-')}.png`, fullPage: !/dialog/.test(name) });
}

/** @param {string} path */
async function visit(path) {
  const visitor = await chat.open('owner', path);
  return { page: visitor.page, complaints: visitor.complaints, leave: () => visitor.leave() };
}
