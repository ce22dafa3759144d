// How far this reader has read, room by room, so that the next visit can begin there.

const KEY = 'realtime-chat:read';
/** Of so many rooms, those visited last. */
const ROOMS_MAX = 50;

export class ReadPosition {
  /** @param {Chat.KeyValue} storage @param {string} room */
  constructor(storage, room) {
    this.storage = storage;
    this.room = room;
  }

  /** @param {string} epoch the room's life: positions of another one mean nothing @returns {number | null} */
  get(epoch) {
    const [, kept, seq] = this.#all().find(([room]) => room === this.room) ?? [];
    return epoch && kept === epoch && Number.isSafeInteger(seq) ? /** @type {number} */ (seq) : null;
  }

  /** @param {string} epoch @param {number} seq */
  set(epoch, seq) {
    const others = this.#all().filter(([room]) => room !== this.room);
    this.storage.set(KEY, JSON.stringify([...others, [this.room, epoch, seq]].slice(-ROOMS_MAX)));
  }

  /** @returns {any[][]} */
  #all() {
    try {
      const kept = JSON.parse(this.storage.get(KEY) ?? '[]');
      return Array.isArray(kept) ? kept.filter(Array.isArray) : [];
    } catch {
      return [];
    }
  }
}
