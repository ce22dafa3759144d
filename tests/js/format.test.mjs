import assert from 'node:assert/strict';
import test from 'node:test';
import { parse, plainText } from '../../static/js/text/format.js';

/** What was found, written so that it can be compared: styles in letters, blocks one by one. @param {Chat.Block[]} blocks */
function written(blocks) {
  return blocks.map((block) => {
    if (block.kind === 'code') return `{${block.language}|${block.code}}`;
    const text = block.parts.map((part) => {
      const style = `${part.strong ? 'b' : ''}${part.em ? 'i' : ''}${part.strike ? 's' : ''}${part.code ? 'c' : ''}${part.href ? 'a' : ''}${part.authorId ? '@' : ''}`;
      return style ? `<${style}:${part.text}>` : part.text;
    }).join('');
    return block.kind === 'quote' ? `[${text}]` : text;
  }).join('¶');
}

/** @type {[string, string][]} */
const CASES = [
  ['그냥 글', '그냥 글'],
  // Bold, italic, struck
  ['**굵게**', '<b:굵게>'], ['*기울임*', '<i:기울임>'], ['_기울임_', '<i:기울임>'], ['~~취소~~', '<s:취소>'], ['***둘 다***', '<bi:둘 다>'],
  ['a **b** c *d* e ~~f~~ g', 'a <b:b> c <i:d> e <s:f> g'],
  ['**a *b* c**', '<b:a ><bi:b><b: c>'], ['*a **b** c*', '<i:a ><bi:b><i: c>'], ['***a** b*', '<bi:a><i: b>'], ['**a *b***', '<b:a ><bi:b>'],
  ['~~a **b** c~~', '<s:a ><bs:b><s: c>'],
  ['**한 줄\n다음 줄**', '**한 줄\n다음 줄**'],
  ['**a** **b**', '<b:a> <b:b>'], ['(*a*) “*b*” -*c*', '(<i:a>) “<i:b>” -<i:c>'],
  // Particles follow without a space
  ['**강조**는', '<b:강조>는'], ['**"강조"**는', '<b:"강조">는'], ['**강조(중요)**가', '<b:강조(중요)>가'], ['이건**강조**입니다', '이건<b:강조>입니다'],
  ['*강조*는', '<i:강조>는'], ['_강조_는', '<i:강조>는'], ['~~취소~~했어요', '<s:취소>했어요'], ['`코드`는', '<c:코드>는'], ['**가**나**다**', '<b:가>나<b:다>'],
  ['**😀**는', '<b:😀>는'], ['**<공지>** 글', '<b:<공지>> 글'], ['**-10%** 할인', '<b:-10%> 할인'], ['*C++*와 *C#*', '<i:C++>와 <i:C#>'],
  // No marks
  ...[
    'snake_case_words', '2*3*4', 'a * b * c', '2**3**4', 'x**2 + y**2', '* 하나\n* 둘', '*하나\n*둘', '- 하나', '__init__.py', '____', '***', '****a****', '**', '** a **', '* a *', '~~ a ~~',
    '하하~~ 네~~', '좋아요~~그래요~~', '네~ 그래요~', '~a~', '~~~a~~~', 'ㅋㅋ~~그러게~~ㅋㅋ', '*^^* 안녕 *^^*', '*^^*안녕*^^*', '*.* 와 *.*', '*_*', '(*_*) 하하 (*_*)', '-_- 하하 ^_^', '^_^ 하하 ^_^',
    "'_' 하하 '_'", '@_@ 뭐 @_@', 'ㅠ_ㅠ 흑 ㅠ_ㅠ', 'T_T no T_T', '>_<', '>ㅁ<', '>.< 하', '¯\\_(ツ)_/¯', '😍_😍 와 😍_😍', '*️⃣*️⃣', '5*(3+2)*4', '가격*수량*할인', '3*, 4*', 'f(*args, **kwargs) g(**b)',
    'char *a, *b;', '/* x */ /**x**/', 'src/*.js lib/*.ts', '.*foo.*bar', 'rm -rf *', '**a*', '*a**', '**a', 'a**', '_private _var', '파일_이름_최종.hwp', 'a_b_', '`', '``', '`a', '` `', '`a``', '``a`',
    '```', '```\n```', '```js', '```js\nopen', '```안녕 여러분\n코드\n```끝', '>인용 아님', '>', '글 > 글', '>>> a', '&gt; a', '\\*a\\*',
  ].map((text) => /** @type {[string, string]} */ ([text, text])),
  // Code in a line keeps what is in it
  ['`a`', '<c:a>'], ['`**a**` **b**', '<c:**a**> <b:b>'], ['``a`b``', '<c:a`b>'], ['`` ` ``', '<c:`>'], ['```한 줄```', '<c:한 줄>'], ['`a` `b`', '<c:a> <c:b>'], ['**`a`**', '<bc:a>'],
  ['`https://example.com` https://example.com', '<c:https://example.com> <a:https://example.com>'], ['*a `*` b*', '<i:a ><ic:*><i: b>'], ['`a\nb`', '`a\nb`'],
  // Fenced code
  ['```\na\n```', '{|a}'], ['```js\nconst a = `b`;\n\n  **c** > d\n```', '{js|const a = `b`;\n\n  **c** > d}'], ['앞\n```c++\nx\n```\n뒤', '앞¶{c++|x}¶뒤'], ['앞\n\n```\nx\n```\n\n\n뒤', '앞¶{|x}¶뒤'],
  ['```\na```\n뒤', '{|a}¶뒤'], ['````md\n```\na\n```\n````', '{md|```\na\n```}'], ['```\na\n```\n```\nb\n```', '{|a}¶{|b}'], ['```\n\n  a\n\n```', '{|\n  a\n}'], ['```\n> a\n```', '{|> a}'], ['``` \na\n``` ', '{|a}'],
  // Quotes
  ['> 인용', '[인용]'], ['> a\n> b\n답', '[a\nb]¶답'], ['> a\n>\n> b', '[a\n\nb]'], ['앞\n> a\n\n뒤', '앞¶[a]¶뒤'], ['> **a** `b`', '[<b:a> <c:b>]'], ['> > a', '[> a]'], ['> ```', '[```]'],
  // Links
  ['https://example.com/a_b_c*d*', '<a:https://example.com/a_b_c*d>*'], ['**https://example.com/a**는', '<ba:https://example.com/a>는'], ['_https://example.com/a_ b', '<ia:https://example.com/a> b'],
  ['~~https://example.com~~', '<sa:https://example.com>'], ['> https://example.com/한글', '[<a:https://example.com/한글>]'],
];

for (const [content, expected] of CASES) test(JSON.stringify(content), () => assert.equal(written(parse(content)), expected));

/** A text, its mentions as places, and what is seen. @type {[string, [number, number][], string][]} */
const MENTIONS = [
  ['@수달 안녕', [[0, 3]], '<@:@수달> 안녕'],
  ['😀 @수달 😀', [[2, 5]], '😀 <@:@수달> 😀'],
  ['@a @b', [[3, 5], [0, 2]], '<@:@a> <@:@b>'],
  ['@a*b* c', [[0, 5]], '<@:@a*b*> c'],
  ['**@수달**는', [[2, 5]], '<b@:@수달>는'],
  ['`@a`', [[1, 3]], '<c:@a>'],
  ['```\n@a\n```', [[4, 6]], '{|@a}'],
  ['> @a', [[2, 4]], '[<@:@a>]'],
  ['> a\n@b', [[4, 6]], '[a]¶<@:@b>'],
  ['*a @b*', [[3, 5]], '<i:a ><i@:@b>'],
  ['@https://example.com/', [[0, 21]], '<@:@https://example.com/>'],
  ['@_@ *x*', [[0, 3]], '<@:@_@> <i:x>'],
  // Those that cannot be
  ['@a', [[0, 3]], '@a'], ['@a', [[-1, 1]], '@a'], ['@a', [[2, 2]], '@a'], ['@a', [[1, 0]], '@a'], ['@a', [[0.5, 2]], '@a'], ['@a', [[NaN, NaN]], '@a'], ['a@b', [[0, 2]], 'a@b'], ['@a\nb', [[0, 4]], '@a\nb'],
  ['@abc', [[0, 3], [0, 2]], '<@:@ab>c'], ['@a@b', [[0, 3], [2, 4]], '<@:@a@>b'], ['@a', [[0, 2], [0, 2], [1e9, 2e9]], '<@:@a>'],
];

for (const [content, places, expected] of MENTIONS) {
  test(`mentions ${JSON.stringify(places)} of ${JSON.stringify(content)}`, () => {
    const mentions = places.map(([from, to]) => ({ authorId: 'x', from, to }));
    assert.equal(written(parse(content, mentions)), expected);
  });
}

test('a mention names who it is of', () => {
  const [block] = parse('@a', [{ authorId: 'somebody', from: 0, to: 2 }]);
  assert.equal(block.kind === 'text' && block.parts[0].authorId, 'somebody');
});

test('read out and quoted, a text has no marks', () => {
  assert.equal(plainText('> a **b**\n```js\nc\n```\n@d `e`', [{ authorId: 'x', from: 21, to: 23 }]), 'a b\nc\n@d e');
});

/** Random, but the same each time. @param {number} seed */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Each text stands where the part says, in order, and what lies between is marks: for each that begins one that ends.
 * @param {string} content @param {Chat.Mention[]} [mentions]
 */
function keepsAll(content, mentions) {
  let end = 0;
  let gaps = '';
  for (const block of parse(content, mentions)) {
    for (const { text, at } of block.kind === 'code' ? [{ text: block.code, at: block.at }] : block.parts) {
      assert.equal(content.slice(at, at + text.length), text);
      assert.ok(at >= end, 'in order');
      let gap = content.slice(end, at);
      // The name of its language is shown above the code.
      if (block.kind === 'code') gap = gap.replace(`\`${block.language}`, '`');
      gaps += gap;
      end = at + text.length;
    }
  }
  gaps += content.slice(end);
  assert.match(gaps, /^[*_~`>\s]*$/, `lost of ${JSON.stringify(content)}`);
  const count = (/** @type {string} */ mark) => gaps.split(mark).length - 1;
  assert.deepEqual([count('*') % 2, count('_') % 2, count('~') % 4], [0, 0, 0], JSON.stringify(content));
}

test('nothing of a text is lost but its marks, whatever it is', () => {
  const letters = ['*', '*', '**', '***', '_', '~~', '`', '``', '```', '\n', '\n> ', '>', ' ', ' ', 'a', '가', '는', '1', '"', '(', ')', '.', '@', '😀', '\u0301', '\u202e', '\n```\n', '```js\n', 'https://a.example/x', '^', '\ud83d', '\t'];
  const next = random(20260514);
  for (let n = 0; n < 10_000; n += 1) {
    const content = Array.from({ length: 1 + Math.floor(next() * 24) }, () => letters[Math.floor(next() * letters.length)]).join('');
    const mentions = [...content].flatMap((letter, at) => (letter === '@' && next() < 0.7 ? [{ authorId: 'x', from: at, to: at + 1 + Math.floor(next() * 5) }] : []));
    keepsAll(content, mentions);
  }
});

const HOSTILE = [
  ...['*', '`', '_', '>', '~', '> ', '**a', '*a* ', 'a*', '*a', '_a ', '~~a ', '**a *b ~~c _d ', '*a**b', '`a``b', '```\n', '```a\n', '`\n', '> \n', '> > ', '("*', 'a`', '(', '[', '@', 'https://a/', '\n', '\t', ' ', '\u0301', '*\n', '***a', '**가*'].map((unit) => unit.repeat(2000).slice(0, 2000)),
  Array.from({ length: 62 }, (_, n) => '`'.repeat(n + 1)).join('a'),
  Array.from({ length: 40 }, (_, n) => `${'`'.repeat(43 - n)}\n`).join(''),
  `${'*a '.repeat(600)}${'a* '.repeat(60)}`,
  `${'*a _b ~~c '.repeat(150)}${'d_ '.repeat(150)}`,
  `\`\`\`js\n${'`'.repeat(1990)}x`,
];

test('hostile texts take no longer than others, and lose nothing', () => {
  for (const content of HOSTILE) keepsAll(content);
  const start = process.cpuUsage().user;
  for (const content of HOSTILE) for (let n = 0; n < 5; n += 1) parse(content);
  const each = (process.cpuUsage().user - start) / HOSTILE.length / 5;
  assert.ok(each < 20_000, `${Math.round(each)} µs of CPU each`);
});

test('ten times the length takes about ten times the time, not a hundred', () => {
  const cost = (/** @type {string} */ content) => {
    let least = Infinity;
    for (let n = 0; n < 3; n += 1) {
      const start = process.cpuUsage().user;
      parse(content);
      least = Math.min(least, process.cpuUsage().user - start);
    }
    return least;
  };
  for (const unit of ['*a ', '`a', '> \n', '```\n', '**a *b ~~c _d ', '_a', '*a* ', '(*']) {
    parse(unit.repeat(1000));
    const [short, long] = [cost(unit.repeat(1_000)), cost(unit.repeat(10_000))];
    assert.ok(long < 40 * Math.max(short, 1_000), `${JSON.stringify(unit)}: ${short} and ${long} µs`);
  }
});
