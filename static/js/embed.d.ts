// What embed.js adds to a page. To be copied into a project that is checked by TypeScript:
//   curl -o realtime-chat.d.ts https://chat.example/static/latest/js/embed.d.ts
// docs/EMBED.md says what each name means, and how to tell it to React.

type RealtimeChatTheme = 'light' | 'dark' | 'auto' | 'host';
type RealtimeChatState = 'connecting' | 'live' | 'offline' | 'closed';

/** `data-room` of the script tag is `room` here, `data-room-from` is `roomFrom`. */
interface RealtimeChatOptions {
  /** The chat's address, with the path that it stands under. Needed where the script was bundled, copied or imported. */
  server?: string;
  /** 1 to 255 code points, no `/` and no control character. Without it the room follows from `roomFrom`. */
  room?: string;
  roomFrom?: 'permalink' | 'canonical' | 'pathname';
  title?: string;
  theme?: RealtimeChatTheme;
  lang?: string;
  /** `#rrggbb` */
  accent?: string;
  /** A CSS length; a plain number is px. */
  height?: string;
  loading?: 'lazy' | 'eager';
  /** What the blog's server has signed for its reader. */
  userToken?: string;
}

interface RealtimeChatElement extends HTMLElement {
  setTheme(theme: RealtimeChatTheme): void;
  setRoom(room: string): void;
  /** Who the reader is, as the blog's server has signed it; null: none of the blog's users. */
  setUser(token: string | null): void;
  /** Takes the chat off the page and leaves nothing behind. */
  destroy(): void;
}

interface RealtimeChatEventMap {
  'realtime-chat:ready': CustomEvent<Record<string, never>>;
  'realtime-chat:unread': CustomEvent<{ count: number; mentions: number }>;
  'realtime-chat:state': CustomEvent<{ state: RealtimeChatState }>;
  'realtime-chat:token-needed': CustomEvent<{ reason: 'expiring' | 'expired' | 'refused' }>;
}

interface HTMLElementEventMap extends RealtimeChatEventMap {}
interface DocumentEventMap extends RealtimeChatEventMap {}

interface HTMLElementTagNameMap {
  'realtime-chat': RealtimeChatElement;
}

interface Window {
  RealtimeChat: {
    /** Puts a chat into an element, or returns the one that is there. Throws where there is no such element. */
    mount(target: Element | string, options?: RealtimeChatOptions): RealtimeChatElement;
    /** The room that `data-room-from` makes of an address. */
    roomOf(from: 'permalink' | 'canonical' | 'pathname', address: string): string;
    /** What `theme="host"` reads from the page now. */
    hostTheme(from?: Element): 'light' | 'dark' | 'auto';
    /** Fills the places for counts and latest messages in a part of the page, or in all of it: for what came later. */
    fill(root?: ParentNode): Promise<void>;
  };
}

/** What the page may post to the frame: of a bare iframe, or one made by embed.js. */
type RealtimeChatToFrame = { ns: 'realtime-chat'; v: 1 } & (
  | { type: 'init'; theme?: 'light' | 'dark' | 'auto'; title?: string; lang?: string; accent?: string }
  | { type: 'set-theme'; theme: 'light' | 'dark' | 'auto' }
  | { type: 'set-title'; title: string }
  | { type: 'set-lang'; lang: string }
  | { type: 'focus' }
  | { type: 'auth'; token: string | null }
);

/** What the frame posts to the page. */
type RealtimeChatFromFrame = { ns: 'realtime-chat'; v: 1 } & (
  | { type: 'ready'; theme: 'light' | 'dark' | 'auto'; initialized: boolean }
  | { type: 'resize'; height: number }
  /** `mentions`: how many of them name this reader; missing from a server of before mentions. */
  | { type: 'unread'; count: number; mentions?: number }
  | { type: 'state'; state: RealtimeChatState }
  | { type: 'error'; code: string }
  | { type: 'token-needed'; reason: 'expiring' | 'expired' | 'refused' }
);
