// All rooms: found, filtered, closed and set.

import { button, choice } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { laterPanel } from './later.js';
import { List } from './list.js';
import { chip, field, heading, number, roomLink, search, select, when } from './parts.js';
import { DEFAULTS } from './rights.js';
import { openSettings } from './settings-form.js';

/** @param {Chat.ConsolePage} page */
export function roomsScreen(page) {
  const { words, host, query, keep, live, signal } = page;
  const { rooms } = words;
  const asked = { q: query.get('q') ?? '', state: query.get('state') ?? '', sort: query.get('sort') ?? '' };
  const list = new List(page, {
    label: words.screens.rooms,
    none: rooms.none,
    path: (cursor) => `admin/rooms?${new URLSearchParams({ ...asked, ...(cursor ? { cursor } : {}) })}`,
    read: (body) => ({ items: /** @type {Chat.RoomListed[]} */ (body.rooms), next: body.nextCursor ?? '' }),
    row: (room) => row(page, room, () => list.load({ quiet: true })),
  });
  const again = () => {
    keep(asked);
    list.begin();
  };
  const states = /** @type {[string, string][]} */ ([['', rooms.states.all], ['recent', rooms.states.recent], ['held', rooms.states.held], ['reported', rooms.states.reported], ['locked', rooms.states.locked]]);
  const state = choice(rooms.state, states, states.some(([name]) => name === asked.state) ? asked.state : '');
  if (!state.radios.some(({ checked }) => checked)) asked.state = '';
  for (const radio of state.radios) radio.addEventListener('change', () => { asked.state = radio.value; again(); });
  const sorts = /** @type {[string, string][]} */ ([['', rooms.sorts.recent], ['messages', rooms.sorts.messages], ['name', rooms.sorts.name]]);
  if (!sorts.some(([name]) => name === asked.sort)) asked.sort = '';
  const sort = select(sorts, asked.sort);
  sort.addEventListener('change', () => { asked.sort = sort.value; again(); });
  const filters = make('div', 'con-filters');
  filters.append(search(rooms.search, rooms.hint, asked.q, {
    signal,
    note: (text) => keep({ ...asked, q: text }),
    act: (text) => {
      asked.q = text;
      again();
    },
  }), field(rooms.sort, sort), state.field);
  host.append(heading(words.screens.rooms, rooms.lead), filters, list.element);
  live.addEventListener('change', () => list.load({ quiet: true }), { signal });
  list.load();
}

/** @param {Chat.ConsolePage} page @param {Chat.RoomListed} room @param {() => void} changed */
function row(page, room, changed) {
  const { words, api, did, why, link, may } = page;
  const { locale, rooms } = words;
  const item = make('li', 'con-row');
  const name = make('div', 'con-row-name');
  name.append(roomLink(base, room.id));
  if (room.title) name.append(make('bdi', 'con-title-of', room.title));
  const facts = make('p', 'con-facts');
  facts.append(make('span', '', rooms.messages(number(locale, room.messageCount))), when(words, room.lastMessageAt));
  const chips = make('div', 'con-chips');
  const toQueue = (/** @type {'held' | 'reported'} */ kind) => {
    const chip = make('a', 'con-chip warn', rooms[kind](number(locale, room[kind])));
    chip.href = link('queue', { kind, room: room.id });
    return chip;
  };
  if (room.held) chips.append(toQueue('held'));
  if (room.reported) chips.append(toQueue('reported'));
  if (room.locked) chips.append(chip(rooms.locked));
  if (room.slowSeconds) chips.append(chip(rooms.slow(number(locale, room.slowSeconds))));
  if (rooms.holds[room.holdNew]) chips.append(chip(rooms.holds[room.holdNew]));
  const acts = make('div', 'con-acts');
  const path = `admin/rooms/${encodeURIComponent(room.id)}`;
  const lock = button('account-quiet', room.locked ? rooms.unlock : rooms.lock, async () => {
    lock.disabled = true;
    const now = await api.get(path);
    const answer = now.ok ? await api.post(path, { settings: { locked: !room.locked }, settingsRev: now.body.settingsRev }) : now;
    lock.disabled = false;
    did(answer.ok ? (room.locked ? rooms.openNow : rooms.lockedNow) : why(answer), answer.ok ? answer.body.auditId : undefined);
    if (!answer.ok) return;
    await changed();
    document.getElementById(`lock-${room.id}`)?.focus({ preventScroll: true });
  });
  lock.id = `lock-${room.id}`;
  lock.setAttribute('aria-label', `${lock.textContent}: ${room.id}`);
  const set = button('account-quiet', rooms.settings, () => openSettings(page, room.id, changed));
  set.setAttribute('aria-label', `${rooms.settings}: ${room.id}`);
  // Its names, its file, its end: for those who may any of it.
  const more = button('account-quiet', rooms.more, () => laterPanel(page, async () => {
    const { openDeeds } = await import('./room-deeds.js');
    return (whole) => openDeeds(whole, room, changed);
  }));
  more.setAttribute('aria-label', `${rooms.more} ${room.id}`);
  acts.append(set, lock, ...(may(DEFAULTS) ? [more] : []));
  item.append(name, facts, ...(chips.childElementCount ? [chips] : []), acts);
  return item;
}
