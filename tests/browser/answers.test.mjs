// Answers by mail from end to end: asked for in the chat, confirmed by the link of a letter, and ended by that of another one.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { words as en } from '../../static/js/i18n/accounts-en.js';
import { words as ko } from '../../static/js/i18n/accounts-ko.js';
import { words as chatEn } from '../../static/js/i18n/moderation-en.js';
import { words as chatKo } from '../../static/js/i18n/moderation-ko.js';
import { clean, fits, large } from './judges.mjs';
import { mailServer } from './mail.mjs';
import { Server, Visitor, launch, until } from './support.mjs';

const { port, letters, next } = await mailServer();
const browser = await launch();
const server = await Server.start({
  CHAT_RATE_LIMITS: 'off',
  CHAT_ANSWERS_EVERY_SECS: '1',
  CHAT_SMTP_URL: `smtp://127.0.0.1:${port}`,
  CHAT_MAIL_FROM: 'chat@blog.example',
  CHAT_PUBLIC_URL: 'https://chat.blog.example',
});
const without = await Server.start();

/** Another visitor answers a message. @param {string} room @param {string} replyTo @param {string} content */
async function answer(room, replyTo, content) {
  const answered = await fetch(`${server.url}/api/v1/rooms/${room}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-anonymous-id': randomUUID() },
    body: JSON.stringify({ nickname: 'Seal', content, replyTo }),
  });
  assert.equal(answered.status, 201);
}

/** What a letter links to, on this server. @param {any} letter @param {RegExp} path */
const linked = (letter, path) => server.url + (path.exec(letter.text)?.[1] ?? assert.fail(letter.text));

for (const [lang, theme, width] of /** @type {const} */ ([['en', 'light', 900], ['ko', 'dark', 340]])) {
  const words = lang === 'ko' ? ko.answers : en.answers;
  const chat = (lang === 'ko' ? chatKo : chatEn).answers;
  test(`whoever wrote asks in the chat, confirms by mail, hears of an answer, and ends it (${lang})`, async () => {
    const room = `answers-${lang}`;
    const visitor = await Visitor.open(browser, `${server.url}/room/${room}?lang=${lang}&theme=${theme}`, { viewport: { width, height: 720 } });
    const { page } = visitor;
    const judge = async (/** @type {Visitor} */ who, /** @type {string} */ name) => {
      assert.deepEqual([...await clean(who), ...await large(who), ...await fits(who)], [], name);
      if (process.env.SHOTS) await who.page.screenshot({ path: `${process.env.SHOTS}/answers-${name}-${lang}.png` });
    };
    await visitor.live();
    await visitor.join('Otter');
    await visitor.say('Does anybody know?');
    await page.locator('#people-button').click();
    await page.getByRole('button', { name: chat.open, exact: true }).click();
    const box = page.getByLabel(chat.email, { exact: true });
    await box.waitFor();
    assert.ok(await box.evaluate((element) => element === document.activeElement));
    await box.press('Enter');
    await page.getByText(chat.missing).waitFor();
    await box.fill('nonsense');
    await box.press('Enter');
    await page.getByText(chat.wrong).waitFor();
    await judge(visitor, 'dialog');
    await box.fill('otter@example.com');
    await box.press('Enter');
    await page.getByText(chat.done).waitFor();

    const asked = await next('the letter that asks');
    const phone = await Visitor.open(browser, linked(asked, /https:\/\/chat\.blog\.example(\/answers\S+)/).replace('#', `&theme=${theme}#`), { viewport: { width, height: 720 } });
    await phone.page.getByRole('button', { name: words.submit, exact: true }).waitFor();
    await judge(phone, 'confirm');
    await phone.page.getByRole('button', { name: words.submit, exact: true }).click();
    await phone.page.getByRole('heading', { name: words.doneTitle }).waitFor();
    await judge(phone, 'confirmed');
    await phone.leave();

    const { messages } = await (await fetch(`${server.url}/api/v1/rooms/${room}/messages`)).json();
    await answer(room, messages.at(-1).id, 'I do');
    const told = await next('the letter about the answer');
    assert.match(told.text, /Seal:\n> I do/);
    const leaving = await Visitor.open(browser, `${linked(told, /https:\/\/chat\.blog\.example(\/answers\/\S+)/)}&theme=${theme}`, { viewport: { width, height: 720 } });
    await leaving.page.getByRole('button', { name: words.stop, exact: true }).waitFor();
    await judge(leaving, 'stop');
    await leaving.page.getByRole('button', { name: words.stop, exact: true }).click();
    await leaving.page.getByRole('heading', { name: words.stoppedTitle }).waitFor();
    await leaving.page.getByText(words.stopped).waitFor();
    await judge(leaving, 'stopped');
    await leaving.leave();
    assert.deepEqual([letters, visitor.complaints], [[], []]);
    await visitor.leave();
  });
}

test('a link that was cut is explained, and where there is no mail nothing is offered', async () => {
  const cut = await Visitor.open(browser, `${server.url}/answers?lang=en#nonsense`);
  await cut.page.getByRole('button', { name: en.answers.submit, exact: true }).click();
  await cut.page.getByText(en.answers.badCode).waitFor();
  await cut.leave();
  const stop = await Visitor.open(browser, `${server.url}/answers/nonsense?lang=en`);
  await stop.page.getByRole('button', { name: en.answers.stopAll, exact: true }).click();
  await stop.page.getByText(en.answers.noLink).waitFor();
  await stop.leave();
  const visitor = await Visitor.open(browser, `${without.url}/room/answers?lang=en`);
  await visitor.live();
  await visitor.join('Otter');
  await visitor.page.locator('#people-button').click();
  await until(() => visitor.page.locator('#people li').count(), (n) => n > 0, 'the list');
  assert.equal(await visitor.page.getByRole('button', { name: chatEn.answers.open }).count(), 0);
  await visitor.leave();
});
