// Browser storage that never throws. In a frame on another site the mere mention of `localStorage`
// can raise an error; then memory serves, and what it held is gone with the page.
// A rung between the two, a partitioned cookie, has its place in `openStorage`.

/** @param {'localStorage' | 'sessionStorage'} name @returns {Chat.Storage} */
export function openStorage(name) {
  return webStorage(name) ?? memoryStorage();
}

/** @param {'localStorage' | 'sessionStorage'} name @returns {Chat.Storage | null} */
function webStorage(name) {
  try {
    const storage = globalThis[name];
    // Reading tells whether access is allowed at all, and leaves no trace.
    storage.getItem('realtime-chat');
    return {
      lasting: true,
      get(key) {
        try {
          return storage.getItem(key);
        } catch {
          return null;
        }
      },
      set(key, value) {
        try {
          if (value === null) storage.removeItem(key);
          else storage.setItem(key, value);
        } catch {
          // Full, or taken away meanwhile: the page goes on without.
        }
      },
    };
  } catch {
    return null;
  }
}

/** @returns {Chat.Storage} */
export function memoryStorage() {
  /** @type {Map<string, string>} */
  const values = new Map();
  return {
    lasting: false,
    get: (key) => values.get(key) ?? null,
    set(key, value) {
      if (value === null) values.delete(key);
      else values.set(key, value);
    },
  };
}
