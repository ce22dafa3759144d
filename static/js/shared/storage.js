// Browser storage that never throws. In a frame on another site the mere mention of `localStorage`
// or `document.cookie` can raise an error. What is to last goes into web storage, and where that is
// blocked or full into memory, which is gone with the page. Never into a cookie: the server and every
// proxy on the way would read it. Where it stays is found out by the first write: before it, nothing
// is left behind.

/** One place to keep something. `set` tells whether the value is kept. */
/** @typedef {{get(key: string): string | null, set(key: string, value: string | null): boolean}} Rung */

/** @param {'localStorage' | 'sessionStorage'} name @returns {Chat.Storage} */
export function openStorage(name) {
  return ladder([webStorage(name)]);
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
 * What an earlier version kept in a cookie where web storage was blocked. A cookie travels with every request, into the
 * log of every proxy, and the identity is a secret: the cookie is read once and taken away.
 * @param {string} key @param {{cookie: string}} [page] @returns {string | null}
 */
export function takeFromCookie(key, page = globalThis.document) {
  const name = `__Host-${key.replace(/[^\w-]/g, '-')}`;
  try {
    const found = page.cookie.split('; ').find((cookie) => cookie.startsWith(`${name}=`));
    if (found === undefined) return null;
    page.cookie = `${name}=; Path=/; Secure; SameSite=None; Partitioned; Max-Age=0`;
    return decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return null;
  }
}
