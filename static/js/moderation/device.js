// Another device of somebody without an account: here stands the code that it types, and here goes the one of another device.
// The code makes that device act as this one; no secret of either goes to the other.

import { make } from '../shared/dom.js';
import { post } from './api.js';
import { button } from './dialog.js';

/**
 * The part of the dialog that shows a code, for who has a name here; null for whoever has none yet.
 * @param {import('./office.js').Office} office @param {import('./dialog.js').Dialog} dialog
 */
export function showsCode(office, dialog) {
  const { identity, connection } = office.parts;
  if (identity.nickname === null || identity.vouched !== null) return null;
  const { device: words } = office.words;
  const part = make('section', 'mod-device');
  const shown = make('output', 'mod-shown');
  shown.lang = 'en';
  const ask = button('primary', words.show, async () => {
    dialog.wait(true);
    const { anonymousId, nickname, avatar } = identity;
    const { status, body } = await post('devices/code', null, { anonymousId, nickname, ...(avatar ? { avatar } : {}) });
    if (!dialog.open) return;
    if (status !== 200 || typeof body.code !== 'string') {
      dialog.explain(refusal(office, body));
      return;
    }
    dialog.wait(false);
    shown.textContent = body.code;
    ask.textContent = words.again;
    how.textContent = words.type;
    // The other device may have become this one meanwhile: what it wrote is one's own from here on.
    dialog.closed = () => connection.state === 'live' && connection.rejoin();
  });
  const how = make('p', 'mod-how', words.how);
  part.append(make('h3', '', words.use), how, shown, ask);
  return part;
}

/**
 * Becomes the device that shows this code.
 * @param {import('./office.js').Office} office @param {string} code
 * @returns {Promise<string | null>} what is to be said of it; empty where it is done, null where it is no such code
 */
export async function becomes(office, code) {
  const { identity, changedIdentity } = office.parts;
  const { device: words } = office.words;
  const { anonymousId } = identity;
  const { status, body } = await post('devices', null, { anonymousId, code });
  if (status === 401) return null;
  if (status !== 200 || typeof body.authorId !== 'string') return refusal(office, body);
  if (!body.changed) return words.same;
  const { nickname, avatar, authorId } = body;
  // Another tab may have signed in meanwhile.
  if (identity.token === null && identity.anonymousId === anonymousId) {
    Object.assign(identity, { nickname, avatar });
    identity.confirm({ id: authorId, nickname, avatar });
    // What could not be sent before stays where it is: as this one it would be another message.
    changedIdentity();
  }
  office.toast.show(words.done(`\u2068${nickname}\u2069`));
  return '';
}

/** @param {import('./office.js').Office} office @param {any} body */
function refusal({ words, parts }, body) {
  const code = body?.error?.code;
  if (code === 'FORBIDDEN') return words.device.many;
  if (code === 'RATE_LIMITED') return words.errors.RATE_LIMITED;
  return parts.strings().errors[/** @type {keyof Chat.Strings['errors']} */ (code)] ?? words.unanswered;
}
