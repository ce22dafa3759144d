use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::model::{RoomSettings, StoredMessage};
use chat_domain::{AuthorId, AvatarName, NetworkKey, Nickname, Role, RoomId, UserId};

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id, which nobody else sees.
    pub id: UserId,
    /// What they are called where they have not said otherwise.
    pub nickname: Nickname,
    /// The same, of their picture.
    pub avatar: AvatarName,
    /// What they are in the chat as a whole.
    pub role: Role,
}

/// A device that somebody is signed in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its id.
    pub id: Uuid,
    /// A keyed hash of the secret that it has.
    pub token_hash: String,
    /// What the browser calls itself, at most 200 characters.
    pub user_agent: String,
}

/// What became of a one-time code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeUse {
    /// It was right, is used up, and the login is made.
    Made(User),
    /// There is no such code, or it is over, or this was not it.
    Wrong,
}

/// What concerns all rooms, as far as it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// `meta.control_rev` when this was read.
    pub rev: i64,
    /// The bans that have changed, lifted ones as well. Where all was asked for: those in force.
    pub bans: Vec<Ban>,
    /// What holds for all rooms where they say nothing else.
    pub defaults: RoomSettings,
    /// Everybody with a role.
    pub roles: Vec<(UserId, Role)>,
}

/// Who or what is shut out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BanKey {
    /// An identity.
    Author(AuthorId),
    /// All that come from a network.
    Network(NetworkKey),
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The database's id; 0 where it is not stored yet.
    pub id: i64,
    /// Where; none for all rooms.
    pub room: Option<RoomId>,
    /// Whom.
    pub key: BanKey,
    /// Whoever knows where this author is bans that network as well.
    pub with_network: bool,
    /// Why, for who is banned: at most 500 characters.
    pub reason: String,
    /// Who did it.
    pub by: AuthorId,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when; none for good.
    pub until: Option<DateTime<Utc>>,
    /// When it was lifted.
    pub lifted_at: Option<DateTime<Utc>>,
}

/// Something that was done by somebody with a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The database's id.
    pub id: i64,
    /// In which room; none for all.
    pub room: Option<RoomId>,
    /// By whom.
    pub actor: AuthorId,
    /// What: `ban`, `unban`, `room_set`, `defaults_set`, `delete`, `restore`, `pin`, `unpin`, `settle`.
    pub action: String,
    /// To whom or what.
    pub target: Value,
    /// What was before.
    pub before: Value,
    /// What was behind it.
    pub after: Value,
    /// When.
    pub at: DateTime<Utc>,
    /// When it was undone, and by whom.
    pub undone: Option<(DateTime<Utc>, AuthorId)>,
}

/// Which part of what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// In this room only.
    pub room: Option<RoomId>,
    /// Before this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// Another title or other settings of a room, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsChange {
    /// Which room; none for what holds for all.
    pub room: Option<RoomId>,
    /// The settings as a whole.
    pub settings: Map<String, Value>,
    /// Which state of them was changed.
    pub known_rev: i64,
    /// Who does it.
    pub by: AuthorId,
    /// The entry that this undoes.
    pub undoes: Option<i64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsChanged {
    /// It is stored; the entry, and what the room is now.
    Stored(i64, RoomSettings),
    /// Somebody else has changed them meanwhile; what they are.
    Conflict(RoomSettings),
    /// What this undoes was undone already.
    AlreadyUndone,
}

/// What became of something that somebody with a right asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordered {
    /// It is done; the entry in what was done.
    Done(i64),
    /// It was so already.
    Unchanged,
}

/// What became of an undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// It is undone; the entry of that.
    Done(i64),
    /// It was undone before.
    AlreadyUndone,
    /// What it did was changed since, so there is nothing to undo.
    ChangedSince,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It is stored; whether by this and not before, and the message.
    Stored {
        /// False where this person had reported it already.
        is_new: bool,
        /// The message that it is about.
        message: StoredMessage,
    },
    /// The room has no such message, or it is deleted.
    NotFound,
}

/// An open report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The database's id.
    pub id: i64,
    /// Of which room.
    pub room: RoomId,
    /// About which message.
    pub message: i64,
    /// By whom.
    pub by: AuthorId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}
