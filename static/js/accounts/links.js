// The addresses of these pages: codes behind the `#`, and ways back. Pure.

/** Longer is no code that a server of ours has made. */
const CODE_MAX = 512;

/** The code of a link, from what stands behind its `#`. @param {string} hash */
export function codeOf(hash) {
  const raw = hash.replace(/^#/, '');
  try {
    const code = decodeURIComponent(raw).trim();
    return code.length <= CODE_MAX ? code : '';
  } catch {
    return '';
  }
}

/**
 * Where somebody goes once they are signed in: only to pages of this chat, whatever the link that led here says.
 * @param {string | null} to a path, as in `?to=`
 * @param {string} base the path that the chat is served under
 * @param {string} origin
 * @returns {string | null} a whole address: a path alone may begin like one of another site
 */
export function wayBack(to, base, origin) {
  // A browser takes a backslash for a slash.
  if (!to?.startsWith('/') || to.includes('\\')) return null;
  try {
    const url = new URL(to, origin);
    const isOwn = url.origin === origin && !url.pathname.startsWith('//');
    return isOwn && (url.pathname === base || url.pathname.startsWith(`${base}/`)) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * What of this page's address goes along to the next of these pages.
 * @param {string} search
 * @param {Record<string, string>} [more]
 */
export function passedOn(search, more = {}) {
  const here = new URLSearchParams(search);
  const next = new URLSearchParams();
  for (const name of ['lang', 'theme', 'to']) {
    const value = here.get(name);
    if (value !== null) next.set(name, value);
  }
  for (const [name, value] of Object.entries(more)) next.set(name, value);
  const query = next.toString();
  return query ? `?${query}` : '';
}
