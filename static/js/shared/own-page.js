// The pages of the chat itself, where its cookies are: those of a login count there, and in no blog's frame.

/**
 * Where it is kept that a login by cookies has begun, and whose: no script can read the cookies themselves. It proves
 * nothing and opens nothing; who is signed in, the server says.
 */
export const LOGIN = 'realtime-chat:login';

/**
 * Whether this page stands by itself, or in frames of the chat's own pages alone. A blog of the same site would share
 * storage with it, and still is another's page. Cookies of a login also need HTTPS, or `localhost`.
 * @param {Window} [page]
 */
export function isOwnPage(page = globalThis.window) {
  try {
    // Of another origin it may not be read, which throws.
    for (let one = page; one !== one.parent; one = one.parent) void one.parent.location.origin;
    return page.isSecureContext;
  } catch {
    return false;
  }
}
