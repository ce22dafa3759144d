// What one does with a one-time code: one that the server prints becomes a login of who runs the blog in this browser, here in
// the frame; one that another device shows makes this one act as that. Neither a code nor a secret ever stands in an address.

import { listenEnter } from '../compose/enter.js';
import { make } from '../shared/dom.js';
import { post } from './api.js';
import { becomes, showsCode } from './device.js';
import { listsDevices } from './devices.js';
import { Dialog, button } from './dialog.js';

/** Letters and digits of a code, which is written in groups of four. */
const CODE_LETTERS = 12;

/** A code as the server writes it, from however somebody has typed it. @param {string} typed @returns {string | null} */
export function codeOf(typed) {
  const letters = typed.normalize('NFKC').toUpperCase().replace(/[^A-Z0-9]/g, '');
  return letters.length === CODE_LETTERS ? letters.replace(/.{4}(?=.)/g, '$&-') : null;
}

/** @param {import('./office.js').Office} office */
export function openSignIn(office) {
  const { signIn: words, cancel } = office.words;
  const dialog = new Dialog(office.host, words.title, cancel);
  const label = make('label', 'mod-code');
  const box = make('input', 'box');
  box.type = 'text';
  box.autocomplete = 'one-time-code';
  box.spellcheck = false;
  box.placeholder = 'ABCD-EFGH-JKMN';
  for (const [name, value] of [['autocapitalize', 'characters'], ['enterkeyhint', 'go'], ['lang', 'en'], ['maxlength', '40']]) box.setAttribute(name, value);
  label.append(make('span', '', words.code), box);
  const submit = async () => {
    const code = codeOf(box.value);
    if (code === null) {
      dialog.explain(words.short);
      box.focus();
      return;
    }
    dialog.wait(true);
    const { token, vouched } = office.parts.identity;
    const said = token === null && vouched === null ? await becomes(office, code) : null;
    if (!dialog.open) return;
    if (said === '') {
      dialog.close();
      return;
    }
    if (said !== null) {
      dialog.explain(said);
      return;
    }
    const { status, body } = await post('auth/code', null, { code });
    if (!dialog.open) return;
    if (status === 200 && typeof body.token === 'string' && typeof body.user?.nickname === 'string') {
      dialog.close();
      signedIn(office, body.token, body.user.nickname);
      return;
    }
    dialog.explain(status === 401 ? words.wrong : status === 429 ? office.words.errors.RATE_LIMITED : office.words.unanswered);
    box.focus();
    box.select();
  };
  listenEnter(box, { touch: () => false, submit, signal: office.parts.signal });
  box.addEventListener('input', () => { dialog.fault.textContent = ''; });
  const foot = make('div', 'mod-foot');
  foot.append(button('link', cancel, () => dialog.close()), button('primary', words.submit, submit));
  const code = make('section', 'mod-device');
  code.append(make('h3', '', words.have), make('p', 'mod-how', words.how), label);
  const own = showsCode(office, dialog);
  dialog.show([...(own ? [own, listsDevices(office, dialog)] : []), code, foot], box);
}

/** @param {import('./office.js').Office} office @param {string} token @param {string} nickname */
function signedIn(office, token, nickname) {
  const { identity, changedIdentity } = office.parts;
  const { signIn: words } = office.words;
  identity.signIn(token, nickname);
  changedIdentity();
  office.toast.show([words.done(`\u2068${nickname}\u2069`), ...(identity.storage.lasting ? [] : [words.notKept])].join(' '));
}

/**
 * Forgets the login at once, whether or not the server can be told: but for one by cookies, which the server alone takes
 * back.
 * @param {import('./office.js').Office} office
 * @returns {Promise<boolean>} whether nobody is signed in any more
 */
export async function signOut(office) {
  const { identity, changedIdentity } = office.parts;
  const { token } = identity;
  const told = post('auth/logout', token);
  if (token === '') {
    const { status } = await told;
    // Ended elsewhere before: signed out as well.
    if ((status < 200 || status > 299) && status !== 401) return false;
  }
  // Its socket may have heard of it first.
  if (identity.token === token) {
    identity.signOut();
    changedIdentity();
  }
  office.toast.show(office.words.signIn.out);
  return true;
}
