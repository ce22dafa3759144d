// The path that the chat is served under: empty, or as `/chat`. The server writes it into the page.

export const base = globalThis.document?.documentElement?.dataset?.base ?? '';
