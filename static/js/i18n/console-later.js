// The words of the console's screens that are loaded when somebody goes there, in the reader's language.

/** @param {string} lang @returns {Promise<Chat.LaterWords>} */
export async function loadLaterWords(lang) {
  const { words } = lang === 'ko' ? await import('./console-later-ko.js') : await import('./console-later-en.js');
  return words;
}
