// Browser storage that never throws. In a frame on another site the mere mention of `localStorage`
// or `document.cookie` can raise an error. What is to last climbs a ladder: web storage, then a
// cookie that belongs to the chat on this one blog (partitioned), then memory, which is gone with
// the page. Which rung holds is found out by the first write: before it, nothing is left behind.

/** A rung of the ladder. `set` tells whether the value is kept. */
/** @typedef {{get(key: string): string | null, set(key: string, value: string | null): boolean}} Rung */

/** Longest life that browsers allow (RFC 6265bis). */
const COOKIE_SECONDS = 34_560_000;
/** Browsers drop cookies whose name and value are longer. */
const COOKIE_MAX = 4096;

/** @param {'localStorage' | 'sessionStorage'} name @returns {Chat.Storage} */
export function openStorage(name) {
  const rungs = [webStorage(name)];
  // What was not sent is not for the server's eyes, and cookies travel with each request.
  if (name === 'localStorage') rungs.push(cookieStorage());
  return ladder(rungs);
}

/** @returns {Chat.Storage} */
export function memoryStorage() {
  return ladder([]);
}

/** @param {Rung[]} rungs best first @returns {Chat.Storage} */
export function ladder(rungs) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  let lasting = rungs.length > 0;
  return {
    get lasting() {
      return lasting;
    },
    get(key) {
      // What is in memory was written last, and nowhere else.
      if (memory.has(key)) return memory.get(key) ?? null;
      for (const rung of rungs) {
        const value = rung.get(key);
        if (value !== null) return value;
      }
      return null;
    },
    set(key, value) {
      memory.delete(key);
      if (value === null) {
        for (const rung of rungs) rung.set(key, null);
        return;
      }
      lasting = rungs.some((rung) => rung.set(key, value));
      if (!lasting) memory.set(key, value);
    },
  };
}

/** @param {'localStorage' | 'sessionStorage'} name @returns {Rung} */
export function webStorage(name) {
  return {
    get(key) {
      try {
        return globalThis[name].getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        if (value === null) globalThis[name].removeItem(key);
        else globalThis[name].setItem(key, value);
        return true;
      } catch {
        // Full, or out of reach. What stood there before must not come back.
        if (value !== null) this.set(key, null);
        return false;
      }
    },
  };
}

/**
 * Cookies that only this page, and only under this blog, gets to see. The server ignores them.
 * @param {{cookie: string}} [page]
 * @returns {Rung}
 */
export function cookieStorage(page = globalThis.document) {
  /** @param {string} key */
  const nameOf = (key) => `__Host-${key.replace(/[^\w-]/g, '-')}`;
  /** @param {string} key */
  const get = (key) => {
    try {
      const start = `${nameOf(key)}=`;
      const found = page.cookie.split('; ').find((cookie) => cookie.startsWith(start));
      return found === undefined ? null : decodeURIComponent(found.slice(start.length));
    } catch {
      return null;
    }
  };
  return {
    get,
    set(key, value) {
      const pair = `${nameOf(key)}=${encodeURIComponent(value ?? '')}`;
      const attributes = 'Path=/; Secure; SameSite=None; Partitioned';
      try {
        // A cookie that is too long is dropped, and the one before it would stay.
        const fits = value !== null && pair.length <= COOKIE_MAX;
        page.cookie = fits ? `${pair}; ${attributes}; Max-Age=${COOKIE_SECONDS}` : `${nameOf(key)}=; ${attributes}; Max-Age=0`;
      } catch {
        return false;
      }
      // Browsers refuse without a word.
      return get(key) === value;
    },
  };
}
