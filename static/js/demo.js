// The demo post's own dark-mode switch, as any blog may have one. The chat follows it unasked.

const root = document.documentElement;
const button = document.querySelector('#theme');

function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

button?.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
});

for (const copy of document.querySelectorAll('.copy')) {
  copy.addEventListener('click', async () => {
    const code = copy.parentElement?.querySelector('code')?.textContent ?? '';
    try {
      await navigator.clipboard.writeText(code);
      copy.classList.add('done');
      setTimeout(() => copy.classList.remove('done'), 1500);
    } catch {
      // Not allowed here; the text can still be selected.
    }
  });
}
