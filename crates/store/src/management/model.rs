use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::model::{RoomSettings, StoredMessage};
use chat_domain::{
    Author, AuthorId, AvatarName, Content, Mention, NetworkKey, NewMessage, Nickname, Role, RoomId, UserId,
};

/// So many messages of a room wait for a moderator at most: more than anybody reads, and what a raid can fill the table with.
pub const HELD_MAX: i64 = 1_000;

/// So many identities of browsers an account takes over at most: each stands in the memory of all servers.
pub const CLAIMS_MAX: i64 = 100;

/// So many other devices somebody without an account has at most, for the same reason.
pub const ALIASES_MAX: i64 = 100;

/// So many codes for another device are open at once: with five tries each, guessing at all of them is hopeless, and so is
/// filling the table.
pub const DEVICE_CODES_MAX: i64 = 10_000;

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
    /// What those are called.
    pub names: Vec<(UserId, String)>,
    /// The identities of browsers that accounts have taken over since. Where all was asked for: all of them.
    pub claims: Vec<(AuthorId, UserId)>,
    /// Other names of rooms, each with the room that it leads to; none where it does no more. As above.
    pub room_aliases: Vec<(RoomId, Option<RoomId>)>,
    /// The identities that act as another one since. Where all was asked for: all of them.
    pub aliases: Vec<Alias>,
}

/// The identity of a browser that is a further device of somebody, or was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// Its own public id.
    pub id: AuthorId,
    /// Whose what it wrote is.
    pub of: AuthorId,
    /// As whom it writes, where that is somebody else by now: it was taken back.
    pub acts_as: Option<AuthorId>,
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
    /// What: `ban`, `unban`, `room_set`, `defaults_set`, `delete`, `restore`, `pin`, `unpin`, `settle`, `approve`,
    /// `reject`, `unreject`, `rename`, `unrename`.
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

/// Why a message is held until a moderator has looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldReason {
    /// It is its author's first one in the room.
    First,
    /// It has a link.
    Links,
    /// All are.
    All,
}

impl HoldReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::First, Self::Links, Self::All];

    /// Its name, on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Links => "links",
            Self::All => "all",
        }
    }

    /// Reads a reason by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// A message that is to wait for a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The message, with the `guard_rev` under which it was found that it is to be held.
    pub message: Arc<NewMessage>,
    /// Why.
    pub reason: HoldReason,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldOutcome {
    /// It waits.
    Held {
        /// Why.
        reason: HoldReason,
        /// False where it waited before this.
        is_new: bool,
    },
    /// It was sent before, and a moderator rejected it.
    Rejected,
    /// It was sent before and stored, or was approved since; here is that one.
    Stored(StoredMessage),
    /// The author used this `client_id` in this room for other content.
    Conflict,
    /// The room's `guard_rev` is another one by now: what the message was checked against may not hold any more.
    GuardChanged,
    /// [`HELD_MAX`] messages of the room wait already.
    Full,
    /// As [`crate::AppendOutcome::Locked`]. PostgreSQL only.
    Locked,
}

/// What is asked about a message before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The room it goes to.
    pub room: RoomId,
    /// Its author.
    pub author: AuthorId,
    /// Its sender's key.
    pub client_id: Uuid,
    /// How long the server has seen this author already, which counts where nothing is stored of them.
    pub seen_for: TimeDelta,
    /// Whether it may be a repeat of one that is held.
    pub looks_for_held: bool,
    /// Whether it counts how long the author is there, and whether they have spoken. Only then they are noted.
    pub needs_age: bool,
}

/// What is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The same message waits, or was rejected. None where that was not asked.
    pub held: Option<HeldState>,
    /// A message of this author has this key in this room, whatever it says: appending it says what comes of that.
    pub is_stored: bool,
    /// How long the author has been seen, in whatever room. Zero where that was not asked.
    pub age: TimeDelta,
    /// Whether the author has written in this room. False where that was not asked.
    pub has_spoken: bool,
}

/// Where a held message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    /// It waits; why.
    Waiting(HoldReason),
    /// A moderator rejected it.
    Rejected,
}

/// What was known of an author before their message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorNote {
    /// How long they have been seen, in whatever room. Zero where they are new.
    pub age: TimeDelta,
    /// Whether they had written in this room.
    pub had_spoken: bool,
}

/// A message that waits for a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The database's id: of what is held, not of a message.
    pub id: i64,
    /// The room it goes to.
    pub room: RoomId,
    /// Its author as of the sending.
    pub author: Author,
    /// Its sender's key.
    pub client_id: Uuid,
    /// What was written.
    pub content: Content,
    /// Why it is held.
    pub reason: HoldReason,
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The message that it answers. It may be deleted by now.
    pub reply_to: Option<i64>,
    /// Who is addressed in it: people who were here when it was sent, or had written here.
    pub mentions: Vec<Mention>,
}

/// What was approved or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// The entry in what was done; none where nothing was waiting.
    pub entry: Option<i64>,
    /// Those that were waiting: the id, the author and the sender's key of each.
    pub settled: Vec<(i64, AuthorId, Uuid)>,
}
