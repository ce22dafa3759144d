// The style sheet of what this folder shows comes with it, not with the page.

/** @type {Promise<void> | null} */
let loaded = null;

/**
 * The address of a style sheet, as seen from a script: both `js`, where the sources are, and `dist`, where bundles are,
 * stand beside `css`.
 * @param {string} script
 */
export function sheetBeside(script) {
  return script.replace(/^(.*)\/(?:js|dist)\/.*$/, '$1/css/actions.css');
}

/** Resolves when the rules hold. Where they could not be had the next call tries again. @returns {Promise<void>} */
export function loadStyle() {
  loaded ??= new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = sheetBeside(import.meta.url);
    link.addEventListener('load', () => resolve(), { once: true });
    link.addEventListener('error', () => {
      link.remove();
      loaded = null;
      reject(new Error('the style sheet could not be loaded'));
    }, { once: true });
    document.head.append(link);
  });
  return loaded;
}
