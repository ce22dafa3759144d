// Everybody who wrote, and what is known of one of them.

import { button } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { avatarImage, make } from '../shared/dom.js';
import { entryRow } from './audit.js';
import { openBan } from './ban.js';
import { List } from './list.js';
import { card, chip, empty, failure, heading, number, person as personLink, roomLink, search, when } from './parts.js';

/** @param {Chat.ConsolePage} page */
export function peopleScreen(page) {
  const id = page.query.get('id');
  if (id) onePerson(page, id);
  else allPeople(page);
}

/** @param {Chat.ConsolePage} page */
function allPeople(page) {
  const { words, host, query, keep, signal } = page;
  const { people } = words;
  let q = query.get('q') ?? '';
  const list = new List(page, {
    label: words.screens.people,
    none: people.none,
    path: (cursor) => `admin/people?${new URLSearchParams({ q, ...(cursor ? { cursor } : {}) })}`,
    read: (body) => ({ items: /** @type {Chat.PersonListed[]} */ (body.people), next: body.nextCursor ?? '' }),
    row: (one) => row(page, one),
  });
  const filters = make('div', 'con-filters');
  filters.append(search(people.search, people.hint, q, {
    signal,
    note: (text) => keep({ q: text }),
    act: (text) => {
      q = text;
      list.begin();
    },
  }));
  host.append(heading(words.screens.people, people.lead), filters, list.element);
  list.load();
}

/** @param {Chat.ConsoleWords} words @param {Chat.PersonListed} one */
function marks(words, { role, banned }) {
  const { people } = words;
  const name = Object.hasOwn(people.roles, role) ? people.roles[/** @type {keyof typeof people.roles} */ (role)] : '';
  return [...(role === 'guest' || !name ? [] : [chip(name)]), ...(banned ? [chip(people.banned, 'warn')] : [])];
}

/** @param {Chat.ConsolePage} page @param {Chat.PersonListed} one */
function row(page, one) {
  const { words } = page;
  const item = make('li', 'con-row con-row-person');
  const facts = make('p', 'con-facts');
  facts.append(make('span', '', words.people.rooms(number(words.locale, one.rooms))), when(words, one.lastSeenAt));
  const chips = make('div', 'con-chips');
  chips.append(...marks(words, one));
  item.append(personLink(page, one), facts, ...(chips.childElementCount ? [chips] : []));
  return item;
}

/** @param {Chat.ConsolePage} page @param {string} id */
async function onePerson(page, id) {
  const { words, host, api, signal, why, link } = page;
  const { people } = words;
  const back = make('a', 'link con-back', `← ${people.back}`);
  back.href = link('people');
  const place = make('div', 'con-screen');
  host.append(back, place);
  place.append(make('h1', 'con-title', words.screens.people), make('p', 'con-empty', words.loading));
  const draw = async () => {
    const answer = await api.get(`admin/people/${encodeURIComponent(id)}`);
    if (signal.aborted) return;
    if (!answer.ok) {
      place.replaceChildren(make('h1', 'con-title', words.screens.people), failure(why(answer), draw, words.tryAgain));
      return;
    }
    place.replaceChildren(...parts(page, answer.body, draw));
  };
  draw();
}

/** @param {Chat.ConsolePage} page @param {any} body @param {() => void} again */
function parts(page, body, again) {
  const { words, did } = page;
  const { people } = words;
  const one = /** @type {Chat.PersonListed} */ (body.person);
  const head = make('header', 'con-card con-one');
  const text = make('div', 'con-one-text');
  const name = make('h1', 'con-title');
  name.append(make('bdi', '', one.nickname || people.nobody));
  const chips = make('div', 'con-chips');
  chips.append(...marks(words, one));
  const facts = make('p', 'con-facts');
  const [first, last] = [when(words, one.firstSeenAt), when(words, one.lastSeenAt)];
  first.textContent = people.first(first.textContent ?? '');
  last.textContent = people.last(last.textContent ?? '');
  facts.append(first, last);
  const code = make('p', 'con-facts');
  code.append(`${people.id} `, make('code', '', one.id));
  text.append(name, ...(chips.childElementCount ? [chips] : []), facts, code);
  const ban = button('account-quiet danger', words.queue.ban, () => openBan(page, one, null, (auditId, said) => {
    did(said, auditId);
    again();
  }));
  head.append(avatarImage(one.avatar, 72), text, ban);

  const names = make('ul', 'con-names');
  for (const { nickname, since } of body.names) {
    const item = make('li');
    item.append(make('bdi', '', nickname), when(words, since));
    names.append(item);
  }
  const wrote = make('ul', 'con-rows');
  for (const message of /** @type {Chat.MessageSeen[]} */ (body.messages)) {
    const item = make('li', 'con-row');
    const said = make('p', message.deleted ? 'con-said gone' : 'con-said', message.deleted ? words.queue.deleted : message.content);
    said.dir = 'auto';
    const where = make('p', 'con-facts');
    where.append(roomLink(base, message.room ?? ''), when(words, message.createdAt));
    item.append(said, where);
    wrote.append(item);
  }
  const rooms = make('ul', 'con-rows');
  for (const { id, lastMessageAt } of body.rooms) {
    const item = make('li', 'con-row con-row-small');
    item.append(roomLink(base, id), when(words, lastMessageAt));
    rooms.append(item);
  }
  const bans = make('ul', 'con-rows');
  bans.append(...body.bans.map((/** @type {Chat.Ban} */ one) => banRow(page, one, again)));
  const history = make('ul', 'con-rows');
  history.append(...body.entries.map((/** @type {Chat.Entry} */ entry) => entryRow(page, entry, again)));
  const or = (/** @type {HTMLElement} */ list, /** @type {string} */ none) => (list.childElementCount ? list : empty(none));
  return [
    head,
    ...(names.childElementCount ? [card(people.names, [names])] : []),
    card(people.wrote, [or(wrote, people.wroteNothing)]),
    card(people.bans, [or(bans, people.noBans)]),
    ...(page.may(256) ? [card(people.history, [or(history, people.noHistory)])] : []),
    card(people.where, [or(rooms, words.nothing)]),
  ];
}

/** @param {Chat.ConsolePage} page @param {Chat.Ban} ban @param {() => void} again */
function banRow({ words, api, did, why }, ban, again) {
  const { people } = words;
  const item = make('li', 'con-row con-row-person');
  const facts = make('p', 'con-facts');
  const isOver = ban.until !== null && new Date(ban.until) < new Date();
  const time = (/** @type {string} */ iso) => when(words, iso).textContent ?? '';
  const exact = (/** @type {string} */ iso) => new Date(iso).toLocaleString(words.locale, { dateStyle: 'medium', timeStyle: 'short' });
  const state = ban.liftedAt ? people.liftedAt(time(ban.liftedAt)) : isOver ? people.over : ban.until ? people.until(exact(ban.until)) : people.forGood;
  facts.append(make('span', '', state), when(words, ban.at));
  const where = make('p', 'con-said');
  where.append(make('bdi', '', ban.room ?? words.everywhere), ...(ban.reason ? [': ', make('bdi', '', ban.reason)] : []));
  item.append(where, facts);
  if (ban.liftedAt || isOver) return item;
  const lift = button('account-quiet', people.lift, async () => {
    lift.disabled = true;
    const answer = await api.post('admin/bans/lift', { authorId: ban.authorId, ...(ban.room ? { scope: 'room', room: ban.room } : { scope: 'all' }) });
    did(answer.ok ? people.lifted : why(answer), answer.ok ? answer.body.auditId : undefined);
    again();
  });
  const acts = make('div', 'con-acts');
  acts.append(lift);
  item.append(acts);
  return item;
}
