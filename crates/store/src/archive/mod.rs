//! Old messages, in a table of their own: how they go there, how they are read beside the others, and how one that is
//! to be changed comes back.
//!
//! Invariant: a message is in `messages` or in `messages_archive`, and a transaction under the lock of its room's row takes it
//! from one to the other. `rooms.archived_seq` and `archived_rev` say which questions need not look into the archive: what
//! is asked all day asks one table.

mod beside;
mod months;
mod moving;

pub(crate) use beside::{edits_in, reactors_in};
pub(crate) use moving::{away, postgres, sqlite_blocking};

use chrono::{DateTime, Utc};

use chat_domain::RoomId;

/// So many of a room's newest messages are never old: the page that a visit begins with, and some.
pub const KEPT_AT_HAND: usize = 50;

/// How far a room's archive reaches; zeros where nothing is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    /// No message in it has a higher `seq`.
    pub seq: i64,
    /// No message in it has a higher `rev`.
    pub rev: i64,
}

impl Reach {
    /// From the columns of `rooms`. What is below `first_seq` is gone, there as well.
    pub fn of(first_seq: i64, seq: i64, rev: i64) -> Self {
        if seq < first_seq { Self::default() } else { Self { seq, rev } }
    }

    /// Whether anything is in it.
    pub fn is_used(self) -> bool {
        self.seq > 0
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_for_good_is_not_looked_for_in_the_archive() {
        assert_eq!(Reach::of(0, 0, 0), Reach::default());
        assert_eq!(Reach::of(0, 7, 9), Reach { seq: 7, rev: 9 });
        assert_eq!(Reach::of(7, 7, 9), Reach { seq: 7, rev: 9 });
        assert_eq!(Reach::of(8, 7, 9), Reach::default());
        assert!(!Reach::default().is_used());
    }
}
