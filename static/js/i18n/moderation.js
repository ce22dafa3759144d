// The words of moderation in the reader's language: they come with what needs them.

/** @param {string} locale @returns {Promise<Chat.OfficeWords>} */
export async function loadWords(locale) {
  const { words } = locale === 'ko' ? await import('./moderation-ko.js') : await import('./moderation-en.js');
  return words;
}

/**
 * Loads the words anew whenever the page speaks another language.
 * @param {Pick<Chat.OfficeParts, 'strings' | 'signal'>} parts @param {(words: Chat.OfficeWords) => void} act
 */
export function followWords({ strings, signal }, act) {
  const language = new MutationObserver(async () => {
    const { locale } = strings();
    const words = await loadWords(locale);
    // The last language holds, whichever words came first.
    if (locale === strings().locale && !signal.aborted) act(words);
  });
  language.observe(document.documentElement, { attributeFilter: ['lang'] });
  signal.addEventListener('abort', () => language.disconnect());
}
