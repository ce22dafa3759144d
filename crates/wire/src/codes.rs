use serde::{Deserialize, Serialize};

/// An enum as a table: each variant with its row, so that none is left out of `ALL` or of what the row says.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident: $row:ty { $($(#[$doc:meta])* $variant:ident = $value:expr,)+ }) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every code there is.
            pub const ALL: [Self; [$($name::$variant),+].len()] = [$(Self::$variant),+];

            fn row(self) -> $row {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

codes! {
    /// The code of an ERROR frame and of an HTTP error.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ErrorCode: &'static str {
        /// The frame is no JSON, of an unknown type, or its payload is of the wrong kind.
        BadFrame = "BAD_FRAME",
        /// A parameter of an HTTP request is wrong.
        BadRequest = "BAD_REQUEST",
        /// No such route.
        NotFound = "NOT_FOUND",
        /// Something was sent that needs a JOIN first.
        NotJoined = "NOT_JOINED",
        /// The session has joined already.
        AlreadyJoined = "ALREADY_JOINED",
        /// The room id breaks the rules.
        InvalidRoom = "INVALID_ROOM",
        /// The nickname breaks the rules.
        InvalidNickname = "INVALID_NICKNAME",
        /// There is no avatar of this name.
        InvalidAvatar = "INVALID_AVATAR",
        /// The content breaks the rules.
        InvalidContent = "INVALID_CONTENT",
        /// There is no message to answer: it is another room's, deleted, or never was.
        InvalidReply = "INVALID_REPLY",
        /// A reaction is exactly one emoji.
        InvalidEmoji = "INVALID_EMOJI",
        /// There is no such message in this room.
        MessageNotFound = "MESSAGE_NOT_FOUND",
        /// The message is deleted.
        MessageDeleted = "MESSAGE_DELETED",
        /// Another one wrote the message.
        NotYours = "NOT_YOURS",
        /// Another version of the message was edited.
        EditConflict = "EDIT_CONFLICT",
        /// The message is too old to be edited.
        EditTooLate = "EDIT_TOO_LATE",
        /// The message has as many different emojis as it may have.
        TooManyReactions = "TOO_MANY_REACTIONS",
        /// The room has as many pinned messages as it may have.
        TooManyPins = "TOO_MANY_PINS",
        /// Who asks has no right to it.
        Forbidden = "FORBIDDEN",
        /// The login's secret is none, or was ended; or no blog known here has signed this.
        BadToken = "BAD_TOKEN",
        /// The time of what a blog has signed is over: it signs anew.
        TokenExpired = "TOKEN_EXPIRED",
        /// What a blog has signed is for somebody else than whose session it is.
        OtherUser = "OTHER_USER",
        /// The one-time code is wrong, used up or over.
        BadCode = "BAD_CODE",
        /// The mail address or the password is wrong.
        BadCredentials = "BAD_CREDENTIALS",
        /// The password is too short, too long, or one of the commonest.
        WeakPassword = "WEAK_PASSWORD",
        /// The text is no mail address.
        InvalidEmail = "INVALID_EMAIL",
        /// Another account has this mail address.
        EmailTaken = "EMAIL_TAKEN",
        /// Nobody makes accounts here.
        RegistrationClosed = "REGISTRATION_CLOSED",
        /// The invite is none, used up, or over.
        BadInvite = "BAD_INVITE",
        /// What a cookie proves counts for pages of the chat itself only.
        Csrf = "CSRF",
        /// An account has taken this identity over.
        Claimed = "CLAIMED",
        /// There must be an owner.
        LastOwner = "LAST_OWNER",
        /// The name for a room has messages, or leads to another room.
        RoomTaken = "ROOM_TAKEN",
        /// Who asks is shut out.
        Banned = "BANNED",
        /// Nobody writes in the room now.
        Locked = "LOCKED",
        /// One message in so long, in this room.
        SlowMode = "SLOW_MODE",
        /// The same text was said in the room a short time ago.
        Repeated = "REPEATED",
        /// The text breaks a rule of the room; which one is not said.
        Blocked = "BLOCKED",
        /// The identity is too young to write in this room yet.
        TooYoung = "TOO_YOUNG",
        /// The message waits for whoever keeps order: the same one asks again with each JOIN.
        Held = "HELD",
        /// Whoever keeps order has decided against the message, which waited.
        Rejected = "REJECTED",
        /// The nickname looks like that of somebody who keeps order, or is a reserved one.
        NicknameTaken = "NICKNAME_TAKEN",
        /// Settings that are unknown, out of bounds, or contradict each other.
        InvalidSettings = "INVALID_SETTINGS",
        /// Somebody else has changed the settings meanwhile.
        SettingsConflict = "SETTINGS_CONFLICT",
        /// It was undone before.
        AlreadyUndone = "ALREADY_UNDONE",
        /// What was done was changed since, so it cannot be undone.
        ChangedSince = "CHANGED_SINCE",
        /// The frame is larger than allowed; the session is closed with 1009.
        TooLarge = "TOO_LARGE",
        /// A reader tried to send.
        NicknameRequired = "NICKNAME_REQUIRED",
        /// Too much in too short a time.
        RateLimited = "RATE_LIMITED",
        /// The `clientId` was used for other content.
        ClientIdConflict = "CLIENT_ID_CONFLICT",
        /// A queue is full; nothing was stored.
        Overloaded = "OVERLOADED",
        /// Nobody knows yet whether it is stored: send again with the same `clientId`.
        StoreUnavailable = "STORE_UNAVAILABLE",
        /// The server's fault.
        Internal = "INTERNAL",
    }
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        self.row()
    }
}

codes! {
    /// Why the server closes a session. A client comes back after 1012 and 4000 to 4099, and does not after 1009 and
    /// 4100 to 4199.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    CloseCode: (u16, &'static str) {
        /// The client said goodbye (RFC 6455, section 7.4.1).
        Done = (1000, "done"),
        /// The bytes are no WebSocket frames (RFC 6455, section 7.4.1).
        ProtocolError = (1002, "no WebSocket frame"),
        /// A frame was too large.
        TooLarge = (1009, "frame too large"),
        /// The server restarts.
        Restart = (1012, "restart, come back"),
        /// The client reads too slowly: its outbox was full.
        TooSlow = (4001, "too slow"),
        /// Nothing was heard of the client for too long.
        NoSignOfLife = (4002, "no sign of life"),
        /// The room's epoch changed: join without `resume`.
        StartOver = (4003, "start over"),
        /// No JOIN came in time.
        NotJoined = (4004, "not joined in time"),
        /// The server has all the sessions it may have.
        ServerFull = (4005, "server full"),
        /// The visitor's address has all the sessions it may have for now.
        AddressFull = (4006, "address full"),
        /// The page's origin is not allowed.
        OriginRefused = (4101, "origin refused"),
        /// Too many BAD_FRAMEs.
        ProtocolBroken = (4102, "protocol broken too often"),
        /// Too many sessions of this identity.
        TooManySessions = (4103, "too many sessions of this identity"),
        /// The login that it joined by was ended.
        LoginEnded = (4104, "login ended"),
    }
}

impl CloseCode {
    /// The number in the close frame.
    pub fn number(self) -> u16 {
        self.row().0
    }

    /// The reason in the close frame, for developers.
    pub fn reason(self) -> &'static str {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_code_is_what_serde_writes() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).ok(), Some(code.as_str().into()));
        }
    }
}
