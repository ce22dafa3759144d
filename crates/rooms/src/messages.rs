//! What is said between sessions, the registry, rooms and hubs. `room` names neither `session` nor `http`:
//! upward traffic goes to a [`Recipient`] of a type that stands here.

use std::sync::{Arc, Mutex, PoisonError};

use actix::{ArbiterHandle, Message, Recipient, clock::Instant};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Membership, fan_out::Place};
use chat_domain::{Author, AuthorId, AvatarName, ChatMessage, Content, Epoch, Nickname, RoomId};
use chat_wire::{CloseCode, ErrorCode, ResumePoint};

/// One WebSocket. Random, so that it tells a client nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// One live room actor: a room that was retired and came back has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

/// One hub, by the number of its worker thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubId(pub usize);

/// Where a session's frames go.
#[derive(Debug, Clone)]
pub struct SessionRef {
    /// The session.
    pub id: SessionId,
    /// The hub of its thread.
    pub hub: HubId,
    /// The same hub's address.
    pub deliver: Recipient<Deliver>,
}

/// A session wants to enter a room. Goes through the registry, which forwards it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Join {
    /// Which room.
    pub room: RoomId,
    /// Who asks.
    pub session: SessionRef,
    /// Its identity.
    pub author_id: AuthorId,
    /// Its nickname and avatar; none for a reader.
    pub profile: Option<(Nickname, AvatarName)>,
    /// How far the client was.
    pub resume: Option<ResumePoint>,
    /// The thread of its session. Where the room is not live yet it lives there from now on.
    pub thread: ArbiterHandle,
    /// The answer. A membership that nobody receives takes itself back.
    pub reply: oneshot::Sender<Result<Membership, Refusal>>,
}

/// Why something was refused, as the sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// For developers.
    pub message: &'static str,
    /// Milliseconds until a retry can help, with a code that can pass with time.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A queue or limit of the server is full.
    pub const OVERLOADED: Self = Self {
        code: ErrorCode::Overloaded,
        message: "the server has too much to do; try again",
        retry_after_ms: Some(1_000),
    };
    /// The database did not answer.
    pub const STORE_UNAVAILABLE: Self = Self {
        code: ErrorCode::StoreUnavailable,
        message: "the database is away; nothing is known to be stored, try again with the same clientId",
        retry_after_ms: Some(2_000),
    };
}

/// A member wants a message stored and shown.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// Who sends.
    pub session: SessionId,
    /// The sender's key.
    pub client_id: Uuid,
    /// What was written.
    pub content: Content,
    /// When the frame was read.
    pub received: Instant,
}

/// A member's message was refused: it gets its ACK if it is a retry of one that the room knows, else the refusal.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recall {
    /// Who sends.
    pub session: SessionId,
    /// The sender's key.
    pub client_id: Uuid,
    /// What was written.
    pub content: Content,
    /// Why it is refused.
    pub refusal: Refusal,
}

/// A member sets its identity's nickname and avatar.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetProfile {
    /// Who asks.
    pub session: SessionId,
    /// The nickname.
    pub nickname: Nickname,
    /// The avatar; none keeps the one in use.
    pub avatar: Option<AvatarName>,
}

/// A member is gone. Sent by the drop of its [`Membership`], once.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// Who went.
    pub session: SessionId,
}

/// Frames for sessions of one room on one thread. Answered with the moment when all were in their outboxes; a room
/// has at most one of these under way, and gathers meanwhile.
#[derive(Debug, Message)]
#[rtype(result = "Instant")]
pub struct Deliver {
    /// From which room.
    pub room: RoomKey,
    /// The room's counter once these are delivered.
    pub rev: i64,
    /// What to do, in order.
    pub commands: Vec<Command>,
}

/// One thing for a hub to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// The session is a member; its WELCOME, ready for the socket, which tells all up to this place.
    Attach(SessionId, [Bytes; 4], Place),
    /// A frame up to this place for every member on this thread whose WELCOME does not tell it, ready for the
    /// socket.
    Broadcast(Bytes, Place),
    /// A frame for one session, ready for the socket, and whether it answers a message that was waiting.
    Direct(SessionId, Bytes, bool),
    /// The subscription of one member whose WELCOME was before this position ends, behind the frames before. A session
    /// that is in no other room is closed with this code.
    Close(SessionId, CloseCode, Place),
    /// As [`Command::Close`], for every member on this thread.
    CloseAll(CloseCode, Place),
}

/// A room has nobody in it and nothing under way.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RoomIdle {
    /// Its id.
    pub room: RoomId,
    /// Its key.
    pub key: RoomKey,
    /// How many joins it has seen: only where the registry forwarded no more may it be retired.
    pub n_joins_seen: u64,
}

/// The registry ends a room. Nothing can be on its way to it: joins pass through the registry.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Retire;

/// What the database says about a live room, asked every second, where the room is not there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CheckHead {
    /// The room's epoch.
    pub epoch: Epoch,
    /// Its counter.
    pub rev: i64,
    /// Two polls in a row found a lower counter than the room had when they began.
    pub stays_lower: bool,
}

/// How far a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The room's epoch.
    pub epoch: Epoch,
    /// The counter's value up to which all was shown.
    pub rev: i64,
}

/// Where a room says how far it is, and the registry looks; none while it loads. The lock is held for a copy only.
#[derive(Debug, Clone, Default)]
pub struct SharedPosition(Arc<Mutex<Option<Position>>>);

impl SharedPosition {
    /// For the room.
    pub fn set(&self, position: Option<Position>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    /// For the registry.
    pub fn get(&self) -> Option<Position> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A room is to say how many people are in it, for operators.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CountPeople;

/// Asks a live room what it shows. `None` while it loads.
#[derive(Debug, Message)]
#[rtype(result = "Option<Snapshot>")]
pub struct GetSnapshot {
    /// How many of the latest messages.
    pub n_messages: usize,
    /// Whether to list who is here.
    pub members: MembersWanted,
}

/// Whether to list who is here: ten thousand people are not gathered for whoever does not look at them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersWanted {
    /// Nobody.
    No,
    /// Everybody, unless there are too many for PRESENCE.
    IfFew,
    /// Those behind this nickname and id, in that order, at most so many.
    Page {
        /// The last one of the page before.
        after: Option<(String, String)>,
        /// How many.
        limit: usize,
    },
}

/// What a live room shows.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// This life of the room in memory.
    pub key: RoomKey,
    /// This life of the counter.
    pub epoch: Epoch,
    /// The counter.
    pub rev: i64,
    /// How many messages there are.
    pub message_count: i64,
    /// When the last one was stored.
    pub last_message_at: Option<DateTime<Utc>>,
    /// How many people are here.
    pub n_people: usize,
    /// How many of them have a nickname, where a page of those was asked for.
    pub n_authors: usize,
    /// Who is here with a nickname, as far as it was asked for.
    pub members: Vec<Author>,
    /// There are members behind those of the page that was asked for.
    pub has_more_members: bool,
    /// The latest messages, oldest first.
    pub messages: Vec<Arc<ChatMessage>>,
    /// There are messages before those.
    pub has_more: bool,
}
