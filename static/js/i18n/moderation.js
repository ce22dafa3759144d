// The words of moderation in the reader's language: they come with what needs them.

/** @param {string} locale @returns {Promise<Chat.OfficeWords>} */
export async function loadWords(locale) {
  const { words } = locale === 'ko' ? await import('./moderation-ko.js') : await import('./moderation-en.js');
  return words;
}
