// What the unit tests share: messages, stores in memory, a clock that moves when told.

import { ChatStore } from '../../static/js/store/chat-store.js';
import { Commands } from '../../static/js/wire/commands.js';
import { Outbox } from '../../static/js/wire/outbox.js';
import { memoryStorage } from '../../static/js/shared/storage.js';

export const me = { id: 'me', nickname: 'Otter', avatar: 'otter' };
export const other = { id: 'other', nickname: 'Fox', avatar: 'fox' };

/** @param {number} seq @param {object} [more] @returns {any} */
export function message(seq, more = {}) {
  return {
    id: `m${seq}`, seq, rev: seq, clientId: `c${seq}`, author: other, content: `text ${seq}`,
    createdAt: new Date(Date.UTC(2026, 0, 1, 12, 0, seq)).toISOString(), ...more,
  };
}

/** @param {number} from @param {number} to */
export function messages(from, to) {
  const list = [];
  for (let seq = from; seq <= to; seq += 1) list.push(message(seq));
  return list;
}

/** @param {object} [more] @returns {any} */
export function welcome(more = {}) {
  return {
    type: 'WELCOME',
    payload: {
      sessionId: 's', self: me, room: { id: 'r', epoch: 'e1', rev: 0 }, resumed: false, messages: [],
      hasMore: false, presence: { count: 1, members: [me] }, limits: { contentMax: 2000 }, heartbeatSeconds: 30, ...more,
    },
  };
}

export function outbox(storage = memoryStorage()) {
  let n = 0;
  return new Outbox(storage, 'unsent', () => `id${n += 1}`);
}

export function commands() {
  let n = 0;
  return new Commands(() => `command${n += 1}`);
}

export function chatStore(box = outbox()) {
  const store = new ChatStore(box, commands());
  /** @type {[string, any][]} */
  const events = [];
  for (const type of ['arrived', 'reset', 'self', 'resolved', 'presence', 'done']) {
    store.addEventListener(type, (event) => events.push([type, /** @type {any} */ (event).detail]));
  }
  return { store, events, seqs: () => store.messages.map(({ seq }) => seq) };
}

/** Takes the place of the global timers while `run` runs. @param {(clock: FakeClock) => void} run */
export function withClock(run) {
  const { setTimeout, clearTimeout } = globalThis;
  const clock = new FakeClock();
  Object.assign(globalThis, {
    setTimeout: (/** @type {() => void} */ act, /** @type {number} */ ms) => clock.set(act, ms),
    clearTimeout: (/** @type {number} */ id) => clock.clear(id),
  });
  try {
    run(clock);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
}

export class FakeClock {
  constructor() {
    this.now = 0;
    this.last = 0;
    /** @type {Map<number, {at: number, act: () => void}>} */
    this.timers = new Map();
  }

  /** @param {() => void} act @param {number} ms */
  set(act, ms) {
    this.last += 1;
    this.timers.set(this.last, { at: this.now + ms, act });
    return this.last;
  }

  /** @param {number} id */
  clear(id) {
    this.timers.delete(id);
  }

  /** @param {number} ms */
  pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].act();
    }
    this.now = until;
  }
}
