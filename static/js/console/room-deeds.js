// What is seldom done to a post: another address, a file of it, and the end of all that was said.

import { Dialog, button } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { download } from './download.js';
import { field, isolated, number } from './parts.js';
import { DEFAULTS, OWN } from './rights.js';

/** @param {Chat.LaterPage} page @param {Chat.RoomListed} room @param {() => void} changed */
export function openDeeds(page, room, changed) {
  const { words, later: { deeds }, may } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, deeds.title, words.close);
  dialog.element.classList.add('con-dialog');
  /** @type {HTMLElement[]} */
  const parts = [make('p', 'con-address', room.id)];
  if (may(DEFAULTS)) parts.push(names(page, dialog, room, changed));
  if (may(OWN)) parts.push(file(page, room), purge(page, dialog, room, changed));
  dialog.show(parts, /** @type {HTMLElement} */ (dialog.element.querySelector('button')));
}

/** @param {string} title @param {string} how @param {(Node | string)[]} content */
function part(title, how, content) {
  const element = make('section', 'con-deed');
  element.append(make('h3', '', title), make('p', 'mod-how', how), ...content);
  return element;
}

/** By what else it is reached, and one more address. @param {Chat.LaterPage} page @param {Dialog} dialog @param {Chat.RoomListed} room @param {() => void} changed */
function names(page, dialog, room, changed) {
  const { later: { deeds }, api, did, why } = page;
  const path = `admin/rooms/${encodeURIComponent(room.id)}`;
  const known = make('p', 'con-names-of');
  known.hidden = true;
  api.get(path).then((answer) => {
    const also = /** @type {string[]} */ (answer.ok ? answer.body.names ?? [] : []);
    if (!also.length) return;
    known.append(make('span', '', deeds.also), ...also.map((name) => make('bdi', 'con-chip', name)));
    known.hidden = false;
  });
  const name = make('input', 'box');
  Object.assign(name, { type: 'text', maxLength: 200, required: true, autocomplete: 'off', spellcheck: false });
  const submit = make('button', 'primary second', deeds.rename);
  submit.type = 'submit';
  const form = make('form', 'con-make con-make-one');
  form.append(field(deeds.newName, name), submit);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    dialog.wait(true);
    const answer = await api.post(`${path}/rename`, { to: name.value.trim() });
    if (!answer.ok) {
      dialog.explain(why(answer));
      return;
    }
    dialog.close();
    did(answer.body.auditId ? deeds.renamed : deeds.already, answer.body.auditId ?? undefined);
    changed();
  });
  return part(deeds.names, deeds.namesHow, [known, form]);
}

/** @param {Chat.LaterPage} page @param {Chat.RoomListed} room */
function file(page, room) {
  const { later: { deeds } } = page;
  const act = button('primary second con-save', deeds.download, () => download(page, room.id));
  return part(deeds.export, deeds.exportHow, [act]);
}

/** First what there is, then its name, then the end. @param {Chat.LaterPage} page @param {Dialog} dialog @param {Chat.RoomListed} room @param {() => void} changed */
function purge(page, dialog, room, changed) {
  const { words, later: { deeds }, api, did, why } = page;
  const path = `admin/rooms/${encodeURIComponent(room.id)}/purge`;
  const count = (/** @type {number} */ n) => number(words.locale, n);
  const place = make('div', 'con-purge');
  const told = make('p', 'con-told');
  told.setAttribute('role', 'status');
  const look = button('account-quiet danger con-look', deeds.preview, async () => {
    dialog.wait(true);
    const answer = await api.post(path, { dryRun: true });
    if (!dialog.open) return;
    if (!answer.ok) {
      dialog.explain(why(answer));
      return;
    }
    dialog.wait(false);
    const { messages, held, reports } = answer.body;
    told.textContent = deeds.would(count(messages), count(held), count(reports));
    look.remove();
    ask();
  });
  const ask = () => {
    const name = make('input', 'box');
    Object.assign(name, { type: 'text', autocomplete: 'off', spellcheck: false });
    const submit = make('button', 'primary danger', deeds.purge);
    submit.type = 'submit';
    const form = make('form', 'con-make con-make-one');
    form.append(field(deeds.type(isolated(room.id)), name), submit);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (name.value.trim() !== room.id) {
        dialog.explain(deeds.wrongName);
        return;
      }
      dialog.wait(true);
      await remove();
    });
    place.append(form);
    name.focus();
  };
  /** Goes on where it stopped, also after something went wrong. */
  let entry = '';
  let removed = 0;
  const remove = async () => {
    told.textContent = deeds.purging(count(removed));
    for (;;) {
      const answer = await api.post(path, { confirm: room.id, ...(entry ? { auditId: entry } : {}) });
      if (!answer.ok) {
        if (dialog.open) dialog.explain(entry ? `${why(answer)} ${deeds.stopped}` : why(answer));
        else did(why(answer));
        return;
      }
      entry = answer.body.auditId;
      removed += answer.body.removed;
      if (answer.body.done) break;
      told.textContent = deeds.purging(count(removed));
      // Whoever closes it stops it; what is gone is gone.
      if (!dialog.open) {
        did(deeds.stopped);
        changed();
        return;
      }
    }
    dialog.close();
    did(deeds.purged(count(removed)));
    changed();
  };
  place.append(told, look);
  return part(deeds.purge, deeds.purgeHow, [place]);
}
