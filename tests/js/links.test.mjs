import assert from 'node:assert/strict';
import test from 'node:test';
import { findLinks, isEmojiOnly } from '../../static/js/text/links.js';

/** @type {[string, string[]][]} */
const CASES = [
  ['nothing here', []],
  ['https://example.com', ['https://example.com']],
  ['see http://example.com/a?b=c#d now', ['http://example.com/a?b=c#d']],
  ['(https://example.com/a).', ['https://example.com/a']],
  ['https://en.wikipedia.org/wiki/Actor_(model)', ['https://en.wikipedia.org/wiki/Actor_(model)']],
  ['(https://en.wikipedia.org/wiki/Actor_(model))', ['https://en.wikipedia.org/wiki/Actor_(model)']],
  ['https://example.com에서 봤어요', ['https://example.com']],
  ['https://ko.wikipedia.org/wiki/수달 참고', ['https://ko.wikipedia.org/wiki/수달']],
  ['https://a.example, https://b.example!', ['https://a.example', 'https://b.example']],
  ['http://localhost:8080/room/x', ['http://localhost:8080/room/x']],
  ['javascript:alert(1)', []],
  ['data:text/html,<script>alert(1)</script>', []],
  ['ftp://example.com mailto:a@b.example', []],
  ['https://', []],
  ['https://exаmple.com and https://www.exаmple.com', []],
  ['https://bank.example@evil.example', []],
  ['https://example.com/"onmouseover="alert(1)', ['https://example.com/']],
  ['https://example.com/<b>', ['https://example.com/']],
  ['https://example.com/\u202egpj.exe', ['https://example.com/']],
];

for (const [text, hrefs] of CASES) {
  test(JSON.stringify(text), () => {
    const parts = findLinks(text);
    assert.deepEqual(parts.flatMap(({ href }) => href ?? []), hrefs);
    assert.equal(parts.map((part) => part.text).join(''), text, 'not a letter is lost');
  });
}

test('a very long text without end is found through in no time', () => {
  const start = process.cpuUsage().user;
  findLinks(`https://${'a.'.repeat(1000)}`);
  findLinks(`https://a/${')'.repeat(2000)}`);
  assert.ok(process.cpuUsage().user - start < 500_000);
});

test('emoji alone are shown large', () => {
  for (const text of ['🎉', '👍🏽', '👨‍👩‍👧', '❤️ 🎉', '🎉🎉🎉']) assert.ok(isEmojiOnly(text), text);
  for (const text of ['', '1', '1️⃣2', 'ㅋㅋ', '좋아요 👍', '#', '©a', '🎉'.repeat(30)]) assert.ok(!isEmojiOnly(text), text);
});
