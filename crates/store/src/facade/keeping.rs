//! What is removed for good.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::{
    Backend, Store,
    management::{listing, managing},
};
use crate::{
    archive::{Archived, Archiving},
    error::StoreError,
    management::{self, BesideMessages, OldestOf, Removal, Removed, Rename, Renamed, Undo, WrittenBy},
    tables::sql_types::Stamp,
};
use chat_domain::{AuthorId, RoomId};

/// Runs a function of [`management`] that writes much and is in no hurry: on PostgreSQL on a connection of its own, so that
/// no message waits for it.
macro_rules! in_the_background {
    ($self:ident, $alone:expr, |$c:ident, $statements:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        let working = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    use management::postgres as $statements;
                    postgres.in_the_background($alone, move |$c| $query.boxed()).await
                }
                Backend::Sqlite(sqlite) => {
                    use management::sqlite as $statements;
                    sqlite.in_place()?;
                    Ok(Some(sqlite.pools.write(move |$c| $query.boxed()).await?))
                }
            }
        };
        $self.spawn(working).await
    }};
}

impl Store {
    /// The rooms behind this name, in order, each with the time of its oldest message: so all rooms are gone through a part
    /// at a time. `None` of it begins.
    pub async fn oldest_messages(&self, after: Option<&str>, limit: usize) -> Result<Vec<OldestOf>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        listing!(self, after, |c, statements| statements::oldest_messages(c, after, limit))
    }

    /// Removes the oldest messages of a room, as far as the order goes; takes no value of its counter. `None` where another
    /// server does the same just now (PostgreSQL).
    pub async fn expire(&self, order: Removal) -> Result<Option<Removed>, StoreError> {
        in_the_background!(self, true, |c, statements| statements::remove_oldest(c, order))
    }

    /// As [`Store::oldest_messages`], of those that may be moved into the archive.
    pub async fn oldest_at_hand(&self, after: Option<&str>, limit: usize) -> Result<Vec<OldestOf>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        listing!(self, after, |c, statements| statements::oldest_at_hand(c, after, limit))
    }

    /// Moves the oldest messages of a room into the archive, as far as the order goes; whoever reads finds them there.
    /// `None` where another server does the same just now (PostgreSQL).
    pub async fn archive(&self, order: Archiving) -> Result<Option<Archived>, StoreError> {
        in_the_background!(self, true, |c, statements| statements::put_away(c, order))
    }

    /// The same for somebody who has asked for it: beside whatever a server does.
    pub async fn remove_oldest(&self, order: Removal) -> Result<Removed, StoreError> {
        Ok(in_the_background!(self, false, |c, statements| statements::remove_oldest(c, order))?.unwrap_or_default())
    }

    /// The room that a name leads to: the room of this id where it is no other name.
    pub async fn canonical(&self, name: &RoomId) -> Result<RoomId, StoreError> {
        let name = name.clone();
        managing!(self, |c, statements| statements::canonical(c, name))
    }

    /// Gives a room another name, by which it is reached as well.
    pub async fn rename(&self, order: Rename) -> Result<Renamed, StoreError> {
        managing!(self, |c, statements| statements::rename(c, order))
    }

    /// Takes back a name that a rename has given to a room: by its entry, the room's id and the name.
    pub async fn undo_rename(
        &self,
        entry: i64,
        room_and_alias: (RoomId, RoomId),
        by: AuthorId,
    ) -> Result<Undo, StoreError> {
        managing!(self, |c, statements| statements::undo_rename(c, entry, room_and_alias, by))
    }

    /// In which of the rooms behind this name an author wrote, of so many rooms at most.
    pub async fn written_by(
        &self,
        author: &AuthorId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<WrittenBy, StoreError> {
        let (author, after) = (author.clone(), after.unwrap_or_default().to_owned());
        listing!(self, author, after, |c, statements| statements::written_by(c, author, after, limit))
    }

    /// Some of what an author wrote in a room and is not deleted.
    pub async fn messages_by(&self, author: &AuthorId, room: &RoomId, limit: usize) -> Result<Vec<i64>, StoreError> {
        let (author, room) = (author.clone(), room.clone());
        Ok(in_the_background!(self, false, |c, statements| statements::messages_by(c, author, room, limit))?
            .unwrap_or_default())
    }

    /// How many messages of a room were written before a time.
    pub async fn written_before(&self, room: &RoomId, before: DateTime<Utc>) -> Result<i64, StoreError> {
        let (room, before) = (room.clone(), Stamp(before));
        listing!(self, room, |c, statements| statements::written_before(c, room, before))
    }

    /// Forgets what is kept of an author in a room beside messages that are not deleted.
    pub async fn forget_rest_of(&self, author: &AuthorId, room: &RoomId) -> Result<(), StoreError> {
        let (author, room) = (author.clone(), room.clone());
        managing!(self, |c, statements| statements::forget_rest_of(c, author, room))
    }

    /// Forgets what hangs on a room beside its messages.
    pub async fn forget_rest_of_room(&self, room: &RoomId) -> Result<(), StoreError> {
        let room = room.clone();
        managing!(self, |c, statements| statements::forget_rest_of_room(c, room))
    }

    /// What hangs on a room beside its messages.
    pub async fn beside_messages(&self, room: &RoomId) -> Result<BesideMessages, StoreError> {
        let room = room.clone();
        managing!(self, |c, statements| statements::beside_messages(c, room))
    }

    /// Writes down that somebody removes all of a room that is there up to this value of its counter, and how many messages
    /// that are. The entry's id.
    pub async fn note_purge(&self, room: &RoomId, what: (i64, i64), by: AuthorId) -> Result<i64, StoreError> {
        let room = room.clone();
        managing!(self, |c, statements| statements::note_purge(c, room, what, by))
    }

    /// The time by the clock that messages are stored with.
    pub async fn time(&self) -> Result<DateTime<Utc>, StoreError> {
        listing!(self, |c, statements| statements::time(c))
    }
}
