// A stand-in for the server's side of a line without sockets: a room that is read by POST …/events and by GET …/changes,
// and written by the REST routes, with what proxies on the way do to it.

import { createServer } from 'node:http';
import { other, message } from './support.mjs';

export class LineServer {
  constructor() {
    this.epoch = 'e1';
    this.rev = 0;
    /** @type {any[]} by `seq` */
    this.messages = [];
    /** Streams that are open. @type {Set<{res: import('node:http').ServerResponse, join: any, held: string[]}>} */
    this.streams = new Set();
    /** @type {{method: string, path: string, headers: import('node:http').IncomingHttpHeaders, body: any}[]} */
    this.asked = [];
    /** What a proxy on the way does: passes on, collects answers until they end, or all but how they begin, knows no such address. @type {'passes' | 'collects' | 'swallows' | 'none'} */
    this.proxy = 'passes';
    /** How many bytes go at once; null: all. @type {number | null} */
    this.piece = null;
    /** Refuses the next requests to write; `stores`: does so all the same, and only its answer is lost. @type {{status: number, body?: any, headers?: Record<string, string>, stores?: boolean}[]} */
    this.refusals = [];
    /** Refuses a JOIN. @type {(join: any) => {status: number, body: any} | null} */
    this.refuses = () => null;
    this.server = createServer((req, res) => void this.#answer(req, res));
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(null)));
    const address = /** @type {import('node:net').AddressInfo} */ (this.server.address());
    this.api = `http://127.0.0.1:${address.port}/api/v1/rooms/post`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve(null)));
  }

  /** Somebody writes. @param {object} [more] */
  say(more = {}) {
    this.rev += 1;
    const said = message(this.rev, more);
    this.messages.push(said);
    this.tell({ type: 'MESSAGE', payload: said });
    return said;
  }

  /** @param {any} frame */
  tell(frame) {
    for (const stream of this.streams) this.#write(stream, frame);
  }

  /** Ends all that is read, in the midst of an event. */
  cut() {
    for (const { res } of this.streams) {
      res.write('data: {"type":"MESSAGE","payl');
      res.destroy();
    }
  }

  /** @param {string} path */
  requests(path) {
    return this.asked.filter((one) => one.path === path);
  }

  /** @param {{res: import('node:http').ServerResponse, held: string[]}} stream @param {any} frame */
  #write({ res, held }, frame) {
    const text = `id: ${this.epoch}:${this.rev}\ndata: ${JSON.stringify(frame)}\n\n`;
    const begins = frame.type === 'WELCOME';
    if (this.proxy === 'collects' || (this.proxy === 'swallows' && !begins)) held.push(text);
    else if (this.piece === null) res.write(text);
    else {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += this.piece) res.write(bytes.subarray(at, at + this.piece));
    }
  }

  /** @param {import('node:http').IncomingMessage} req @param {import('node:http').ServerResponse} res */
  async #answer(req, res) {
    let text = '';
    for await (const piece of req) text += piece;
    const url = new URL(req.url ?? '', 'http://x');
    const path = url.pathname.replace('/api/v1/rooms/post', '').replace(/^\//, '');
    const body = text ? JSON.parse(text) : undefined;
    this.asked.push({ method: req.method ?? '', path, headers: req.headers, body });
    const json = (/** @type {number} */ status, /** @type {any} */ value, /** @type {Record<string, string>} */ headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(value));
    };
    if (path === '') json(200, { epoch: this.epoch, rev: this.rev, presence: { count: 2 } });
    else if (path === 'events') this.#stream(body, res, json);
    else if (path === 'changes') json(200, this.#changes(url.searchParams));
    else if (path === 'messages' && req.method === 'GET') {
      json(200, { epoch: this.epoch, rev: this.rev, messages: this.messages.slice(-50), hasMore: this.messages.length > 50 });
    } else {
      const refusal = this.refusals.shift();
      if (refusal?.stores) this.#store(String(req.headers['idempotency-key']), body);
      if (refusal) json(refusal.status, refusal.body, refusal.headers);
      else if (path !== 'messages') json(200, {});
      else {
        const stored = this.#store(String(req.headers['idempotency-key']), body);
        json(201, { clientId: stored.clientId, epoch: this.epoch, rev: stored.rev, message: stored });
      }
    }
  }

  /** @param {string} clientId @param {any} body */
  #store(clientId, { content, nickname, avatar }) {
    const there = this.messages.find((one) => one.clientId === clientId);
    return there ?? this.say({ clientId, content, author: { id: 'me', nickname, avatar } });
  }

  /** @param {URLSearchParams} query */
  #changes(query) {
    const after = Number(query.get('after'));
    const startOver = query.get('epoch') !== this.epoch || after > this.rev;
    const messages = startOver ? [] : this.messages.filter(({ rev }) => rev > after).slice(0, Number(query.get('limit')));
    const whole = messages.length < Number(query.get('limit'));
    return { messages, startOver, rev: whole ? this.rev : messages.at(-1).rev, room: this.#room() };
  }

  #room() {
    return { id: 'post', epoch: this.epoch, rev: this.rev, settings: {}, settingsRev: 0 };
  }

  /** @param {any} join @param {import('node:http').ServerResponse} res @param {(status: number, value: any) => void} json */
  #stream(join, res, json) {
    const refusal = this.refuses(join);
    if (refusal || this.proxy === 'none') return json(refusal?.status ?? 404, refusal?.body ?? {});
    const stream = { res, join, held: [] };
    this.streams.add(stream);
    res.on('close', () => this.streams.delete(stream));
    if (this.proxy !== 'collects') res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const { resume } = join;
    const resumed = resume?.epoch === this.epoch && resume.rev <= this.rev;
    this.#write(stream, {
      type: 'WELCOME',
      payload: {
        room: this.#room(), resumed, heartbeatSeconds: 30, limits: { contentMax: 2000 }, presence: { count: 2, members: [other] },
        ...(join.nickname && { self: { id: 'me', nickname: join.nickname, avatar: join.avatar ?? 'otter' } }),
        messages: resumed ? this.messages.filter(({ rev }) => rev > resume.rev) : this.messages.slice(-50),
      },
    });
    return undefined;
  }
}
