// What this reader has to do with the room beside its messages: what its owner has set, and what we may do. Pure.

import { RIGHT, isRoom } from '../wire/protocol.js';

export class Standing {
  constructor() {
    /** @type {Chat.Room} */
    this.room = { settings: {}, settingsRev: 0 };
    /** Bits of `RIGHT`, and others that this page has no use for. */
    this.rights = 0;
    /** How many messages wait for those who look after this room: with reports, and to be shown at all. */
    this.reported = 0;
    this.held = 0;
  }

  /** Whether we look after this room: more than what everybody may, which are the lowest three bits. */
  get moderates() {
    return this.rights > 7;
  }

  /** Whether others alone may say anything here. */
  get shut() {
    return this.room.settings.locked === true && !this.moderates;
  }

  /** @param {keyof typeof RIGHT} name */
  may(name) {
    return (this.rights & RIGHT[name]) !== 0;
  }

  /** @param {Chat.Welcome} welcome @param {boolean} sameLife of the room: else its settings are counted anew */
  welcome({ room, rights }, sameLife) {
    this.rights = Number.isSafeInteger(rights) ? Number(rights) : 0;
    if (!this.moderates) this.queue({});
    if (!sameLife) this.room = { settings: {}, settingsRev: 0 };
    this.told({ settings: {}, settingsRev: 0, ...room });
  }

  /** @param {{reported?: unknown, held?: unknown}} waiting an earlier server holds none */
  queue({ reported, held }) {
    this.reported = Number(reported) || 0;
    this.held = Number(held) || 0;
  }

  /** What the room is, as somebody says: the later word counts, whichever came first. @param {unknown} room @returns {boolean} whether it counts */
  told(room) {
    if (!isRoom(room) || room.settingsRev < this.room.settingsRev) return false;
    const { title, settings, settingsRev } = room;
    this.room = { title, settings, settingsRev };
    return true;
  }
}
