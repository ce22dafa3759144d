// The words of the owner's console, in the reader's language.

/** @param {string} lang @returns {Promise<Chat.ConsoleWords>} */
export async function loadConsoleWords(lang) {
  const { words } = lang === 'ko' ? await import('./console-ko.js') : await import('./console-en.js');
  return words;
}
