use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use chat_domain::{AuthorId, ChatMessage, Content, Emoji, Epoch, RoomId};

/// What the database says of all that a batch of changes concerns, read under the locks of the rooms' rows.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The database's time, to the millisecond.
    pub now: DateTime<Utc>,
    /// The rooms that have a row.
    pub rooms: HashMap<RoomId, RoomFacts>,
    /// The messages by id, with their rooms' names.
    pub messages: HashMap<i64, (String, ChatMessage)>,
    /// Who reacts to which of them with what, as far as the batch asks.
    pub reactions: HashSet<(i64, AuthorId, Emoji)>,
    /// By message and the version that it replaced: the key of an edit.
    pub edits: HashMap<(i64, i32), Uuid>,
    /// By message: what a moderator removed, where the batch asks for it back.
    pub removed_texts: HashMap<i64, Content>,
    /// Of those who are addressed and not known to be in the room: who wrote there.
    pub writers: HashSet<(RoomId, AuthorId)>,
}

/// See [`Facts`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomFacts {
    pub epoch: Epoch,
    pub last_rev: i64,
    pub guard_rev: i64,
    /// How many messages are pinned; only where the batch pins one.
    pub n_pins: usize,
}
