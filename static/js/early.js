// Runs before the first paint, unlike the modules, and gives the page the shape that they will give
// it, so that nothing moves when they come: one's own messages on their side, emoji large, long texts
// folded, and at the foot the height of what will stand there. (view.js, emoji.js and fold.js decide;
// this is their guess.)
{
  const EMOJI_ONLY = /^(?:(?:[#*\d]\ufe0f?\u20e3|[\u{1f1e6}-\u{1f1ff}]{2}|\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}|(?:(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}\ufe0f?|\p{Extended_Pictographic}\ufe0f|\p{Emoji_Modifier_Base}(?=[\u{1f3fb}-\u{1f3ff}]))[\u{1f3fb}-\u{1f3ff}]?(?:\u200d\p{Extended_Pictographic}\ufe0f?[\u{1f3fb}-\u{1f3ff}]?)*)\s?){1,3}$/u;
  let self = '';
  try {
    self = JSON.parse(localStorage.getItem('realtime-chat:account') ?? (top === window && localStorage.getItem('realtime-chat:login') || null) ?? localStorage.getItem('realtime-chat:identity') ?? '{}').authorId ?? '';
    if (self) document.documentElement.classList.add('known');
  } catch {
    // Storage is closed to frames in some browsers: then everybody is a newcomer.
  }
  /** @param {string} text @param {number} letters that fit into a line */
  const linesOf = (text, letters) => text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.replace(/[\u1100-\ud7ff\ue000-\uffff]/g, '..').length / letters)), 0);
  const seen = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) {
      const row = node instanceof HTMLElement && /** @type {HTMLElement | null} */ (node.closest('.msg'));
      if (!row) continue;
      if (row.dataset.author === self) row.classList.add('own');
      // It stands behind the text, which is whole by then.
      if (!node.matches('.at')) continue;
      const element = row.querySelector('.text');
      const text = element?.textContent ?? '';
      if (EMOJI_ONLY.test(text)) row.classList.add('big');
      for (const [fold, letters] of /** @type {const} */ ([['long', 74], ['longish', 46], ['lengthy', 34]])) {
        if (linesOf(text, letters) <= 14) continue;
        element?.classList.add(fold);
        break;
      }
    }
  });
  seen.observe(document, { childList: true, subtree: true });
  document.addEventListener('DOMContentLoaded', () => seen.disconnect());
}
