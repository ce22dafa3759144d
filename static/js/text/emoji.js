// Which messages are nothing but a few emoji. Pure.

/**
 * Up to three emoji, as UTS #51 has them: keycaps, flags of countries and of regions, and pictures, with skin tones
 * and joined to families. A character that is only drawn as a picture where a variation selector asks for it, as © is,
 * counts with that selector alone. early.js has the same expression, which a test compares.
 */
const EMOJI_ONLY = /^(?:(?:[#*\d]\ufe0f?\u20e3|[\u{1f1e6}-\u{1f1ff}]{2}|\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}|(?:(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}\ufe0f?|\p{Extended_Pictographic}\ufe0f|\p{Emoji_Modifier_Base}(?=[\u{1f3fb}-\u{1f3ff}]))[\u{1f3fb}-\u{1f3ff}]?(?:\u200d\p{Extended_Pictographic}\ufe0f?[\u{1f3fb}-\u{1f3ff}]?)*)\s?){1,3}$/u;
/** Three families with a skin tone for each take less. */
const LENGTH_MAX = 128;

/** Whether a message is nothing but a few emoji, which are then shown large. @param {string} text */
export function isEmojiOnly(text) {
  return text.length <= LENGTH_MAX && EMOJI_ONLY.test(text);
}
