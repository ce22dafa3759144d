// The page's end of the talk with the blog that embeds it. embed.js is the other end, but a blog
// may speak to a bare iframe itself. Nothing secret ever crosses.

const NS = 'realtime-chat';
/** `ready` is repeated until the blog answers: its script may start later than we do. */
const READY_FIRST_MS = 100;
const READY_LAST_MS = 5_000;

export class Frame {
  /** @param {(message: Chat.FrameMessage) => void} receive @param {Window} [page] */
  constructor(receive, page = window) {
    this.page = page;
    this.embedded = page.parent !== page;
    this.origin = parentOrigin(page);
    this.answered = false;
    this.lastHeight = 0;
    /** @param {MessageEvent} event */
    this.listener = (event) => {
      const message = event.data;
      if (!this.embedded || event.source !== page.parent) return;
      if (typeof message !== 'object' || message === null || message.ns !== NS || message.v !== 1) return;
      if (typeof message.type !== 'string') return;
      this.answered = true;
      this.origin = event.origin;
      receive(message);
    };
    page.addEventListener('message', this.listener);
  }

  ready() {
    let pause = READY_FIRST_MS;
    const announce = () => {
      if (this.answered || pause > READY_LAST_MS) return;
      this.post('ready');
      setTimeout(announce, pause);
      pause *= 2;
    };
    announce();
  }

  /** @param {number} height CSS px */
  resize(height) {
    const rounded = Math.round(height);
    // A pixel to and fro is the blog's own rounding; answering it would never end.
    if (Math.abs(rounded - this.lastHeight) < 2) return;
    this.lastHeight = rounded;
    this.post('resize', { height: rounded });
  }

  /** @param {string} type @param {Record<string, unknown>} [fields] */
  post(type, fields) {
    if (!this.embedded) return;
    // `null` is the origin of a sandboxed page; it cannot be named as a target.
    const target = this.origin && this.origin !== 'null' ? this.origin : '*';
    this.page.parent.postMessage({ ns: NS, v: 1, type, ...fields }, target);
  }
}

/** @param {Window} page */
function parentOrigin(page) {
  const ancestors = page.location.ancestorOrigins;
  if (ancestors?.length) return ancestors[0];
  try {
    return new URL(page.document.referrer).origin;
  } catch {
    return null;
  }
}
