// Who is known by name: everybody who is here, or wrote something that was seen. Pure.

import { marks } from '../text/names.js';

/** So many are remembered; whoever was met longest ago is forgotten first. */
const MAX = 1000;

export class Authors {
  constructor() {
    /** @type {Map<string, Chat.Author>} by id; who was met last stands last */
    this.known = new Map();
    /** @type {Map<string, string> | null} null where somebody has come or changed their name since */
    this.marks = null;
  }

  /** @param {Chat.Author} author as they are called now */
  meet(author) {
    const before = this.known.get(author.id);
    if (before?.nickname !== author.nickname || before.avatar !== author.avatar) this.marks = null;
    this.known.delete(author.id);
    this.known.set(author.id, author);
    if (this.known.size > MAX) this.known.delete(/** @type {string} */ (this.known.keys().next().value));
  }

  /** @param {string} id */
  get(id) {
    return this.known.get(id);
  }

  /** Who was met last comes first. */
  list() {
    return [...this.known.values()].reverse();
  }

  /** What tells an author from others of the same name and animal; empty where nobody else has these. @param {string} id */
  mark(id) {
    this.marks ??= marks(this.known.values());
    return this.marks.get(id) ?? '';
  }
}
