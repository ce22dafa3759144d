// What is found fault with on a page as it stands: by axe, by the size of a finger, by the width of the window.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** @typedef {import('./support.mjs').Visitor} Visitor */

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @param {Visitor} visitor */
export async function clean(visitor) {
  const { page } = visitor;
  // Colours are judged when they have arrived: a half-shown row has another contrast.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity).map((animation) => animation.finished)));
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ['violations'] });
    return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  });
  return found;
}

/** What can be pressed is as large as a finger. Links within text and times are text; what is not seen is for screen readers. @param {Visitor} visitor */
export async function large(visitor) {
  return visitor.page.evaluate(() => [...document.querySelectorAll('button, a[href], input, textarea')]
    .filter((element) => !element.matches('.text a, a.at, .unseen') && element.checkVisibility())
    .map((element) => {
      const { width, height } = (element.closest('label') ?? element).getBoundingClientRect();
      return { name: element.id || element.className || element.outerHTML.slice(0, 60), width, height };
    })
    .filter(({ width, height }) => width > 0 && (width < 43.9 || height < 43.9))
    .map(({ name, width, height }) => `too small: ${name} ${width} x ${height}`));
}

/** Nothing sticks out to the side. @param {Visitor} visitor */
export async function fits(visitor) {
  return visitor.page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    const log = document.querySelector('#log');
    const outside = [...document.querySelectorAll('button, input, textarea, h1, .text, .strip, .panel, dialog, .mod-toast')]
      .filter((element) => element.checkVisibility())
      .filter((element) => { const { left, right } = element.getBoundingClientRect(); return left < -0.5 || right > wide + 0.5; })
      .map((element) => `sticks out: ${element.id || element.className}`);
    if (document.documentElement.scrollWidth > wide || Number(log?.scrollWidth) > Number(log?.clientWidth)) outside.push('scrolls sideways');
    return outside;
  });
}
