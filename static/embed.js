// @ts-check
/// <reference path="./js/embed.d.ts" />
// One line on a blog puts the discussion under a post:
//   <script async src="https://chat.example/embed.js" data-room-from="permalink"></script>
// or, from the same file, <realtime-chat room="my-post"></realtime-chat>.
// Without inline code or markup, for strict content policies. docs/EMBED.md is the reference, js/embed.d.ts holds the types, tests/js the limit on its weight.
(() => {
const NAME = 'realtime-chat';
const THEMES = ['light', 'dark', 'auto'];
const STATES = ['connecting', 'live', 'offline', 'closed'];
/** Of the element; on the script tag the same with `data-` before it. */
const ATTRIBUTES = ['server', 'room', 'room-from', 'title', 'theme', 'lang', 'accent', 'height', 'loading', 'user-token'];
/** If the frame never reports, for instance because a blocker cut its scripts, it is shown anyway. */
const SHOW_ANYWAY_MS = 5000;
/** Code points. More of a title is not shown, and more of a room's name is refused. */
const TITLE_MAX = 200;
const ROOM_MAX = 255;
/**
 * Parameters that say which post it is, in a line `address name=value`: those of WordPress, Gnuboard, Rhymix, KBoard, Cafe24,
 * Naver, Drupal, Joomla, phpBB, Discuz and of boards made by hand; never what only says where a reader came from. Those that mean
 * other things elsewhere count with these values, or beside what tells them apart.
 */
const IDENTITY = / ((p|[abnt]?id|[bs]?no|idx|num|seq|mid|slug|page_?id|(post|article|entry|topic|news|doc(ument)?|item|product|board|bbs|table|blog|log|bo|wr|it|co|ntt|title)([-_]?(id|no|num|idx|seq|srl|code|table))?)=.|q=node(%2F|\/)|option=com_|page=\D)|\.php\?.* [tf]=.|[?&]mod=document\b.* uid=./i;
/** A blog's switch: `dark` by itself or with the usual company, as in `dark-mode` or `theme-dark`. */
const SWITCH = /^((is|has|theme|mode|scheme|skin)[-_]*)?(dark|light)([-_]*(mode|theme|scheme))?$/i;
/** Where it stands: `class`, `data-theme`, `data-bs-theme`, `data-color-mode`; not `data-dark-theme`. */
const SWITCHED = /^class$|^(?!.*(dark|light)).*(theme|mode|scheme)$/;

/** The tag that runs us: none in a module, and none where an element of that name hides the property. */
const script = document.currentScript instanceof HTMLScriptElement && document.currentScript;

/** @template T @param {() => T} act @param {T} otherwise where it throws */
const attempt = (act, otherwise) => {
  try {
    return act();
  } catch {
    return otherwise;
  }
};

/** A server's root, with a slash at its end; empty where that is no server's address. @param {string} given */
const serverAt = (given) => attempt(() => {
  const { origin, protocol, pathname } = new URL(given, document.baseURI);
  // `chat.example` without what stands before it would be a file beside the page.
  return /^(https?:)?\//i.test(given) && /^http/.test(protocol) ? origin + pathname.replace(/(\/+embed\.js|\/*)$/, '/') : '';
}, '');
/** What the tag says, else where its file came from: certain only of the tag that runs, and of a file that has our name. @param {HTMLScriptElement} tag */
const serverOf = (tag) => serverAt(tag.dataset.server || (tag === script && /^[^?#]*\/embed\.js([?#]|$)/.test(tag.src) ? tag.src : ''));
/** For the owner. @param {string} [at] what may be meant */
const noChat = (at = '') => `${NAME}: no chat, unknown server${at && ` (${at}?)`}. Name it: data-server="https://…" (element: server).`;
/** Without an end that says nothing. @param {string} path */
const trimmed = (path) => path.replace(/\/+(index\.html)?$/, '');
/** Percent-decoded, where that is UTF-8; each `/` is written `:`. @param {string} path */
const pathName = (path) => trimmed(attempt(() => decodeURIComponent(path), path)).replace(/\//g, ':');

/** What in an address's query says which post it is, by name; of one name in the order that it has there. @param {URL} url */
const identity = ({ href, search }) => search.slice(1).split('&')
  .filter((pair) => IDENTITY.test(`${href} ${pair}`))
  .map((pair) => pair.split(/=(.*)/, 2))
  .sort(([a], [b]) => +(a > b) || -(a < b))
  .map((pair) => pair.join('=')).join('&');

/** What the server takes for a room's name: what is too long ends in a hash of all of it. @param {string} name */
function fit(name) {
  const clean = (name || 'index').replace(/\p{Cs}/gu, '\ufffd').replace(/\p{Cc}/gu, encodeURIComponent);
  const points = [...clean.normalize()];
  if (points.length <= ROOM_MAX) return clean;
  // A polynomial of the bytes modulo a prime, exact in a double. No other name of a permalink has `%~` in it.
  const hash = new TextEncoder().encode(points.join('')).reduce((sum, byte) => (sum * 257 + byte) % (2 ** 44 - 17), 0);
  return `${points.slice(0, ROOM_MAX - 13).join('')}%~${hash.toString(16)}`;
}

/**
 * The room of a page.
 * @param {string} from `permalink`: host, path and what in the query says which post it is, so that two addresses never give one name;
 *   `canonical`: host and path; `pathname`: the path
 * @param {string} address
 */
function roomOf(from, address) {
  const url = new URL(address);
  if (from === 'pathname') return fit(pathName(url.pathname).replace(/^:/, ''));
  if (from !== 'permalink') return fit(url.host + pathName(url.pathname));
  const which = identity(url).replace(/\+/g, '%20').replace(/:/g, '%3A').replace(/\//g, '%2F');
  const path = (url.host + trimmed(url.pathname)).replace(/:/g, '%3A').replace(/\//g, ':');
  // `decodeURI` leaves encoded what may separate parts; with the sign that encodes, the way back is certain.
  const name = (path + (which && `?${which}`)).replace(/%25/g, '%2525');
  return fit(attempt(() => decodeURI(name), name));
}

/** @param {string | null} from @returns {[string, boolean]} the room, and whether other posts may have the same */
function derivedRoom(from) {
  const { href, pathname, search } = location;
  const link = from !== 'pathname' && document.querySelector('link[rel=canonical]')?.getAttribute('href');
  const url = attempt(() => new URL(link || href, document.baseURI), new URL(href));
  // Blogs that write their canonical link without the query say the same of every post.
  if (!identity(url) && url.pathname === pathname) url.search = search;
  return [roomOf(from || 'canonical', url.href), identity(url) ? from !== 'permalink' : !trimmed(url.pathname)];
}

/** @param {string} colour as browsers compute it @returns {number | null} 0 to 1; null for what shows what is behind it */
function lightness(colour) {
  const [, kind = '', rest = ''] = /^(\w+)\((?:[a-z][\w-]* )?(.*)\)/.exec(colour) || [];
  const [a, b, c, alpha = 1] = rest.split(/[\s,/]+/).map(parseFloat);
  if (!(alpha > 0.5) || !(a >= 0)) return null;
  // The first number of lab and lch is 0 to 100, of oklab and oklch 0 to 1.
  if (/^l/.test(kind)) return a / 100;
  if (/^ok/.test(kind)) return a;
  return (0.299 * a + 0.587 * b + 0.114 * c) / (kind === 'color' ? 1 : 255);
}

/** What the blog itself shows: its switch first, then its colour scheme, then its paper. @param {Element} from */
function hostTheme(from = document.body) {
  let follows = false;
  for (const element of [document.documentElement, document.body]) {
    for (const { name, value } of element ? element.attributes : []) {
      if (!SWITCHED.test(name)) continue;
      for (const word of value.split(/\s+/)) {
        const found = SWITCH.exec(word);
        if (found) return found[3].toLowerCase();
        if (name !== 'class' && /^(auto|system)$/i.test(word)) follows = true;
      }
    }
  }
  if (follows) return 'auto';
  const scheme = getComputedStyle(from).colorScheme || '';
  const dark = scheme.includes('dark');
  if (dark !== scheme.includes('light')) return dark ? 'dark' : 'light';
  if (dark) return 'auto';
  for (let at = /** @type {Element | null} */ (from); at; at = at.parentElement) {
    const paper = lightness(getComputedStyle(at).backgroundColor);
    if (paper !== null) return paper < 0.5 ? 'dark' : 'light';
  }
  return 'light';
}

/** @param {string | null} text @param {number} max */
const cut = (text, max) => [...(text || '').slice(0, 2 * max)].slice(0, max).join('');
/** @param {any} value */
const isCount = (value) => value >= 0 && Number.isInteger(value);

class RealtimeChat extends HTMLElement {
  /** @type {HTMLIFrameElement | null} */
  #frame = null;
  /** @type {(() => void)[]} what undoes the mounting */
  #undo = [];
  /** The frame has reported: it can be spoken to. */
  #ready = false;
  /** What the frame was last told. @type {Record<string, string>} */
  #told = {};
  /** Where the frame's chat is. */
  #server = '';
  /** What the blog has signed for its reader, here and in the frame alone. @type {string | null} */
  #token = null;
  /** What kinds of things the owner was told, each of them once. @type {{warn?: boolean, error?: boolean}} */
  #said = {};

  static observedAttributes = ATTRIBUTES;
  /** Of the scripts on this page; where it is one, elements need not name it. @type {Set<string>} */
  static servers = new Set();

  connectedCallback() { if (!this.#frame) this.#mount(); }
  disconnectedCallback() { this.#unmount(); }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === 'user-token') return now && (this.setUser(now), this.removeAttribute(name)); // Nobody else need find it.
    if (!this.#frame) {
      // Not yet on the page; or there, and refused for want of a server.
      if (name === 'server' && this.#said.error) this.#mount();
      return;
    }
    if (name === 'theme' || name === 'lang') this.#follow();
    else if (name === 'height') this.#applyHeight();
    else if (name === 'title') {
      this.#frame.title = this.#label();
      this.#post('set-title', { title: this.#title() });
    } else if (name !== 'loading') this.#mount();
  }

  /** @param {string} theme `light`, `dark`, `auto` or `host` */
  setTheme(theme) { this.setAttribute('theme', theme); }
  /** @param {string} room */
  setRoom(room) { this.setAttribute('room', room); }
  /** Who the reader is, as the blog has signed it; null: none of its users. @param {string | null} token */
  setUser(token) { this.#post('auth', { token: this.#token = token || null }); }
  /** Takes the chat off the page and leaves nothing behind. */
  destroy() { this.#token = null; this.remove(); }

  /** @param {'warn' | 'error'} kind @param {string} text */
  #say(kind, text) {
    if (!this.#said[kind]) console[kind](text);
    this.#said[kind] = true;
  }

  /** @param {string} at where there is no chat */
  #fail(at) {
    this.#unmount();
    this.style.display = 'none';
    this.#say('error', noChat(at));
  }

  #mount() {
    this.#unmount();
    const given = this.getAttribute('server');
    const servers = given ? [serverAt(given)] : [...RealtimeChat.servers];
    [this.#server] = servers;
    if (!this.#server || servers[1]) return this.#fail(given || servers.join());
    this.style.display = 'block';
    this.style.overflow = 'hidden';
    this.style.borderRadius ||= '12px';
    this.#applyHeight();

    const frame = document.createElement('iframe');
    this.#frame = frame;
    this.#ready = false;
    this.#told = {};
    Object.assign(frame, { title: this.#label(), referrerPolicy: 'strict-origin-when-cross-origin', allow: 'clipboard-write' });
    // Empty frames are white sheets in some browsers: nothing is seen before there is something to see.
    Object.assign(frame.style, { display: 'block', width: '100%', height: '100%', border: '0', visibility: 'hidden' });

    this.#listen(window, 'message', (event) => this.#receive(event));
    this.#watchHost();
    this.#follow();
    this.append(frame);

    /** @param {boolean} loaded */
    const wait = (loaded) => {
      const timer = setTimeout(() => this.#doubt(frame, loaded), SHOW_ANYWAY_MS);
      this.#undo.push(() => clearTimeout(timer));
    };
    const load = () => {
      frame.src = this.#address();
      wait(false);
      frame.onload = () => wait(true);
    };
    if (this.getAttribute('loading') === 'eager') return load();
    const near = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      near.disconnect();
      load();
    }, { rootMargin: '800px' });
    near.observe(this);
    this.#undo.push(() => near.disconnect());
  }

  /** @param {HTMLIFrameElement} frame that has had its time @param {boolean} loaded before that began: only then its silence says something */
  #doubt(frame, loaded) {
    const page = frame.contentDocument;
    // A copy of this file takes its own folder for the server. Of our own origin it can be seen that something else is there:
    // the page of a chat has this attribute, its error page this class.
    if (page?.body?.firstChild && !page.querySelector('html[data-base], p.code')) this.#fail(this.#server);
    else if (loaded && !this.#ready) this.#say('error', noChat(this.#server));
    this.#show();
  }

  #unmount() {
    for (const undo of this.#undo.splice(0)) undo();
    this.#frame?.remove();
    this.#frame = null;
  }

  #address() {
    const url = new URL(`room/${encodeURIComponent(this.#room())}`, this.#server);
    for (const [name, value] of Object.entries({ ...this.#told, ...this.#extra(), ...(this.#token && { user: '1' }) })) url.searchParams.set(name, value);
    return url.href;
  }

  #room() {
    const asked = this.getAttribute('room');
    if (!asked) {
      const [room, isDoubtful] = derivedRoom(this.getAttribute('room-from'));
      if (isDoubtful) this.#say('warn', `${NAME}: other posts may share the room "${room}". Use data-room-from="permalink", or data-room.`);
      return room;
    }
    // A path or a whole address, as `roomOf` writes it: readers would be told that there is no such room.
    const isName = !/[/\p{Cc}]|^\.\.?$/u.test(asked);
    const room = fit(isName ? asked : pathName(asked.trim().replace(/^https?:\/\//i, '')).replace(/^[:.]+/, ''));
    if (room !== asked) this.#say('warn', `${NAME}: no room can be "${asked}", this is "${room}".`);
    return room;
  }

  #title() { return cut(this.getAttribute('title'), TITLE_MAX); }
  #label() { return this.#title() || (this.#lang() === 'ko' ? '게시물 토론방' : 'Discussion'); }

  /** @returns {Record<string, string>} */
  #extra() {
    const [title, accent] = [this.#title(), cut(this.getAttribute('accent'), 7)];
    return { ...(title && { title }), ...(accent && { accent }) };
  }

  #lang() {
    const wanted = [this.getAttribute('lang'), document.documentElement.lang, ...navigator.languages];
    const found = wanted.map((lang) => /^(ko|en)(?![a-z])/i.exec(lang || '')).find(Boolean);
    return found?.[1].toLowerCase() ?? 'en';
  }

  #theme() {
    const theme = (this.getAttribute('theme') || '').toLowerCase();
    return THEMES.includes(theme) ? theme : hostTheme(this);
  }

  /** Brings the frame to the theme and the language that hold now. */
  #follow() {
    const [theme, lang] = [this.#theme(), this.#lang()];
    const told = this.#told;
    this.#told = { theme, lang };
    if (theme !== told.theme && this.#frame) {
      // Where the element's colour scheme is not its document's, browsers put an opaque white
      // or black sheet behind the frame.
      this.#frame.style.colorScheme = theme === 'auto' ? 'light dark' : theme;
      this.#post('set-theme', { theme });
    }
    if (lang !== told.lang) this.#post('set-lang', { lang });
  }

  #applyHeight() {
    const height = this.getAttribute('height');
    // What is no length is ignored by the browser, and the default stays.
    this.style.height = '480px';
    if (height) this.style.height = /^\d+(\.\d+)?$/.test(height) ? `${height}px` : height;
  }

  #watchHost() {
    const follow = () => this.#follow();
    const observer = new MutationObserver(follow);
    for (const element of [document.documentElement, document.body]) if (element) observer.observe(element, { attributes: true });
    // Blogs also switch by exchanging their style sheets.
    const { head } = document;
    observer.observe(head, { childList: true, subtree: true, attributeFilter: ['content', 'disabled', 'href', 'media'] });
    this.#undo.push(() => observer.disconnect());
    this.#listen(head, 'load', follow, true);
    this.#listen(matchMedia('(prefers-color-scheme: dark)'), 'change', follow);
    // A paper that changes slowly is read again when it has.
    this.#listen(document, 'transitionend', ({ target }) => {
      if ([document.body, document.documentElement].includes(target)) follow();
    });
  }

  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} act @param {boolean} [capture] */
  #listen(target, type, act, capture) {
    target.addEventListener(type, act, capture);
    this.#undo.push(() => target.removeEventListener(type, act, capture));
  }

  #show() { if (this.#frame) this.#frame.style.visibility = ''; }

  /** @param {string} type @param {Record<string, unknown>} fields */
  #post(type, fields) {
    if (this.#ready) this.#frame?.contentWindow?.postMessage({ ns: NAME, v: 1, type, ...fields }, new URL(this.#server).origin);
  }

  /** @param {MessageEvent} event */
  #receive({ source, origin, data }) {
    if (source !== this.#frame?.contentWindow || origin !== new URL(this.#server).origin) return;
    if (data?.ns !== NAME || data.v !== 1) return;
    if (data.type === 'ready') {
      const first = !this.#ready;
      this.#ready = true;
      if (!data.initialized) this.#post('init', { ...this.#told, ...this.#extra() });
      if (!data.initialized && this.#token) this.setUser(this.#token);
      // A frame that began in another theme is shown when it has changed.
      if (data.initialized || data.theme === this.#told.theme) this.#show();
      if (first) this.#tell('ready', {});
    } else if (data.type === 'unread' && isCount(data.count)) {
      // A page of before mentions says nothing of them.
      this.#tell('unread', { count: data.count, mentions: isCount(data.mentions) ? data.mentions : 0 });
    } else if (data.type === 'state' && STATES.includes(data.state)) {
      this.#tell('state', { state: data.state });
    } else if (data.type === 'token-needed' && /^(expir(ing|ed)|refused)$/.test(data.reason)) {
      this.#tell('token-needed', { reason: data.reason });
    }
  }

  /** @param {string} name @param {Record<string, unknown>} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`${NAME}:${name}`, { bubbles: true, detail }));
  }
}

/** @param {Record<string, string | undefined>} options attributes, named as in `dataset` @returns {any} */
function create(options) {
  const chat = document.createElement(NAME);
  for (const name of ATTRIBUTES) {
    const value = options[name.replace(/-(.)/, (_, letter) => letter.toUpperCase())];
    if (value) chat.setAttribute(name, value);
  }
  return chat;
}

/** Counts and latest messages in lists of posts. What fills them comes only where a page has some. @param {ParentNode} [root] */
async function fill(root = document) {
  const [server] = servers || [];
  if (server && root.querySelector(`[data-${NAME}-count], [data-${NAME}-latest]`)) await (await import(`${server}static/latest/dist/widgets.js`)).fill(server, roomOf, root);
}
/** @param {string} selector @returns {Element | null} */
const find = (selector) => attempt(() => document.querySelector(selector), null);

/** @param {Element | string} target what the chat is put into @param {Record<string, string>} [options] */
function mount(target, options = {}) {
  const parent = typeof target === 'string' ? find(target) : target;
  if (!parent) throw new Error(`${NAME}: nothing on this page is ${target}`);
  const there = parent.querySelector(`:scope > ${NAME}`);
  if (there) return there;
  const chat = create(options);
  parent.append(chat);
  return chat;
}

/** The script tag itself asks for a chat, right behind it or where it says. @param {HTMLScriptElement & {chat?: Element}} tag */
function mountFrom(tag) {
  const { dataset } = tag;
  const { target } = dataset;
  if (tag.chat || !('room' in dataset || 'roomFrom' in dataset || 'target' in dataset)) return;
  const server = serverOf(tag);
  const place = target ? find(target) : tag.closest('body') ? tag : null;
  if (!server) console.error(noChat(dataset.server));
  else if (!place && document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => mountFrom(tag), { once: true });
  else if (target && !place) console.warn(`${NAME}: nothing on this page is ${target}`);
  else {
    const chat = create({ ...dataset, server });
    delete dataset.userToken;
    tag.chat = chat;
    if (place === tag) tag.after(chat);
    else (place || document.body).append(chat);
  }
}

// A module has no tag of its own, but where its code runs stands in a stack; a tag that names its server is taken at its word.
const { stack } = new Error();
const tags = script ? [script] : [...document.scripts].filter(({ type, src }) => type === 'module' && src && stack?.includes(`${src}:`));

// A page may carry the line twice, for two chats, also of two servers: the element is defined once.
/** @type {any} */
const known = customElements.get(NAME);
// (Versions before this one have no such set.)
const { servers } = known || RealtimeChat;
for (const server of tags.map(serverOf)) if (server) servers?.add(server);
if (!known) {
  customElements.define(NAME, RealtimeChat);
  Object.assign(window, { RealtimeChat: { mount, roomOf, hostTheme, fill } });
  const filled = () => fill().catch(console.warn);
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', filled);
  else filled();
} else if (servers?.size > 1) {
  // Which of two came first is chance: elements that name none go.
  for (const chat of document.querySelectorAll(`${NAME}:not([server])`)) chat.replaceWith(chat);
}
tags.forEach(mountFrom);
})();
