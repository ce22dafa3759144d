//! What the owner's console lists. All of it is read where nobody's message waits for it.

use std::{collections::HashMap, sync::Arc};

use futures_util::FutureExt;

use super::{
    Backend, Store,
    management::{listing, managing},
};
use crate::{
    error::StoreError,
    management::{
        self, Audit, Ban, PeopleQuery, PersonListed, PersonSeen, PersonWrote, RoomCount, RoomListed, RoomsQuery, Span,
        Totals, Waiting, Written,
    },
};
use chat_domain::{AuthorId, ChatMessage, RoomId};

impl Store {
    /// How much was written in an hour or a day: as long as that takes which was written in it.
    pub async fn written(&self, span: Span) -> Result<Written, StoreError> {
        listing!(self, |c, statements| statements::written(c, span))
    }

    /// What was counted before and kept: hours from the first of these on, days from the second on.
    pub async fn counted(&self, since: (Span, Span)) -> Result<HashMap<Span, Written>, StoreError> {
        listing!(self, |c, statements| statements::counted(c, since))
    }

    /// Keeps what was counted of hours and days that are over.
    pub async fn keep_counted(&self, counted: Vec<(Span, Written)>) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::keep_counted(c, counted))
    }

    /// How much there is in all.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        listing!(self, |c, statements| statements::totals(c))
    }

    /// What waits for whoever keeps order, in all rooms.
    pub async fn waiting(&self) -> Result<Waiting, StoreError> {
        listing!(self, |c, statements| statements::waiting(c))
    }

    /// A page of the rooms, one more than the limit where there are more.
    pub async fn listed_rooms(&self, asked: RoomsQuery) -> Result<Vec<RoomListed>, StoreError> {
        listing!(self, asked, |c, statements| statements::listed_rooms(c, asked))
    }

    /// How many messages these rooms have; those that nobody used are left out. In no order.
    pub async fn room_counts(&self, of: Vec<RoomId>) -> Result<Vec<RoomCount>, StoreError> {
        listing!(self, of, |c, statements| statements::room_counts(c, of))
    }

    /// The last message of each of these rooms that is not deleted.
    pub async fn last_messages(&self, of: Vec<RoomId>) -> Result<Vec<(RoomId, ChatMessage)>, StoreError> {
        listing!(self, of, |c, statements| statements::last_messages(c, of))
    }

    /// The latest messages of all rooms that are not deleted, the newest first, each with its room and what that is called.
    pub async fn latest_anywhere(
        &self,
        limit: usize,
    ) -> Result<Vec<(RoomId, Option<String>, ChatMessage)>, StoreError> {
        listing!(self, |c, statements| statements::latest_anywhere(c, limit))
    }

    /// These messages, whatever room they are of, in no order. At most some thousand ids.
    pub async fn messages_anywhere(&self, ids: Vec<i64>) -> Result<Vec<ChatMessage>, StoreError> {
        listing!(self, ids, |c, statements| statements::messages_anywhere(c, ids))
    }

    /// Notes who wrote just now, under which names.
    pub async fn note_people(&self, wrote: Vec<PersonWrote>) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::note_people(c, wrote))
    }

    /// Forgets what these were called.
    pub async fn forget_names(&self, of: Vec<AuthorId>) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::forget_names(c, of))
    }

    /// A page of the people, one more than the limit where there are more.
    pub async fn people(&self, asked: PeopleQuery) -> Result<Vec<PersonListed>, StoreError> {
        listing!(self, asked, |c, statements| statements::people(c, asked))
    }

    /// What is known of somebody; none where nobody of this id has written.
    pub async fn person(&self, id: AuthorId) -> Result<Option<PersonSeen>, StoreError> {
        listing!(self, id, |c, statements| statements::person(c, id))
    }

    /// The bans of somebody, lifted ones and those that are over as well, the newest first.
    pub async fn bans_of(&self, author: AuthorId, limit: i64) -> Result<Vec<Ban>, StoreError> {
        listing!(self, author, |c, statements| statements::bans_of(c, author, limit))
    }

    /// What was done to somebody, the newest first.
    pub async fn audit_about(&self, author: AuthorId, limit: i64) -> Result<Vec<Audit>, StoreError> {
        listing!(self, author, |c, statements| statements::audit_about(c, author, limit))
    }
}
