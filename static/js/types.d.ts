// The types that several modules share. They stand apart so that they need not travel to readers.

declare namespace Chat {
  // The wire (protocol.js): as docs/asyncapi.yaml has it, which wire-types.d.ts is made from. What a server of before
  // may leave out is optional here.
  type Author = Wire.Author;
  type Message = Wire.Message;
  type Reply = NonNullable<Message['replyTo']>;
  type Mention = Wire.Mention;
  type Reaction = Wire.Reaction;
  type Reactions = Wire.ReactionFrame['payload'];
  /** One value of the counter: a message as it is now, or the figures of its reactions that have changed. */
  type Change = { seq: number; rev: number; message?: Message; reactions?: Reaction[] };
  type Typing = Wire.TypingFrame['payload'];
  /** Why a message waits for a moderator: it is the writer's first here, has links, or everything of new people waits. */
  type HoldReason = 'first' | 'links' | 'all';
  type Settings = Wire.RoomSettings & { holdNew?: 'off' | HoldReason; holdYoungerSeconds?: number; minAgeSeconds?: number };
  /** What the room's owner has set. */
  type Room = Pick<Wire.WelcomeFrame['payload']['room'], 'title' | 'settingsRev'> & { settings: Settings };
  type Limits = Earlier<Wire.Limits, 'reactionsMax'>;
  type Presence = Wire.Presence;
  type Welcome = Earlier<Omit<Wire.WelcomeFrame['payload'], 'room' | 'limits'>, 'pinned'> & {
    room: Earlier<Wire.WelcomeFrame['payload']['room'], 'settings' | 'settingsRev'>;
    limits: Limits;
  };
  type Ack = Wire.AckFrame['payload'];
  /** `code` may be one that this page does not know. */
  type WireError = Earlier<Omit<Wire.ErrorFrame['payload'], 'code'>, 'message'> & { code: string };
  /** As it is today, of a server that does not send these yet. */
  type Earlier<T, Names extends keyof T> = Omit<T, Names> & Partial<Pick<T, Names>>;
  type Cursor = { epoch: string; rev: number };
  type Frame = { type: string; payload: Record<string, any> };

  // The connection
  type State = 'connecting' | 'live' | 'offline' | 'closed';
  type ConnectionOptions = {
    url: string;
    /** The JOIN frame for this moment; where it has to be asked for and cannot be had, the attempt has failed. */
    join: () => string | Promise<string>;
    /** How far we are. */
    cursor: () => number;
    /** Called when the room's life ended. */
    startOver: () => void;
    /** Catches up by small answers over HTTP, where the line brings no WELCOME in any time. */
    askLess?: () => Promise<unknown>;
    /** Looks for another way, where sockets do not open. */
    otherwise?: () => unknown;
    online?: () => boolean;
    open?: (url: string, protocol: string) => WebSocket;
    random?: () => number;
  };

  // What is kept
  type KeyValue = { get(key: string): string | null; set(key: string, value: string | null): void };
  type Storage = KeyValue & { lasting: boolean };
  type Stored = { anonymousId: string; nickname: string; avatar: string; authorId: string | null };
  /** Who has signed in: `token` is the secret of this login, empty where cookies have it. */
  type Account = { token: string; nickname: string; avatar: string; authorId: string | null };
  /** `held`: it waits for a moderator, and nothing is to be done. */
  type SendState = 'waiting' | 'sending' | 'held' | 'failed';
  type Unsent = {
    clientId: string; content: string; at: number; state: SendState; code?: string; replyTo?: Reply; mentions?: Mention[];
    /** Why it waits for a moderator; while it is asked for again as well. */
    held?: string;
    /** Who wrote it: the id of an author, or what stands for it until the server has named them. */
    by?: string | undefined;
  };
  type Order =
    | { type: 'EDIT'; id: string; version: number; content: string; mentions?: Mention[] }
    | { type: 'DELETE'; id: string }
    | { type: 'PIN'; id: string; on: boolean }
    | { type: 'REACT'; id: string; emoji: string; on: boolean };
  /** `sent`: it went out at least once, so that it may be stored. */
  type Command = Order & { clientId: string; state: 'waiting' | 'sending'; sent: boolean };
  /** What is sent one by one until it is answered. */
  type Queue<T extends { clientId: string }> = {
    next(): T | null;
    inFlight(): T | null;
    find(clientId: string): T | null;
    sending(entry: T): void;
    interrupted(): void;
    /** Whether that is news. */
    fail(clientId: string, code: string, reason?: string): unknown;
    encode(entry: T): string;
  };
  type Page = { epoch: string; rev: number; messages: Message[]; hasMore: boolean };
  /** Of a server that knows no changes: neither `epoch` nor `rev`. */
  type HistoryPage = { epoch?: string; rev?: number; messages: Message[]; hasMore: boolean; hasNewer?: boolean; quoted?: Message[] };
  type HistoryState = 'idle' | 'loading' | 'failed';
  type HistorySide = 'older' | 'newer';

  // What is shown
  type Notice = { afterSeq: number; joined: Author[]; left: Author[] };
  type Row =
    | { kind: 'day'; key: string; at: string }
    | { kind: 'unread'; key: string }
    | { kind: 'notice'; key: string; notice: Notice }
    | { kind: 'message'; key: string; message: Message; continued: boolean; own: boolean }
    | { kind: 'unsent'; key: string; entry: Unsent; continued: boolean };
  /** `at`: where in the content it stands, in UTF-16 code units. */
  type Part = {
    text: string; at: number; href?: string; authorId?: string; code?: boolean; strong?: boolean; em?: boolean; strike?: boolean;
  };
  /** What a message's text consists of, top to bottom. */
  type Block =
    | { kind: 'text' | 'quote'; parts: Part[] }
    | { kind: 'code'; language: string; code: string; at: number };
  type Fold = '' | 'long' | 'longish' | 'lengthy';
  type MessageText = {
    /** Names the message as long as this page lives, for what the reader has unfolded. */
    key: string;
    content: string;
    mentions?: Mention[];
    /** Whose mentions are the reader's own. */
    selfId?: string | null;
    /** Somebody was led here: nothing of it is folded, unless they fold it themselves. */
    unfold?: boolean;
  };
  type Avatar = { name: string; ko: string; en: string };
  type Strings = typeof import('./i18n/ko.js').strings;
  type ViewParts = {
    /** The scroller. */
    log: HTMLElement;
    list: HTMLElement;
    /** Stands above the list: loading, failed, the beginning. */
    top: HTMLElement;
    /** Stands below the list, where that ends before the newest message. */
    end: HTMLElement;
    empty: HTMLElement;
    /** The button that leads to the newest message. */
    down: HTMLElement;
    /** The button that leads to the first unread message, far above. */
    first: HTMLElement;
  };
  /** What rows are drawn from, beside the messages. */
  type RowContext = {
    store: import('./store/chat-store.js').ChatStore;
    clock: import('./shared/time.js').Clock;
    strings: Strings;
    live: boolean;
    /** The message that a link has led to. */
    target: number | null;
    /** Whether a message is about to be deleted and can still be kept. */
    leaving: (id: string) => boolean;
    /** As chosen, before the server has confirmed it. */
    me: () => { nickname: string; avatar: string };
  };
  type ViewActions = {
    /** Everything up to here was seen. */
    read: (seq: number) => void;
    /** The link to a message, for copying. */
    linkTo: (seq: number) => string;
    say: (text: string) => void;
    retry: (clientId: string) => void;
    discard: (clientId: string) => void;
    unread: (count: number, mentions: number) => void;
    react: (seq: number, emoji: string) => void;
    /** Keeps a message that was about to be deleted. */
    keep: (seq: number) => void;
    leaving: (id: string) => boolean;
    me: () => { nickname: string; avatar: string };
  };
  type ComposerParts = {
    form: HTMLFormElement;
    box: HTMLTextAreaElement;
    count: HTMLElement;
    send: HTMLButtonElement;
    /** Says what is answered or edited. */
    context: HTMLElement;
  };
  /** What goes with a new message beside its text. */
  type Written = { replyTo?: Reply; mentions?: Mention[] };
  /** A place that addresses somebody: that of its `@`, in UTF-16 units. */
  type Marked = { authorId: string; name: string; from: number };
  /** What is being written, and whom it addresses. */
  type Draft = { text: string; marks: Marked[] };
  /** Offers people while `@…` is written, and knows whom the text addresses. */
  type MentionSource = {
    update(): void;
    /** Whether the key was for the list. */
    keydown(event: KeyboardEvent): boolean;
    mentionsOf(content: string): Mention[] | undefined;
    /** Of what is in the box. */
    marks(): Marked[];
    resume(draft: Draft): void;
    reset(): void;
    restore(content: string, mentions: Mention[]): void;
  };
  type ProfileParts = {
    form: HTMLFormElement;
    prompt: HTMLElement;
    box: HTMLInputElement;
    /** Opens the animals. */
    face: HTMLButtonElement;
    animals: HTMLElement;
    submit: HTMLButtonElement;
    dismiss: HTMLButtonElement;
    fault: HTMLElement;
  };
  type PeopleParts = {
    button: HTMLElement; count: HTMLElement; panel: HTMLElement; heading: HTMLElement; list: HTMLElement; more: HTMLElement;
  };

  // What can be done with a message (actions)
  type Can = Record<'react' | 'reply' | 'edit' | 'remove' | 'link' | 'copy', boolean>
    & Partial<Record<'report' | 'pin' | 'unpin' | 'ban', boolean>>;
  type Subject = {
    message: Message;
    can: Can;
    /** Whether the reader reacts to it with this emoji, as of now. */
    reacts: (emoji: string) => boolean;
  };
  type Act = {
    react: (message: Message, emoji: string, on: boolean) => void;
    reply: (message: Message) => void;
    edit: (message: Message) => void;
    remove: (message: Message) => void;
    link: (message: Message) => void;
    copy: (message: Message) => void;
    report: (message: Message) => void;
    pin: (message: Message) => void;
    unpin: (message: Message) => void;
    ban: (message: Message) => void;
  };
  type ActionParts = {
    /** The scroller. */
    log: HTMLElement;
    /** What is open disappears with its row: null where nothing can be done with it now. */
    subjectOf: (row: HTMLElement) => Subject | null;
    strings: () => Strings;
    act: Act;
  };

  // Moderation
  /** What its parts, which are loaded when they are needed, have of the page. */
  type OfficeParts = {
    room: string;
    store: import('./store/chat-store.js').ChatStore;
    sender: import('./wire/sender.js').Sender<Unsent>;
    commander: import('./wire/sender.js').Sender<Command>;
    connection: import('./wire/connection.js').Connection;
    identity: import('./store/identity.js').Identity;
    composer: () => import('./compose/composer.js').Composer;
    announcer: import('./shared/announcer.js').Announcer;
    status: { note(text: string): void };
    strings: () => Strings;
    /** The reader is somebody else from here on. */
    changedIdentity: () => void;
    frame: import('./page/frame.js').Frame;
    dock: import('./page/dock.js').Dock;
    reported: (id: string) => void;
    signal: AbortSignal;
  };
  type OfficeWords = typeof import('./i18n/moderation-ko.js').words;
  /** A message that waits, as those see it who may let it through. */
  type Held = { id: string; author: Author; content: string; reason: string; at: string };

  // Accounts
  type AccountWords = typeof import('./i18n/accounts-ko.js').words;
  /** What the server answers: status 0 where it did not. */
  type AccountAnswer = { ok: boolean; status: number; body: any; code: string; retryAfterMs: number };
  /** A login, as its owner sees it. */
  type Login = { id: string; userAgent: string; createdAt: string; lastSeenAt: string; current: boolean };
  /** `setup`: there is no owner yet. */
  type AccountSettings = { registration: 'invite' | 'open' | 'closed'; mail: boolean; contact: boolean; setup: boolean };
  // The owner's console
  type ConsoleWords = typeof import('./i18n/console-ko.js').words;
  /** What is said on screens that are loaded when somebody goes there. */
  type LaterWords = typeof import('./i18n/console-later-ko.js').words;
  type LaterPage = ConsolePage & { later: LaterWords };
  /** A part of the console, as its address names it. */
  type Screen = keyof ConsoleWords['screens'];
  type Me = { id: string; nickname: string; avatar: string; role: string; rights: number };
  type Waiting = { held: number; reported: number; lastEntry: string };
  type ConsolePage = {
    words: ConsoleWords;
    api: import('./wire/account-api.js').Api;
    me: Me;
    /** Where a screen puts what it shows. */
    host: HTMLElement;
    /** What the address asks for beside the screen. */
    query: URLSearchParams;
    /** Ends when another screen is shown. */
    signal: AbortSignal;
    live: import('./console/live.js').Live;
    /** Says something to who cannot see it. */
    say: (text: string) => void;
    /** Says what was done, and offers the way back where there is one. */
    did: (text: string, auditId?: string) => void;
    /** Why something was refused. */
    why: (answer: AccountAnswer) => string;
    /** The address of a screen. */
    link: (screen: Screen, query?: Record<string, string>) => string;
    go: (screen: Screen, query?: Record<string, string>) => void;
    /** The same screen, asked for other things: nothing is drawn anew. */
    keep: (query: Record<string, string>) => void;
    may: (right: number) => boolean;
  };
  type RoomListed = {
    id: string; title: string | null; createdAt: string; lastMessageAt: string | null; messageCount: number; locked: boolean;
    slowSeconds: number; holdNew: 'off' | 'first' | 'links' | 'all'; held: number; reported: number;
  };
  type PersonListed = { id: string; nickname: string; avatar: string; role: string; firstSeenAt: string; lastSeenAt: string; rooms: number; banned: boolean };
  type MessageSeen = { id: string; seq: number; author: Author; content: string; createdAt: string; deleted: boolean; room?: string };
  type Report = { id: string; room: string; messageId: string; by: string; reason: string; at: string; message?: MessageSeen };
  type Ban = { id: string; room?: string; authorId: string; address: boolean; reason: string; by: string; at: string; until: string | null; liftedAt?: string };
  type Entry = { id: string; room: string | null; actor: string; action: string; target: any; before: any; after: any; at: string; undoneAt: string | null; undoneBy: string | null };
  type Bot = { id: string; authorId: string; nickname: string; avatar: string; role: string; createdAt: string; ownerId?: string; ownerAuthorId?: string };
  type BotKey = { id: string; prefix: string; botId: string; scopes: string[]; createdAt: string; expiresAt?: string; lastUsedAt?: string };
  type Webhook = { id: string; url: string; events: string[]; createdAt: string; state: 'on' | 'failing' | 'off'; since?: string; roomId?: string };
  type Delivery = { id: string; event: string; millis: number; at: string; roomId?: string; messageId?: string; status?: number; error?: string };
  type InboundHook = { id: string; roomId: string; botId: string; nickname: string; createdAt: string };
  type Figures = { at: string; messages?: number; people?: number; rooms?: number };

  type AccountPage = {
    words: AccountWords;
    api: import('./wire/account-api.js').Api;
    /** Where its content goes. */
    host: HTMLElement;
    /** What stood behind the `#` of the link; empty where nothing did. */
    code: string;
    /** Says something to who cannot see it. */
    say: (text: string) => void;
    /** The address of another of these pages, in the same language and theme. */
    link: (page: string, more?: Record<string, string>) => string;
    /** The way back that was asked for; else one's own account. */
    back: () => string;
    go: (address: string) => void;
    /** Ends with what is drawn. */
    signal: AbortSignal;
  };

  // Between page and frame
  type FrameMessage = { type: string; theme?: 'light' | 'dark' | 'auto'; title?: string; lang?: string; accent?: string; token?: string | null };
}
