// What was asked by the contact form, in the console.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words } from '../../static/js/i18n/console-en.js';
import { ConsoleServer, MARKUP } from './console-server.mjs';
import { clean, fits } from './judges.mjs';
import { launch, until } from './support.mjs';

const browser = await launch();

test('the owner reads what was asked, answers by mail, and removes it', async () => {
  const console_ = await ConsoleServer.start(browser, {
    CHAT_SMTP_URL: 'smtp://127.0.0.1:9', CHAT_MAIL_FROM: 'chat@blog.example', CHAT_PUBLIC_URL: 'https://chat.blog.example',
    CHAT_CONTACT_TO: 'owner@blog.example',
  });
  const ask = (/** @type {string} */ subject) => fetch(`${console_.url}/api/v1/inquiries`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: '수달', email: 'otter@example.com', subject, text: `${MARKUP}\nHow much?` }),
  });
  for (const subject of ['Prices', 'Hours']) assert.equal((await ask(subject)).status, 202);
  const visitor = await console_.open('owner', '/admin/inquiries?lang=en');
  const { page, complaints } = visitor;
  const rows = page.locator('.con-list .con-row');
  await until(() => rows.count(), (n) => n === 2, 'both to be there');
  assert.match(await rows.first().locator('.con-said').textContent() ?? '', /^<img.*\nHow much\?$/, 'as it was written, and no markup');
  // Nothing takes letters there.
  assert.match(await rows.first().locator('.con-facts').textContent() ?? '', /수달 · otter@example\.com/);
  await rows.first().getByText(words.inquiries.notMailed).waitFor();
  const answer = page.getByRole('link', { name: `${words.inquiries.answer}: Prices`, exact: true });
  assert.match(await answer.getAttribute('href') ?? '', /^mailto:otter%40example\.com\?subject=Re%3A%20Prices&/);
  for (const [lang, theme, width] of /** @type {const} */ ([['en', 'light', 1100], ['ko', 'dark', 360]])) {
    const seen = await console_.open('owner', `/admin/inquiries?lang=${lang}&theme=${theme}`, { viewport: { width, height: 800 } });
    await until(() => seen.page.locator('.con-list .con-row').count(), (n) => n === 2, 'both to be there');
    assert.deepEqual([...await clean(seen), ...await fits(seen)], []);
    if (process.env.SHOTS) await seen.page.screenshot({ path: `${process.env.SHOTS}/inquiries-${lang}-${theme}.png` });
    await seen.leave();
  }
  // By the keyboard; and whoever turns away has removed nothing.
  const remove = page.getByRole('button', { name: `${words.inquiries.remove}: Prices`, exact: true });
  const sure = page.getByRole('button', { name: `${words.inquiries.sure}: Prices`, exact: true });
  await remove.press('Enter');
  await sure.waitFor();
  await answer.focus();
  await remove.press('Enter');
  await sure.press('Enter');
  await until(() => rows.count(), (n) => n === 1, 'one to go');
  assert.deepEqual((await console_.get('admin/inquiries')).inquiries.map((/** @type {any} */ one) => one.subject), ['Hours']);
  assert.deepEqual(complaints, []);
  await visitor.leave();
});
