//! What a room is made of on its way, and what becomes of it.

use chat_domain::{MovedBan, MovedHeld, MovedMessage, MovedRoom};

/// So many messages go together.
pub const MOVED_AT_ONCE: usize = 500;

/// A part of a room on its way. The parts come in this order, of messages and of what is held several.
#[derive(Debug)]
pub enum MovedPart {
    /// The room itself.
    Room(MovedRoom),
    /// Who is shut out there.
    Bans(Vec<MovedBan>),
    /// Messages in the order of their places, [`MOVED_AT_ONCE`] at most.
    Messages(Vec<MovedMessage>),
    /// What waits for a moderator, as many at most.
    Held(Vec<MovedHeld>),
    /// That was all. Without it what came is not stored.
    End,
}

/// How a room is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveInto {
    /// Only where nobody has written; places and counter stay as they are.
    Empty,
    /// Between what is there: all get new places by their time.
    Merged,
}

/// What became of a room that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is written: so many messages came to it, and so many were there before.
    Written {
        /// What came.
        n_new: usize,
        /// What was there.
        n_known: usize,
    },
    /// All of it is there already, this many messages. Nothing was changed.
    Known(usize),
    /// Somebody has written there, and this many of the messages are not among what is there. Nothing was changed.
    InUse(usize),
}
