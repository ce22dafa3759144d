// The words of the pages of accounts, in the reader's language.

/** @param {string} lang @returns {Promise<Chat.AccountWords>} */
export async function loadAccountWords(lang) {
  const { words } = lang === 'ko' ? await import('./accounts-ko.js') : await import('./accounts-en.js');
  return words;
}
