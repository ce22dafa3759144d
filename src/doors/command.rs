//! What somebody asks of a room who need not be a member of it: handed to the room, and answered once it is stored.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::clock::{Instant, timeout};
use actix_web::web::Data;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{error::DoorError, visitor::Visitor};
use crate::{
    accounts::NotBearer,
    http::{HttpError, Site},
    session::{Change, SessionSetup, Writer, bearer_refusal},
};
use chat_domain::{AvatarName, ChatMessage, Nickname, Rights, RoomId};
use chat_rooms::{Amend, Ask, Asked, Publish, Published, Recall, Refusal, ReplyTo};
use chat_wire::MessageToSend;

/// How long an answer is waited for. Rooms answer sooner, by limits of their own.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Something that is asked of a room.
pub struct Command {
    /// What the server is made of.
    pub site: Data<Site>,
    /// Who asks.
    pub visitor: Visitor,
    /// Which room.
    pub room: RoomId,
    /// The sender's key, by which a retry is known.
    pub client_id: Uuid,
    setup: Rc<SessionSetup>,
}

/// What a room will say of a command that was handed to it.
pub type Answer = oneshot::Receiver<Result<Published, Refusal>>;

impl Command {
    /// A command of somebody; a program needs a key for one of these rights.
    ///
    /// # Errors
    /// Where it has none.
    pub fn new(
        (site, setup): (Data<Site>, Rc<SessionSetup>),
        visitor: Visitor,
        (room, client_id): (RoomId, Uuid),
        rights: Rights,
    ) -> Result<Self, DoorError> {
        if visitor.principal.allows(rights) == Rights::NONE {
            return Err(bearer_refusal(&NotBearer::OutOfScope).into());
        }
        Ok(Self { site, visitor, room, client_id, setup })
    }

    /// Whoever writes, as every door asks its limits.
    pub fn writer(&self) -> Writer<'_> {
        Writer {
            author: self.visitor.principal.author_id(),
            address: self.visitor.address,
            room: &self.room,
            rates: &self.site.rates,
            metrics: &self.site.metrics,
        }
    }

    /// Hands a message to the room, in the order of the calls.
    ///
    /// # Errors
    /// Where it is nothing that could be stored, or the server has too much to do.
    pub fn publish(
        &self,
        asked: MessageToSend,
        profile: (Nickname, AvatarName),
        received: Instant,
    ) -> Result<Answer, DoorError> {
        let (post, allowed) = self.writer().message(asked)?;
        let principal = self.visitor.principal.clone();
        self.hand_over(|reply| match allowed {
            Ok(()) => Asked::Publish(Publish { principal, profile: Some(profile), post, received, reply }),
            // A retry of what the room has stored is answered all the same.
            Err(refusal) => Asked::Recall(Recall { principal, post, refusal, reply }),
        })
    }

    /// Hands a change of a message to the room, in the order of the calls.
    ///
    /// # Errors
    /// Where the server has too much to do.
    pub fn amend(&self, Change { message, what }: Change, received: Instant) -> Result<Answer, DoorError> {
        let (principal, client_id) = (self.visitor.principal.clone(), self.client_id);
        self.hand_over(|reply| Asked::Amend(Amend { principal, client_id, message, what, received, reply }))
    }

    fn hand_over(&self, asked: impl FnOnce(ReplyTo<Published>) -> Asked) -> Result<Answer, DoorError> {
        let (reply, answer) = oneshot::channel();
        let actors = self.site.actors.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
        let (room, thread) = (self.room.clone(), self.setup.thread.clone());
        let ask = Ask { room, thread, asked: asked(ReplyTo::Once(reply)) };
        if self.site.phase.is_refusing() || actors.registry.try_send(ask).is_err() {
            return Err(self.refused(Refusal::Overloaded));
        }
        Ok(answer)
    }

    /// Waits until what is asked is stored, or refused.
    ///
    /// # Errors
    /// Where it is refused, or nobody knows.
    pub async fn answered(&self, answer: Answer) -> Result<Published, DoorError> {
        match timeout(ANSWER_MAX, answer).await {
            Ok(Ok(Ok(published))) => Ok(published),
            Ok(Ok(Err(refusal))) => Err(self.refused(refusal)),
            // Nobody knows whether it is stored: the same key asks again.
            Ok(Err(_)) | Err(_) => Err(self.refused(Refusal::StoreUnavailable)),
        }
    }

    /// The message that was stored, as it is now.
    ///
    /// # Errors
    /// Where it is gone, or the database away.
    pub async fn message(&self, published: &Published) -> Result<Arc<ChatMessage>, DoorError> {
        if let Some(message) = &published.message {
            return Ok(message.clone());
        }
        // A retry of what is no recent message any more.
        let read = self.site.read(self.site.store.message(&self.room, published.stored.id)).await?;
        Ok(Arc::new(read.ok_or(HttpError::MESSAGE_NOT_FOUND)?))
    }

    /// What the sender is told of a refusal; it is counted as the socket's are.
    fn refused(&self, refusal: Refusal) -> DoorError {
        let error = match (DoorError::from(refusal), refusal) {
            (DoorError::Refused(reply, None), Refusal::Banned { .. }) => {
                let access = self.site.join_context.get().map(|context| context.desk.access());
                let notice = access.and_then(|a| a.ban(&self.visitor.principal, &self.room, chrono::Utc::now()));
                let reason = notice.map(|notice| notice.reason).filter(|reason| !reason.is_empty());
                DoorError::Refused(reply, reason)
            }
            (error, _) => error,
        };
        if let DoorError::Refused(reply, _) = &error {
            self.setup.hub.count_error(*reply, true);
        }
        error
    }
}
