import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import vm from 'node:vm';
import { brotliCompressSync } from 'node:zlib';

/** What ends the name of `?p=` with 300 ones. */
const HASHED = '8a5eba7cdd2';
const source = await readFile(new URL('../../static/embed.js', import.meta.url), 'utf8');

/**
 * Runs the script in a page of stubs.
 * @param {object} page
 * @param {Record<string, any> | null} [page.tag] the script tag that runs; null: none, as in a module
 * @param {Record<string, any>[]} [page.scripts] all tags, where none runs
 * @param {string} [page.file] where its code is
 * @param {any} [page.defined] the element, where another copy of the script has defined it
 */
function run({ tag = null, scripts = [], file = 'https://blog.example/bundle.js', defined }) {
  /** @type {string[]} */
  const said = [];
  /** @type {any[]} */
  const chats = [];
  const HTMLScriptElement = class {};
  const tagged = (/** @type {any} */ of) => Object.assign(new HTMLScriptElement(), {
    type: '', dataset: {}, closest: () => of, after: (/** @type {any} */ chat) => chats.push(chat.attributes), ...of });
  /** @type {any} */
  const window = {
    location: new URL('https://blog.example/posts/hello/'),
    document: {
      baseURI: 'https://blog.example/posts/hello/',
      currentScript: tag && tagged(tag),
      scripts: scripts.map(tagged),
      readyState: 'complete',
      querySelectorAll: () => [],
      querySelector: () => null,
      createElement: () => {
        const attributes = /** @type {Record<string, string>} */ ({});
        return { attributes, setAttribute: (/** @type {string} */ name, /** @type {string} */ value) => { attributes[name] = value; } };
      },
    },
    console: { error: (/** @type {string} */ text) => said.push(text) },
    HTMLElement: class {},
    HTMLScriptElement,
    customElements: {
      get: () => defined,
      define: (/** @type {string} */ _, /** @type {any} */ element) => {
        defined = element;
      },
    },
    TextEncoder,
    URL,
  };
  vm.runInNewContext(source, Object.assign(window, { window }), { filename: file });
  return { offered: window.RealtimeChat, defined, servers: [...defined.servers], chats, said };
}

/** @returns {any} */
const offered = () => run({}).offered;

/** @type {[string, string, string][]} */
const ROOMS = [
  ['canonical', 'https://blog.example/2026/hello/', 'blog.example:2026:hello'],
  ['canonical', 'https://blog.example/', 'blog.example'],
  ['canonical', 'https://blog.example/index.html', 'blog.example'],
  ['canonical', 'https://blog.example/a/index.html?utm_source=x#top', 'blog.example:a'],
  ['canonical', 'http://localhost:4000/a', 'localhost:4000:a'],
  ['pathname', 'https://blog.example/2026/hello/', '2026:hello'],
  ['pathname', 'https://blog.example/2026/hello', '2026:hello'],
  ['pathname', 'https://blog.example/', 'index'],
  ['pathname', 'https://blog.example/index.html', 'index'],
  ['pathname', 'https://blog.example/%EA%B8%80/%EC%88%98%EB%8B%AC', '글:수달'],
  ['pathname', 'https://blog.example/100%/x', '100%:x'],
  ['pathname', 'https://blog.example/myindex.html', 'myindex.html'],
  ['pathname', 'https://blog.example/a/index.html', 'a'],
  ['pathname', 'https://blog.example/a//', 'a'],
  ['pathname', 'https://blog.example/a%2Fb', 'a:b'],
  ['canonical', 'https://m.blog.example/entry/%EC%88%98%EB%8B%AC?category=1', 'm.blog.example:entry:수달'],
];

test('the room of a page follows from its address', () => {
  const { roomOf } = offered();
  for (const [from, address, room] of ROOMS) assert.equal(roomOf(from, address), room, `${from} ${address}`);
});

/** What says which post it is, in the addresses of much used systems. @type {[string, string][]} */
const PERMALINKS = [
  // What has a path of its own has the same room as from `canonical`.
  ['https://blog.example/2026/hello/', 'blog.example:2026:hello'],
  ['https://blog.example/%EA%B8%80/%EC%88%98%EB%8B%AC/index.html?utm_source=x&fbclid=1#top', 'blog.example:글:수달'],
  ['https://blog.example/a%20b', 'blog.example:a b'],
  ['https://blog.example/', 'blog.example'],
  ['https://blog.example/index.html', 'blog.example'],
  ['https://me.tistory.example/entry/hello?category=12', 'me.tistory.example:entry:hello'],
  ['https://me.blogspot.example/2026/05/hello.html?m=1', 'me.blogspot.example:2026:05:hello.html'],
  // WordPress
  ['https://blog.example/?p=123', 'blog.example?p=123'],
  ['https://blog.example/?utm_source=x&page_id=7&fbclid=y', 'blog.example?page_id=7'],
  ['https://blog.example/?p=12&page=2&cpage=3&replytocom=4&preview_id=12', 'blog.example?p=12'],
  // Gnuboard, Rhymix, KBoard, Cafe24, imweb, government boards, Naver
  ['https://site.example/bbs/board.php?wr_id=12&bo_table=free&page=3&sfl=wr_subject', 'site.example:bbs:board.php?bo_table=free&wr_id=12'],
  ['https://site.example/index.php?mid=board&document_srl=99', 'site.example:index.php?document_srl=99&mid=board'],
  ['https://site.example/notice/?mod=document&uid=12', 'site.example:notice?uid=12'],
  ['https://shop.example/board/free/read.html?no=7&board_no=1&page=2', 'shop.example:board:free:read.html?board_no=1&no=7'],
  ['https://shop.example/product/detail.html?product_no=12&cate_no=24', 'shop.example:product:detail.html?product_no=12'],
  ['https://site.example/notice/?bmode=view&idx=12&t=board', 'site.example:notice?idx=12'],
  ['https://city.example/cop/bbs/selectBoardArticle.do?nttId=5&bbsId=B1&menuNo=9', 'city.example:cop:bbs:selectBoardArticle.do?bbsId=B1&nttId=5'],
  ['https://blog.naver.example/PostView.naver?blogId=me&logNo=223', 'blog.naver.example:PostView.naver?blogId=me&logNo=223'],
  // Drupal, Joomla, phpBB, Discuz, MediaWiki
  ['https://site.example/?q=node/12', 'site.example?q=node%2F12'],
  ['https://site.example/?q=otter', 'site.example'],
  ['https://site.example/index.php?option=com_content&id=12:hello&Itemid=3', 'site.example:index.php?Itemid=3&id=12%3Ahello&option=com_content'],
  ['https://forum.example/viewtopic.php?t=5&f=2&sid=abc', 'forum.example:viewtopic.php?f=2&t=5'],
  ['https://blog.example/hello/?t=1700000000', 'blog.example:hello'],
  ['https://forum.example/forum.php?mod=viewthread&tid=12&extra=page%3D1', 'forum.example:forum.php?tid=12'],
  ['https://wiki.example/index.php?title=Sea_otter&action=view', 'wiki.example:index.php?title=Sea_otter'],
  // What separates in a name is encoded in the parts of an address.
  ['http://localhost:4000/a', 'localhost%3A4000:a'],
  ['https://blog.example/a:b', 'blog.example:a%3Ab'],
  ['https://blog.example/a%2Fb', 'blog.example:a%2Fb'],
  ['https://blog.example/a%3Fp=1', 'blog.example:a%3Fp=1'],
  ['https://blog.example/?title=a%26p=1', 'blog.example?title=a%26p=1'],
  ['https://blog.example/100%25', 'blog.example:100%25'],
  ['https://blog.example/?id=%B0%A1', 'blog.example?id=%B0%A1'],
  ['https://blog.example/?p=', 'blog.example'],
  ['https://blog.example/?id=2&id=1', 'blog.example?id=2&id=1'],
];

test('the room of a permalink has what says which post it is, and nothing else', () => {
  const { roomOf } = offered();
  for (const [address, room] of PERMALINKS) assert.equal(roomOf('permalink', address), room, address);
});

/** What both sides are held to: `crates/moving` reads it as well. @type {[string, string, string][]} */
const SHARED = JSON.parse(await readFile(new URL('data/rooms-of-addresses.json', import.meta.url), 'utf8'));

test('comments that are moved here go to the room of their page', () => {
  const { roomOf } = offered();
  for (const [from, address, room] of SHARED) assert.equal(roomOf(from, address).normalize(), room, `${from} ${address}`);
  const known = new Set(SHARED.map(([from, address]) => `${from} ${address}`));
  for (const [from, address] of [...ROOMS, ...PERMALINKS.map(([address]) => ['permalink', address])]) assert.ok(known.has(`${from} ${address}`), `the list lacks ${from} ${address}`);
});

test('where a reader came from never counts', () => {
  const { roomOf } = offered();
  const names = 'utm_source utm_medium utm_campaign utm_id fbclid gclid gbraid wbraid dclid msclkid yclid ttclid twclid igshid li_fat_id mc_cid mc_eid '
    + '_hsenc mkt_tok srsltid ref ref_id source share NaPm n_media n_keyword_id n_ad_group _ga sid PHPSESSID session_id user_id uid cid campaign_id click_id client_id '
    + 'replytocom preview_id cpage page paged pageNo page_num amp m lang tag cat search keyword order sort';
  for (const name of names.split(' ')) assert.equal(roomOf('permalink', `https://blog.example/a/?${name}=12`), 'blog.example:a', name);
});

/** What an address is made of, taken apart without the script's help; bytes as latin1. @param {string} address */
function partsOf(address) {
  const { host, pathname, search } = new URL(address);
  const bytes = (/** @type {string} */ text) => text.replace(/%([\da-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  const segments = pathname.split('/').slice(1);
  if (segments.at(-1) === 'index.html') segments.pop();
  while (segments.at(-1) === '') segments.pop();
  const pairs = search.slice(1).split('&').map((pair) => [pair.split('=')[0], bytes(pair.slice(pair.indexOf('=') + 1).replace(/\+/g, ' '))])
    .filter(([name, value]) => ['p', 'id', 'no', 'bo_table', 'wr_id'].includes(name) && value !== '');
  const byName = ['bo_table', 'id', 'no', 'p', 'wr_id'].map((name) => pairs.filter(([other]) => other === name));
  return JSON.stringify([host, segments.map(bytes), byName]);
}

test('two addresses never have one permalink room, unless they are the same in all that counts', () => {
  const { roomOf } = offered();
  // Numbers by chance, the same ones each time.
  let seed = 1;
  const below = (/** @type {number} */ n) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  const any = (/** @type {string[]} */ list) => list[below(list.length)];
  const BITS = ['a', 'b', '1', ':', '%3A', '%3a', '&', '%26', '=', '%3D', '%2F', '%3F', '%25', '%253A', '%', '%~', '~', '+', '%2B', '%20', '글', '%EA%B8%80', '%FF', '%B0', '.', '%0A', 'index.html'];
  const text = (/** @type {number} */ n) => Array.from({ length: below(n + 1) }, () => any(BITS)).join('');
  const hosts = ['blog.example', 'blog.example:1', 'b', 'b:1'];
  /** @type {Map<string, string>} */
  const known = new Map();
  let nSame = 0;
  for (let n = 0; n < 12_000; n += 1) {
    const path = Array.from({ length: below(3) }, () => `/${text(2)}`).join('');
    const query = Array.from({ length: below(4) }, () => `${any(['p', 'id', 'no', 'bo_table', 'wr_id', 'utm_source', 'x'])}=${text(2)}`).join('&');
    const address = `https://${any(hosts)}${path || '/'}${query && `?${query}`}`;
    const room = roomOf('permalink', address);
    // As the server takes it: docs/PROTOCOL.md.
    assert.doesNotMatch(room, /[/\p{Cc}]|^\.{0,2}$/u, address);
    const parts = partsOf(address);
    const other = known.get(room.normalize());
    if (other === undefined) known.set(room.normalize(), parts);
    else {
      nSame += 1;
      assert.equal(parts, other, `${address} has ${room}`);
    }
  }
  assert.ok(known.size > 4_000 && nSame > 1_000, `${known.size} rooms, ${nSame} met again`);
});

test('what does not say more of a post does not give it another room', () => {
  const { roomOf } = offered();
  for (const [one, ...others] of [
    ['https://blog.example/?p=1', 'http://blog.example?p=1', 'https://blog.example/index.html?p=1#c2', 'https://blog.example/?utm_source=a&p=1', 'https://me@blog.example/?p=1&'],
    ['https://blog.example/?id=a+b&no=2', 'https://blog.example/?no=2&id=a%20b', 'https://blog.example/?no=2&x=1&id=a%20b'],
    ['https://blog.example/글', 'https://blog.example/%ea%b8%80/', 'https://blog.example/%EA%B8%80/index.html', 'https://BLOG.example//../글'],
    ['https://blog.example/?id=12:a', 'https://blog.example/?id=12%3Aa'],
  ]) for (const other of others) assert.equal(roomOf('permalink', other), roomOf('permalink', one), other);
});

test('a name that is too long ends in a hash of all of it', () => {
  const { roomOf } = offered();
  const rooms = new Set();
  for (let n = 0; n < 300; n += 1) {
    for (const from of ['permalink', 'canonical', 'pathname']) {
      const room = roomOf(from, `https://blog.example/${'긴-'.repeat(200)}${n.toString(36)}-otter`);
      assert.ok([...room].length <= 255 && [...room].length > 240, room);
      assert.equal(roomOf(from, `https://blog.example/${'긴-'.repeat(200)}${n.toString(36)}-otter/`), room);
      rooms.add(room);
    }
  }
  // Those of `permalink` and `canonical` are the same here.
  assert.equal(rooms.size, 600);
  const edge = `https://blog.example/${'x'.repeat(255 - 'blog.example:'.length)}`;
  assert.equal(roomOf('permalink', edge), `blog.example:${'x'.repeat(242)}`);
  // The same on every day and in every browser: rooms live as long as their names.
  assert.match(roomOf('permalink', `${edge}x`), /^blog\.example:x{229}%~[\da-f]{1,11}$/);
  assert.equal(roomOf('permalink', `https://blog.example/?p=${'1'.repeat(300)}`).slice(-11), HASHED);
});

test('it is at most 4.5 KiB over the wire', async () => {
  // What the server sends.
  const served = await readFile(new URL('../../static/dist/embed.js', import.meta.url));
  const bytes = brotliCompressSync(served).length;
  assert.ok(bytes <= 4608, `${bytes} bytes`);
});

test('it makes no markup and runs no text', () => {
  assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\('(style|on)/);
});

/** The attributes of the element, as the script has them. */
const attributes = [...(/const ATTRIBUTES = \[(.*)\];/.exec(source)?.[1] ?? '').matchAll(/'([\w-]+)'/g)].map(([, name]) => name);

test('the reference page and the type declarations name every attribute, event, message and field', async () => {
  const page = await readFile(new URL('../../docs/EMBED.md', import.meta.url), 'utf8');
  const types = await readFile(new URL('../../static/js/embed.d.ts', import.meta.url), 'utf8');
  assert.deepEqual(attributes, ['server', 'room', 'room-from', 'title', 'theme', 'lang', 'accent', 'height', 'loading', 'user-token']);
  for (const name of attributes) {
    assert.ok(page.includes(`| \`data-${name}\` |`), `data-${name} in EMBED.md`);
    const property = name.replace(/-(.)/, (_, letter) => letter.toUpperCase());
    assert.match(types, new RegExp(`^  ${property}\\?:`, 'm'), `${property} in embed.d.ts`);
  }
  for (const name of ['setTheme', 'setRoom', 'setUser', 'destroy', 'mount', 'roomOf', 'hostTheme']) {
    assert.match(page, new RegExp(`^\\| \`(RealtimeChat\\.)?${name}\\(`, 'm'), `${name} in EMBED.md`);
    assert.ok(types.includes(`${name}(`), `${name} in embed.d.ts`);
  }
  for (const event of ['ready', 'unread', 'state', 'token-needed']) {
    assert.ok(page.includes(`\`realtime-chat:${event}\``), `${event} in EMBED.md`);
    assert.ok(types.includes(`'realtime-chat:${event}'`), `${event} in embed.d.ts`);
  }
  for (const type of ['init', 'set-theme', 'set-title', 'set-lang', 'focus', 'auth', 'ready', 'resize', 'unread', 'state', 'error', 'token-needed']) {
    assert.match(page, new RegExp(`^\\| \`${type}\` \\|`, 'm'), `${type} in EMBED.md`);
    assert.ok(types.includes(`type: '${type}'`), `${type} in embed.d.ts`);
  }
  for (const parameter of ['theme', 'title', 'lang', 'accent', 'mode', 'user']) {
    assert.match(page, new RegExp(`^\\| \`${parameter}\` \\|`, 'm'), `${parameter} in EMBED.md`);
  }
});

test('the server is where the tag\'s file came from, a path included, where that is certain', () => {
  for (const [src, server] of /** @type {[string, string | undefined][]} */ ([
    ['https://chat.example/embed.js', 'https://chat.example/'],
    ['https://chat.example/embed.js?v=2#x', 'https://chat.example/'],
    ['https://blog.example/chat/embed.js', 'https://blog.example/chat/'],
    ['https://blog.example:8443/a/b/embed.js', 'https://blog.example:8443/a/b/'],
    // Put together with other scripts, run from memory, opened from a disk, or written into the page.
    ['https://blog.example/assets/main-0d3f.js', undefined],
    ['https://blog.example/my-embed.js', undefined],
    ['https://blog.example/load.js?file=/embed.js', undefined],
    ['https://blog.example/load.js#/embed.js', undefined],
    ['blob:https://blog.example/0d3f4a52', undefined],
    ['data:text/javascript,/embed.js', undefined],
    ['file:///home/me/embed.js', undefined],
    ['', undefined],
  ])) {
    const { servers, chats, said } = run({ tag: { src, dataset: { room: 'post' } } });
    assert.deepEqual(servers, server ? [server] : [], src);
    assert.deepEqual(chats, server ? [{ room: 'post', server }] : [], src);
    assert.equal(said.length, server ? 0 : 1, src);
    if (!server) assert.match(said[0], /^realtime-chat: no chat, .*data-server="https:/);
  }
});

test('what the tag says is the server counts before everything else', () => {
  const src = 'https://blog.example/assets/embed.js';
  for (const [said, server] of [
    ['https://chat.example', 'https://chat.example/'],
    ['https://chat.example/', 'https://chat.example/'],
    ['HTTPS://Chat.Example/talk', 'https://chat.example/talk/'],
    ['https://chat.example/talk/embed.js?v=1#x', 'https://chat.example/talk/'],
    ['//chat.example:8443', 'https://chat.example:8443/'],
    ['/chat', 'https://blog.example/chat/'],
  ]) {
    for (const page of [{ tag: { src, dataset: { room: 'x', server: said } } }, { tag: { src: '', dataset: { room: 'x', server: said } } }]) {
      assert.deepEqual(run(page).chats, [{ room: 'x', server }], said);
    }
  }
  for (const wrong of ['chat.example', 'localhost:8080', 'chat', 'javascript:alert(1)', 'data:text/html,x', 'ftp://chat.example', 'https://', '//']) {
    const { chats, said, servers } = run({ tag: { src: 'https://chat.example/embed.js', dataset: { room: 'x', server: wrong } } });
    assert.deepEqual([chats, servers], [[], []], wrong);
    assert.ok(said.length === 1 && said[0].includes(`(${wrong}?)`), said.join());
  }
  // A template that has filled in nothing.
  assert.deepEqual(run({ tag: { src: 'https://chat.example/embed.js', dataset: { room: 'x', server: '' } } }).servers, ['https://chat.example/']);
});

test('a module infers nothing, and takes a tag of its own at its word', () => {
  const file = 'https://chat.example/embed.js';
  const dataset = { room: 'x' };
  const named = { ...dataset, server: 'https://chat.example' };
  const modules = [{ type: 'module', src: file, dataset: named }];
  assert.deepEqual(run({ file, scripts: modules }).chats, [{ room: 'x', server: 'https://chat.example/' }]);
  assert.deepEqual(run({ file, scripts: [...modules, ...modules] }).chats.length, 2);
  const silent = run({ file, scripts: [{ type: 'module', src: file, dataset }] });
  assert.deepEqual([silent.chats, silent.servers, silent.said.length], [[], [], 1]);
  // Bundled as a module, with the tag of the bundle saying so.
  const bundle = 'https://blog.example/assets/main.js?v=1';
  assert.equal(run({ file: bundle, scripts: [{ type: 'module', src: bundle, dataset: named }] }).chats.length, 1);
  // Imported by another script: tags of other files are not ours, whatever they are called and say.
  for (const src of ['https://widget.example/embed.js', 'https://chat.example/embed.js.map', '']) {
    const { chats, said } = run({ file, scripts: [{ type: 'module', src, dataset: named }, { type: '', src: file, dataset: named }] });
    assert.deepEqual([chats, said], [[], []], src);
  }
});

test('an element that is called currentScript is not the tag that runs', () => {
  const window = { dataset: { room: 'x' }, src: 'https://evil.example/embed.js' };
  /** @type {string[]} */
  const servers = [];
  vm.runInNewContext(source, {
    URL, HTMLElement: class {}, HTMLScriptElement: class {}, document: { currentScript: window, scripts: [], baseURI: 'https://blog.example/', querySelector: () => null }, window: {},
    customElements: { get: () => undefined, define: (/** @type {string} */ _, /** @type {any} */ element) => servers.push(...element.servers) },
  });
  assert.deepEqual(servers, []);
});

test('scripts of two servers on a page: each tag has its own, and all are known', () => {
  const first = run({ tag: { src: 'https://one.example/embed.js', dataset: { room: 'a' } } });
  const second = run({ tag: { src: 'https://two.example/chat/embed.js', dataset: { room: 'b' } }, defined: first.defined });
  assert.equal(second.defined, first.defined);
  assert.deepEqual([...first.chats, ...second.chats], [{ room: 'a', server: 'https://one.example/' }, { room: 'b', server: 'https://two.example/chat/' }]);
  assert.deepEqual(second.servers, ['https://one.example/', 'https://two.example/chat/']);
});

test('what tells a chat from another page of the same origin is in the chat\'s pages', async () => {
  const [, selector] = /querySelector\('(html\[data-base\], p\.code)'\)/.exec(source) ?? [];
  assert.equal(selector, 'html[data-base], p.code');
  assert.match(await readFile(new URL('../../static/room.html', import.meta.url), 'utf8'), /<html [^>]*data-base=/);
  assert.match(await readFile(new URL('../../static/error.html', import.meta.url), 'utf8'), /<p class="code">/);
});
