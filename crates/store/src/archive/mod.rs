//! Old messages, in a table of their own: how they go there, how they are read beside the others, and how one that is
//! to be changed comes back.
//!
//! Invariant: a message is in `messages` or in `messages_archive`, and a transaction under the lock of its room's row takes it
//! from one to the other. `rooms.archived_seq` and `archived_rev` say which questions need not look into the archive: what
//! is asked all day asks one table.

mod beside;
pub(crate) mod months;
pub(crate) mod taking;

pub(crate) use beside::{edits_in, reactors_in};
pub(crate) use taking::{columns, taking_back};

use chrono::{DateTime, Utc};

pub(crate) use crate::tables::reach::Reach;
use chat_domain::RoomId;

/// So many of a room's newest messages are never old: the page that a visit begins with, and some.
pub const KEPT_AT_HAND: usize = 50;

/// What to move into the archive: the oldest messages of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archiving {
    /// Which room.
    pub room: RoomId,
    /// Only what was written before.
    pub before: DateTime<Utc>,
    /// At most so many messages at once.
    pub limit: usize,
}

/// What was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// How many messages.
    pub n_messages: usize,
    /// There may be more to move.
    pub may_be_more: bool,
}

/// Asks `messages`, and where `$too` holds `messages_archive` as well; `$of` is the name of either in the query. The rows
/// come one table's behind the other's.
macro_rules! both {
    (@[$($await:tt)*] $c:expr, $too:expr, |$of:ident| $query:expr) => {{
        let mut rows = {
            use $crate::tables::schema::messages as $of;
            $query.load($c) $($await)* ?
        };
        if $too {
            let mut old = {
                use $crate::tables::archive_schema::messages_archive as $of;
                $query.load($c) $($await)* ?
            };
            rows.append(&mut old);
        }
        rows
    }};
    ($c:expr, $too:expr, |$of:ident| $query:expr) => {
        $crate::archive::both!(@[.await] $c, $too, |$of| $query)
    };
}
pub(crate) use both;
