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
  /** What the room's owner has set. */
  type Room = Pick<Wire.WelcomeFrame['payload']['room'], 'title' | 'settings' | 'settingsRev'>;
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
    /** The JOIN frame for this moment. */
    join: () => string;
    /** How far we are. */
    cursor: () => number;
    /** Called when the room's life ended. */
    startOver: () => void;
    online?: () => boolean;
    open?: (url: string, protocol: string) => WebSocket;
    random?: () => number;
  };

  // What is kept
  type KeyValue = { get(key: string): string | null; set(key: string, value: string | null): void };
  type Storage = KeyValue & { lasting: boolean };
  type Stored = { anonymousId: string; nickname: string; avatar: string; authorId: string | null };
  type SendState = 'waiting' | 'sending' | 'failed';
  type Unsent = {
    clientId: string; content: string; at: number; state: SendState; code?: string; replyTo?: Reply; mentions?: Mention[];
  };
  type Order =
    | { type: 'EDIT'; id: string; version: number; content: string; mentions?: Mention[] }
    | { type: 'DELETE'; id: string }
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
    fail(clientId: string, code: string): unknown;
    encode(entry: T): string;
  };
  type Page = { epoch: string; rev: number; messages: Message[]; hasMore: boolean };
  /** Of a server that knows no changes: neither `epoch` nor `rev`. */
  type HistoryPage = { epoch?: string; rev?: number; messages: Message[]; hasMore: boolean };
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
  type Part = { text: string; href?: string };
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
  type ViewActions = {
    load: (side: HistorySide) => void;
    /** Goes to another part of the room; answers whether it is there. */
    loadAround: (seq: number) => Promise<boolean>;
    /** Everything up to here was seen. */
    read: (seq: number) => void;
    /** The link to a message, for copying. */
    linkTo: (seq: number) => string;
    say: (text: string) => void;
    retry: (clientId: string) => void;
    discard: (clientId: string) => void;
    unread: (count: number) => void;
    /** As chosen, before the server has confirmed it. */
    me: () => { nickname: string; avatar: string };
  };
  type ComposerParts = { form: HTMLFormElement; box: HTMLTextAreaElement; count: HTMLElement; send: HTMLButtonElement };
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

  // Between page and frame
  type FrameMessage = { type: string; theme?: 'light' | 'dark' | 'auto'; title?: string; lang?: string; accent?: string };
}
