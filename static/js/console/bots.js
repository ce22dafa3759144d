// Programs that write here, and the keys by which they come.

import { Dialog, button } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { actor } from './audit.js';
import { card, chip, empty, failure, field, heading, isolated, person, select, when } from './parts.js';
import { several, shownOnce, sure } from './sure.js';

/** What a bot may be at most, the lowest first. One makes lower ranks than one's own only; the server says so in the end. */
const ROLES = /** @type {const} */ (['member', 'moderator', 'admin']);
const RANKS = ['guest', 'member', 'moderator', 'admin', 'owner'];
const DAYS = /** @type {const} */ ([90, 30, 365, 0]);

/** @param {Chat.LaterPage} page @param {string} role */
const isLower = ({ me }, role) => RANKS.indexOf(role) < RANKS.indexOf(me.role);

/** @param {Chat.LaterPage} page */
export function botsScreen(page) {
  const { words, later, api, host, signal, why } = page;
  const { bots } = later;
  const list = make('div', 'con-list');
  list.tabIndex = -1;
  list.setAttribute('aria-busy', 'true');
  list.append(make('p', 'con-empty', words.loading));
  const draw = async () => {
    const [all, keys] = await Promise.all([api.get('admin/bots'), api.get('admin/keys')]);
    if (signal.aborted) return;
    list.removeAttribute('aria-busy');
    const failed = [all, keys].find(({ ok }) => !ok);
    if (failed) {
      list.replaceChildren(failure(why(failed), draw, words.tryAgain));
      return;
    }
    const rows = make('ul', 'con-rows');
    const found = /** @type {Chat.Bot[]} */ (all.body.bots);
    rows.append(...found.map((bot) => row(page, bot, keys.body.keys.filter((/** @type {Chat.BotKey} */ key) => key.botId === bot.id), again)));
    list.replaceChildren(found.length ? rows : empty(bots.none));
  };
  /** What was pressed may be gone with it. */
  const again = async () => {
    await draw();
    if (!signal.aborted && document.activeElement === document.body) list.focus({ preventScroll: true });
  };
  host.append(heading(words.screens.bots, bots.lead), card(bots.make, [maker(page, again)], bots.makeHow), card(bots.list, [list]));
  draw();
}

/** @param {Chat.LaterPage} page @param {() => void} again */
function maker(page, again) {
  const { words, later: { bots }, api, did, why } = page;
  const name = make('input', 'box');
  Object.assign(name, { type: 'text', maxLength: 15, required: true, autocomplete: 'off', spellcheck: false });
  const role = select(ROLES.filter((one) => isLower(page, one)).map((one) => [one, words.people.roles[one]]), 'member');
  const submit = make('button', 'primary second', bots.make);
  submit.type = 'submit';
  const fault = make('p', 'fault');
  fault.setAttribute('role', 'alert');
  const form = make('form', 'con-make');
  form.append(field(bots.name, name), field(bots.role, role), submit, fault);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    fault.textContent = '';
    submit.disabled = true;
    const answer = await api.post('admin/bots', { nickname: name.value.trim(), role: role.value });
    submit.disabled = false;
    if (!answer.ok) {
      fault.textContent = answer.code === 'FORBIDDEN' ? bots.full : why(answer);
      return;
    }
    did(bots.made(isolated(answer.body.nickname)));
    name.value = '';
    again();
  });
  return form;
}

/** @param {Chat.LaterPage} page @param {Chat.Bot} bot @param {Chat.BotKey[]} keys @param {() => void} again */
function row(page, bot, keys, again) {
  const { words, later: { bots }, api, did } = page;
  const name = isolated(bot.nickname);
  const item = make('li', 'con-row');
  const head = make('div', 'con-entry');
  head.append(person(page, { id: bot.authorId, nickname: bot.nickname, avatar: bot.avatar }), chip(words.people.roles[/** @type {keyof typeof words.people.roles} */ (bot.role)] ?? bot.role));
  const facts = make('p', 'con-facts');
  facts.append(make('span', '', bots.since(when(words, bot.createdAt).textContent ?? '')));
  const owner = make('span', '', `${bots.answers} `);
  owner.append(actor(page, bot.ownerAuthorId ?? 'operator'));
  facts.append(owner);
  item.append(head, facts);
  if (isLower(page, bot.role)) {
    const key = button('account-quiet', bots.addKey, () => openKey(page, bot, again));
    const end = button('account-quiet danger', bots.end, () => sure(
      page,
      { title: bots.endTitle(name), how: bots.endHow, label: bots.end },
      () => api.remove(`admin/bots/${encodeURIComponent(bot.id)}`),
      () => {
        did(bots.ended(name));
        again();
      },
    ));
    for (const act of [key, end]) act.setAttribute('aria-label', `${act.textContent}: ${name}`);
    const acts = make('div', 'con-acts');
    acts.append(key, end);
    item.append(acts);
  }
  const held = make('ul', 'con-sub');
  held.setAttribute('aria-label', bots.keys(name));
  held.append(...keys.map((one) => keyRow(page, one, isLower(page, bot.role), again)));
  item.append(keys.length ? held : make('p', 'con-sub con-sub-none', bots.noKeys));
  return item;
}

/** @param {Chat.LaterPage} page @param {Chat.BotKey} key @param {boolean} may @param {() => void} again */
function keyRow(page, key, may, again) {
  const { words, later: { bots }, api, did } = page;
  const item = make('li', 'con-key');
  const isOver = key.expiresAt !== undefined && new Date(key.expiresAt) <= new Date();
  const facts = make('p', 'con-facts');
  const day = key.expiresAt && new Date(key.expiresAt).toLocaleDateString(words.locale, { year: 'numeric', month: 'short', day: 'numeric' });
  facts.append(
    make('code', '', `${key.prefix}…`),
    ...key.scopes.map((scope) => chip(scope)),
    ...(isOver ? [chip(bots.over, 'warn')] : [make('span', '', day ? bots.until(day) : bots.forGood)]),
    make('span', '', key.lastUsedAt ? bots.lastUsed(when(words, key.lastUsedAt).textContent ?? '') : bots.neverUsed),
  );
  item.append(facts);
  if (!may) return item;
  const take = button('account-quiet danger', bots.takeBack, () => sure(
    page,
    { title: bots.takeTitle(key.prefix), how: bots.takeHow, label: bots.takeBack },
    () => api.remove(`admin/keys/${encodeURIComponent(key.id)}`),
    () => {
      did(bots.taken);
      again();
    },
  ));
  take.setAttribute('aria-label', `${bots.takeBack}: ${key.prefix}`);
  item.append(take);
  return item;
}

/** @param {Chat.LaterPage} page @param {Chat.Bot} bot @param {() => void} again */
function openKey(page, bot, again) {
  const { words, later: { bots }, api, why } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, bots.keyTitle(isolated(bot.nickname)), words.close);
  const scopes = several(bots.scopesName, Object.entries(bots.scopes).map(([scope, text]) => [scope, text, scope]), ['messages:read', 'messages:write']);
  const days = select(DAYS.map((n) => [String(n), bots.daysOf[n]]), String(DAYS[0]));
  const submit = button('primary', bots.addKey, async () => {
    const wanted = scopes.values();
    if (!wanted.length) {
      dialog.explain(bots.noScope);
      return;
    }
    dialog.wait(true);
    const answer = await api.post('admin/keys', { botId: bot.id, scopes: wanted, ...(Number(days.value) ? { days: Number(days.value) } : {}) });
    if (!answer.ok) {
      dialog.explain(answer.code === 'FORBIDDEN' ? bots.full : why(answer));
      return;
    }
    dialog.close();
    again();
    shownOnce(page, bots.onceTitle, bots.onceHow, answer.body.key);
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.cancel, () => dialog.close()), submit);
  dialog.show([scopes.field, field(bots.days, days), foot], scopes.boxes[0]);
}
