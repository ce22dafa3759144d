// Server-Sent Events, as the standard has them (HTML, section 9.2), from pieces of text as the network brings them.

/** A WELCOME has at most 480 KiB. What is longer than this without an end is no stream of ours. */
export const EVENT_CHARS_MAX = 4 * 1024 * 1024;

/** @typedef {{data: string, id: string | null}} StreamEvent */

/** Gathers the text of a stream until an event is whole. */
export class EventStream {
  constructor() {
    /** What has come of a line that has no end yet. */
    this.rest = '';
    /** A line feed that follows the carriage return of the piece before belongs to that. */
    this.afterReturn = false;
    /** @type {string[]} */
    this.data = [];
    this.nData = 0;
    /** @type {string | null} */
    this.id = null;
  }

  /**
   * @param {string} piece
   * @returns {StreamEvent[]} what is whole now; fails where an event does not end
   */
  push(piece) {
    let text = piece;
    if (this.afterReturn && text.startsWith('\n')) text = text.slice(1);
    if (piece) this.afterReturn = piece.endsWith('\r');
    const lines = (this.rest + text).split(/\r\n|\r|\n/);
    this.rest = /** @type {string} */ (lines.pop());
    /** @type {StreamEvent[]} */
    const events = [];
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.data.length > 0) {
        events.push({ data: this.data.join('\n'), id: this.id });
        this.data = [];
        this.nData = 0;
      }
    }
    if (this.rest.length + this.nData > EVENT_CHARS_MAX) throw new Error('an event without an end');
    return events;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      this.data.push(value);
      this.nData += value.length;
    } else if (name === 'id') {
      this.id = value;
    }
    // A comment, a pause to wait, fields of later days: none of them is of the room.
  }
}
