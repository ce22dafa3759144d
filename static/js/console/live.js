// Hears that something has changed: the same small question again and again, for as long as somebody looks at the page.

const ASK_AGAIN_MS = 3_000;
/** Where nobody answers, ever more seldom. */
const AT_MOST_MS = 30_000;

export class Live extends EventTarget {
  /** @param {import('../wire/account-api.js').Api} api @param {AbortSignal} signal */
  constructor(api, signal) {
    super();
    this.api = api;
    this.signal = signal;
    /** @type {Chat.Waiting | null} */
    this.waiting = null;
    this.failed = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.busy = false;
    document.addEventListener('visibilitychange', () => this.look(), { signal });
    signal.addEventListener('abort', () => clearTimeout(this.timer));
  }

  /** Now, and then again and again. */
  async look() {
    clearTimeout(this.timer);
    if (document.hidden || this.busy || this.signal.aborted) return;
    this.busy = true;
    const answer = await this.api.get('admin/waiting');
    this.busy = false;
    if (this.signal.aborted) return;
    const wasFailing = this.failed > 0;
    this.failed = answer.ok ? 0 : this.failed + 1;
    if (answer.ok) this.#take(answer.body);
    if (wasFailing !== this.failed > 0) this.dispatchEvent(new Event('line'));
    const wait = Math.min(ASK_AGAIN_MS * 2 ** this.failed, AT_MOST_MS);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), answer.ok ? ASK_AGAIN_MS : wait);
  }

  /** @param {Chat.Waiting} now */
  #take(now) {
    const { held, reported, lastEntry } = this.waiting ?? {};
    const isNew = this.waiting === null || held !== now.held || reported !== now.reported || lastEntry !== now.lastEntry;
    this.waiting = now;
    if (isNew) this.dispatchEvent(new Event('change'));
  }
}
