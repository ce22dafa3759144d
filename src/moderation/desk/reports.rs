use std::{sync::Arc, time::Instant};

use super::{Actor, Desk, Refused, reason};
use chat_domain::{AuthorId, Rights, RoomId};
use chat_rooms::{Audience, Event, Inform, InformRoom, Seen};
use chat_store::{Ordered, Report, Reported, StoredMessage};

impl Desk {
    /// Stores that somebody reports a message, and tells those who keep order.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn report(
        &self,
        by: &AuthorId,
        room: &RoomId,
        message: i64,
        why: &str,
    ) -> Result<StoredMessage, Refused> {
        let why = reason(why)?;
        self.0.reports.take(by, Instant::now()).map_err(Refused::TooFast)?;
        let reported = self.0.store.report(room.clone(), message, by.clone(), why);
        match self.bounded(reported).await? {
            Reported::NotFound => Err(Refused::NotFound),
            Reported::Stored { is_new, message } => {
                if is_new {
                    self.0.sightings.say(room, || Seen::Reported);
                    self.tell_queue(room).await;
                }
                Ok(message)
            }
        }
    }

    /// The open reports behind this id, of one room or of all; one more than `limit` where there are more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn reports(
        &self,
        actor: &Actor,
        room: Option<RoomId>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Report>, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        self.bounded(self.0.store.reports(room, after, limit)).await
    }

    /// Settles all reports of a message.
    ///
    /// # Errors
    /// [`Refused::NotFound`] where there are none.
    pub async fn settle(&self, actor: &Actor, room: &RoomId, message: i64) -> Result<(), Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        let settling = self.0.store.settle_reports(room.clone(), message, actor.author.id.clone());
        match self.bounded(settling).await? {
            Ordered::Done(_) => {
                self.attended(room);
                self.tell_queue(room).await;
                Ok(())
            }
            Ordered::Unchanged => Err(Refused::NotFound),
        }
    }

    /// Tells those who keep order in a room how much waits.
    pub async fn tell_queue(&self, room: &RoomId) {
        let waiting =
            async { Ok((self.0.store.open_reports(room.clone()).await?, self.0.store.open_held(room.clone()).await?)) };
        if let Ok((reported, held)) = self.bounded(waiting).await {
            let event = Arc::new(Event::Queue { reported, held });
            self.inform(room, Inform { event, to: Audience::Right(Rights::REVIEW), but: None });
        }
    }

    /// Something for those of a room who have a right.
    pub fn inform(&self, room: &RoomId, inform: Inform) {
        // Who keeps order there sees it with their next look.
        let _ = self.0.registry.try_send(InformRoom(room.clone(), inform));
    }
}
