// The Enter key in any box where something is written.

import { EnterPolicy, isEnter } from './ime.js';

/**
 * Calls `submit` when Enter means so, whatever input method is in use.
 * @param {EventTarget} box a text field
 * @param {object} options
 * @param {() => boolean} options.touch whether it is a touch keyboard, whose Enter is a line break
 * @param {() => void} options.submit
 * @param {(event: KeyboardEvent) => boolean} [options.first] is asked before: whether the key was for somebody else
 * @param {AbortSignal} [options.signal] ends it
 * @returns {EnterPolicy}
 */
export function listenEnter(box, { touch, submit, first = () => false, signal }) {
  const policy = new EnterPolicy();
  const sendNow = () => {
    // Somebody types faster than the page runs: emptying the box now would break the new syllable.
    if (policy.composing) policy.sendAfterComposition();
    else submit();
  };
  // The events' own times: how long the page took to get to them says nothing about the keys.
  box.addEventListener('compositionstart', () => policy.compositionStart(), { signal });
  box.addEventListener('compositionupdate', (event) => policy.compositionUpdate(/** @type {CompositionEvent} */ (event).data), { signal });
  box.addEventListener('compositionend', (event) => {
    const send = policy.compositionEnd(/** @type {CompositionEvent} */ (event).data, event.timeStamp);
    // One task later the box holds the last syllable in every engine.
    if (send) setTimeout(sendNow, 0);
  }, { signal });
  box.addEventListener('keydown', (event) => {
    const key = /** @type {KeyboardEvent} */ (event);
    if (first(key)) {
      key.preventDefault();
      return;
    }
    if (!isEnter(key) || key.altKey) return;
    // With Ctrl or Cmd it means "send" everywhere, on a keyboard beside a touch screen as well.
    const surely = key.ctrlKey || key.metaKey;
    const { shiftKey, isComposing, keyCode } = key;
    const meaning = policy.enter({ shiftKey: shiftKey && !surely, isComposing, keyCode }, key.timeStamp, touch() && !surely);
    if (meaning === 'send' || meaning === 'swallow') key.preventDefault();
    if (meaning === 'send' && !key.repeat) submit();
  }, { signal });
  box.addEventListener('keyup', (event) => {
    if (isEnter(/** @type {KeyboardEvent} */ (event))) policy.enterUp();
  }, { signal });
  box.addEventListener('beforeinput', (event) => {
    const { inputType, timeStamp } = /** @type {InputEvent} */ (event);
    if (inputType !== 'insertLineBreak' && inputType !== 'insertParagraph') return;
    const meaning = policy.lineBreak(timeStamp);
    if (meaning === 'newline') return;
    event.preventDefault();
    if (meaning === 'send') setTimeout(sendNow, 0);
  }, { signal });
  return policy;
}
