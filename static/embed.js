// @ts-check
/// <reference path="./js/embed.d.ts" />
// One line on a blog puts the discussion under a post:
//   <script async src="https://chat.example/embed.js" data-room="my-post"></script>
// or, from the same file, <realtime-chat room="my-post"></realtime-chat>.
// A plain script without inline code or markup, so that it works under a strict content policy.
// docs/EMBED.md is the reference, js/embed.d.ts holds the types.
(() => {
  'use strict';

  const NAME = 'realtime-chat';
  const THEMES = ['light', 'dark', 'auto'];
  const STATES = ['connecting', 'live', 'offline', 'closed'];
  /** Of the element; on the script tag the same with `data-` before it. */
  const ATTRIBUTES = ['room', 'room-from', 'title', 'theme', 'lang', 'accent', 'height', 'loading'];
  /** If the frame never reports, for instance because a blocker cut its scripts, it is shown anyway. */
  const SHOW_ANYWAY_MS = 5000;
  const NEAR = '800px';
  /** Code points. More of a title is not shown, and more of a room's name is refused. */
  const TITLE_MAX = 200;
  const ROOM_MAX = 256;
  /** A blog's switch: `dark` by itself or with the usual company, as in `dark-mode` or `theme-dark`. */
  const SWITCH = /^(?:(?:is|has|theme|mode|scheme|skin)[-_]*)?(dark|light)(?:[-_]*(?:mode|theme|scheme))?$/i;
  /** Where it stands: `class`, `data-theme`, `data-bs-theme`, `data-color-mode`; not `data-dark-theme`. */
  const SWITCHED = /^class$|^(?!.*(?:dark|light)).*(?:theme|mode|scheme)$/;

  const script = /** @type {HTMLScriptElement | null} */ (
    document.currentScript || document.querySelector('script[src*="/embed.js"]'));

  /** Where the chat is: the folder that its script came from, the root of a host or a path below it. @param {string} src */
  function serverOf(src) {
    const { origin, protocol, pathname } = new URL(src, location.href);
    return /^https?:$/.test(protocol) ? origin + pathname.replace(/[^/]*$/, '') : `${origin}/`;
  }

  const ownServer = script && script.src ? serverOf(script.src) : `${location.origin}/`;

  /**
   * The room of a page: its path, and for canonical addresses the host before it.
   * @param {string} from `canonical` or `pathname`
   * @param {string} address
   */
  function roomOf(from, address) {
    const url = new URL(address);
    let path = url.pathname;
    try {
      path = decodeURIComponent(path);
    } catch {
      // Not UTF-8 behind the percent signs: taken as it stands.
    }
    path = path.replace(/\/index\.html$/, '/').replace(/\/+$/, '');
    if (from === 'pathname') path = path.replace(/^\//, '');
    else path = url.host + path;
    return path.replace(/\//g, ':') || 'index';
  }

  /** @param {string | null} from */
  function derivedRoom(from) {
    const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel=canonical]'));
    try {
      if (from !== 'pathname' && link && link.href) return roomOf('canonical', link.href);
    } catch {
      // No address: as if there were none.
    }
    return roomOf(from || 'canonical', location.href);
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
          if (found) return found[1].toLowerCase();
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

  class RealtimeChat extends HTMLElement {
    /** @type {HTMLIFrameElement | null} */
    #frame = null;
    /** @type {(() => void)[]} what undoes the mounting */
    #undo = [];
    /** The frame has reported: it can be spoken to. */
    #ready = false;
    /** What the frame was last told. */
    #told = { theme: '', lang: '' };
    /** Another than the one that defined the element, where a page has chats of two servers. */
    server = ownServer;

    get origin() {
      return new URL(this.server).origin;
    }

    static observedAttributes = ATTRIBUTES;

    connectedCallback() {
      if (!this.#frame) this.#mount();
    }

    disconnectedCallback() {
      this.#unmount();
    }

    /** @param {string} name @param {string | null} before @param {string | null} now */
    attributeChangedCallback(name, before, now) {
      if (!this.#frame || before === now) return;
      if (name === 'theme' || name === 'lang') {
        this.#follow();
      } else if (name === 'height') {
        this.#applyHeight();
      } else if (name === 'title') {
        this.#frame.title = this.#label();
        this.#post('set-title', { title: this.#title() });
      } else if (name !== 'loading') {
        this.#unmount();
        this.#mount();
      }
    }

    /** @param {string} theme `light`, `dark`, `auto` or `host` */
    setTheme(theme) {
      this.setAttribute('theme', theme);
    }

    /** @param {string} room */
    setRoom(room) {
      this.setAttribute('room', room);
    }

    /** Takes the chat off the page and leaves nothing behind. */
    destroy() {
      this.remove();
    }

    #mount() {
      const { style } = this;
      style.display = 'block';
      style.overflow = 'hidden';
      if (!style.borderRadius) style.borderRadius = '12px';
      this.#applyHeight();

      const frame = document.createElement('iframe');
      this.#frame = frame;
      this.#ready = false;
      this.#told = { theme: '', lang: '' };
      frame.title = this.#label();
      frame.referrerPolicy = 'strict-origin-when-cross-origin';
      frame.allow = 'clipboard-write';
      // Empty frames are white sheets in some browsers: nothing is seen before there is something to see.
      Object.assign(frame.style, { display: 'block', width: '100%', height: '100%', border: '0', visibility: 'hidden' });

      this.#listen(window, 'message', (event) => this.#receive(/** @type {MessageEvent} */ (event)));
      this.#watchHost();
      this.#follow();
      this.append(frame);

      const load = () => {
        frame.src = this.#address();
        const timer = setTimeout(() => this.#show(), SHOW_ANYWAY_MS);
        this.#undo.push(() => clearTimeout(timer));
      };
      if (this.getAttribute('loading') === 'eager' || !('IntersectionObserver' in window)) {
        load();
        return;
      }
      const near = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        near.disconnect();
        load();
      }, { rootMargin: NEAR });
      near.observe(this);
      this.#undo.push(() => near.disconnect());
    }

    #unmount() {
      for (const undo of this.#undo.splice(0)) undo();
      if (this.#frame) this.#frame.remove();
      this.#frame = null;
    }

    #address() {
      const room = cut(this.getAttribute('room') || derivedRoom(this.getAttribute('room-from')), ROOM_MAX);
      // `.` and `..` would lead to another page of the server; what stands for them is no room's name.
      const segment = encodeURIComponent(room.replace(/[\ud800-\udfff]/gu, '\ufffd')).replace(/^\.\.?$/, '%00');
      const url = new URL(`room/${segment}`, this.server);
      for (const [name, value] of Object.entries({ ...this.#told, ...this.#extra() })) url.searchParams.set(name, value);
      return url.href;
    }

    #title() {
      return cut(this.getAttribute('title'), TITLE_MAX);
    }

    #label() {
      return this.#title() || (this.#lang() === 'ko' ? '게시물 토론방' : 'Discussion');
    }

    /** @returns {Record<string, string>} */
    #extra() {
      const [title, accent] = [this.#title(), cut(this.getAttribute('accent'), 7)];
      return { ...(title && { title }), ...(accent && { accent }) };
    }

    #lang() {
      const wanted = [this.getAttribute('lang'), document.documentElement.lang, ...navigator.languages];
      const found = wanted.map((lang) => /^(ko|en)(?![a-z])/i.exec(lang || '')).find(Boolean);
      return found ? found[1].toLowerCase() : 'en';
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
      const height = this.getAttribute('height') || '';
      // What is no length is ignored by the browser, and the default stays.
      this.style.height = '480px';
      this.style.height = /^\d+(\.\d+)?$/.test(height) ? `${height}px` : height || '480px';
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
        if (target === document.body || target === document.documentElement) follow();
      });
    }

    /** @param {EventTarget} target @param {string} type @param {(event: Event) => void} act @param {boolean} [capture] */
    #listen(target, type, act, capture) {
      target.addEventListener(type, act, capture);
      this.#undo.push(() => target.removeEventListener(type, act, capture));
    }

    #show() {
      if (this.#frame) this.#frame.style.visibility = '';
    }

    /** @param {string} type @param {Record<string, unknown>} fields */
    #post(type, fields) {
      if (!this.#ready || !this.#frame || !this.#frame.contentWindow) return;
      this.#frame.contentWindow.postMessage({ ns: NAME, v: 1, type, ...fields }, this.origin);
    }

    /** @param {MessageEvent} event */
    #receive({ source, origin, data }) {
      if (!this.#frame || source !== this.#frame.contentWindow || origin !== this.origin) return;
      if (typeof data !== 'object' || data === null || data.ns !== NAME || data.v !== 1) return;
      if (data.type === 'ready') {
        const first = !this.#ready;
        this.#ready = true;
        if (!data.initialized) this.#post('init', { ...this.#told, ...this.#extra() });
        // A frame that began in another theme is shown when it has changed.
        if (data.initialized || data.theme === this.#told.theme) this.#show();
        if (first) this.#tell('ready', {});
      } else if (data.type === 'unread' && data.count >= 0 && Number.isInteger(data.count)) {
        this.#tell('unread', { count: data.count });
      } else if (data.type === 'state' && STATES.includes(data.state)) {
        this.#tell('state', { state: data.state });
      }
    }

    /** @param {string} name @param {Record<string, unknown>} detail */
    #tell(name, detail) {
      this.dispatchEvent(new CustomEvent(`${NAME}:${name}`, { bubbles: true, detail }));
    }
  }

  /** @param {Record<string, string | undefined>} options attributes, named as in `dataset` @returns {any} */
  function create(options) {
    const chat = /** @type {any} */ (document.createElement(NAME));
    chat.server = ownServer;
    for (const name of ATTRIBUTES) {
      const value = options[name === 'room-from' ? 'roomFrom' : name];
      if (value) chat.setAttribute(name, value);
    }
    return chat;
  }

  /** @param {string} selector @returns {Element | null} */
  function find(selector) {
    try {
      return document.querySelector(selector);
    } catch {
      return null;
    }
  }

  /**
   * @param {Element | string} target what the chat is put into
   * @param {Record<string, string>} [options]
   */
  function mount(target, options = {}) {
    const parent = typeof target === 'string' ? find(target) : target;
    if (!parent) throw new Error(`${NAME}: nothing on this page is ${target}`);
    const there = [...parent.children].find(({ localName }) => localName === NAME);
    if (there) return there;
    const chat = create(options);
    parent.append(chat);
    return chat;
  }

  /** The script tag itself asks for a chat, right behind it or where it says. @param {HTMLScriptElement & {chat?: Element}} tag */
  function mountFrom(tag) {
    const { dataset } = tag;
    const { target } = dataset;
    if (tag.chat || (dataset.room === undefined && dataset.roomFrom === undefined && target === undefined)) return;
    const place = target ? find(target) : tag.closest('body') ? tag : null;
    if (!place && document.readyState === 'loading') {
      document.addEventListener('DOMContentLoaded', () => mountFrom(tag), { once: true });
      return;
    }
    if (target && !place) {
      console.warn(`${NAME}: nothing on this page is ${target}`);
      return;
    }
    const chat = create(dataset);
    tag.chat = chat;
    if (place === tag) tag.after(chat);
    else (place || document.body).append(chat);
  }

  // A page may carry the line twice, for two chats: the element is defined once.
  if (!customElements.get(NAME)) {
    customElements.define(NAME, RealtimeChat);
    Object.assign(window, { RealtimeChat: { mount, roomOf, hostTheme } });
  }
  if (script) mountFrom(script);
})();
