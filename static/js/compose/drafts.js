// What is being written, kept for the next visit of this tab: the text, and whom it addresses. The places of the names
// stand beside the text, which stays as it is: a page of before them reads it too, and both may be gone alone.

export class Drafts {
  /** @param {Chat.KeyValue} storage @param {string} room */
  constructor(storage, room) {
    this.storage = storage;
    this.textKey = `realtime-chat:draft:${room}`;
    this.marksKey = `realtime-chat:draft-mentions:${room}`;
  }

  /** @returns {Chat.Draft} */
  get() {
    const text = this.storage.get(this.textKey) ?? '';
    return { text, marks: this.#marks().filter((mark) => isMark(mark) && text.startsWith(`@${mark.name}`, mark.from)) };
  }

  /** @param {Chat.Draft} draft */
  set({ text, marks }) {
    this.storage.set(this.textKey, text || null);
    this.storage.set(this.marksKey, text && marks.length ? JSON.stringify(marks) : null);
  }

  /** @returns {any[]} */
  #marks() {
    try {
      const kept = JSON.parse(this.storage.get(this.marksKey) ?? '[]');
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }
}

/** @param {any} mark */
const isMark = (mark) => typeof mark?.authorId === 'string' && typeof mark.name === 'string' && mark.name !== '' && Number.isSafeInteger(mark.from);
