// The panel in which somebody is banned.

import { make } from '../shared/dom.js';
import { Dialog, button, check, choice } from './dialog.js';

/** In the order in which they are offered; 0 is for good. */
const TIMES = /** @type {const} */ ([3600, 86400, 604800, 0]);
const REMOVED_SECONDS = 3600;

/** @param {import('./office.js').Office} office @param {Chat.Author} author */
export function openBan(office, author) {
  const { ban: words, cancel } = office.words;
  const name = `\u2068${author.nickname}\u2069`;
  const dialog = new Dialog(office.host, words.title(name), cancel);
  const time = choice(words.time, TIMES.map((seconds) => [String(seconds), words.times[seconds]]), String(TIMES[1]));
  const scope = choice(words.scope, [['room', words.scopes.room], ['all', words.scopes.all]], 'room');
  const remove = check(words.remove);
  const address = check(words.address);
  const submit = button('primary danger', words.submit, async () => {
    dialog.wait(true);
    const answer = await office.asks.ask('BAN', {
      authorId: author.id,
      seconds: Number(time.value()),
      deleteSeconds: remove.box.checked ? REMOVED_SECONDS : 0,
      reason: '',
      scope: scope.value(),
      address: address.box.checked,
    });
    if (answer?.type !== 'MOD') {
      dialog.explain(office.why(answer));
      return;
    }
    dialog.close();
    office.did(answer.payload.auditId, words.done(name));
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', cancel, () => dialog.close()), submit);
  dialog.show([make('p', 'mod-how', words.how), time.field, scope.field, remove.label, address.label, foot], time.radios[1]);
}
