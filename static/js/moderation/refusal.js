// Why the server has refused something, as far as this folder can say more of it than the page.

/**
 * Empty where nobody knows.
 * @param {Chat.WireError} error @param {Chat.Strings} strings @param {Chat.OfficeWords} words
 */
export function refusal({ code, until = '', reason = '' }, strings, words) {
  const all = { ...strings.errors, ...words.errors };
  if (code !== 'BANNED') return all[/** @type {keyof typeof all} */ (code)] ?? '';
  const time = Date.parse(until);
  const { banned } = words;
  return banned(time ? new Date(time).toLocaleString(strings.locale, { dateStyle: 'long', timeStyle: 'short' }) : '', reason);
}
