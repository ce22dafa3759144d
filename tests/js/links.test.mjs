import assert from 'node:assert/strict';
import test from 'node:test';
import { findLinks } from '../../static/js/text/links.js';

const DOCS = 'https://example.com/docs';
const WIKI = 'https://ko.wikipedia.org/wiki/';

/** A text, and the addresses in it. @type {[string, string[]][]} */
const CASES = [
  ['nothing here', []],
  ['https://example.com', ['https://example.com']],
  ['see http://example.com/a?b=c#d now', ['http://example.com/a?b=c#d']],
  ['http://localhost:8080/room/x', ['http://localhost:8080/room/x']],
  ['HTTPS://EXAMPLE.COM/A', ['HTTPS://EXAMPLE.COM/A']],
  ['https://a.example, https://b.example!', ['https://a.example', 'https://b.example']],

  // No addresses, or none that a reader could trust
  ['javascript:alert(1)', []],
  ['data:text/html,<script>alert(1)</script>', []],
  ['ftp://example.com mailto:a@b.example', []],
  ['https://', []],
  ['https://exаmple.com and https://www.exаmple.com', []],
  ['https://bank.example@evil.example', []],
  ['https://bank.example:pass@evil.example', []],
  ['https://bank.example:80@evil.example', []],
  ['https://example.com/"onmouseover="alert(1)', ['https://example.com/']],
  ['https://example.com/<b>', ['https://example.com/']],
  ['https://example.com/\u202egpj.exe', ['https://example.com/']],
  ['https://example.com/a\u200bb', ['https://example.com/a']],
  ['https://example.com/a\ufeffb', ['https://example.com/a']],

  // The marks of a sentence behind it
  [`${DOCS}.`, [DOCS]],
  [`${DOCS},`, [DOCS]],
  [`${DOCS}!`, [DOCS]],
  [`${DOCS}?`, [DOCS]],
  [`${DOCS}?!`, [DOCS]],
  [`${DOCS}:`, [DOCS]],
  [`${DOCS};`, [DOCS]],
  [`${DOCS}…`, [DOCS]],
  [`${DOCS}...`, [DOCS]],
  [`${DOCS}~`, [DOCS]],
  [`'${DOCS}'`, [DOCS]],
  [`"${DOCS}"`, [DOCS]],
  [`\`${DOCS}\``, [DOCS]],
  [`‘${DOCS}’`, [DOCS]],
  [`“${DOCS}”`, [DOCS]],
  [`«${DOCS}»`, [DOCS]],
  [`<${DOCS}>`, [DOCS]],
  [`|${DOCS}|`, [DOCS]],
  [`[${DOCS}]`, [DOCS]],
  [`[docs](${DOCS})`, [DOCS]],
  [`(${DOCS}/a).`, [`${DOCS}/a`]],
  [`(${DOCS}?a=[1])`, [`${DOCS}?a=[1]`]],
  ['https://en.wikipedia.org/wiki/Actor_(model)', ['https://en.wikipedia.org/wiki/Actor_(model)']],
  ['(https://en.wikipedia.org/wiki/Actor_(model))', ['https://en.wikipedia.org/wiki/Actor_(model)']],
  [`${DOCS}?a=1&b=2.`, [`${DOCS}?a=1&b=2`]],
  [`${DOCS}/?a=b?`, [`${DOCS}/?a=b`]],
  [`${DOCS}/index.html.`, [`${DOCS}/index.html`]],
  [`${DOCS}/a,b`, [`${DOCS}/a,b`]],

  // East Asian marks and brackets, wherever they stand
  [`${DOCS}。次`, [DOCS]],
  [`${DOCS}、次`, [DOCS]],
  [`${DOCS}，下`, [DOCS]],
  [`${DOCS}！`, [DOCS]],
  [`${DOCS}？`, [DOCS]],
  [`「${DOCS}」を見る`, [DOCS]],
  [`『${DOCS}』에서`, [DOCS]],
  [`（${DOCS}）참고`, [DOCS]],
  [`【${DOCS}】`, [DOCS]],
  [`《${DOCS}》`, [DOCS]],
  [`［${DOCS}］`, [DOCS]],
  [`${DOCS}（설명）`, [DOCS]],
  [`${DOCS}\u3000다음`, [DOCS]],
  ['https://ja.wikipedia.org/wiki/カワウソ。', ['https://ja.wikipedia.org/wiki/カワウソ']],

  // Korean particles
  ['https://example.com에서 봤어요', ['https://example.com']],
  ['https://example.com:8080으로', ['https://example.com:8080']],
  ['https://example.com/에서 봤어요', ['https://example.com/']],
  ['https://example.com/가 느려요', ['https://example.com/']],
  [`${DOCS}에서`, [DOCS]],
  [`${DOCS}에서는 안 돼요`, [DOCS]],
  [`${DOCS}를 보세요`, [DOCS]],
  [`${DOCS}은, 그리고`, [DOCS]],
  [`${DOCS}이에요.`, [DOCS]],
  [`${DOCS}입니다!`, [DOCS]],
  [`${DOCS}인데요?`, [DOCS]],
  [`${DOCS}부터 ${DOCS}/2까지만`, [DOCS, `${DOCS}/2`]],
  [`${DOCS}/로 가세요`, [`${DOCS}/로`]],
  [`${DOCS}/에서 봤어요`, [`${DOCS}/`]],
  [`${DOCS}#intro에 있어요`, [`${DOCS}#intro`]],
  [`${DOCS}?page=2의 글`, [`${DOCS}?page=2`]],
  [`${DOCS}/guide.pdf를`, [`${DOCS}/guide.pdf`]],
  [`${DOCS}에서(예전 것)`, [DOCS]],
  [`${DOCS}에서,그리고`, [DOCS]],
  [`(${DOCS})에서`, [DOCS]],
  [`"${DOCS}"에서`, [DOCS]],
  [`'${DOCS}'에서`, [DOCS]],
  ['https://en.wikipedia.org/wiki/Actor_(model)에서', ['https://en.wikipedia.org/wiki/Actor_(model)']],
  [`${DOCS}ㅋㅋㅋ`, [DOCS]],
  [`${DOCS}ㅠㅠ`, [DOCS]],
  [`${DOCS}👍`, [DOCS]],

  // Korean addresses stay whole
  [`${WIKI}수달 참고`, [`${WIKI}수달`]],
  [`${WIKI}한글`, [`${WIKI}한글`]],
  [`${WIKI}한글에서`, [`${WIKI}한글에서`]],
  [`${WIKI}이`, [`${WIKI}이`]],
  [`${WIKI}C언어`, [`${WIKI}C언어`]],
  [`${WIKI}한글.`, [`${WIKI}한글`]],
  [`${WIKI}한글_(문자)`, [`${WIKI}한글_(문자)`]],
  ['https://blog.example/entry/Rust로-채팅-서버-만들기', ['https://blog.example/entry/Rust로-채팅-서버-만들기']],
  ['https://blog.example/entry/Rust는?page=2', ['https://blog.example/entry/Rust는?page=2']],
  ['https://blog.example/?q=한글', ['https://blog.example/?q=한글']],
  ['https://blog.example/%ED%95%9C%EA%B8%80에서', ['https://blog.example/%ED%95%9C%EA%B8%80']],
  ['https://blog.example/태그/rust에서', ['https://blog.example/태그/rust']],

  // Within emphasis
  [`**${DOCS}**`, [DOCS]],
  [`**${DOCS}**에서`, [DOCS]],
  [`*${DOCS}*는`, [DOCS]],
  [`_${DOCS}_`, [DOCS]],
  [`~~${DOCS}~~`, [DOCS]],
  ['https://example.com/snake_case_path', ['https://example.com/snake_case_path']],
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
  for (const text of [
    `https://${'a.'.repeat(1000)}`, `https://a/${')'.repeat(2000)}`, `https://a/${'a에서('.repeat(500)}`, 'https://a'.repeat(250), 'https://a:'.repeat(200),
    `https://a/${'*'.repeat(2000)}`, `https://a/${'()'.repeat(1000)}`, `https://a/${'.'.repeat(2000)}가`, `https://a/${'에서'.repeat(1000)}`,
  ]) findLinks(text);
  assert.ok(process.cpuUsage().user - start < 500_000);
});
