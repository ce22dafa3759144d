use std::{sync::Arc, time::Duration};

use actix::{Message, Recipient, clock::Instant};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{batch::Queued, review::Review};
use crate::event::Refusal;
use chat_domain::{AuthorId, Change, ChangeRefusal, Epoch, NewChange, NewMessage};
use chat_store::{AppendOutcome, ChangeOutcome, HoldReason, StoredMessage};

/// How large the queue and a batch may get, and how long a sender waits.
#[derive(Debug, Clone)]
pub struct BatchLimits {
    /// Messages that wait or are being committed; beyond it a send is refused.
    pub n_waiting_max: usize,
    /// Rows of one commit. Small enough that its length stays far below a person's notice.
    pub n_batch_max: usize,
    /// How long a sender waits while the database is away.
    pub wait_max: Duration,
}

/// What a room wants stored.
#[derive(Debug, Clone)]
pub enum Write {
    /// A message.
    Message(Arc<NewMessage>),
    /// A change of one that is stored.
    Change(Arc<NewChange>),
}

impl Write {
    /// The sender's key.
    pub fn client_id(&self) -> Uuid {
        match self {
            Self::Message(message) => message.client_id,
            Self::Change(change) => change.client_id,
        }
    }

    /// What it was checked against.
    pub(crate) fn guard_rev(&self) -> i64 {
        match self {
            Self::Message(message) => message.guard_rev,
            Self::Change(change) => change.guard_rev,
        }
    }

    /// The same as checked against this.
    pub(crate) fn with_guard(&self, guard_rev: i64) -> Self {
        match self {
            Self::Message(message) => Self::Message(Arc::new(NewMessage { guard_rev, ..(**message).clone() })),
            Self::Change(change) => Self::Change(Arc::new(NewChange { guard_rev, ..(**change).clone() })),
        }
    }
}

/// A room wants something stored.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Append {
    /// The room's own number for it.
    pub token: u64,
    /// What.
    pub write: Write,
    /// What is to be found out before; none in most rooms.
    pub review: Option<Arc<Review>>,
    /// Who is told.
    pub reply: Recipient<Persisted>,
    /// Which replies belong together: the room's key.
    pub group: u64,
}

impl Queued for Append {
    /// Whether it is a change, and whether something is to be found out before.
    type Class = (bool, bool);
    type Sender = AuthorId;

    /// Messages are written by one statement, changes by others; and nobody waits for what is to be found out about what
    /// others write.
    fn class(&self) -> (bool, bool) {
        (matches!(self.write, Write::Change(_)), self.review.is_some())
    }

    fn sender(&self) -> AuthorId {
        match &self.write {
            Write::Message(message) => message.author.id.clone(),
            Write::Change(change) => change.author.clone(),
        }
    }
}

/// What became of writes of one room, in the order they were appended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Persisted(pub Vec<(u64, AppendResult)>);

/// What became of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendResult {
    /// It is stored now: the change that this makes, for all who show or pass on changes. Several writes may have made
    /// one change.
    Stored {
        /// The room's epoch.
        epoch: Epoch,
        /// The change.
        change: Change,
    },
    /// It was stored before, or what it asks for is so already.
    Repeated(StoredMessage),
    /// Its `clientId` was used for other content.
    Conflict,
    /// There is no message to answer.
    InvalidReply,
    /// The change cannot be made.
    Rejected(ChangeRefusal),
    /// Who may do what in the room has changed since it was checked.
    GuardChanged,
    /// It waits for whoever keeps order, under its key.
    Held {
        /// Why.
        reason: HoldReason,
        /// Whether it did not wait before.
        is_new: bool,
    },
    /// By what was found out about it, it is not stored.
    NotNow(Refusal),
    /// The database refuses its data.
    Refused,
    /// The queue is full.
    Full,
    /// It was never stored and never will be by this append: the database was away for too long.
    Unavailable,
    /// The sender has waited long enough, but the commit is still under way: another result follows.
    Unknown,
}

/// What the store said of one write.
pub(super) enum Outcome {
    /// Of a message.
    Message(AppendOutcome),
    /// Of a change.
    Change(ChangeOutcome),
    /// It was not given to be stored, or not as a message.
    Answered(AppendResult),
}

impl Outcome {
    /// Whether it is to be given again.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Message(AppendOutcome::Locked) | Self::Change(ChangeOutcome::Locked))
    }
}

/// Waits until everything appended before is answered, or until the time given; then answers what is left
/// with [`AppendResult::Unavailable`], and stops. For the shutdown.
#[derive(Debug, Message)]
#[rtype(result = "oneshot::Receiver<()>")]
pub struct Flush {
    /// When to give up.
    pub deadline: Instant,
}

/// Asks how the storing goes.
#[derive(Debug, Message)]
#[rtype(result = "Status")]
pub struct GetStatus;

/// How the storing goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// How many messages wait or are being committed.
    pub n_waiting: usize,
    /// The database did not take the last batch and nothing was stored since, not even on trial; or it has not
    /// answered one for longer than a message may wait.
    pub is_away: bool,
}
