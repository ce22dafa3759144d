// @ts-check
// One line on a blog puts the discussion under a post:
//   <script async src="https://chat.example/embed.js" data-room="my-post"></script>
// or, from the same file, <realtime-chat room="my-post"></realtime-chat>.
// A plain script without inline code or markup, so that it works under a strict content policy.
(() => {
  'use strict';

  const NS = 'realtime-chat';
  const TAG = 'realtime-chat';
  const THEMES = ['light', 'dark', 'auto'];
  /** Where blogs keep their dark-mode switch. */
  const WATCHED = ['class', 'style', 'data-theme', 'data-bs-theme', 'data-color-mode', 'data-color-scheme', 'data-mode'];
  /** If the frame never reports, for instance because a blocker cut its scripts, it is shown anyway. */
  const SHOW_ANYWAY_MS = 5000;
  const NEAR = '800px';

  const script = /** @type {HTMLScriptElement | null} */ (
    document.currentScript || document.querySelector('script[src*="/embed.js"]'));
  const origin = script ? new URL(script.src, location.href).origin : location.origin;

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

  /** @param {string} from */
  function derivedRoom(from) {
    const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel=canonical]'));
    return roomOf(from, from === 'canonical' && link && link.href ? link.href : location.href);
  }

  /** What the blog itself shows: its switch first, then its colour scheme, then its paper. */
  function hostTheme() {
    const elements = [document.documentElement, document.body].filter(Boolean);
    for (const element of elements) {
      for (const name of WATCHED) {
        if (name === 'style') continue;
        const value = element.getAttribute(name) || '';
        const found = /(^|[\s_-])(dark|light)($|[\s_-])/i.exec(value);
        if (found) return found[2].toLowerCase();
        if (name !== 'class' && /^(auto|system)$/i.test(value)) return 'auto';
      }
    }
    const scheme = getComputedStyle(document.documentElement).colorScheme || '';
    const dark = scheme.includes('dark');
    const light = scheme.includes('light');
    if (dark !== light) return dark ? 'dark' : 'light';
    if (dark) return 'auto';
    for (const element of elements.reverse()) {
      const [red, green, blue, alpha = 1] = (getComputedStyle(element).backgroundColor.match(/[\d.]+/g) || []).map(Number);
      if (alpha > 0.5 && blue !== undefined) return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? 'dark' : 'light';
    }
    return 'light';
  }

  /** @param {string | null} value a number is in px */
  function length(value) {
    if (!value) return '';
    return /^\d+(\.\d+)?$/.test(value) ? `${value}px` : value;
  }

  class RealtimeChat extends HTMLElement {
    constructor() {
      super();
      /** @type {HTMLIFrameElement | null} */
      this.frame = null;
      /** @type {(() => void)[]} what undoes the mounting */
      this.undo = [];
      /** @type {string} */
      this.shownTheme = '';
    }

    static get observedAttributes() {
      return ['room', 'theme', 'title', 'lang', 'accent', 'height'];
    }

    connectedCallback() {
      if (this.frame) return;
      this.#mount();
    }

    disconnectedCallback() {
      this.#unmount();
    }

    /** @param {string} name @param {string | null} before @param {string | null} now */
    attributeChangedCallback(name, before, now) {
      if (!this.frame || before === now) return;
      if (name === 'room' || name === 'accent') this.#remount();
      else if (name === 'theme') this.#applyTheme();
      else if (name === 'height') this.#applyHeight();
      else if (name === 'title') this.#post('set-title', { title: now || '' });
      else this.#post('set-lang', { lang: this.#lang() });
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
      this.#unmount();
      this.remove();
    }

    #mount() {
      const { style } = this;
      style.display = 'block';
      style.overflow = 'hidden';
      if (!style.borderRadius) style.borderRadius = '12px';
      this.#applyHeight();

      const frame = document.createElement('iframe');
      this.frame = frame;
      frame.title = this.getAttribute('title') || (this.#lang() === 'ko' ? '게시물 토론방' : 'Discussion');
      frame.referrerPolicy = 'strict-origin-when-cross-origin';
      frame.allow = 'clipboard-write';
      Object.assign(frame.style, { display: 'block', width: '100%', height: '100%', border: '0', visibility: 'hidden' });

      /** @param {MessageEvent} event */
      const listener = (event) => this.#receive(event);
      addEventListener('message', listener);
      this.undo.push(() => removeEventListener('message', listener));
      this.#watchHost();
      this.#applyTheme();
      this.append(frame);

      const load = () => {
        frame.src = this.#address();
        const timer = setTimeout(() => this.#show(), SHOW_ANYWAY_MS);
        this.undo.push(() => clearTimeout(timer));
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
      this.undo.push(() => near.disconnect());
    }

    #unmount() {
      for (const undo of this.undo.splice(0)) undo();
      if (this.frame) this.frame.remove();
      this.frame = null;
    }

    #remount() {
      this.#unmount();
      this.#mount();
    }

    #address() {
      const room = this.getAttribute('room') || derivedRoom(this.getAttribute('room-from') || 'canonical');
      const url = new URL(`/room/${encodeURIComponent(room)}`, origin);
      /** @param {string} name @param {string | null} value */
      const set = (name, value) => value && url.searchParams.set(name, value);
      set('theme', this.#theme());
      set('title', this.getAttribute('title'));
      set('lang', this.#lang());
      set('accent', this.getAttribute('accent'));
      return url.href;
    }

    #lang() {
      const lang = this.getAttribute('lang') || document.documentElement.lang || navigator.language || '';
      return /^ko/i.test(lang) ? 'ko' : 'en';
    }

    #theme() {
      const theme = this.getAttribute('theme') || 'host';
      return THEMES.includes(theme) ? theme : hostTheme();
    }

    #applyTheme() {
      const theme = this.#theme();
      if (!this.frame || theme === this.shownTheme) return;
      this.shownTheme = theme;
      // Where the element's colour scheme is not its document's, browsers put an opaque white
      // or black sheet behind the frame.
      this.frame.style.colorScheme = theme === 'auto' ? 'light dark' : theme;
      this.#post('set-theme', { theme });
    }

    #applyHeight() {
      this.style.height = length(this.getAttribute('height')) || '480px';
    }

    #watchHost() {
      const apply = () => this.#applyTheme();
      const observer = new MutationObserver(apply);
      for (const element of [document.documentElement, document.body]) {
        observer.observe(element, { attributes: true, attributeFilter: WATCHED });
      }
      const system = matchMedia('(prefers-color-scheme: dark)');
      system.addEventListener('change', apply);
      this.shownTheme = '';
      this.undo.push(() => observer.disconnect(), () => system.removeEventListener('change', apply));
    }

    #show() {
      if (this.frame) this.frame.style.visibility = '';
    }

    /** @param {string} type @param {Record<string, unknown>} fields */
    #post(type, fields) {
      if (!this.frame || !this.frame.src || !this.frame.contentWindow) return;
      this.frame.contentWindow.postMessage({ ns: NS, v: 1, type, ...fields }, origin);
    }

    /** @param {MessageEvent} event */
    #receive(event) {
      if (!this.frame || event.source !== this.frame.contentWindow || event.origin !== origin) return;
      const message = event.data;
      if (typeof message !== 'object' || message === null || message.ns !== NS || message.v !== 1) return;
      if (message.type === 'ready') {
        /** @type {Record<string, unknown>} */
        const init = { theme: this.#theme(), lang: this.#lang() };
        for (const name of ['title', 'accent']) if (this.getAttribute(name)) init[name] = this.getAttribute(name);
        this.#post('init', init);
        this.#show();
        this.#tell('ready', {});
      } else if (message.type === 'unread') {
        this.#tell('unread', { count: Number(message.count) || 0 });
      } else if (message.type === 'state') {
        this.#tell('state', { state: String(message.state) });
      }
    }

    /** @param {string} name @param {Record<string, unknown>} detail */
    #tell(name, detail) {
      this.dispatchEvent(new CustomEvent(`${NS}:${name}`, { bubbles: true, detail }));
    }
  }

  /** The script tag itself asks for a chat, right behind it or where it says. @param {HTMLScriptElement} tag */
  function mountFrom(tag) {
    const { dataset } = tag;
    if (dataset.room === undefined && dataset.roomFrom === undefined && dataset.target === undefined) return null;
    const chat = document.createElement(TAG);
    for (const [key, name] of [['room', 'room'], ['roomFrom', 'room-from'], ['title', 'title'], ['theme', 'theme'],
      ['lang', 'lang'], ['accent', 'accent'], ['height', 'height'], ['loading', 'loading']]) {
      const value = dataset[key];
      if (value) chat.setAttribute(name, value);
    }
    const target = dataset.target ? document.querySelector(dataset.target) : null;
    if (target) target.append(chat);
    else if (tag.parentElement && tag.parentElement !== document.head) tag.after(chat);
    else document.body.append(chat);
    return chat;
  }

  // A page may carry the line twice, for two chats: the element is defined once.
  if (!customElements.get(TAG)) {
    customElements.define(TAG, RealtimeChat);
    Object.assign(window, { RealtimeChat: { roomOf, hostTheme } });
  }
  if (script) mountFrom(script);
})();
