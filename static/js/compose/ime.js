// What the Enter key means while somebody writes. Pure: it is fed the events and answers.
//
// An input method composes a syllable or a phrase before it hands it over, and Enter ends that.
// In Japanese and Chinese this Enter only confirms the phrase. In Korean the syllable is finished
// anyway and the writer means "send": to wait for a second Enter is wrong there, and to send at
// once would send the text and leave its last syllable in the box. So the script of what is being
// composed decides, and a send waits until the composition has ended.

/** Jamo, compatibility jamo, the extended ones, syllables, half-width forms. */
const HANGUL_ONLY = /^[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]+$/u;

/** Safari ends the composition before it reports the key. Ends early when the key is let go of. */
const LOCK_MS = 50;
/** The key code of a key that the input method has taken. */
const TAKEN = 229;

/**
 * Whether this is the Enter key. Windows names a key that the input method has taken `Process`;
 * only the place on the keyboard tells which one it was.
 * @param {{key: string, code: string}} event
 */
export function isEnter({ key, code }) {
  return key === 'Enter' || (key === 'Process' && (code === 'Enter' || code === 'NumpadEnter'));
}

/**
 * What to do with the key:
 *  - `send`: send now, and keep the key from writing a line break;
 *  - `later`: sending follows by itself when the composition ends;
 *  - `newline`: let the key write its line break;
 *  - `swallow`: the key has done its work already, keep it from doing anything more;
 *  - `leave`: it belongs to the input method.
 * @typedef {'send' | 'later' | 'newline' | 'swallow' | 'leave'} EnterMeaning
 */

export class EnterPolicy {
  constructor() {
    this.composing = false;
    this.text = '';
    this.pending = false;
    this.endedAt = -Infinity;
    this.sentAt = -Infinity;
    /** When a taken Enter was left alone although nothing was being composed. */
    this.leftAt = -Infinity;
  }

  compositionStart() {
    this.composing = true;
    this.text = '';
  }

  /** @param {string} text */
  compositionUpdate(text) {
    if (text) this.text = text;
  }

  /**
   * @param {string} text
   * @param {number} now
   * @returns {boolean} whether to send, one task later, when the box holds the final text
   */
  compositionEnd(text, now) {
    if (text) this.text = text;
    this.composing = false;
    this.endedAt = now;
    const send = this.pending;
    this.pending = false;
    if (send) this.sentAt = now;
    return send;
  }

  /**
   * @param {{shiftKey: boolean, isComposing: boolean, keyCode: number}} key
   * @param {number} now
   * @param {boolean} touch on a touch keyboard Enter is a line break and the button sends
   * @returns {EnterMeaning}
   */
  enter({ shiftKey, isComposing, keyCode }, now, touch) {
    if (this.composing || isComposing) {
      if (shiftKey || touch) return 'newline';
      if (!HANGUL_ONLY.test(this.text)) return 'leave';
      this.pending = true;
      return 'later';
    }
    // The same press, reported once more after the composition's end has sent the text.
    if (now - this.sentAt <= LOCK_MS) return 'swallow';
    if (shiftKey || touch) return 'newline';
    if (now - this.endedAt <= LOCK_MS) {
      if (HANGUL_ONLY.test(this.text)) return 'send';
      return keyCode === TAKEN ? 'leave' : 'swallow';
    }
    if (keyCode !== TAKEN) return 'send';
    this.leftAt = now;
    return 'leave';
  }

  /** The Enter key was let go of: whatever comes next is another press. */
  enterUp() {
    if (this.composing) return;
    this.endedAt = -Infinity;
    this.sentAt = -Infinity;
  }

  /**
   * The engine is about to write the line break of an Enter.
   * @param {number} now
   * @returns {EnterMeaning}
   */
  lineBreak(now) {
    // Of a taken Enter, which some write all the same.
    if (this.pending || now - this.sentAt <= LOCK_MS) return 'swallow';
    // The key was said to be taken, and yet it writes: no input method has used it. Safari composes
    // Hangul without composition events, and some machines report every key as taken.
    return now - this.leftAt <= LOCK_MS ? 'send' : 'newline';
  }

  /** The box was sent by other means while composing; the end of the composition follows. */
  sendAfterComposition() {
    this.pending = true;
  }
}
