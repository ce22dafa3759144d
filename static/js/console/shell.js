// What stands around the screens: who is signed in, the way from one to the other, and what has just been done.

import { Toast } from '../moderation/toast.js';
import { Announcer } from '../shared/announcer.js';
import { base } from '../shared/base.js';
import { avatarImage, byId, make } from '../shared/dom.js';
import { Api } from '../wire/account-api.js';
import { auditScreen } from './audit.js';
import { inquiriesScreen } from './inquiries.js';
import { later } from './later.js';
import { Live } from './live.js';
import { overviewScreen } from './overview.js';
import { failure, number } from './parts.js';
import { peopleScreen } from './people.js';
import { queueScreen } from './queue.js';
import { NEEDED, SCREENS, has, screenOf } from './rights.js';
import { roomsScreen } from './rooms.js';
import { rulesScreen } from './rules.js';
import { settingsScreen } from './settings.js';
import { teamScreen } from './team.js';

/** @type {Record<Chat.Screen, (page: Chat.ConsolePage) => unknown>} */
const DRAW = {
  overview: overviewScreen,
  rooms: roomsScreen,
  queue: queueScreen,
  people: peopleScreen,
  rules: rulesScreen,
  inquiries: inquiriesScreen,
  audit: auditScreen,
  team: teamScreen,
  bots: (page) => later(page, async () => (await import('./bots.js')).botsScreen),
  webhooks: (page) => later(page, async () => (await import('./webhooks.js')).webhooksScreen),
  settings: settingsScreen,
};

/** What goes along from one screen to the next. */
const KEPT = ['lang', 'theme'];

export class Shell {
  /** @param {Chat.ConsoleWords} words */
  constructor(words) {
    this.words = words;
    this.api = new Api();
    this.host = byId('page');
    this.nav = byId('nav');
    this.announcer = new Announcer(byId('announcer'), String);
    this.toast = new Toast(document.body);
    this.live = new Live(this.api, new AbortController().signal);
    this.drawn = new AbortController();
    /** @type {Chat.Me} */
    this.me = { id: '', nickname: '', avatar: '', role: '', rights: 0 };
    this.line = make('p', 'con-line', words.stale);
    this.line.setAttribute('role', 'status');
    this.line.hidden = true;
  }

  async begin() {
    const { words, host } = this;
    byId('host').textContent = location.host;
    if (!window.isSecureContext) {
      // Signing in needs it; the page of that says why.
      location.replace(this.#account('login'));
      return;
    }
    host.replaceChildren(make('p', 'con-empty', words.loading));
    const answer = await this.api.get('me');
    if (answer.status === 401) {
      location.replace(this.#account('login', { to: location.pathname + location.search }));
      return;
    }
    if (!answer.ok) {
      host.replaceChildren(failure(this.why(answer), () => this.begin(), words.tryAgain));
      return;
    }
    const { user, role, rights } = answer.body;
    this.me = { id: user.id, nickname: user.nickname, avatar: user.avatar, role, rights };
    this.#who();
    if (!SCREENS.some((screen) => this.may(NEEDED[screen]))) {
      host.replaceChildren(make('h1', 'con-title', words.title), make('p', 'con-empty', words.noRight));
      return;
    }
    this.#menu();
    addEventListener('popstate', () => this.draw());
    document.addEventListener('click', (event) => this.#follow(event));
    this.live.addEventListener('change', () => this.#counts());
    this.live.addEventListener('line', () => { this.line.hidden = this.live.failed === 0; });
    this.draw();
    this.live.look();
  }

  /** @param {number} right */
  may(right) {
    return has(this.me.rights, right);
  }

  /** @param {Chat.AccountAnswer} answer */
  why({ status, code }) {
    const { words } = this;
    if (status === 0) return words.unanswered;
    const { errors } = words;
    return Object.hasOwn(errors, code) ? errors[/** @type {keyof typeof errors} */ (code)] : words.unknown(code);
  }

  /** @param {string} page @param {Record<string, string>} [more] */
  #account(page, more = {}) {
    return `${base}/${page}${this.#query(more)}`;
  }

  /** @param {Record<string, string>} more */
  #query(more) {
    const here = new URLSearchParams(location.search);
    const next = new URLSearchParams();
    for (const name of KEPT) if (here.has(name)) next.set(name, here.get(name) ?? '');
    for (const [name, value] of Object.entries(more)) if (value) next.set(name, value);
    const text = next.toString();
    return text && `?${text}`;
  }

  /** @param {Chat.Screen} screen @param {Record<string, string>} [query] */
  link(screen, query = {}) {
    return `${base}/admin${screen === 'overview' ? '' : `/${screen}`}${this.#query(query)}`;
  }

  #who() {
    const { words, me } = this;
    const link = make('a', 'con-me');
    link.href = this.#account('me');
    link.append(avatarImage(me.avatar, 32), make('bdi', '', me.nickname), make('span', 'unseen', words.account));
    byId('who').replaceChildren(link);
  }

  #menu() {
    const { words, nav } = this;
    nav.setAttribute('aria-label', words.menu);
    /** @type {Map<Chat.Screen, {link: HTMLAnchorElement, count: HTMLElement}>} */
    this.links = new Map(SCREENS.filter((screen) => this.may(NEEDED[screen])).map((screen) => {
      const link = make('a', 'con-nav-link', words.screens[screen]);
      const count = make('span', 'con-count');
      link.href = this.link(screen);
      link.append(count);
      return [screen, { link, count }];
    }));
    nav.replaceChildren(...[...this.links.values()].map(({ link }) => link));
    nav.hidden = false;
  }

  /** How much waits, beside the way to it. */
  #counts() {
    const { waiting } = this.live;
    const count = this.links?.get('queue')?.count;
    if (!waiting || !count) return;
    const n = waiting.held + waiting.reported;
    count.textContent = n ? number(this.words.locale, n) : '';
    this.#show();
  }

  /** On a phone the menu is wider than the page. */
  #show() {
    const current = this.nav.querySelector('[aria-current]');
    if (current instanceof HTMLElement) this.nav.scrollLeft = current.offsetLeft - (this.nav.clientWidth - current.offsetWidth) / 2;
  }

  /** A link to another screen is no other page. @param {MouseEvent} event */
  #follow(event) {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
    const { pathname } = link;
    if (pathname !== `${base}/admin` && !pathname.startsWith(`${base}/admin/`)) return;
    event.preventDefault();
    history.pushState(null, '', link.href);
    this.draw();
    this.host.focus({ preventScroll: true });
  }

  draw() {
    const { words, host, links } = this;
    this.drawn.abort();
    this.drawn = new AbortController();
    const asked = screenOf(location.pathname, base);
    const screen = this.may(NEEDED[asked]) ? asked : SCREENS.find((one) => this.may(NEEDED[one])) ?? asked;
    for (const [name, { link }] of links ?? []) {
      link.href = this.link(name);
      if (name === screen) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    this.#show();
    document.title = `${words.screens[screen]} · ${words.title}`;
    scrollTo(0, 0);
    const place = make('div', 'con-screen');
    host.replaceChildren(this.line, place);
    DRAW[screen](this.#page(place));
  }

  /** @param {HTMLElement} host @returns {Chat.ConsolePage} */
  #page(host) {
    const { words, api, me, live } = this;
    return {
      words, api, me, live, host,
      query: new URLSearchParams(location.search),
      signal: this.drawn.signal,
      say: (text) => this.announcer.say(text),
      did: (text, auditId) => this.did(text, auditId),
      why: (answer) => this.why(answer),
      link: (screen, query) => this.link(screen, query),
      go: (screen, query) => {
        history.pushState(null, '', this.link(screen, query));
        this.draw();
        this.host.focus({ preventScroll: true });
      },
      keep: (query) => history.replaceState(null, '', this.link(screenOf(location.pathname, base), query)),
      may: (right) => this.may(right),
    };
  }

  /** @param {string} text @param {string} [auditId] */
  did(text, auditId) {
    const { words } = this;
    this.toast.show(text, auditId ? { label: words.undo, act: () => this.undo(auditId) } : null);
    this.live.look();
  }

  /** @param {string} auditId */
  async undo(auditId) {
    const answer = await this.api.post(`admin/audit/${encodeURIComponent(auditId)}/undo`);
    this.toast.show(answer.ok ? this.words.undone : this.why(answer));
    await this.live.look();
    return answer.ok;
  }
}
