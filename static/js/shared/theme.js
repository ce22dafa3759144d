// Light, dark, the reader's own setting; and the one colour that a blog may choose.

const THEMES = ['light', 'dark', 'auto'];
const ACCENT = /^#[0-9a-f]{6}$/i;

/** @param {unknown} theme @returns {theme is 'light' | 'dark' | 'auto'} */
export function isTheme(theme) {
  return typeof theme === 'string' && THEMES.includes(theme);
}

/** @param {unknown} accent @returns {accent is string} */
export function isAccent(accent) {
  return typeof accent === 'string' && ACCENT.test(accent);
}

/** @param {'light' | 'dark' | 'auto'} theme */
export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector('meta[name=color-scheme]')?.setAttribute('content', theme === 'auto' ? 'light dark' : theme);
}

/** @param {unknown} accent */
export function setAccent(accent) {
  if (!isAccent(accent)) return;
  const { style } = document.documentElement;
  style.setProperty('--accent', accent);
  style.setProperty('--on-accent', inkOn(accent));
}

/**
 * Black or white, whichever reads better on the colour. One of the two always has 4.5:1.
 * @param {string} accent `#rrggbb`
 */
export function inkOn(accent) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(accent.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  // Where both contrasts are equal: (1.05 / (L + 0.05)) = ((L + 0.05) / 0.05).
  return luminance > 0.179 ? '#000000' : '#ffffff';
}
