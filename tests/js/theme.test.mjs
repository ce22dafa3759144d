import assert from 'node:assert/strict';
import test from 'node:test';
import { inkOn, isAccent, isTheme } from '../../static/js/shared/theme.js';

/** Contrast by WCAG 2.2. @param {string} a @param {string} b */
function contrast(a, b) {
  const [x, y] = [a, b].map((colour) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const value = parseInt(colour.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }).sort((one, two) => two - one);
  return (x + 0.05) / (y + 0.05);
}

test('writing on any accent colour has a contrast of at least 4.5', () => {
  for (let value = 0; value < 0x1000000; value += 4099) {
    const accent = `#${value.toString(16).padStart(6, '0')}`;
    assert.ok(contrast(accent, inkOn(accent)) >= 4.5, accent);
  }
});

test('themes are three', () => {
  for (const theme of ['light', 'dark', 'auto']) assert.ok(isTheme(theme));
  for (const theme of ['', 'Dark', null, 3, {}, 'x"><script>']) assert.ok(!isTheme(theme));
});

test('an accent is six hexadecimal digits and nothing else', () => {
  for (const accent of ['#e4572e', '#FFFFFF']) assert.ok(isAccent(accent));
  for (const accent of ['', '#fff', 'red', '#e4572e;', '#e4572e}', '#e4572g', 'url(//x)', 0xffffff, null, ['#e4572e'], { toString: () => '#e4572e' }]) {
    assert.ok(!isAccent(accent), String(accent));
  }
});
