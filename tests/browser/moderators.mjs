// A server that knows moderators, as far as a page can tell: the real one, with the frames and answers of moderation put
// in between. What the page says of it is kept.

import { PATIENCE_MS, Visitor, until } from './support.mjs';

/** @typedef {import('playwright-core').BrowserContext} BrowserContext */

/** @typedef {{send: (frame: object) => void, pass: (frame: object) => void, token: string | null, self: any}} Page one that is open: what it gets, what the real server gets of it */

export const CODE = 'ABCD-EFGH-JKMN';
/** What a moderator may do. */
export const MODERATOR = 8 + 16 + 32 + 64 + 128 + 256;

export class Moderated {
  constructor() {
    /** What the room's owner has set. @type {Record<string, any>} */
    this.settings = {};
    this.settingsRev = 0;
    /** Logins that are known, by their secret. @type {Set<string>} */
    this.tokens = new Set();
    this.reported = 0;
    /** Why messages of visitors wait for a moderator, where they do. @type {string | null} */
    this.holds = null;
    /** Messages that wait. @type {any[]} */
    this.waiting = [];
    /** Keys of messages that have waited, and whether they were let through. @type {Map<string, boolean>} */
    this.decided = new Map();
    /** Frames of the page that the real server never sees, and what was asked over HTTP. @type {any[]} */
    this.said = [];
    /** Answers to commands that are refused, by type. @type {Map<string, object>} */
    this.refusals = new Map();
    /** Who has signed in. @type {Set<string>} */
    this.owners = new Set();
    /** Badges of others, by nickname. @type {Record<string, string>} */
    this.badges = {};
    /** @type {Set<Page>} */
    this.pages = new Set();
    this.n = 0;
  }

  /** @param {BrowserContext} context */
  async in(context) {
    await context.routeWebSocket(/\/ws\/room\//, (socket) => this.#socket(socket));
    await context.route('**/api/v1/auth/code', (route) => {
      const { code } = route.request().postDataJSON();
      this.said.push({ type: 'code', code });
      if (code !== CODE) return route.fulfill({ status: 401, json: { error: { code: 'BAD_CODE', message: '' } } });
      const token = `secret-${this.n += 1}`;
      this.tokens.add(token);
      return route.fulfill({ json: { token, user: { id: 'u1', nickname: 'Jane' }, role: 'owner', rights: MODERATOR } });
    });
    const secret = (/** @type {import('playwright-core').Route} */ route) => route.request().headers().authorization?.replace('Bearer ', '') ?? '';
    await context.route('**/api/v1/auth/logout', (route) => {
      this.said.push({ type: 'logout', token: secret(route) });
      this.tokens.delete(secret(route));
      return route.fulfill({ status: 204 });
    });
    await context.route(/\/api\/v1\/admin\/held\?/, (route) => {
      this.said.push({ type: 'held', room: new URL(route.request().url()).searchParams.get('room') });
      if (!this.tokens.has(secret(route))) return route.fulfill({ status: 401, json: { error: { code: 'BAD_TOKEN', message: '' } } });
      return route.fulfill({ json: { held: this.waiting.slice(0, 50), hasMore: this.waiting.length > 50 } });
    });
    await context.route('**/api/v1/admin/audit/*/undo', (route) => {
      const auditId = new URL(route.request().url()).pathname.split('/').at(-2);
      const again = this.said.some((one) => one.type === 'undo' && one.auditId === auditId);
      this.said.push({ type: 'undo', auditId });
      if (!this.tokens.has(secret(route))) return route.fulfill({ status: 401, json: { error: { code: 'BAD_TOKEN', message: '' } } });
      return again ? route.fulfill({ status: 409, json: { error: { code: 'ALREADY_UNDONE', message: '' } } }) : route.fulfill({ json: {} });
    });
  }

  /** A visitor on a page with all this. @param {import('playwright-core').Browser} browser @param {string} address @param {import('playwright-core').BrowserContextOptions & {token?: string}} [options] */
  async open(browser, address, { token, ...options } = {}) {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 480, height: 640 }, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    await this.in(context);
    if (token) {
      this.tokens.add(token);
      await context.addInitScript((account) => localStorage.setItem('realtime-chat:account', account), JSON.stringify({ token, nickname: 'Jane' }));
    }
    const page = await context.newPage();
    const visitor = new Visitor(page, page);
    page.on('pageerror', (error) => visitor.complaints.push(String(error)));
    page.on('console', (message) => /Content Security Policy|Uncaught/.test(message.text()) && visitor.complaints.push(message.text()));
    await page.goto(address);
    return visitor;
  }

  /** The last of what was said of this kind. @param {string} type @returns {Promise<any>} */
  async heard(type) {
    return until(() => this.said.filter((one) => one.type === type).at(-1), Boolean, `the page to say ${type}`);
  }

  /** @param {Record<string, any>} settings in part; null resets */
  set(settings) {
    // Only what differs from the default is told.
    const all = Object.entries({ ...this.settings, ...settings })
      .filter(([name, value]) => value !== null && value !== false && value !== 'off' && (value !== 0 || name === 'linksMax'));
    this.settings = Object.fromEntries(all);
    this.settingsRev += 1;
    this.tell({ type: 'ROOM', payload: { rev: 0, room: { settings: this.settings, settingsRev: this.settingsRev } } });
  }

  /** @param {number} reported */
  report(reported) {
    this.reported = reported;
    this.#queue();
  }

  /** Somebody's message waits. @param {object} more of it */
  hold(more) {
    const author = { id: `author-${this.n += 1}`, nickname: 'Newcomer', avatar: 'fox' };
    const held = { id: String(this.n), room: '', author, content: 'hello', reason: 'all', at: new Date().toISOString(), ...more };
    this.waiting.push(held);
    this.#queue();
    return held;
  }

  /** @param {string[]} ids */
  forgetHeld(...ids) {
    this.waiting = this.waiting.filter(({ id }) => !ids.includes(id));
  }

  #queue() {
    for (const page of this.pages) if (page.token) page.send(this.#counts());
  }

  #counts() {
    return { type: 'QUEUE', payload: { reported: this.reported, held: this.waiting.length } };
  }

  /** To all who look after the room. @param {string} action @param {object} by @param {object} [target] */
  act(action, by, target = {}) {
    const deed = { auditId: `a${this.n += 1}`, action, at: new Date().toISOString(), by, target, undone: false };
    for (const one of this.pages) if (one.token) one.send({ type: 'MOD', payload: deed });
    return deed;
  }

  /** @param {object} frame */
  tell(frame) {
    for (const page of this.pages) page.send(frame);
  }

  /** @param {import('playwright-core').WebSocketRoute} socket */
  #socket(socket) {
    const server = socket.connectToServer();
    /** @type {Page} */
    const page = { send: (frame) => socket.send(JSON.stringify(frame)), pass: (frame) => server.send(JSON.stringify(frame)), token: null, self: null };
    socket.onMessage((text) => {
      const { type, payload } = JSON.parse(String(text));
      const passes = this.#fromPage(page, type, payload);
      if (passes) page.pass({ type, payload: passes });
    });
    server.onMessage((text) => {
      const frame = JSON.parse(String(text));
      for (const one of frame.type === 'BATCH' ? frame.payload.frames : [frame]) this.#fromServer(page, one);
      socket.send(JSON.stringify(frame));
      if (frame.type === 'WELCOME' && page.token) page.send(this.#counts());
    });
    socket.onClose((code, reason) => {
      this.pages.delete(page);
      server.close({ code, reason });
    });
    this.pages.add(page);
  }

  /** @param {Page} page @param {any} frame */
  #fromServer(page, { type, payload }) {
    for (const author of type === 'MESSAGE' ? [payload.author] : payload.members ?? payload.presence?.members ?? []) this.#mark(author);
    for (const message of payload.messages ?? []) this.#mark(message.author);
    if (type === 'PROFILE') page.self = payload.self;
    if (type !== 'WELCOME') return;
    Object.assign(payload.room, { settings: this.settings, settingsRev: this.settingsRev });
    page.self = payload.self;
    if (!page.token) return;
    payload.rights = MODERATOR;
    if (!payload.self) return;
    this.owners.add(payload.self.id);
    this.#mark(payload.self);
    for (const author of payload.presence.members ?? []) this.#mark(author);
  }

  /** @param {any} author */
  #mark(author) {
    if (this.owners.has(author.id)) author.badge = 'owner';
    else if (this.badges[author.nickname]) author.badge = this.badges[author.nickname];
  }

  /** @param {Page} page @param {string} type @param {any} payload @returns {object | null} what of it the real server gets */
  #fromPage(page, type, payload) {
    if (type === 'JOIN') {
      const { token = null, ...rest } = payload;
      const refused = rest.nickname === undefined ? undefined : this.refusals.get(type);
      if (refused) {
        page.send({ type: 'ERROR', payload: { message: '', ...refused } });
        return null;
      }
      page.token = token;
      this.said.push({ type, token });
      if (token === null || this.tokens.has(token)) return rest;
      page.token = null;
      page.send({ type: 'ERROR', payload: { code: 'BAD_TOKEN', message: '' } });
      return null;
    }
    const refusal = this.refusals.get(type);
    const { clientId, id, authorId } = payload;
    if (refusal) {
      this.said.push({ type, ...payload });
      page.send({ type: 'ERROR', payload: { message: '', clientId, ...refusal } });
      return null;
    }
    if (type === 'MESSAGE' && page.token === null) return this.#message(page, payload);
    const mine = ['BAN', 'ROOM_SET', 'REPORT', 'PIN', 'APPROVE', 'REJECT'].includes(type) || (type === 'DELETE' && page.token !== null);
    if (!mine) return payload;
    this.said.push({ type, ...payload });
    if (['REPORT', 'PIN', 'DELETE'].includes(type)) page.send({ type: 'ACK', payload: { clientId, id, seq: 1, rev: 1, createdAt: new Date().toISOString() } });
    if (type === 'REPORT') return null;
    if (type === 'ROOM_SET' && payload.settingsRev !== this.settingsRev) {
      page.send({ type: 'ERROR', payload: { code: 'SETTINGS_CONFLICT', message: '', clientId } });
      this.set({});
      return null;
    }
    if (type === 'ROOM_SET') this.set(payload.settings);
    if (type === 'APPROVE' || type === 'REJECT') {
      const chosen = this.waiting.filter((held) => payload.heldIds.includes(held.id));
      if (chosen.length === 0) {
        page.send({ type: 'ERROR', payload: { code: 'MESSAGE_NOT_FOUND', message: '', clientId } });
        return null;
      }
      this.forgetHeld(...payload.heldIds);
      for (const held of chosen) this.#decided(held, type === 'APPROVE');
    }
    const action = type === 'PIN' && !payload.on ? 'unpin' : type.toLowerCase();
    // To all who look after the room, whoever did it included.
    const deed = this.act(action, page.self, { id, authorId });
    if (!['PIN', 'DELETE'].includes(type)) page.send({ type: 'MOD', payload: { ...deed, clientId } });
    if (type === 'APPROVE' || type === 'REJECT') this.#queue();
    return null;
  }

  /** A visitor's message, which may have to wait. @param {Page} page @param {any} payload @returns {object | null} what of it the real server gets */
  #message(page, payload) {
    const { clientId, content } = payload;
    const waits = this.waiting.find((held) => held.clientId === clientId);
    const reason = waits?.reason ?? this.holds;
    const decided = this.decided.get(clientId);
    if (decided === true || (reason === null && decided === undefined)) return payload;
    this.said.push({ type: 'MESSAGE', ...payload });
    if (decided === false) {
      page.send({ type: 'ERROR', payload: { code: 'REJECTED', message: '', clientId } });
      return null;
    }
    page.send({ type: 'ERROR', payload: { code: 'HELD', message: '', clientId, reason } });
    if (!waits) this.hold({ author: page.self, content, reason, clientId, payload });
    return null;
  }

  /** @param {any} held @param {boolean} approved */
  #decided({ author, clientId, payload }, approved) {
    this.decided.set(clientId, approved);
    for (const page of this.pages) {
      if (page.self?.id !== author.id) continue;
      if (!approved) page.send({ type: 'ERROR', payload: { code: 'REJECTED', message: '', clientId } });
      else if (payload) page.pass({ type: 'MESSAGE', payload });
    }
  }
}
