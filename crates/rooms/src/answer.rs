//! How whoever gives a room a command learns what became of it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{event::Refusal, ids::SessionId};
use chat_domain::ChatMessage;
use chat_store::StoredMessage;

/// Where the answer to a command goes.
#[derive(Debug)]
pub enum ReplyTo<T> {
    /// Into the outbox of this member.
    Member(SessionId),
    /// To whoever waits for this one answer and need not be a member: a request, say. Where nobody waits any more,
    /// the command is done all the same. Where the room ends first, the channel is closed: then nothing is known.
    Once(oneshot::Sender<Result<T, Refusal>>),
}

impl<T> ReplyTo<T> {
    /// The member that it goes to, where it does.
    pub(crate) fn member(&self) -> Option<SessionId> {
        match self {
            Self::Member(session) => Some(*session),
            Self::Once(_) => None,
        }
    }

    /// The way for one more answer behind this one, where there can be one.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Member(session) => Some(Self::Member(*session)),
            Self::Once(_) => None,
        }
    }
}

/// A message that was to be published is stored, or what was to be done to one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What the database gave to the message.
    pub stored: StoredMessage,
    /// The message as it is stored, where the room has it at hand.
    pub message: Option<Arc<ChatMessage>>,
    /// It was so before, and this was a retry.
    pub is_repeated: bool,
}

impl Published {
    /// The value of the counter that it took; of a repeat the message's place in the list.
    pub fn rev(&self) -> i64 {
        if self.is_repeated { self.stored.seq } else { self.stored.rev }
    }
}
