//! What the owner's console shows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::clock;
use chrono::Utc;

use super::{Actor, Desk, Refused, WORK_MAX};
use crate::moderation::activity::{Overview, Spans};
use chat_domain::{AuthorId, ChatMessage, Rights, Role};
use chat_store::{Audit, Ban, PeopleQuery, PersonListed, PersonSeen, RoomListed, RoomsQuery, Totals, Waiting};

/// So long what was counted is shown: the day that runs is counted anew behind it.
const COUNTED_FOR: Duration = Duration::from_secs(60);
/// Whoever asks waits so long for what was not counted yet. What is missing by then is counted for the next one.
const COUNTING_MAX: Duration = Duration::from_secs(2);
/// So many bans and deeds of somebody are told.
const HISTORY_MAX: i64 = 50;

/// What whoever keeps order is told of somebody.
#[derive(Debug, Clone)]
pub struct PersonKnown {
    /// Who it is, their names, rooms and messages.
    pub seen: PersonSeen,
    /// What they are in the chat.
    pub role: Role,
    /// Their bans, lifted ones as well, the newest first.
    pub bans: Vec<Ban>,
    /// What was done to them, the newest first.
    pub log: Vec<Audit>,
}

impl Desk {
    /// How much was written when. Not all of it may have been counted yet.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn overview(&self, actor: &Actor) -> Result<Arc<Overview>, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        let Ok(mut last) = clock::timeout(WORK_MAX, self.0.overview.lock()).await else {
            return Err(Refused::Unavailable);
        };
        if let Some((at, overview)) = &*last
            && overview.is_complete()
            && at.elapsed() < COUNTED_FOR
        {
            return Ok(Arc::clone(overview));
        }
        let overview = Arc::new(self.count().await?);
        *last = Some((Instant::now(), Arc::clone(&overview)));
        Ok(overview)
    }

    async fn count(&self) -> Result<Overview, Refused> {
        let (begun, spans) = (Instant::now(), Spans::at(Utc::now()));
        let mut counted = self.bounded(self.0.store.counted(spans.first())).await?;
        let mut new = Vec::new();
        for span in spans.missing(&counted) {
            // Each time at least one, or it would never be all.
            if begun.elapsed() > COUNTING_MAX && !new.is_empty() {
                break;
            }
            let written = self.bounded(self.0.store.written(span)).await?;
            counted.insert(span, written);
            if spans.is_settled(span) {
                new.push((span, written));
            }
        }
        if !new.is_empty() {
            self.bounded(self.0.store.keep_counted(new)).await?;
        }
        let totals: Totals = self.bounded(self.0.store.totals()).await?;
        Ok(spans.overview(&counted, totals))
    }

    /// What waits for whoever keeps order, in all rooms.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn waiting(&self, actor: &Actor) -> Result<Waiting, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        self.bounded(self.0.store.waiting()).await
    }

    /// A page of the rooms, one more than its limit where there are more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn rooms(&self, actor: &Actor, asked: RoomsQuery) -> Result<Vec<RoomListed>, Refused> {
        self.may(actor, Rights::ROOM_SET, None)?;
        let locked_by_default = self.0.access.defaults().settings.get("locked").is_some_and(|set| *set == true);
        self.bounded(self.0.store.listed_rooms(RoomsQuery { locked_by_default, ..asked })).await
    }

    /// A page of the people, one more than its limit where there are more, and what each is in the chat.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn people(&self, actor: &Actor, asked: PeopleQuery) -> Result<Vec<(PersonListed, Role)>, Refused> {
        self.may(actor, Rights::BAN, None)?;
        let found = self.bounded(self.0.store.people(asked)).await?;
        let with_role = |person: PersonListed| {
            let role = self.0.access.rank(&person.id);
            (person, role)
        };
        Ok(found.into_iter().map(with_role).collect())
    }

    /// What is known of somebody.
    ///
    /// # Errors
    /// [`Refused::NotFound`] where nobody of this id has written, and see [`Refused`].
    pub async fn person(&self, actor: &Actor, id: &AuthorId) -> Result<PersonKnown, Refused> {
        self.may(actor, Rights::BAN, None)?;
        let seen = self.bounded(self.0.store.person(id.clone())).await?.ok_or(Refused::NotFound)?;
        let bans = self.bounded(self.0.store.bans_of(id.clone(), HISTORY_MAX)).await?;
        // What was done is for those who may see it.
        let log = match self.may(actor, Rights::AUDIT, None) {
            Ok(()) => self.bounded(self.0.store.audit_about(id.clone(), HISTORY_MAX)).await?,
            Err(_) => Vec::new(),
        };
        Ok(PersonKnown { seen, role: self.0.access.rank(id), bans, log })
    }

    /// The messages that reports are about, whatever room they are of, in no order.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn reported_messages(&self, actor: &Actor, ids: Vec<i64>) -> Result<Vec<ChatMessage>, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        self.bounded(self.0.store.messages_anywhere(ids)).await
    }
}
