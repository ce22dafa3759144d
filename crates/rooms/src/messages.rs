//! What is said between sessions, the registry, rooms and hubs. `room` names neither `session` nor `http`:
//! upward traffic goes to a [`Recipient`] of a type that stands here.

use std::sync::{Arc, Mutex, PoisonError};

use actix::{ArbiterHandle, Message, Recipient, clock::Instant};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    answer::{Published, ReplyTo},
    event::{Batch, EndReason, Event, Refusal, Welcome},
    ids::{DeliveryPosition, HubId, RoomKey, SessionId},
};
use chat_domain::{Author, AvatarName, ChatMessage, Content, Emoji, Epoch, Mention, Nickname, Principal, RoomId};
use chat_store::Position;

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

/// How far a client was when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// The life of the room that it knows; none where what it sent is no epoch, which is the same as another one.
    pub epoch: Option<Epoch>,
    /// The counter's value up to which it knows everything.
    pub rev: i64,
}

/// What somebody wants to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The sender's key.
    pub client_id: Uuid,
    /// What was written.
    pub content: Content,
    /// The message that it answers.
    pub reply_to: Option<i64>,
    /// Who is addressed in it, as the sender says.
    pub mentions: Vec<Mention>,
}

/// Somebody wants a message stored and shown.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// Who sends.
    pub principal: Principal,
    /// The nickname and avatar that it is shown with; none for those that a member has here.
    pub profile: Option<(Nickname, AvatarName)>,
    /// What.
    pub post: Post,
    /// When it was read from the network.
    pub received: Instant,
    /// Where the answer goes.
    pub reply: ReplyTo<Published>,
}

/// A message was refused. If the room knows it as stored this is a retry, and the answer says so, else the refusal.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recall {
    /// Who sends.
    pub principal: Principal,
    /// What.
    pub post: Post,
    /// Why it is refused.
    pub refusal: Refusal,
    /// Where the answer goes.
    pub reply: ReplyTo<Published>,
}

/// Somebody wants something done to a stored message.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Amend {
    /// Who asks.
    pub principal: Principal,
    /// The sender's key.
    pub client_id: Uuid,
    /// Which message.
    pub message: i64,
    /// What.
    pub what: Amendment,
    /// When it was read from the network.
    pub received: Instant,
    /// Where the answer goes.
    pub reply: ReplyTo<Published>,
}

/// What can be done to a stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amendment {
    /// Another text.
    Edit {
        /// The version that was edited.
        version: i32,
        /// The new text.
        content: Content,
        /// Who is addressed in it, as the sender says.
        mentions: Vec<Mention>,
    },
    /// No text any more.
    Delete,
    /// Whether the sender reacts with this emoji.
    React {
        /// The emoji.
        emoji: Emoji,
        /// Whether they do.
        on: bool,
    },
    /// Whether it is pinned.
    Pin {
        /// Whether it is.
        on: bool,
    },
}

/// Somebody who need not be a member asks a room for something. Goes through the registry as joins do, which forwards it: so
/// the room lives, and is not put away before it has it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ask {
    /// Which room.
    pub room: RoomId,
    /// The thread of whoever asks. Where the room is not live yet it lives there from now on.
    pub thread: ArbiterHandle,
    /// What.
    pub asked: Asked,
}

/// What somebody asks who need not be a member: each with a [`ReplyTo::Once`], as there is nobody else to tell.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Asked {
    /// A message.
    Publish(Publish),
    /// A message that is refused, unless the room has it.
    Recall(Recall),
    /// Something to be done to a message.
    Amend(Amend),
}

/// A member is typing.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Typing {
    /// Who.
    pub session: SessionId,
}

/// Somebody sets the nickname and avatar of all their sessions in this room.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetProfile {
    /// Who asks.
    pub principal: Principal,
    /// The nickname.
    pub nickname: Nickname,
    /// The avatar; none keeps the one in use.
    pub avatar: Option<AvatarName>,
    /// Where the answer goes: what is in use now.
    pub reply: ReplyTo<Author>,
}

/// A member is gone. Sent by the drop of its [`crate::Membership`], once.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// Who went.
    pub session: SessionId,
}

/// What sessions of one room on one thread are to get. Answered with the moment when all were in their outboxes; a room
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
    /// The session is a member; its WELCOME, which has everything up to this position.
    Attach(Box<Welcome>, DeliveryPosition),
    /// Events up to this position, for every member on this thread whose WELCOME does not have them.
    Broadcast(Arc<Batch>, DeliveryPosition),
    /// An event for one session, and whether it answers a message that was waiting.
    Direct(SessionId, Arc<Event>, bool),
    /// The subscription of one member whose WELCOME was before this position ends, behind the events before. A session
    /// that is in no other room is closed.
    End(SessionId, EndReason, DeliveryPosition),
    /// As [`Command::End`], for every member on this thread.
    EndAll(EndReason, DeliveryPosition),
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
    /// What its commands are checked against.
    pub guard_rev: i64,
    /// Its messages below this are gone.
    pub first_seq: i64,
    /// Two polls in a row found a lower counter than the room had when they began.
    pub stays_lower: bool,
}

/// Where a room is: its counter, the value that its commands are checked against, and where its messages begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its epoch and counter.
    pub position: Position,
    /// Its `guard_rev`.
    pub guard_rev: i64,
    /// Its `first_seq`.
    pub first_seq: i64,
}

/// Where a room says how far it is, and the registry looks; none while it loads. The lock is held for a copy only.
#[derive(Debug, Clone, Default)]
pub struct SharedPosition(Arc<Mutex<Option<Place>>>);

impl SharedPosition {
    /// For the room.
    pub fn set(&self, place: Option<Place>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// For the registry.
    pub fn get(&self) -> Option<Place> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What holds for all rooms has changed: a room with members tells them what it is now.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct DefaultsChanged;

/// Something for those members of a room who have a right, from whoever keeps order there.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Inform {
    /// What.
    pub event: Arc<Event>,
    /// Who gets it.
    pub to: Audience,
    /// Who does not, as they were answered.
    pub but: Option<SessionId>,
}

/// Some of a room's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Those who have a right.
    Right(chat_domain::Rights),
    /// The sessions of one identity.
    Author(chat_domain::AuthorId),
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
    /// Messages below this are gone.
    pub first_seq: i64,
    /// How many messages there are.
    pub message_count: i64,
    /// When the last one was stored.
    pub last_message_at: Option<DateTime<Utc>>,
    /// How many people are here.
    pub n_people: usize,
    /// Whether that is only about right.
    pub is_approximate: bool,
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
