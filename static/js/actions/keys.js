// What a key means on a message that has the focus. Pure.

/**
 * `menu` opens all that can be done with it; the others are done at once.
 * @param {{key: string, code: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, shiftKey: boolean, isComposing: boolean, repeat: boolean}} event
 * @param {Chat.Can} can
 * @returns {'menu' | 'reply' | 'edit' | 'remove' | null} null where it is not for us
 */
export function meaningOf({ key, code, ctrlKey, altKey, metaKey, shiftKey, isComposing, repeat }, can) {
  if (ctrlKey || altKey || metaKey || isComposing || repeat) return null;
  if (key === 'ContextMenu' || (key === 'F10' && shiftKey)) return 'menu';
  // On many keyboards the plus takes the Shift key.
  if (key === '+') return can.react ? 'menu' : null;
  if (shiftKey) return null;
  if (key === 'Enter') return 'menu';
  // On a Korean layout the key with the letter R says ㄱ.
  const letter = /^[ㄱ-ㅣ]$/.test(key) ? code.replace('Key', '').toLowerCase() : key;
  if (letter === 'r' && can.reply) return 'reply';
  if (letter === 'e' && can.edit) return 'edit';
  return letter === 'Delete' && can.remove ? 'remove' : null;
}
