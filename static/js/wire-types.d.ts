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
   * RATE_LIMITED, OVERLOADED and STORE_UNAVAILABLE carry retryAfterMs.
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
    | 4103;

  type Author = {
    id: AuthorId;
    nickname: Nickname;
    avatar: AvatarName;
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
      self: Author | null;
      room: {
        /** The room's id in NFC. */
        id: string;
        /** Names this life of the room's counter; opaque. */
        epoch: string;
        /** The client's new cursor, the room's counter; with head the resume.rev that was sent. */
        rev: Counter;
        /** What the room's owner calls it, where that was set. */
        title?: string;
        /** What the owner has set, as far as visitors need it. */
        settings: Record<string, any>;
        /** Goes up with each change of title and settings. */
        settingsRev: number;
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
        | ErrorFrame>;
    };
  };
}
