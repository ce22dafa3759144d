// Style sheets that come with what they are for, not with the page.

/** By name. @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * The address of a style sheet, as seen from a script: both `js`, where the sources are, and `dist`, where bundles are,
 * stand beside `css`.
 * @param {string} script
 * @param {string} name
 */
export function sheetBeside(script, name) {
  return script.replace(/^(.*)\/(?:js|dist)\/.*$/, `$1/css/${name}.css`);
}

/**
 * Resolves when the rules hold. Where they could not be had the next call tries again.
 * @param {'actions' | 'moderation'} name
 * @returns {Promise<void>}
 */
export function loadStyle(name) {
  const there = loaded.get(name);
  if (there) return there;
  const loading = /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = sheetBeside(import.meta.url, name);
    link.addEventListener('load', () => resolve(), { once: true });
    link.addEventListener('error', () => {
      link.remove();
      loaded.delete(name);
      reject(new Error('the style sheet could not be loaded'));
    }, { once: true });
    document.head.append(link);
  }));
  loaded.set(name, loading);
  return loading;
}
