// What a moderator has in the header: what waits for them, whether the discussion is open, how slow it is, and who is looked
// at first. It stands in a panel below its button, as the list of people does.

import { duration } from '../compose/slow.js';
import { byId, make } from '../shared/dom.js';
import { RAID, isRaid, takenBack } from '../store/presets.js';
import { choice } from './dialog.js';
import { Queue } from './queue.js';

/** Seconds between two messages of one writer, as offered. */
const PAUSES = [0, 10, 30, 120, 600];
/** Which messages of new people wait for a moderator, as offered. */
const HOLDS = /** @type {const} */ (['off', 'first', 'links', 'all']);
const SHIELD = 'M12 3.5 5 6v6c0 4.5 3 7.5 7 8.5 4-1 7-4 7-8.5V6l-7-2.5';

export class Desk {
  /** @param {import('./office.js').Office} office */
  constructor(office) {
    this.office = office;
    this.listening = new AbortController();
    /** So many reports, and messages that wait, were told of. */
    this.reported = 0;
    this.held = 0;
    this.busy = false;
    const { signal } = this.listening;
    this.button = make('button', 'icon mod-open');
    this.button.type = 'button';
    this.button.setAttribute('aria-expanded', 'false');
    this.button.setAttribute('aria-controls', 'desk');
    this.count = make('span', 'mod-count');
    this.button.append(shield(), this.count);
    this.panel = make('section', 'panel mod-desk');
    this.panel.id = 'desk';
    this.panel.tabIndex = -1;
    this.panel.hidden = true;
    this.queue = new Queue(office, {
      isOpen: () => !this.panel.hidden,
      focus: () => this.panel.focus({ preventScroll: true }),
    });
    byId('people-button').before(this.button);
    byId('people').before(this.panel);
    this.button.addEventListener('click', () => this.#show(this.panel.hidden === true), { signal });
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || this.panel.hidden) return;
      const inside = this.panel.contains(document.activeElement);
      this.#show(false);
      if (inside) this.button.focus();
    }, { signal });
    document.addEventListener('pointerdown', ({ target }) => {
      const node = /** @type {Node} */ (target);
      // The way back from what was done in it is no other place.
      if (![this.panel, this.button, office.toast.element].some((element) => element.contains(node))) this.#show(false);
    }, { signal });
    office.parts.store.addEventListener('room', () => this.draw(), { signal });
    this.relabel();
  }

  /** In the language of now. */
  relabel() {
    const { words: { desk: words, done }, parts: { strings } } = this.office;
    const heading = make('h2', '', words.label);
    heading.id = 'desk-heading';
    this.panel.setAttribute('aria-labelledby', heading.id);
    this.reports = make('p', 'mod-reports');
    this.lock = this.#switch(words.lock, words.lockHow, (on) => this.#set({ locked: on }, on ? done.locked : done.unlocked));
    this.raid = this.#switch(words.raid, words.raidHow, (on) => this.#set(on ? RAID : takenBack(RAID), on ? done.raid : done.calm));
    const { locale } = strings();
    this.slow = choice(words.slow, PAUSES.map((seconds) => [String(seconds), seconds === 0 ? words.off : duration(seconds, locale)]), null);
    for (const radio of this.slow.radios) {
      const seconds = Number(radio.value);
      radio.addEventListener('change', () => this.#set({ slowSeconds: seconds }, seconds ? done.slow(duration(seconds, locale)) : done.fast));
    }
    this.hold = choice(words.hold, HOLDS.map((what) => [what, words.holds[what]]), null);
    for (const [n, radio] of this.hold.radios.entries()) {
      radio.addEventListener('change', () => this.#set({ holdNew: HOLDS[n] }, done.hold[HOLDS[n]]));
    }
    this.panel.replaceChildren(heading, this.reports, this.queue.element, this.lock.row, this.slow.field, this.hold.field, this.raid.row);
    this.queue.relabel();
    this.draw();
  }

  /** @param {string} label @param {string} how @param {(on: boolean) => void} act */
  #switch(label, how, act) {
    const row = make('label', 'mod-switch');
    const box = make('input');
    box.type = 'checkbox';
    box.setAttribute('role', 'switch');
    const words = make('span', 'mod-words');
    words.append(make('span', 'mod-label', label), make('span', 'mod-how', how));
    row.append(words, box);
    box.addEventListener('change', () => act(box.checked));
    return { row, box };
  }

  /** As the room is now; what somebody has just pressed as well, until the server has answered. */
  draw() {
    const { words: { desk: words }, parts: { store: { standing }, announcer } } = this.office;
    const { reported, held, room: { settings } } = standing;
    const { locked, slowSeconds = 0, holdNew = 'off' } = settings;
    if (reported > this.reported) announcer.say(words.reports(reported));
    if (held > this.held) announcer.say(this.office.words.queue.count(held));
    this.reported = reported;
    this.held = held;
    this.button.hidden = !standing.moderates;
    if (!standing.moderates) {
      this.#show(false);
      // What waits is not for whoever is signed out.
      this.queue.changed();
    }
    const label = [
      words.label, ...(locked ? [words.closed] : []), ...(reported ? [words.reports(reported)] : []),
      ...(held ? [this.office.words.queue.count(held)] : []),
    ].join(', ');
    this.button.classList.toggle('on', locked === true || slowSeconds > 0 || holdNew !== 'off');
    this.button.setAttribute('aria-label', label);
    this.button.title = label;
    this.count.hidden = reported + held === 0;
    // For the eyes alone: the button's name has the whole number.
    this.count.dataset.n = reported + held > 99 ? '99+' : String(reported + held);
    if (!this.lock || !this.raid || !this.slow || !this.hold || !this.reports) return;
    this.reports.hidden = reported === 0;
    this.reports.textContent = words.reports(reported);
    this.lock.box.checked = locked === true;
    this.raid.box.checked = isRaid(settings);
    for (const radio of this.slow.radios) radio.checked = Number(radio.value) === slowSeconds;
    for (const radio of this.hold.radios) radio.checked = radio.value === holdNew;
    const may = standing.may('ROOM_SET');
    for (const box of [this.lock.box, this.raid.box, ...this.slow.radios, ...this.hold.radios]) box.disabled = !may;
  }

  /** @param {Record<string, unknown>} settings @param {string} text says that they hold */
  async #set(settings, text) {
    const { office } = this;
    const { standing } = office.parts.store;
    if (this.busy) {
      this.draw();
      return;
    }
    this.busy = true;
    const answer = await office.asks.ask('ROOM_SET', { settings, settingsRev: standing.room.settingsRev });
    this.busy = false;
    if (answer?.type === 'MOD') office.did(answer.payload.auditId, text);
    else {
      office.toast.show(office.why(answer));
      this.draw();
    }
  }

  /** @param {boolean} show */
  #show(show) {
    if (this.panel.hidden !== show) return;
    this.panel.hidden = !show;
    this.button.setAttribute('aria-expanded', String(show));
    if (!show) return;
    this.panel.focus({ preventScroll: true });
    this.queue.changed();
  }

  destroy() {
    this.listening.abort();
    this.button.remove();
    this.panel.remove();
  }
}

function shield() {
  const NS = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(NS, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(NS, 'path');
  path.setAttribute('d', SHIELD);
  svg.append(path);
  return svg;
}
