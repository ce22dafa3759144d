use actix::{Addr, ArbiterHandle, Message, clock::Instant, dev::SendError};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Room;
use crate::{
    answer::ReplyTo,
    event::Refusal,
    ids::{RoomKey, SessionId},
    messages::{Amend, Amendment, Leave, Post, Publish, Recall, ResumePoint, SessionRef, SetProfile, Typing},
};
use chat_domain::{AvatarName, Nickname, Principal, RoomId};

/// A session wants to enter a room. Goes through the registry, which forwards it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Join {
    /// Which room.
    pub room: RoomId,
    /// Who asks.
    pub session: SessionRef,
    /// Whose session it is.
    pub principal: Principal,
    /// Its nickname and avatar; none for a reader.
    pub profile: Option<(Nickname, AvatarName)>,
    /// How far the client was, where it was here before.
    pub resume: Option<ResumePoint>,
    /// The thread of its session. Where the room is not live yet it lives there from now on.
    pub thread: ArbiterHandle,
    /// The answer. A membership that nobody receives takes itself back.
    pub reply: oneshot::Sender<Result<Membership, Refusal>>,
}

/// A session is a member of a room. Its end, however it comes, is the one way out.
#[derive(Debug)]
pub struct Membership {
    pub(super) room: Addr<Room>,
    pub(super) session: SessionId,
    pub(super) key: RoomKey,
    pub(super) principal: Principal,
}

impl Membership {
    /// Which room.
    pub fn key(&self) -> RoomKey {
        self.key
    }

    /// Wants a message stored and shown. The answer comes to the session's outbox.
    ///
    /// # Errors
    /// Where the room has too much to do; [`Ended`] where it is gone, which only a fault can bring about.
    pub fn publish(&self, post: Post, received: Instant) -> Result<Result<(), Refusal>, Ended> {
        let (principal, reply) = (self.principal.clone(), ReplyTo::Member(self.session));
        outcome(self.room.try_send(Publish { principal, profile: None, post, received, reply }))
    }

    /// A message that is refused, unless the room knows it as stored: then this is a retry, and gets its ACK. Stores
    /// nothing.
    ///
    /// # Errors
    /// As [`Membership::publish`].
    pub fn recall(&self, post: Post, refusal: Refusal) -> Result<Result<(), Refusal>, Ended> {
        let (principal, reply) = (self.principal.clone(), ReplyTo::Member(self.session));
        outcome(self.room.try_send(Recall { principal, post, refusal, reply }))
    }

    /// Wants something done to a stored message. The answer comes to the session's outbox.
    ///
    /// # Errors
    /// As [`Membership::publish`].
    pub fn amend(
        &self,
        client_id: Uuid,
        message: i64,
        what: Amendment,
        received: Instant,
    ) -> Result<Result<(), Refusal>, Ended> {
        let (principal, reply) = (self.principal.clone(), ReplyTo::Member(self.session));
        outcome(self.room.try_send(Amend { principal, client_id, message, what, received, reply }))
    }

    /// Says that the session's person is typing. Lost where the room has too much to do: nobody needs it then.
    ///
    /// # Errors
    /// As [`Membership::publish`].
    pub fn typing(&self) -> Result<Result<(), Refusal>, Ended> {
        outcome(self.room.try_send(Typing { session: self.session }))
    }

    /// Sets nickname and avatar. The answer comes to the session's outbox.
    ///
    /// # Errors
    /// As [`Membership::publish`].
    pub fn set_profile(&self, nickname: Nickname, avatar: Option<AvatarName>) -> Result<Result<(), Refusal>, Ended> {
        let (principal, reply) = (self.principal.clone(), ReplyTo::Member(self.session));
        outcome(self.room.try_send(SetProfile { principal, nickname, avatar, reply }))
    }
}

/// The room of a membership has ended while sessions were in it.
#[derive(Debug)]
pub struct Ended;

fn outcome<T>(sent: Result<(), SendError<T>>) -> Result<Result<(), Refusal>, Ended> {
    match sent {
        Ok(()) => Ok(Ok(())),
        Err(SendError::Full(_)) => Ok(Err(Refusal::Overloaded)),
        Err(SendError::Closed(_)) => Err(Ended),
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "once per membership, and must not be lost")]
        self.room.do_send(Leave { session: self.session });
    }
}
