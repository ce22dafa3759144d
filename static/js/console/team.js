// People with an account: who is what; and who may come.

import { Dialog, button } from '../moderation/dialog.js';
import { avatarImage, make } from '../shared/dom.js';
import { List } from './list.js';
import { card, chip, copied, empty, failure, field, heading, isolated, number, search, select } from './parts.js';

/** The highest first. One gives, and acts on, lower ones only; the server says so in the end. */
const ROLES = /** @type {const} */ (['owner', 'admin', 'moderator', 'member']);

/** @param {Chat.ConsolePage} page */
function given(page) {
  const { words: { people: { roles } }, me } = page;
  return ROLES.slice(ROLES.indexOf(/** @type {any} */ (me.role)) + 1).map((role) => /** @type {[string, string]} */ ([role, roles[role]]));
}

/** @param {Chat.ConsolePage} page */
export function teamScreen(page) {
  const { words, host, query, keep, signal } = page;
  const { team } = words;
  let q = query.get('q') ?? '';
  const list = new List(page, {
    label: team.people,
    none: words.people.none,
    path: (cursor) => `admin/users?${new URLSearchParams({ q, ...(cursor ? { cursor } : {}) })}`,
    read: (body) => ({ items: /** @type {any[]} */ (body.users), next: body.nextCursor ?? '' }),
    row: (account) => row(page, account, () => list.load({ quiet: true })),
  });
  const filters = make('div', 'con-filters');
  filters.append(search(team.search, team.hint, q, {
    signal,
    note: (text) => keep({ q: text }),
    act: (text) => {
      q = text;
      list.begin();
    },
  }));
  host.append(heading(words.screens.team, team.lead), invites(page), card(team.people, [filters, list.element]));
  list.load();
}

/** @param {Chat.ConsolePage} page @param {any} account @param {() => void} again */
function row(page, account, again) {
  const { words, api, did, why, me } = page;
  const { team, people } = words;
  const name = isolated(account.nickname);
  const item = make('li', 'con-row');
  const who = make('div', 'con-person');
  const text = make('div', 'con-account');
  const called = make('span', 'con-account-name');
  called.append(make('bdi', 'nick', account.nickname));
  if (account.authorId === me.id) called.append(chip(words.audit.you));
  if (account.disabled) called.append(chip(team.disabled, 'warn'));
  text.append(called, ...(account.email ? [make('bdi', 'account-mail', account.email)] : []));
  who.append(avatarImage(account.avatar, 40), text);
  item.append(who);
  const roles = given(page);
  const acts = make('div', 'con-acts');
  const isLower = roles.some(([role]) => role === account.role);
  if (!isLower) {
    acts.append(chip(people.roles[/** @type {keyof typeof people.roles} */ (account.role)] ?? account.role));
    item.append(acts);
    return item;
  }
  const path = `admin/users/${encodeURIComponent(account.id)}`;
  const change = async (/** @type {object} */ order, /** @type {string} */ said) => {
    const answer = await api.post(path, order);
    did(answer.ok ? said : why(answer));
    again();
  };
  const role = select(roles, account.role);
  role.setAttribute('aria-label', team.roleOf(name));
  role.addEventListener('change', () => change({ role: role.value }, team.changed(name)));
  const shut = button(account.disabled ? 'account-quiet' : 'account-quiet danger', account.disabled ? team.enable : team.disable, () => (
    change({ disabled: !account.disabled }, account.disabled ? team.enabledNow(name) : team.disabledNow(name))));
  shut.setAttribute('aria-label', `${shut.textContent}: ${name}`);
  const reset = button('account-quiet', team.reset, async () => {
    const answer = await api.post(`${path}/reset`, {});
    if (!answer.ok) {
      did(why(answer));
      return;
    }
    const dialog = new Dialog(document.body, team.resetTitle, words.close);
    const code = copied(page, answer.body.url, team.resetTitle);
    dialog.show([make('p', 'mod-how', team.resetHow), code], /** @type {HTMLElement} */ (code.querySelector('button')));
  });
  reset.setAttribute('aria-label', `${team.reset}: ${name}`);
  acts.append(role, reset, shut);
  item.append(acts);
  return item;
}

/** @param {Chat.ConsolePage} page */
function invites(page) {
  const { words, api, signal, why, did } = page;
  const { team } = words;
  const list = make('div');
  const role = select(given(page), 'moderator');
  const uses = make('input', 'box');
  Object.assign(uses, { type: 'number', min: '1', max: '1000', value: '1', inputMode: 'numeric', required: true });
  const hours = make('input', 'box');
  Object.assign(hours, { type: 'number', min: '1', max: '720', value: '72', inputMode: 'numeric', required: true });
  const form = make('form', 'con-invite');
  const submit = make('button', 'primary second', team.invite);
  submit.type = 'submit';
  form.append(field(team.role, role), field(team.uses, uses), field(team.hours, hours), submit);
  const draw = async () => {
    const answer = await api.get('admin/invites');
    if (signal.aborted) return;
    if (!answer.ok) {
      list.replaceChildren(failure(why(answer), draw, words.tryAgain));
      return;
    }
    const rows = make('ul', 'con-rows');
    rows.append(...answer.body.invites.map((/** @type {any} */ invite) => inviteRow(page, invite, draw)));
    list.replaceChildren(rows.childElementCount ? rows : empty(team.noInvites));
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const answer = await api.post('admin/invites', { role: role.value, uses: Number(uses.value), hours: Number(hours.value) });
    did(answer.ok ? team.made : why(answer));
    draw();
  });
  draw();
  return card(team.invites, [form, list]);
}

/** @param {Chat.ConsolePage} page @param {any} invite @param {() => void} again */
function inviteRow(page, invite, again) {
  const { words, api, did, why } = page;
  const { team, people } = words;
  const item = make('li', 'con-row');
  const facts = make('p', 'con-facts');
  facts.append(chip(people.roles[/** @type {keyof typeof people.roles} */ (invite.role)] ?? ''), make('span', '', team.left(number(words.locale, invite.usesLeft), new Date(invite.expiresAt).toLocaleString(words.locale, { month: 'short', day: 'numeric', hour: 'numeric' }))));
  const withdraw = button('account-quiet danger', team.withdraw, async () => {
    const answer = await api.remove(`admin/invites/${invite.id}`);
    did(answer.ok ? team.withdrawn : why(answer));
    again();
  });
  const acts = make('div', 'con-acts');
  acts.append(withdraw);
  item.append(facts, ...(invite.url ? [copied(page, invite.url, team.invite)] : []), acts);
  return item;
}
