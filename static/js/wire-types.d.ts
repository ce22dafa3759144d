// Written by scripts/wire-types from docs/asyncapi.yaml; do not edit.

declare namespace Wire {
  type Uuid = string;

  /** A value of the room's counter; 0 where there was no change yet. */
  type Counter = number;

  /** RFC 3339, UTC, milliseconds. */
  type Timestamp = string;

  /** The public id of an identity, 128 bits as base64url without padding. */
  type AuthorId = string;

  /** 2 to 15 grapheme clusters and at most 50 code points, after trimming, one space for each run of white space, and NFC. */
  type Nickname = string;

  /** As typed; becomes a Nickname once its white space is trimmed and folded. */
  type NicknameInput = string;

  /** A mark beside a name, which the server gives. Others may come later. */
  type Badge =
    | "owner"
    | "moderator"
    | "member"
    | "verified"
    | "bot";

  /** A name from GET /api/v1/avatars; the picture is at /avatars/{name}.svg. */
  type AvatarName = string;

  /** 1 to 2,000 code points, of which some draw something, and no control characters but line feed and tab; empty where the message is deleted. */
  type Content = string;

  /** As typed; becomes a Content once its ends are trimmed and CRLF is LF. */
  type ContentInput = string;

  /** One grapheme cluster that is drawn as a picture, at most 64 bytes of UTF-8. */
  type Emoji = string;

  /**
   * The codes of ERROR frames and of HTTP errors. Others may come later.
   * BAD_REQUEST, NOT_FOUND and INVALID_ROOM come over HTTP only.
   * ALREADY_UNDONE, BAD_CODE and CHANGED_SINCE as well.
   * RATE_LIMITED, OVERLOADED, STORE_UNAVAILABLE, SLOW_MODE, REPEATED and TOO_YOUNG carry retryAfterMs.
   */
  type ErrorCode =
    | "BAD_FRAME"
    | "BAD_REQUEST"
    | "NOT_FOUND"
    | "NOT_JOINED"
    | "ALREADY_JOINED"
    | "INVALID_ROOM"
    | "INVALID_NICKNAME"
    | "INVALID_AVATAR"
    | "INVALID_CONTENT"
    | "INVALID_REPLY"
    | "INVALID_EMOJI"
    | "MESSAGE_NOT_FOUND"
    | "MESSAGE_DELETED"
    | "NOT_YOURS"
    | "EDIT_CONFLICT"
    | "EDIT_TOO_LATE"
    | "TOO_MANY_REACTIONS"
    | "TOO_MANY_PINS"
    | "FORBIDDEN"
    | "BAD_TOKEN"
    | "TOKEN_EXPIRED"
    | "OTHER_USER"
    | "BAD_CODE"
    | "BAD_CREDENTIALS"
    | "WEAK_PASSWORD"
    | "INVALID_EMAIL"
    | "EMAIL_TAKEN"
    | "REGISTRATION_CLOSED"
    | "BAD_INVITE"
    | "CSRF"
    | "CLAIMED"
    | "LAST_OWNER"
    | "ROOM_TAKEN"
    | "BANNED"
    | "LOCKED"
    | "SLOW_MODE"
    | "REPEATED"
    | "BLOCKED"
    | "TOO_YOUNG"
    | "HELD"
    | "REJECTED"
    | "NICKNAME_TAKEN"
    | "INVALID_SETTINGS"
    | "SETTINGS_CONFLICT"
    | "ALREADY_UNDONE"
    | "CHANGED_SINCE"
    | "TOO_LARGE"
    | "NICKNAME_REQUIRED"
    | "RATE_LIMITED"
    | "CLIENT_ID_CONFLICT"
    | "OVERLOADED"
    | "STORE_UNAVAILABLE"
    | "INTERNAL";

  /**
   * The codes in the server's close frame.
   * 4000 to 4099: come back. 4100 to 4199: do not.
   */
  type CloseCode =
    | 1000
    | 1002
    | 1009
    | 1012
    | 4001
    | 4002
    | 4003
    | 4004
    | 4005
    | 4006
    | 4101
    | 4102
    | 4103
    | 4104;

  type Author = {
    id: AuthorId;
    nickname: Nickname;
    avatar: AvatarName;
    badge?: Badge;
  };

  /** The receiver, and what else is theirs. */
  type OwnAuthor = {
    id: AuthorId;
    nickname: Nickname;
    avatar: AvatarName;
    badge?: Badge;
    /** The public ids that their account has taken over, or of their further devices. Absent where there are none. */
    also?: AuthorId[];
  };

  /** Who did something by right. The guard is nobody's identity; its id is `guard`. */
  type Doer = {
    id: string;
    nickname: Nickname;
    avatar: AvatarName;
    badge?: Badge;
  };

  /**
   * What the owner has set, as far as visitors need it: of the settings those that differ from the default.
   * A client ignores settings that it does not know.
   */
  type RoomSettings = {
    /** Nobody but those with the right EXEMPT writes, edits or reacts. */
    locked?: true;
    /** Each author sends one message in so many seconds; 0, no such pause. */
    slowSeconds?: number;
    /** Most links of a message; absent, any number. */
    linksMax?: number;
    /** The same text is not said again within so many seconds, by anybody. */
    uniqueSeconds?: number;
    /** Identities younger than so many seconds neither write nor edit; 0, all do. */
    minAgeSeconds?: number;
    /** Which messages of new people wait for a moderator. */
    holdNew?: 
      | "off"
      | "first"
      | "links"
      | "all";
    /** Up to what age an identity is new for holdNew; 0, until it has spoken in this room. */
    holdYoungerSeconds?: number;
    /** Messages consist of emoji alone. */
    emojiOnly?: true;
    /** So many days after the last message nobody writes any more; 0, never. */
    readOnlyAfterDays?: number;
    /** What a visitor is shown before the first message. Plain text. */
    rules?: string;
  };

  type Message = {
    /** Opaque. */
    id: string;
    /** The counter's value at creation; orders the list. */
    seq: number;
    /** The counter's value at the last change; moves the cursor. */
    rev: number;
    clientId: Uuid;
    author: Author;
    content: Content;
    createdAt: Timestamp;
    /** How often it was edited, and 1. Absent, 1. */
    version?: number;
    editedAt?: Timestamp;
    /** Then content is empty, and mentions, reactions, reply and pin are gone. */
    deletedAt?: Timestamp;
    deletedBy?: "author" | "moderator";
    pinnedAt?: Timestamp;
    /** The message that it answers. */
    replyTo?: {
      id: string;
      seq: Counter;
    };
    /** Who is addressed in it, in the order of their places. */
    mentions?: Mention[];
    /** In the order of first use. */
    reactions?: Reaction[];
  };

  /** A place in a content where somebody is addressed, in code points of the stored form. */
  type Mention = {
    authorId: AuthorId;
    /** Its first code point, the `@`. */
    from: number;
    /** The one behind its last. */
    to: number;
  };

  /** How many people react with one emoji. */
  type Reaction = {
    emoji: Emoji;
    /** 0 only in REACTION, where nobody does any more. */
    count: number;
    /** The first of them. */
    authors: AuthorId[];
  };

  /** Above 50 people the three lists are absent; otherwise all three are there. */
  type Presence = {
    /** Identities with a session in the room, readers and the receiver included. */
    count: number;
    /** The count is only about right; absent otherwise. */
    approximate?: true;
    /** Every author here; replaces what the client had. */
    members?: Author[];
    /** Authors to announce as having come, 5 s later. */
    joined?: Author[];
    /** Authors to announce as having gone, 5 s later. */
    left?: Author[];
  };

  type Limits = {
    /** Longest content, in code points. */
    contentMax: number;
    /** Shortest nickname, in grapheme clusters. */
    nicknameMin: number;
    /** Longest nickname, in grapheme clusters. */
    nicknameMax: number;
    /** Largest frame from a client, in bytes. */
    frameMax: number;
    /** How old a message may be that its author edits; 0, none is edited; absent, any age. */
    editWindowSeconds?: number;
    /** Most different emojis on one message. */
    reactionsMax: number;
  };

  type JoinFrame = {
    type: "JOIN";
    payload: {
      /** The secret that is this person's identity; never sent to others, stored or logged by the server. */
      anonymousId: Uuid;
      /**
       * A ticket (POST /api/v1/auth/ticket), the secret of a login (POST /api/v1/auth/code), or what a blog has signed for one of its users.
       * The identity is that one's then.
       */
      token?: string;
      /** Left out by a reader. */
      nickname?: NicknameInput;
      /** Left out, the server derives one from the author id. */
      avatar?: AvatarName;
      /** Where the client was. Left out, the answer holds the latest page. */
      resume?: {
        epoch: string;
        rev: Counter;
      };
    };
  };

  type SendAuthFrame = {
    type: "AUTH";
    payload: {
      /** What the blog has signed, as for JOIN. */
      token: string;
    };
  };

  type SetProfileFrame = {
    type: "PROFILE";
    payload: {
      nickname: NicknameInput;
      /** Left out, the one in use stays. */
      avatar?: AvatarName;
    };
  };

  type SendMessageFrame = {
    type: "MESSAGE";
    payload: {
      /** The sender's key for this message; the same one for each retry. */
      clientId: Uuid;
      content: ContentInput;
      /** The id of the message that it answers, of this room and not deleted. */
      replyTo?: string;
      /** Those that do not fit, and those beyond 20, are dropped. */
      mentions?: MentionInput[];
    };
  };

  type MentionInput = {
    authorId: string;
    from: number;
    to: number;
  };

  type EditFrame = {
    type: "EDIT";
    payload: {
      /** The sender's key for this edit; the same one for each retry. */
      clientId: Uuid;
      id: string;
      /** The version that was edited. */
      version: number;
      content: ContentInput;
      mentions?: MentionInput[];
    };
  };

  type DeleteFrame = {
    type: "DELETE";
    payload: {
      clientId: Uuid;
      id: string;
    };
  };

  type ReactFrame = {
    type: "REACT";
    payload: {
      clientId: Uuid;
      id: string;
      emoji: Emoji;
      /** Whether the sender reacts with it from now on. */
      on: boolean;
    };
  };

  type PinFrame = {
    type: "PIN";
    payload: {
      clientId: Uuid;
      id: string;
      /** Whether it is pinned from now on. */
      on: boolean;
    };
  };

  type ReportFrame = {
    type: "REPORT";
    payload: {
      clientId: Uuid;
      id: string;
      /** Why, for those who keep order. */
      reason?: string;
    };
  };

  /** Where a ban holds; room where it is left out. */
  type BanScope = "room" | "all";

  type BanFrame = {
    type: "BAN";
    payload: {
      clientId: Uuid;
      /** Whom. */
      authorId: string;
      /** For how long; 0 or left out, for good. */
      seconds?: number;
      /** What they wrote within so many seconds is deleted as well, at most 500 messages; 0 or left out, nothing. */
      deleteSeconds?: number;
      /** Why; whoever is banned is told. */
      reason?: string;
      scope?: BanScope;
      /** Whether all that come from the same address are banned as well. */
      address?: boolean;
    };
  };

  type UnbanFrame = {
    type: "UNBAN";
    payload: {
      clientId: Uuid;
      authorId: string;
      scope?: BanScope;
    };
  };

  type RoomSetFrame = {
    type: "ROOM_SET";
    payload: {
      clientId: Uuid;
      /** The settings that change (docs/MODERATION.md); null takes one back, so that what holds for all rooms holds here. */
      settings: Record<string, any>;
      /** The settingsRev that is known. */
      settingsRev: number;
    };
  };

  type ApproveFrame = {
    type: "APPROVE";
    payload: HeldToSettle;
  };

  type RejectFrame = {
    type: "REJECT";
    payload: HeldToSettle;
  };

  type HeldToSettle = {
    clientId: Uuid;
    /** Ids of messages that wait in the room (GET /api/v1/admin/held). */
    heldIds: string[];
  };

  type SayTypingFrame = {
    type: "TYPING";
    payload?: Record<string, any>;
  };

  type PingFrame = {
    type: "PING";
    payload: Record<string, any>;
  };

  type WelcomeFrame = {
    type: "WELCOME";
    payload: {
      /** Opaque. */
      sessionId: string;
      /** The receiver as others see it; null for a reader. */
      self: OwnAuthor | null;
      room: {
        /** The room's id in NFC. */
        id: string;
        /** Names this life of the room's counter; opaque. */
        epoch: string;
        /** The client's new cursor, the room's counter; with head the resume.rev that was sent. */
        rev: Counter;
        /** What the room's owner calls it, where that was set. */
        title?: string;
        settings: RoomSettings;
        /** Goes up with each change of title and settings. */
        settingsRev: number;
        /** Messages with a seq below this are gone for good; drop them. Absent where none is. */
        firstSeq?: number;
      };
      /** Present where what was missed follows in pieces, BATCHes of at most 16 KiB; the counter's value that they lead to. */
      head?: Counter;
      /** Whether messages are exactly the changes missed since resume.rev; else start over. */
      resumed: boolean;
      /** Resumed, what is new or has changed, each message once in its last state, by rev, at most 500; else the latest, by seq, at most 50. */
      messages: Message[];
      /** Messages older than the first one here exist. Meaningless when resumed. */
      hasMore: boolean;
      presence: Presence;
      /** The pinned messages, the newest pin first. */
      pinned: Message[];
      limits: Limits;
      heartbeatSeconds: number;
      /** What the receiver may do, as a mask of bits (docs/RIGHTS.md); absent where they are not signed in. */
      rights?: number;
    };
  };

  type MessageFrame = {
    type: "MESSAGE";
    payload: Message;
  };

  type ReactionFrame = {
    type: "REACTION";
    payload: {
      id: string;
      seq: Counter;
      rev: Counter;
      /** The emojis that have changed, in absolute figures; count 0 removes one. */
      reactions: Reaction[];
    };
  };

  type TypingFrame = {
    type: "TYPING";
    payload: {
      /** Who, in the order in which they began. */
      authors: Author[];
      /** How many besides. */
      more: number;
    };
  };

  type AckFrame = {
    type: "ACK";
    payload: {
      clientId: Uuid;
      id: string;
      seq: Counter;
      /** The counter's value that the command took; seq for a MESSAGE, and where nothing was changed. */
      rev: Counter;
      createdAt: Timestamp;
    };
  };

  type AuthFrame = {
    type: "AUTH";
    payload: {
      /** Milliseconds until the session only reads, from when this was sent. */
      expiresInMs: number;
    };
  };

  type ProfileFrame = {
    type: "PROFILE";
    payload: {
      self: Author;
    };
  };

  type PresenceFrame = {
    type: "PRESENCE";
    payload: Presence;
  };

  type HeartbeatFrame = {
    type: "HEARTBEAT";
    payload: {
      rev: Counter;
    };
  };

  type PongFrame = {
    type: "PONG";
    payload: Record<string, any>;
  };

  type ReconnectFrame = {
    type: "RECONNECT";
    payload: {
      /** Milliseconds to wait before coming back. */
      afterMs: number;
    };
  };

  type RoomFrame = {
    type: "ROOM";
    payload: {
      /** The room's counter when this was told; it moves no cursor. */
      rev: Counter;
      /** What the room is now, whole. */
      room: {
        /** What the room's owner calls it, where that was set. */
        title?: string;
        settings: RoomSettings;
        /** Where it is lower than the one that is known, title and settings of this frame do not count. */
        settingsRev: number;
        /** Messages with a seq below this are gone for good; drop them. Absent where none is. */
        firstSeq?: number;
      };
    };
  };

  type ModFrame = {
    type: "MOD";
    payload: {
      /** The entry in what was done by whom; undone by POST /api/v1/admin/audit/{id}/undo. */
      auditId: string;
      /** ban, unban, room_set, delete, pin, unpin, approve, reject, guard_on or guard_off. Others may come later. */
      action: string;
      at: Timestamp;
      by: Doer;
      /** To whom, or to whose message, it was done; empty for what was done to neither. */
      target: {
        authorId?: string;
        /** The message, for delete, pin and unpin. */
        id?: string;
      };
      /** Which command this answers; absent for the others who are told, and where the answer is an ACK. */
      clientId?: Uuid;
    };
  };

  type QueueFrame = {
    type: "QUEUE";
    payload: {
      /** Messages of the room with open reports, counted up to 1,000. */
      reported: number;
      /** Messages that wait for a moderator, counted up to 1,000; a server of an earlier release does not say. */
      held?: number;
    };
  };

  type ErrorFrame = {
    type: "ERROR";
    payload: {
      code: ErrorCode;
      /** English, for developers; its wording may change. */
      message: string;
      /** Which command was refused. */
      clientId?: Uuid;
      /** Milliseconds to wait before trying again; only with codes that pass with time. */
      retryAfterMs?: number;
      /** With BANNED, until when; absent for good. */
      until?: Timestamp;
      /** With BANNED, why, as whoever did it has said; plain text. With HELD, first, links or all. */
      reason?: string;
    };
  };

  type BatchFrame = {
    type: "BATCH";
    payload: {
      frames: Array<
        | WelcomeFrame
        | MessageFrame
        | ReactionFrame
        | TypingFrame
        | AckFrame
        | ProfileFrame
        | PresenceFrame
        | HeartbeatFrame
        | PongFrame
        | ReconnectFrame
        | RoomFrame
        | ModFrame
        | QueueFrame
        | ErrorFrame>;
    };
  };
}
