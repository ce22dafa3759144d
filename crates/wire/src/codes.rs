use serde::{Deserialize, Serialize};

/// The code of an ERROR frame and of an HTTP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The frame is no JSON, of an unknown type, or its payload is of the wrong kind.
    BadFrame,
    /// A parameter of an HTTP request is wrong.
    BadRequest,
    /// No such route.
    NotFound,
    /// Something was sent that needs a JOIN first.
    NotJoined,
    /// The session has joined already.
    AlreadyJoined,
    /// The room id breaks the rules.
    InvalidRoom,
    /// The nickname breaks the rules.
    InvalidNickname,
    /// There is no avatar of this name.
    InvalidAvatar,
    /// The content breaks the rules.
    InvalidContent,
    /// The frame is larger than allowed; the session is closed with 1009.
    TooLarge,
    /// A reader tried to send.
    NicknameRequired,
    /// Too much in too short a time.
    RateLimited,
    /// The `clientId` was used for other content.
    ClientIdConflict,
    /// A queue is full; nothing was stored.
    Overloaded,
    /// Nobody knows yet whether it is stored: send again with the same `clientId`.
    StoreUnavailable,
    /// The server's fault.
    Internal,
}

impl ErrorCode {
    /// Every code there is.
    pub const ALL: [Self; 16] = [
        Self::BadFrame,
        Self::BadRequest,
        Self::NotFound,
        Self::NotJoined,
        Self::AlreadyJoined,
        Self::InvalidRoom,
        Self::InvalidNickname,
        Self::InvalidAvatar,
        Self::InvalidContent,
        Self::TooLarge,
        Self::NicknameRequired,
        Self::RateLimited,
        Self::ClientIdConflict,
        Self::Overloaded,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "BAD_FRAME",
            Self::BadRequest => "BAD_REQUEST",
            Self::NotFound => "NOT_FOUND",
            Self::NotJoined => "NOT_JOINED",
            Self::AlreadyJoined => "ALREADY_JOINED",
            Self::InvalidRoom => "INVALID_ROOM",
            Self::InvalidNickname => "INVALID_NICKNAME",
            Self::InvalidAvatar => "INVALID_AVATAR",
            Self::InvalidContent => "INVALID_CONTENT",
            Self::TooLarge => "TOO_LARGE",
            Self::NicknameRequired => "NICKNAME_REQUIRED",
            Self::RateLimited => "RATE_LIMITED",
            Self::ClientIdConflict => "CLIENT_ID_CONFLICT",
            Self::Overloaded => "OVERLOADED",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Why the server closes a session. A client comes back after 1012 and 4000 to 4099, and does not after 1009 and
/// 4100 to 4199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The client said goodbye (RFC 6455, section 7.4.1).
    Done,
    /// The bytes are no WebSocket frames (RFC 6455, section 7.4.1).
    ProtocolError,
    /// A frame was too large.
    TooLarge,
    /// The server restarts.
    Restart,
    /// The client reads too slowly: its outbox was full.
    TooSlow,
    /// Nothing was heard of the client for too long.
    NoSignOfLife,
    /// The room's epoch changed: join without `resume`.
    StartOver,
    /// No JOIN came in time.
    NotJoined,
    /// The server has all the sessions it may have.
    ServerFull,
    /// The visitor's address has all the sessions it may have for now.
    AddressFull,
    /// The page's origin is not allowed.
    OriginRefused,
    /// Too many BAD_FRAMEs.
    ProtocolBroken,
    /// Too many sessions of this identity.
    TooManySessions,
}

impl CloseCode {
    /// Every code that the server closes with.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::ProtocolError,
        Self::TooLarge,
        Self::Restart,
        Self::TooSlow,
        Self::NoSignOfLife,
        Self::StartOver,
        Self::NotJoined,
        Self::ServerFull,
        Self::AddressFull,
        Self::OriginRefused,
        Self::ProtocolBroken,
        Self::TooManySessions,
    ];

    /// The number in the close frame.
    pub fn number(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::ProtocolError => 1002,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
            Self::TooSlow => 4001,
            Self::NoSignOfLife => 4002,
            Self::StartOver => 4003,
            Self::NotJoined => 4004,
            Self::ServerFull => 4005,
            Self::AddressFull => 4006,
            Self::OriginRefused => 4101,
            Self::ProtocolBroken => 4102,
            Self::TooManySessions => 4103,
        }
    }

    /// The reason in the close frame, for developers.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::ProtocolError => "no WebSocket frame",
            Self::TooLarge => "frame too large",
            Self::Restart => "restart, come back",
            Self::TooSlow => "too slow",
            Self::NoSignOfLife => "no sign of life",
            Self::StartOver => "start over",
            Self::NotJoined => "not joined in time",
            Self::ServerFull => "server full",
            Self::AddressFull => "address full",
            Self::OriginRefused => "origin refused",
            Self::ProtocolBroken => "protocol broken too often",
            Self::TooManySessions => "too many sessions of this identity",
        }
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
