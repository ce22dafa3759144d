use chrono::{DateTime, Utc};

use chat_domain::{AuthorId, RoomId};

/// When the oldest message of a room was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldestOf {
    /// The room; none where its name is none that this release takes.
    pub room: Option<RoomId>,
    /// Its name, behind which the next ones are asked for.
    pub name: String,
    /// When; none where it has none.
    pub at: Option<DateTime<Utc>>,
}

/// What to remove of a room: its oldest messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Which room.
    pub room: RoomId,
    /// Only what was written before; none for whatever its age.
    pub before: Option<DateTime<Utc>>,
    /// Only what stands at this `seq` or below.
    pub up_to: i64,
    /// At most so many messages at once.
    pub limit: usize,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many messages, deleted ones as well.
    pub n_messages: usize,
    /// The room's messages below this are gone.
    pub first_seq: i64,
    /// There may be more to remove.
    pub may_be_more: bool,
}

/// So many other names all rooms together have at most: each stands in the memory of all servers.
pub const ROOM_ALIASES_MAX: i64 = 10_000;

/// Another name for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// A name that it has.
    pub from: RoomId,
    /// The one that it gets beside it.
    pub to: RoomId,
    /// Who does it.
    pub by: AuthorId,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renamed {
    /// It is reached by both; the entry in what was done, and the room's id.
    Done(i64, RoomId),
    /// It is reached by it already.
    Unchanged,
    /// There is no such room.
    NotFound,
    /// The new name has messages, or leads elsewhere, or others lead there.
    Taken,
    /// All rooms together have [`ROOM_ALIASES_MAX`] other names.
    Full,
}

/// Where an author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenBy {
    /// The rooms, and how many messages there are not deleted.
    pub rooms: Vec<(RoomId, i64)>,
    /// The last room that was looked at; none where there was none any more.
    pub last: Option<String>,
}

/// What hangs on a room beside its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BesideMessages {
    /// So many messages wait for a moderator.
    pub n_held: i64,
    /// So often messages of it were reported.
    pub n_reports: i64,
}
