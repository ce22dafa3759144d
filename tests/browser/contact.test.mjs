// The contact form, from what a visitor types to the letter that the owner gets.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words as en } from '../../static/js/i18n/accounts-en.js';
import { words as ko } from '../../static/js/i18n/accounts-ko.js';
import { clean, fits, large } from './judges.mjs';
import { mailServer } from './mail.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const { port, letters, next } = await mailServer();
const browser = await launch();
const server = await Server.start({
  CHAT_RATE_LIMITS: 'off',
  CHAT_SMTP_URL: `smtp://127.0.0.1:${port}`,
  CHAT_MAIL_FROM: 'chat@blog.example',
  CHAT_PUBLIC_URL: 'https://chat.blog.example',
  CHAT_CONTACT_TO: 'owner@blog.example',
});
const without = await Server.start();

/** @param {string} path @param {import('playwright-core').BrowserContextOptions} [options] */
async function open(path, options = { locale: 'en-US' }, url = server.url) {
  const visitor = await Visitor.open(browser, `${url}${path}`, options);
  const { page } = visitor;
  return {
    visitor, page,
    box: (/** @type {string} */ name) => page.getByLabel(name, { exact: true }),
    button: (/** @type {string} */ name) => page.getByRole('button', { name, exact: true }),
    fault: page.locator('.fault:not(:empty)'),
  };
}

test('a visitor asks by the keyboard, and the owner gets it in the visitor’s language', async () => {
  const { page, box, visitor } = await open('/contact', { locale: 'ko-KR' });
  await until(() => page.evaluate(() => document.activeElement?.getAttribute('autocomplete')), (name) => name === 'name', 'the first box to have the focus');
  for (const typed of ['수달', 'otter@example.com', '값이 얼마예요?', '안녕하세요.']) {
    await page.keyboard.type(typed);
    await page.keyboard.press('Tab');
    if (typed === '안녕하세요.') break;
  }
  // In a text of several lines Enter is a line.
  await box(ko.contact.text).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.keyboard.type('고맙습니다.');
  await page.getByRole('button', { name: ko.contact.submit, exact: true }).press('Enter');
  await page.getByRole('heading', { name: ko.contact.doneTitle }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'whoever cannot see it is told');
  const letter = await next('a letter');
  assert.equal(letter.subject, '[문의] 값이 얼마예요?');
  assert.deepEqual(letter.replyTo, [{ address: 'otter@example.com', name: '수달' }]);
  assert.match(letter.text, /> 안녕하세요\.\n> 고맙습니다\./);
  assert.deepEqual(visitor.complaints, []);
});

test('what is missing or wrong is said at its place, and what was typed stays', async () => {
  const { box, button, fault } = await open('/contact');
  await button(en.contact.submit).click();
  await until(() => fault.allTextContents(), (texts) => texts.length === 3, 'three boxes to be asked for');
  await box(en.email).fill('nonsense');
  await box(en.contact.subject).fill('Prices');
  await box(en.contact.text).fill('How much?');
  await button(en.contact.submit).click();
  await until(() => fault.allTextContents(), ([text]) => text === en.errors.INVALID_EMAIL, 'the address to be found wrong');
  assert.equal(await box(en.contact.text).inputValue(), 'How much?');
  assert.deepEqual(letters, [], 'nothing was sent');
});

test('where there is no form the page says so', async () => {
  const { page } = await open('/contact', { locale: 'en-US' }, without.url);
  await page.getByRole('heading', { name: en.contact.offTitle }).waitFor();
});

for (const [lang, theme, width] of /** @type {const} */ ([['en', 'light', 1280], ['ko', 'dark', 320]])) {
  test(`the form is found without fault (${lang}, ${theme}, ${width} px)`, async () => {
    const { page, visitor } = await open(`/contact?lang=${lang}&theme=${theme}`, { viewport: { width, height: 800 } });
    await page.locator('textarea').waitFor();
    assert.deepEqual([...await clean(visitor), ...await large(visitor), ...await fits(visitor)], []);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/contact-${lang}-${theme}.png`, fullPage: true });
  });
}

for (const lang of /** @type {const} */ (['en', 'ko'])) {
  test(`in the chat it stands below the list of who is here, where the owner has switched it on (${lang})`, async () => {
    const { words } = await import(`../../static/js/i18n/moderation-${lang}.js`);
    const { visitor, page } = await open(`/room/contact?lang=${lang}&theme=dark`);
    await visitor.live();
    await visitor.join('Otter');
    await page.locator('#people-button').click();
    const link = page.locator('#people').getByRole('link', { name: words.contact });
    await link.waitFor();
    assert.deepEqual([...await clean(visitor), ...await fits(visitor)], []);
    const opening = page.context().waitForEvent('page');
    await link.click();
    const form = await opening;
    await form.getByRole('heading', { name: (lang === 'ko' ? ko : en).contact.title }).waitFor();
    assert.deepEqual([new URL(form.url()).pathname, new URL(form.url()).searchParams.get('theme')], ['/contact', 'dark']);
    await form.close();
    await visitor.leave();
    const other = await open(`/room/contact?lang=${lang}`, undefined, without.url);
    await other.visitor.live();
    await other.visitor.join('Otter');
    await other.page.locator('#people-button').click();
    await other.page.locator('#people li').first().waitFor();
    assert.equal(await other.page.locator('#people a').count(), 0);
    await other.visitor.leave();
  });
}
