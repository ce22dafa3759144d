// The two buttons over the list: to the newest message, and to the first one that is unread.

export class JumpButtons {
  /** @param {import('./view.js').View} view */
  constructor(view) {
    this.view = view;
  }

  start() {
    const { view } = this;
    const { log, down, first } = view.parts;
    const { signal } = view;
    down.addEventListener('click', () => {
      view.toBottom();
      log.focus({ preventScroll: true });
    }, { signal });
    first.addEventListener('click', () => {
      if (view.unread.above !== null) view.open(view.unread.above, 'unread');
      log.focus({ preventScroll: true });
    }, { signal });
  }

  draw() {
    const { strings, unread: { count, above }, parts: { down, first } } = this.view;
    first.hidden = above === null;
    /** @type {HTMLElement} */ (first.lastElementChild).textContent = strings.firstUnread;
    down.hidden = this.view.scroll.following;
    down.title = count > 0 ? '' : strings.toLatest;
    const label = count > 0 ? strings.newMessages(count) : strings.toLatest;
    down.classList.toggle('fresh', count > 0);
    const text = /** @type {HTMLElement} */ (down.lastElementChild);
    if (text.textContent !== label) text.textContent = label;
  }
}
