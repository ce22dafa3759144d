// The further devices of somebody without an account: the first one takes any of them back, a further one itself. What such a
// browser wrote stays whose it was; from then on it is somebody new.

import { make } from '../shared/dom.js';
import { asVisitor } from './api.js';
import { button } from './dialog.js';

/** @typedef {{id: string, joinedAt?: string}} Device */

/**
 * The part of the dialog that lists them: empty, and in no one's way, until it is known that there are any.
 * @param {import('./office.js').Office} office @param {import('./dialog.js').Dialog} dialog
 */
export function listsDevices(office, dialog) {
  const part = make('section', 'mod-device mod-devices');
  part.hidden = true;
  draw(office, dialog, part);
  return part;
}

/** @param {import('./office.js').Office} office @param {import('./dialog.js').Dialog} dialog @param {HTMLElement} part */
async function draw(office, dialog, part) {
  const { devices: words } = office.words;
  const { status, body } = await asVisitor('GET', 'devices', office.parts.identity.anonymousId);
  if (!dialog.open || status !== 200 || !Array.isArray(body.devices)) return;
  /** @type {Device[]} */
  const devices = body.devices;
  const isFirst = body.own === body.authorId;
  const hadFocus = part.contains(document.activeElement);
  part.hidden = devices.length === 0;
  part.replaceChildren(make('h3', '', isFirst ? words.title : words.own), make('p', 'mod-how', isFirst ? words.how : words.ownHow));
  const list = make('ul');
  for (const [n, device] of devices.entries()) list.append(row(office, dialog, part, device, isFirst ? n + 1 : 0));
  part.append(list);
  // What had the focus is gone.
  if (hadFocus) (part.querySelector('button') ?? dialog.element.querySelector('button'))?.focus();
}

/**
 * @param {import('./office.js').Office} office @param {import('./dialog.js').Dialog} dialog @param {HTMLElement} part
 * @param {Device} device @param {number} n which one it is; 0: this browser
 */
function row(office, dialog, part, device, n) {
  const { words: { devices: words, errors, unanswered }, parts: { identity, strings } } = office;
  const item = make('li');
  const name = n > 0 ? words.name(n) : words.here;
  const text = make('div');
  text.append(make('b', '', name));
  const since = device.joinedAt ? new Date(device.joinedAt) : null;
  if (since && !Number.isNaN(since.getTime())) {
    const when = new Intl.DateTimeFormat(strings().locale, { dateStyle: 'medium', timeStyle: 'short' }).format(since);
    text.append(make('span', 'mod-how', words.since(when)));
  }
  const act = button('mod-no', n > 0 ? words.remove : words.leave, async () => {
    dialog.wait(true);
    const { status } = await asVisitor('DELETE', `devices/${encodeURIComponent(device.id)}`, identity.anonymousId);
    if (!dialog.open) return;
    // One that is gone already is gone.
    if (status === 204 || status === 404) {
      dialog.wait(false);
      office.toast.show(n > 0 ? words.removed : words.left);
      draw(office, dialog, part);
    } else dialog.explain(status === 429 ? errors.RATE_LIMITED : unanswered);
  });
  act.setAttribute('aria-label', `${act.textContent}: ${name}`);
  item.append(text, act);
  return item;
}
