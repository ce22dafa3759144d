// Whom other systems' addresses are told what, how that goes, and which addresses others write by.

import { Dialog, button } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { card, chip, empty, failure, field, heading, isolated, roomLink, when } from './parts.js';
import { TEAM } from './rights.js';
import { several, shownOnce, sure } from './sure.js';
import { openLog, outcome } from './webhook-log.js';

/** @param {Chat.LaterPage} page */
export function webhooksScreen(page) {
  const { words, later: { webhooks }, host, may } = page;
  const out = part(page, 'admin/webhooks', (body, again) => {
    const found = /** @type {Chat.Webhook[]} */ (body.webhooks);
    const kinds = /** @type {string[]} */ (body.kinds);
    const add = button('primary second', webhooks.add, () => openHook(page, kinds, null, again));
    return { add, rows: found.map((hook) => row(page, hook, kinds, again)), none: webhooks.noneOut };
  });
  const inward = part(page, 'admin/hooks', (body, again) => {
    const found = /** @type {Chat.InboundHook[]} */ (body.hooks);
    // It makes a bot, which takes the right to make bots.
    const add = may(TEAM) ? button('primary second', webhooks.addIn, () => openInbound(page, again)) : null;
    return { add, rows: found.map((hook) => inboundRow(page, hook, again)), none: webhooks.noneIn };
  });
  host.append(heading(words.screens.webhooks, webhooks.lead), card(webhooks.out, [out], webhooks.outHow), card(webhooks.in, [inward], webhooks.inHow));
}

/**
 * A list with what adds to it.
 * @param {Chat.LaterPage} page @param {string} path
 * @param {(body: any, again: () => void) => {add: HTMLElement | null, rows: HTMLElement[], none: string}} draw
 */
function part(page, path, draw) {
  const { words, api, signal, why, live } = page;
  const place = make('div', 'con-list con-part');
  place.tabIndex = -1;
  place.setAttribute('aria-busy', 'true');
  place.append(make('p', 'con-empty', words.loading));
  let shown = '';
  const load = async () => {
    const answer = await api.get(path);
    if (signal.aborted) return;
    place.removeAttribute('aria-busy');
    if (!answer.ok) {
      shown = '';
      place.replaceChildren(failure(why(answer), load, words.tryAgain));
      return;
    }
    const now = JSON.stringify(answer.body);
    if (now === shown) return;
    shown = now;
    const { add, rows, none } = draw(answer.body, again);
    const list = make('ul', 'con-rows');
    list.append(...rows);
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren(...(add ? [add] : []), ...(rows.length ? [list] : [empty(none)]));
    if (hadFocus) place.focus({ preventScroll: true });
  };
  const again = async () => {
    await load();
    if (!signal.aborted && document.activeElement === document.body) place.focus({ preventScroll: true });
  };
  live.addEventListener('change', load, { signal });
  load();
  return place;
}

/** @param {Chat.LaterPage} page @param {string} kind */
function kindName({ later: { webhooks: { kinds } } }, kind) {
  return Object.hasOwn(kinds, kind) ? kinds[/** @type {keyof typeof kinds} */ (kind)] : kind;
}

/** @param {Chat.LaterPage} page @param {Chat.Webhook} hook @param {string[]} kinds @param {() => void} again */
function row(page, hook, kinds, again) {
  const { words, later: { webhooks }, api, did, why } = page;
  const item = make('li', 'con-row con-hook');
  const head = make('div', 'con-entry');
  const state = webhooks.states[hook.state];
  head.append(make('code', 'con-address', hook.url), chip(hook.since ? webhooks.since(state, when(words, hook.since).textContent ?? '') : state, hook.state === 'on' ? 'good' : 'warn'));
  const facts = make('p', 'con-facts');
  const isAll = kinds.every((kind) => hook.events.includes(kind));
  facts.append(...(hook.roomId ? [roomLink(base, hook.roomId)] : []), ...(isAll ? [make('span', '', webhooks.everything)] : hook.events.map((kind) => make('span', '', kindName(page, kind)))));
  const path = `admin/webhooks/${encodeURIComponent(hook.id)}`;
  const test = button('account-quiet', webhooks.test, async () => {
    test.disabled = true;
    const answer = await api.post(`${path}/test`);
    test.disabled = false;
    did(answer.ok ? outcome(page, answer.body) : why(answer));
  });
  const wake = button('account-quiet', webhooks.wake, async () => {
    const answer = await api.post(`${path}/wake`);
    did(answer.ok ? webhooks.woken : why(answer));
    again();
  });
  const log = button('account-quiet', webhooks.log, () => openLog(page, hook, (kind) => kindName(page, kind)));
  const edit = button('account-quiet', webhooks.edit, () => openHook(page, kinds, hook, again));
  const remove = button('account-quiet danger', webhooks.remove, () => sure(
    page,
    { title: webhooks.removeTitle, how: `${hook.url} · ${webhooks.removeHow}`, label: webhooks.remove },
    () => api.remove(path),
    () => {
      did(webhooks.removed);
      again();
    },
  ));
  const acts = make('div', 'con-acts con-sub');
  acts.append(test, ...(hook.state === 'on' ? [] : [wake]), log, edit, remove);
  for (const act of acts.children) act.setAttribute('aria-label', `${act.textContent}: ${hook.url}`);
  item.append(head, facts, acts);
  return item;
}

/** Makes one, or changes one. @param {Chat.LaterPage} page @param {string[]} kinds @param {Chat.Webhook | null} hook @param {() => void} again */
function openHook(page, kinds, hook, again) {
  const { words, later: { webhooks }, api, did, why } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, hook ? webhooks.editTitle : webhooks.add, words.close);
  const url = make('input', 'box');
  Object.assign(url, { type: 'url', maxLength: 2000, value: hook?.url ?? '', placeholder: 'https://', autocomplete: 'off', spellcheck: false });
  const room = make('input', 'box');
  Object.assign(room, { type: 'text', maxLength: 200, autocomplete: 'off', spellcheck: false });
  const events = several(webhooks.events, kinds.map((kind) => [kind, kindName(page, kind), kind]), hook?.events ?? kinds);
  const submit = button('primary', hook ? words.save : webhooks.add, async () => {
    const wanted = events.values();
    if (!wanted.length) {
      dialog.explain(webhooks.noEvent);
      return;
    }
    dialog.wait(true);
    // All that there is now: of what a later release can tell, nobody is told who has not asked for it.
    const order = { url: url.value.trim(), events: wanted };
    const answer = hook
      ? await api.patch(`admin/webhooks/${encodeURIComponent(hook.id)}`, order)
      : await api.post('admin/webhooks', { ...order, ...(room.value.trim() ? { roomId: room.value.trim() } : {}) });
    if (!answer.ok) {
      dialog.explain({ BAD_REQUEST: webhooks.badUrl, FORBIDDEN: webhooks.full }[answer.code] ?? why(answer));
      return;
    }
    dialog.close();
    again();
    if (hook) did(webhooks.saved);
    else shownOnce(page, webhooks.onceTitle, webhooks.onceHow, answer.body.secret);
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.cancel, () => dialog.close()), submit);
  dialog.show([field(webhooks.url, url, webhooks.urlHow), ...(hook ? [] : [field(webhooks.room, room, webhooks.roomHow)]), events.field, foot], url);
}

/** @param {Chat.LaterPage} page @param {Chat.InboundHook} hook @param {() => void} again */
function inboundRow(page, hook, again) {
  const { words, later: { webhooks }, api, did } = page;
  const name = isolated(hook.nickname);
  const item = make('li', 'con-row');
  const facts = make('p', 'con-facts');
  facts.append(roomLink(base, hook.roomId), when(words, hook.createdAt));
  const remove = button('account-quiet danger', webhooks.remove, () => sure(
    page,
    { title: webhooks.removeInTitle(name), how: webhooks.removeInHow, label: webhooks.remove },
    () => api.remove(`admin/hooks/${encodeURIComponent(hook.id)}`),
    () => {
      did(webhooks.removedIn);
      again();
    },
  ));
  remove.setAttribute('aria-label', `${webhooks.remove}: ${name}`);
  const acts = make('div', 'con-acts');
  acts.append(remove);
  item.append(make('bdi', 'con-what', hook.nickname), facts, acts);
  return item;
}

/** @param {Chat.LaterPage} page @param {() => void} again */
function openInbound(page, again) {
  const { words, later: { webhooks }, api, why } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, webhooks.addIn, words.close);
  const [room, name] = [make('input', 'box'), make('input', 'box')];
  Object.assign(room, { type: 'text', maxLength: 200, autocomplete: 'off', spellcheck: false });
  Object.assign(name, { type: 'text', maxLength: 15, autocomplete: 'off', spellcheck: false });
  const submit = button('primary', webhooks.addIn, async () => {
    dialog.wait(true);
    const answer = await api.post('admin/hooks', { roomId: room.value.trim(), nickname: name.value.trim() });
    if (!answer.ok) {
      dialog.explain(answer.code === 'FORBIDDEN' ? webhooks.full : why(answer));
      return;
    }
    dialog.close();
    again();
    // The server knows the path alone; under which origin it is reached the page knows.
    shownOnce(page, webhooks.pathTitle, webhooks.pathHow, location.origin + answer.body.path);
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.cancel, () => dialog.close()), submit);
  dialog.show([field(webhooks.inRoom, room, webhooks.inRoomHow), field(webhooks.name, name), foot], room);
}
