// The settings of a room, or of all: one form for both. A room's own value goes before that of all rooms, and taking it back
// lets that one hold again.

import { Dialog, button } from '../moderation/dialog.js';
import { make } from '../shared/dom.js';
import { field, select } from './parts.js';

/** @typedef {'flag' | 'number' | 'hold' | 'lines' | 'text'} Kind */
/** @type {[name: string, kind: Kind, most?: number][]} */
const FIELDS = [
  ['locked', 'flag'], ['slowSeconds', 'number', 3600], ['holdNew', 'hold'], ['holdYoungerSeconds', 'number', 2_592_000], ['minAgeSeconds', 'number', 2_592_000],
  ['linksMax', 'number', 20], ['uniqueSeconds', 'number', 86_400], ['readOnlyAfterDays', 'number', 3650], ['emojiOnly', 'flag'],
  ['blockedWords', 'lines'], ['blockedPatterns', 'lines'], ['rules', 'text'],
];
const PRESETS = /** @type {const} */ (['open', 'careful', 'raid']);

/** What stands in a box, as the server takes it; null takes it back. @param {Kind} kind @param {string} text */
export function valueOf(kind, text) {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (kind === 'flag') return trimmed === 'true';
  if (kind === 'number') return Number(trimmed);
  if (kind === 'lines') return trimmed.split('\n').map((line) => line.trim()).filter(Boolean);
  return trimmed;
}

/** The same, the other way round. @param {Kind} kind @param {any} value */
export function textOf(kind, value) {
  if (value === undefined || value === null) return '';
  return kind === 'lines' ? value.join('\n') : String(value);
}

/**
 * @param {Chat.ConsolePage} page
 * @param {object} options
 * @param {Record<string, any>} options.own what is set here
 * @param {Record<string, any> | null} options.defaults what holds where nothing is; none where these are the defaults
 * @param {(change: {settings: Record<string, any>, preset?: string}) => Promise<string>} options.send why it was refused; empty where it was not
 */
export function settingsForm(page, { own, defaults, send }) {
  const { words } = page;
  const { set } = words;
  const form = make('form', 'con-form');
  form.noValidate = true;
  const fault = make('p', 'fault');
  fault.setAttribute('role', 'alert');
  const boxes = FIELDS.map(([name, kind, most]) => {
    const label = /** @type {any} */ (set)[name];
    const how = /** @type {any} */ (set)[`${name}How`] ?? '';
    const inherited = defaults ? textOf(kind, defaults[name]) : '';
    /** @type {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} */
    let box;
    if (kind === 'flag' || kind === 'hold') {
      const options = kind === 'flag'
        ? [['false', words.settings.off], ['true', words.settings.on]] : Object.entries(set.holds);
      const plain = inherited || (kind === 'flag' ? 'false' : 'off');
      const first = defaults ? [['', `${set.byDefault} (${options.find(([value]) => value === plain)?.[1] ?? ''})`]] : [];
      box = select(/** @type {[string, string][]} */ ([...first, ...options]), textOf(kind, own[name]) || (defaults ? '' : plain));
    } else if (kind === 'number') {
      const input = make('input', 'box');
      Object.assign(input, { type: 'number', min: '0', max: String(most), step: '1', inputMode: 'numeric', value: textOf(kind, own[name]), placeholder: inherited });
      box = input;
    } else {
      const area = make('textarea', 'box con-area');
      Object.assign(area, { rows: kind === 'lines' ? 4 : 5, value: textOf(kind, own[name]), spellcheck: kind === 'text', ...(kind === 'text' ? { maxLength: 2000, placeholder: inherited } : {}) });
      box = area;
    }
    const before = box.value;
    form.append(field(label, box, how));
    return { name, kind, box, before };
  });
  let busy = false;
  const act = async (/** @type {{settings: Record<string, any>, preset?: string}} */ change) => {
    if (busy) return;
    busy = true;
    fault.textContent = '';
    fault.textContent = await send(change);
    busy = false;
    if (fault.textContent) fault.scrollIntoView({ block: 'nearest' });
  };
  const presets = make('div', 'con-presets');
  presets.setAttribute('role', 'group');
  presets.setAttribute('aria-label', set.preset);
  presets.append(make('span', 'con-presets-name', set.preset), ...PRESETS.map((preset) => button('account-quiet', set.presets[preset], () => act({ settings: {}, preset }))));
  form.prepend(presets);
  const submit = make('button', 'primary', words.save);
  submit.type = 'submit';
  const foot = make('div', 'con-form-foot');
  foot.append(submit);
  form.append(fault, foot);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wrong = boxes.find(({ box }) => !box.checkValidity());
    if (wrong) {
      fault.textContent = words.errors.INVALID_SETTINGS;
      wrong.box.focus();
      return;
    }
    const changed = boxes.filter(({ box, before }) => box.value !== before);
    act({ settings: Object.fromEntries(changed.map(({ name, kind, box }) => [name, valueOf(kind, box.value)])) });
  });
  return form;
}

/** The settings of a room in a panel. @param {Chat.ConsolePage} page @param {string} room @param {() => void} changed */
export async function openSettings(page, room, changed) {
  const { words, api, why, did } = page;
  if (document.querySelector('dialog')) return;
  const dialog = new Dialog(document.body, `${words.rooms.settings}: \u2068${room}\u2069`, words.close);
  dialog.element.classList.add('con-dialog');
  const path = `admin/rooms/${encodeURIComponent(room)}`;
  const body = make('div');
  const loading = make('p', 'con-empty', words.loading);
  loading.tabIndex = -1;
  body.append(loading);
  dialog.show([body], loading);
  const draw = async (/** @type {string} */ said) => {
    const answer = await api.get(path);
    if (!dialog.open) return;
    if (!answer.ok) {
      dialog.explain(why(answer));
      return;
    }
    const { settings, defaults, settingsRev } = answer.body;
    const form = settingsForm(page, {
      own: settings,
      defaults,
      send: async (change) => {
        const done = await api.post(path, { ...change, settingsRev });
        if (done.ok) {
          dialog.close();
          did(words.rooms.saved, done.body.auditId);
          changed();
          return '';
        }
        if (done.code !== 'SETTINGS_CONFLICT') return why(done);
        await draw(why(done));
        return '';
      },
    });
    body.replaceChildren(form);
    dialog.fault.textContent = said;
    /** @type {HTMLElement | null} */ (form.querySelector('select'))?.focus({ preventScroll: true });
  };
  draw('');
}
