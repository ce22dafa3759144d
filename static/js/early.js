// Runs before the first paint, unlike the modules, and gives the page the shape that they will give
// it, so that nothing moves when they come: one's own messages on their side, emoji large, and at
// the foot the height of what will stand there. (view.js and links.js decide; this is their guess.)
{
  const EMOJI_ONLY = /^\p{Extended_Pictographic}[\p{Extended_Pictographic}\ufe0f\u200d\u{1f3fb}-\u{1f3ff}\s]{0,39}$/u;
  let self = '';
  try {
    self = JSON.parse(localStorage.getItem('realtime-chat:identity') ?? '{}').authorId ?? '';
    if (self) document.documentElement.classList.add('known');
  } catch {
    // Storage is closed to frames in some browsers: then everybody is a newcomer.
  }
  const seen = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) {
      const row = node instanceof HTMLElement && /** @type {HTMLElement | null} */ (node.closest('.msg'));
      if (!row) continue;
      if (row.dataset.author === self) row.classList.add('own');
      if (node.matches('.text') && EMOJI_ONLY.test(node.textContent ?? '')) row.classList.add('big');
    }
  });
  seen.observe(document, { childList: true, subtree: true });
  document.addEventListener('DOMContentLoaded', () => seen.disconnect());
}
