//! What is asked of a store and what it answers, the same for both databases.

use std::{borrow::Cow, fmt, sync::Arc};

use chrono::{DateTime, Utc};

use chat_domain::{Annotations, AuthorId, Change, ChangeRefusal, ChatMessage, Emoji, Epoch, RoomId};

/// What is stored about a room, apart from its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The room's epoch; `meta.epoch` where the room has no row yet.
    pub epoch: Epoch,
    /// The room's change counter; 0 where the room has no row yet.
    pub rev: i64,
    /// How many messages the room has.
    pub message_count: i64,
    /// When the last message was stored.
    pub last_message_at: Option<DateTime<Utc>>,
    /// Goes up with whatever changes who may do what in the room.
    pub guard_rev: i64,
    /// What its owner has made of it.
    pub settings: RoomSettings,
    /// How many messages wait for a moderator.
    pub held_count: i64,
    /// Until when messages are remembered that a moderator rejected, where there are some.
    pub rejected_until: Option<DateTime<Utc>>,
    /// Messages with a `seq` below this are gone for good; 0 where none is.
    pub first_seq: i64,
}

/// What a room's owner has made of it, as far as visitors need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomSettings {
    /// What it is called, where that was set.
    pub title: Option<String>,
    /// The settings, an object of JSON.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Goes up with each change of the two.
    pub rev: i64,
}

/// Messages in the order of their `seq`, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<ChatMessage>,
    /// Whether there are more in the direction that was asked: older ones, where that was around a place.
    pub has_more: bool,
    /// Whether there are newer ones behind the last, where that was around a place; false else.
    pub has_newer: bool,
    /// The room when the page was read: what has changed above that is not in the page.
    pub position: Position,
}

/// A moment of a room: a value of its counter in one life of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The room's epoch.
    pub epoch: Epoch,
    /// Its counter's value.
    pub rev: i64,
}

/// Some of those who react to a message with one emoji, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactors {
    /// Who.
    pub authors: Vec<AuthorId>,
    /// There are more behind the last of them.
    pub has_more: bool,
}

/// What one author reacts with: message ids with one emoji each, in the order of the messages.
pub type OwnReactions = Vec<(i64, Emoji)>;

/// What a room begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is stored about it.
    pub head: Head,
    /// Its latest messages.
    pub page: Page,
    /// Every change above this value of the counter is of a message of the page.
    pub complete_above: i64,
    /// The pinned messages, the newest pin first.
    pub pinned: Vec<ChatMessage>,
}

/// The changes of a room in counter order, complete between two values of its counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The room as it was when the changes were read: all up to `head.rev` are there, unless `truncated`.
    pub head: Head,
    /// The messages whose `rev` is above the asked one, by `rev`, at most as many as asked.
    pub messages: Vec<ChatMessage>,
    /// There are more than the asked number.
    pub truncated: bool,
}

/// What became of one message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It was stored now, with this beside its text.
    Stored(StoredMessage, Option<Box<Annotations>>),
    /// The same message of the same author was stored before; here is that one.
    Repeated(StoredMessage),
    /// The author used this `client_id` in this room for other content.
    Conflict,
    /// There is no message to answer: it is another room's, deleted, or never was.
    InvalidReply,
    /// The room's `guard_rev` is another one by now: what the message was checked against may not hold any more.
    GuardChanged,
    /// The database does not take this row; for the log, why: an SQLSTATE, and nothing of the row. Never expected:
    /// text is checked before it enters a batch.
    Refused(Cow<'static, str>),
    /// Not stored: another transaction has locked the row's room, and has let it go neither at once nor in
    /// [`crate::StoreSettings::lock_wait`]. PostgreSQL only. The row may be given again ([`crate::Store::append_batch_again`]).
    Locked,
}

/// What became of one change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is stored now, and has a value of the room's counter. Reactions of one batch to one message are one change,
    /// which is here for each of them.
    Changed(Epoch, Arc<Change>),
    /// The message was in that state already, or this edit was stored before: no value of the counter was taken.
    Unchanged(StoredMessage),
    /// It cannot be made.
    Rejected(ChangeRefusal),
    /// As [`AppendOutcome::GuardChanged`].
    GuardChanged,
    /// As [`AppendOutcome::Refused`].
    Refused(Cow<'static, str>),
    /// As [`AppendOutcome::Locked`].
    Locked,
}

/// What the database gave to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMessage {
    /// The row's id.
    pub id: i64,
    /// The counter's value at creation.
    pub seq: i64,
    /// The counter's value at the last change.
    pub rev: i64,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// The room's epoch.
    pub epoch: Epoch,
}

impl StoredMessage {
    /// What the database gave to this message, in this life of its room.
    pub fn of(&ChatMessage { id, seq, rev, created_at, .. }: &ChatMessage, epoch: Epoch) -> Self {
        Self { id, seq, rev, created_at, epoch }
    }
}

/// What all servers on one database share.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    /// The epoch of every room that has no row yet.
    pub epoch: Epoch,
    /// The key that public ids are derived with, where none is configured. 32 bytes.
    pub secret: Vec<u8>,
    /// Names this database for good, 12 hexadecimal digits: no new epoch changes it.
    pub name: String,
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta").field("epoch", &self.epoch).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The counters of many rooms at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// The epoch of every room that is not in `rooms`.
    pub meta_epoch: Epoch,
    /// Goes up with every change that concerns all rooms.
    pub control_rev: i64,
    /// Those rooms that have a row, in no order.
    pub rooms: Vec<(RoomId, RoomHead)>,
}

/// Where a room is, as a poll reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomHead {
    /// This life of its counter.
    pub epoch: Epoch,
    /// Its counter.
    pub rev: i64,
    /// What its commands are checked against.
    pub guard_rev: i64,
    /// Messages below this are gone.
    pub first_seq: i64,
}

/// What a live room has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The room's epoch.
    pub epoch: Epoch,
    /// The counter's value up to which all was shown.
    pub rev: i64,
    /// Position (`seq`) and sender's key of the newest message that was shown.
    pub newest: Option<(i64, uuid::Uuid)>,
}

/// Whether the database still has what a room has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryCheck {
    /// Nothing says otherwise.
    Same,
    /// It had not, and the room has this new epoch now.
    Replaced(Epoch),
    /// The room had another epoch already.
    OtherEpoch(Epoch),
}

/// The connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// How many exist.
    pub size: usize,
    /// How many there may be.
    pub max: usize,
    /// How many of them work.
    pub in_use: usize,
    /// How many jobs wait for one.
    pub waiting: usize,
}
