// What people are written, as a program that shows mail shows it: each letter as it is sent, in both languages, light and dark,
// narrow and wide. With LETTERS=FOLDER pictures of all of them are put there, to be looked at.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import test from 'node:test';
import { clean } from './judges.mjs';
import { mailServer } from './mail.mjs';
import { Server, Visitor, launch } from './support.mjs';

const { port, next } = await mailServer();
const browser = await launch();
const server = await Server.start({
  CHAT_RATE_LIMITS: 'off',
  CHAT_REGISTRATION: 'open',
  CHAT_SMTP_URL: `smtp://127.0.0.1:${port}`,
  CHAT_MAIL_FROM: 'The chat <chat@blog.example>',
  CHAT_PUBLIC_URL: 'https://chat.blog.example/talk',
  CHAT_CONTACT_TO: 'owner@blog.example',
});

/** @param {string} path @param {object} body */
async function post(path, body) {
  const answer = await fetch(`${server.url}/api/v1/${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
}

const TEXTS = {
  en: { nickname: 'Otter', subject: 'May I quote you?', text: 'Hello,\n\nI like what you wrote about rivers & <b>otters</b>.\nhttps://example.com/a/very/long/address/that/has/no/place/to/be/broken/at/all/and/goes/on' },
  ko: { nickname: '수달이', subject: '글을 인용해도 될까요?', text: '안녕하세요.\n\n강과 수달에 대한 글을 잘 읽었습니다. <b>&</b>\nhttps://example.com/a/very/long/address/that/has/no/place/to/be/broken/at/all/and/goes/on' },
};

/** Those of answers: the one that asks, and the one that tells. @param {'en' | 'ko'} lang */
async function ofAnswers(lang) {
  const { nickname, text } = TEXTS[lang];
  const [room, secret] = [`letters-${lang}`, randomUUID()];
  const write = async (/** @type {string} */ who, /** @type {object} */ body) => {
    const answer = await fetch(`${server.url}/api/v1/rooms/${room}/messages`, { method: 'POST', body: JSON.stringify({ nickname, ...body }), headers: { 'x-anonymous-id': who } });
    assert.equal(answer.status, 201);
    return (await answer.json()).message.id;
  };
  const replyTo = await write(secret, { content: text });
  const answer = await fetch(`${server.url}/api/v1/rooms/${room}/answers?lang=${lang}`, { method: 'POST', body: JSON.stringify({ email: `seal-${lang}@example.com` }), headers: { 'x-anonymous-id': secret } });
  assert.equal(answer.status, 202);
  const asked = await next('the one that asks whether answers are wanted');
  await post('answers/confirm', { code: /#(\S+)/.exec(asked.text)?.[1] });
  await write(randomUUID(), { content: text, replyTo });
  return [asked, await next('the one that tells of an answer')];
}

/** Each letter that there is. @param {'en' | 'ko'} lang @returns {Promise<[string, any][]>} */
async function all(lang) {
  const { nickname, subject, text } = TEXTS[lang];
  const email = `otter-${lang}@example.com`;
  await post(`auth/register?lang=${lang}`, { email, nickname, password: 'a long walk by the sea' });
  const confirmation = await next('the one that asks whose an address is');
  await post(`auth/password/forgot?lang=${lang}`, { email });
  const password = await next('the one about a new password');
  await post(`inquiries?lang=${lang}`, { name: nickname, email, subject, text });
  const inquiry = await next('the one of the contact form');
  const [asked, told] = await ofAnswers(lang);
  return [['confirmation', confirmation], ['new-password', password], ['inquiry', inquiry], ['answers-asked', asked], ['answers', told]];
}

const VOID = new Set(['meta', 'link', 'br', 'hr', 'img', '!doctype']);

/** What is not closed, or closed twice, or an attribute without quotes. @param {string} html */
function faults(html) {
  /** @type {string[]} */
  const open = [];
  /** @type {string[]} */
  const found = [];
  for (const [tag, close, name, rest] of html.matchAll(/<(\/?)([a-z!][a-z0-9]*)((?:"[^"]*"|[^>"])*)>/gi)) {
    if (VOID.has(name.toLowerCase())) continue;
    if (!close) open.push(name);
    else if (open.pop() !== name) found.push(`${tag} closes something else`);
    if (rest.replace(/\s[a-z-]+="[^"]*"/gi, '').trim()) found.push(`${tag}: attributes`);
  }
  const text = html.replace(/<style>[^]*?<\/style>/g, '').replace(/<(?:"[^"]*"|[^>"])*>/g, '');
  if (/[<>]|&(?!#?\w+;)/.test(text)) found.push('a character that is none of a text');
  return [...found, ...open.map((name) => `${name} is not closed`)];
}

test('what is not well-formed is found', () => {
  for (const html of ['<p>', '</p>', '<p><b></p></b>', '<p class=a></p>', 'a < b', 'a & b', '<p>a</p></p>']) assert.notDeepEqual(faults(html), [], html);
  assert.deepEqual(faults('<!doctype html><meta charset="utf-8"><p class="a > b">1 &#60; 2 &amp; 3</p>'), []);
});

for (const lang of /** @type {const} */ (['en', 'ko'])) {
  test(`letters are well-formed, fetch nothing, and fit and can be read wherever they are shown (${lang})`, async () => {
    for (const [name, { html, text }] of await all(lang)) {
      assert.deepEqual(faults(html), [], name);
      assert.doesNotMatch(html, /\b(src|srcset|background)=|url\(|@import|<script|<link|<img|http:/, `${name} fetches nothing`);
      assert.match(text, /\S/);
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        for (const width of [320, 640]) {
          const visitor = await Visitor.open(browser, 'about:blank', { viewport: { width, height: 640 }, colorScheme });
          const { page } = visitor;
          await page.setContent(html);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} at ${width}`);
          assert.deepEqual(await clean(visitor), [], `${name} ${colorScheme} at ${width}`);
          if (process.env.LETTERS) await page.screenshot({ path: join(process.env.LETTERS, `${name}-${lang}-${colorScheme}-${width}.png`), fullPage: true });
          await visitor.leave();
        }
      }
    }
  });
}
