// Tells the others that somebody writes here, seldom enough.

/**
 * The server passes one on in 3 s and holds it for 5. A little more than the 3: two that keep exactly that distance
 * may arrive closer together, and then the second would be dropped and the third come after the 5.
 */
const PAUSE_MS = 3_500;

export class TypingSender {
  /**
   * @param {() => boolean} send sends TYPING; false where it could not go out
   * @param {() => number} [now] milliseconds
   */
  constructor(send, now = Date.now) {
    this.send = send;
    this.now = now;
    this.sentAt = -Infinity;
    this.text = '';
  }

  /** The text of the box, as it is after a key. @param {string} text */
  typed(text) {
    const changed = text !== this.text;
    this.text = text;
    // Who only moves about in the text writes nothing, and an emptied box is nothing to wait for.
    if (!changed || text.trim() === '') return;
    const now = this.now();
    // A clock may be set back.
    const since = Math.abs(now - this.sentAt);
    if (since >= PAUSE_MS && this.send()) this.sentAt = now;
  }

  /** The box holds another text that nobody has typed: it was sent, or a message is to be edited. @param {string} [text] */
  reset(text = '') {
    this.text = text;
  }
}
