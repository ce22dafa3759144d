//! Who is in which room on which server, where the servers have only their database to say it.

use chat_domain::RoomId;

/// What a server says of one of its rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresencePart {
    /// The room.
    pub room: RoomId,
    /// Of two of one server and room the one with the higher version counts.
    pub version: i64,
    /// Who is there, in whatever way servers write it. No NUL in it.
    pub summary: String,
}

/// What a server has to say.
#[derive(Debug, Clone, Default)]
pub struct PresenceWrite {
    /// The server.
    pub server: String,
    /// Nothing else that stands there of it counts any more. So it begins, and begins again where its rows are gone.
    pub replaces_all: bool,
    /// Each room once.
    pub said: Vec<PresencePart>,
    /// Rooms of which nothing is to stand there any more; none of those in `said`.
    pub silent: Vec<RoomId>,
}

/// What other servers have said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PresenceFound {
    /// The other servers whose lease lives, each with what distinguishes this life of it from others.
    pub living: Vec<(String, String)>,
    /// What these have said, each by its server; some of it perhaps twice.
    pub parts: Vec<(String, PresencePart)>,
    /// What the asking server said still stands there. Otherwise the table was emptied.
    pub has_own_row: bool,
}
