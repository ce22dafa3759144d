// The reader's language. Only the one that is needed is loaded.

/** @param {string} lang @returns {'ko' | 'en'} */
export function supported(lang) {
  return lang.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

/** @param {string} lang @returns {Promise<Chat.Strings>} */
export async function load(lang) {
  const module = supported(lang) === 'ko' ? await import('./ko.js') : await import('./en.js');
  return module.strings;
}
