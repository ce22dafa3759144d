// A mail address from end to end: the letter behind a new account, its link, and another address.

import assert from 'node:assert/strict';
import test from 'node:test';
import { words as en } from '../../static/js/i18n/accounts-en.js';
import { words as ko } from '../../static/js/i18n/accounts-ko.js';
import { clean, fits, large } from './judges.mjs';
import { mailServer } from './mail.mjs';
import { Server, Visitor, launch } from './support.mjs';

const { port, next } = await mailServer();
const browser = await launch();
const server = await Server.start({
  CHAT_RATE_LIMITS: 'off',
  CHAT_REGISTRATION: 'open',
  CHAT_SMTP_URL: `smtp://127.0.0.1:${port}`,
  CHAT_MAIL_FROM: 'chat@blog.example',
  CHAT_PUBLIC_URL: 'https://chat.blog.example',
});
const PASSWORD = 'a long walk by the sea';

/** @param {string} path @param {'en' | 'ko'} lang @param {{width: number, height: number}} [viewport] */
async function open(path, lang, viewport) {
  const visitor = await Visitor.open(browser, server.url + path, { locale: lang === 'ko' ? 'ko-KR' : 'en-US', ...(viewport ? { viewport } : {}) });
  const { page } = visitor;
  return {
    visitor, page,
    words: lang === 'ko' ? ko : en,
    box: (/** @type {string} */ name) => page.getByLabel(name, { exact: true }),
    button: (/** @type {string} */ name) => page.getByRole('button', { name, exact: true }),
    fault: page.locator('.fault:not(:empty)'),
  };
}

/** The path of the link in a letter, on this server. @param {any} letter */
const linked = (letter) => /https:\/\/chat\.blog\.example(\/verify#\S+)/.exec(letter.text)?.[1] ?? '';

for (const lang of /** @type {const} */ (['en', 'ko'])) {
  test(`an address is confirmed on another device, and another one takes its place (${lang})`, async () => {
    const { page, visitor, words, box, button, fault } = await open(`/register?lang=${lang}`, lang, { width: 360, height: 740 });
    await box(words.nickname).fill('수달이');
    await box(words.email).fill(`otter-${lang}@example.com`);
    await box(words.password).fill(PASSWORD);
    await button(words.register.submit).click();
    await page.waitForURL(/\/me/);
    await page.getByText(words.me.addressOpen).waitFor();
    const first = await next('the letter');
    assert.equal(first.to[0].address, `otter-${lang}@example.com`);
    await button(words.me.addressAgain).click();
    await page.getByText(words.me.addressSent).waitFor();
    await next('the letter once more');
    await page.getByText(words.me.addressChange).click();
    assert.deepEqual([...await clean(visitor), ...await large(visitor), ...await fits(visitor)], []);

    // On another device, where nobody is signed in.
    const phone = await open(`${linked(first)}`.replace('#', `?lang=${lang}#`), lang, { width: 320, height: 640 });
    await phone.button(words.verify.submit).waitFor();
    assert.equal(new URL(phone.page.url()).hash, '', 'the code does not stay in the address');
    assert.deepEqual([...await clean(phone.visitor), ...await large(phone.visitor), ...await fits(phone.visitor)], []);
    await phone.button(words.verify.submit).click();
    await phone.page.getByRole('heading', { name: words.verify.doneTitle }).waitFor();
    assert.deepEqual(await clean(phone.visitor), []);
    await page.reload();
    await page.getByText(words.me.addressConfirmed).waitFor();

    await page.getByText(words.me.addressChange).click();
    await box(words.email).fill(`seal-${lang}@example.com`);
    await box(words.oldPassword).first().fill('wrong');
    await button(words.me.addressSubmit).click();
    await fault.getByText(words.me.passwordWrong).waitFor();
    await box(words.oldPassword).first().fill(PASSWORD);
    await button(words.me.addressSubmit).click();
    await page.getByText(words.me.addressChanging).waitFor();
    const second = await next('the letter to the other address');
    assert.equal(second.to[0].address, `seal-${lang}@example.com`);
    await phone.page.goto(`${server.url}${linked(second)}`.replace('#', `?lang=${lang}&other#`));
    await phone.button(words.verify.submit).click();
    await phone.page.getByRole('heading', { name: words.verify.doneTitle }).waitFor();
    await page.reload();
    await page.locator('.account-address').getByText(`seal-${lang}@example.com`).waitFor();
    // The link of before is void.
    await phone.page.goto(`${server.url}${linked(first)}`.replace('#', `?lang=${lang}&again#`));
    await phone.button(words.verify.submit).click();
    await phone.fault.getByText(words.verify.badCode).waitFor();
    await phone.page.goto(`${server.url}/verify?lang=${lang}`);
    await phone.page.getByRole('heading', { name: words.verify.noCodeTitle }).waitFor();
    assert.deepEqual(await clean(phone.visitor), []);
    // What was refused on purpose is in the console of both.
    await phone.visitor.leave();
    await visitor.leave();
  });
}
