// What visitors meet of all this: the panel in which a message is reported, and the rules before the first message.

import { excerpt } from '../list/row-model.js';
import { make } from '../shared/dom.js';
import { Dialog, button } from './dialog.js';

/** @param {import('./office.js').Office} office @param {Chat.Message} message */
export function openReport(office, message) {
  const words = office.words.report;
  const dialog = new Dialog(office.host, words.title, office.words.cancel);
  const quoted = make('blockquote', 'mod-quote');
  const text = make('bdi', '', excerpt(message.content));
  text.dir = 'auto';
  quoted.append(make('bdi', 'quoted-nick', message.author.nickname), text);
  const reasons = make('div', 'mod-reasons');
  reasons.setAttribute('role', 'group');
  reasons.setAttribute('aria-label', words.why);
  reasons.append(...Object.entries(words.reasons).map(([reason, label]) => button('mod-reason', label, async () => {
    dialog.wait(true);
    const answer = await office.asks.ask('REPORT', { id: message.id, reason });
    if (answer?.type !== 'ACK') {
      dialog.explain(office.why(answer));
      return;
    }
    office.parts.reported(message.id);
    dialog.close();
    office.toast.show(words.done);
  })));
  dialog.show([quoted, make('p', 'mod-how', words.why), reasons], /** @type {HTMLElement} */ (reasons.firstElementChild));
}

/** Which rules were read in which room. */
const key = (/** @type {string} */ room) => `realtime-chat:rules:${room}`;

/** @param {import('./office.js').Office} office @param {string} rules @param {() => void} agreed */
export function openRules(office, rules, agreed) {
  const { room, identity: { storage } } = office.parts;
  const words = office.words.rules;
  if (storage.get(key(room)) === fingerprint(rules)) {
    agreed();
    return;
  }
  const dialog = new Dialog(office.host, words.title, office.words.close);
  const text = make('p', 'mod-rules', rules);
  text.dir = 'auto';
  text.tabIndex = 0;
  const agree = button('primary', words.agree, () => {
    storage.set(key(room), fingerprint(rules));
    dialog.close();
    agreed();
  });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', words.back, () => dialog.close()), agree);
  dialog.show([text, foot], agree);
}

/** Other rules are shown again; what is kept of them is short (FNV-1a). @param {string} text */
function fingerprint(text) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}
