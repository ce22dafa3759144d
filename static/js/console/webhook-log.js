// The last tries to tell one receiver, each of which can be made again.

import { Dialog, button } from '../moderation/dialog.js';
import { base } from '../shared/base.js';
import { make } from '../shared/dom.js';
import { chip, empty, failure, number, roomLink, when } from './parts.js';

/** How a try ended. @param {Chat.LaterPage} page @param {{status?: number, error?: string, millis: number}} tried */
export function outcome({ words, later: { webhooks } }, { status, error, millis }) {
  if (isTaken(status)) return webhooks.took(number(words.locale, millis));
  return webhooks.notTaken(status === undefined ? error ?? '' : webhooks.answered(String(status)));
}

/** @param {number} [status] */
export const isTaken = (status) => status !== undefined && status >= 200 && status < 300;

/** @param {Chat.LaterPage} page @param {Chat.Webhook} hook @param {(kind: string) => string} nameOf */
export function openLog(page, hook, nameOf) {
  const { words, later: { webhooks }, api, why } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, webhooks.logOf, words.close);
  dialog.element.classList.add('con-dialog');
  const path = `admin/webhooks/${encodeURIComponent(hook.id)}`;
  const place = make('div');
  place.append(make('p', 'con-empty', words.loading));
  place.setAttribute('aria-busy', 'true');
  const said = make('p', 'con-told');
  said.setAttribute('role', 'status');
  const draw = async () => {
    const answer = await api.get(`${path}/log`);
    if (!dialog.open) return;
    place.removeAttribute('aria-busy');
    if (!answer.ok) {
      place.replaceChildren(failure(why(answer), draw, words.tryAgain));
      return;
    }
    const rows = make('ul', 'con-rows con-log');
    rows.append(...answer.body.deliveries.map((/** @type {Chat.Delivery} */ one) => row(one)));
    place.replaceChildren(rows.childElementCount ? rows : empty(webhooks.noLog));
  };
  const row = (/** @type {Chat.Delivery} */ one) => {
    const item = make('li', 'con-key');
    const facts = make('p', 'con-facts');
    const how = one.status === undefined ? one.error ?? '' : String(one.status);
    facts.append(when(words, one.at), make('span', 'con-what', nameOf(one.event)), chip(how, isTaken(one.status) ? 'good' : 'warn'), make('span', '', `${number(words.locale, one.millis)} ms`), ...(one.roomId ? [roomLink(base, one.roomId)] : []));
    item.append(facts);
    // A test is of nothing that could be sent again.
    if (one.messageId === undefined) return item;
    const again = button('account-quiet', webhooks.again, async () => {
      again.disabled = true;
      const answer = await api.post(`${path}/redeliver`, { delivery: one.id });
      if (!dialog.open) return;
      said.textContent = answer.ok ? outcome(page, answer.body) : why(answer);
      await draw();
      if (dialog.open) dialog.element.querySelector('button')?.focus({ preventScroll: true });
    });
    again.setAttribute('aria-label', `${webhooks.again}: ${nameOf(one.event)} ${one.at}`);
    item.append(again);
    return item;
  };
  dialog.show([make('p', 'mod-how', hook.url), said, place], /** @type {HTMLElement} */ (dialog.element.querySelector('button')));
  draw();
}
