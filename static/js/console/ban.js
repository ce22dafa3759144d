// The panel in which somebody is banned, for whoever is not in a room.

import { Dialog, button, check, choice } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { field, isolated } from './parts.js';

/** In the order in which they are offered; 0 is for good. */
const TIMES = /** @type {const} */ ([3600, 86400, 604800, 0]);
const REMOVED_SECONDS = 3600;

/**
 * @param {Chat.ConsolePage} page
 * @param {{id: string, nickname: string}} author
 * @param {string | null} room where it happened; none: only everywhere can be chosen
 * @param {(auditId: string, text: string) => void} done
 */
export function openBan(page, author, room, done) {
  const { words, api, why } = page;
  const { ban } = words;
  if (document.querySelector('dialog')) return;
  const name = isolated(author.nickname || words.people.nobody);
  const dialog = new Dialog(document.body, ban.title(name), words.close);
  const time = choice(ban.time, TIMES.map((seconds) => [String(seconds), ban.times[seconds]]), String(TIMES[1]));
  const scope = choice(ban.scope, room === null ? [['all', ban.scopes.all]] : [['room', ban.scopes.room], ['all', ban.scopes.all]], room === null ? 'all' : 'room');
  const remove = check(ban.remove);
  const address = check(ban.address);
  const reason = make('input', 'box');
  Object.assign(reason, { type: 'text', maxLength: 500, autocomplete: 'off' });
  const submit = button('primary danger', ban.submit, async () => {
    dialog.wait(true);
    const where = scope.value() === 'room' && room !== null ? { scope: 'room', room } : { scope: 'all' };
    const answer = await api.post('admin/bans', {
      authorId: author.id,
      ...where,
      seconds: Number(time.value()),
      deleteSeconds: remove.box.checked ? REMOVED_SECONDS : 0,
      reason: reason.value.trim(),
      address: address.box.checked,
    });
    if (!answer.ok) {
      dialog.explain(why(answer));
      return;
    }
    dialog.close();
    done(answer.body.auditId, ban.done(name));
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.cancel, () => dialog.close()), submit);
  dialog.show([make('p', 'mod-how', ban.how), time.field, ...(room === null ? [] : [scope.field]), field(ban.reason, reason), remove.label, address.label, foot], time.radios[1]);
}
