//! Whole rooms that leave the database or come into it.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc::{Receiver, Sender};

use super::{Backend, Store, management::listing};
use crate::{
    error::StoreError,
    moving::{self as management, MoveInto, Moved, MovedPart},
};
use chat_domain::{MovedBan, RoomId};

/// Runs a rare and long function of [`management`] by way of `$how`, on either backend.
macro_rules! moving {
    ($self:ident.$how:ident, |$c:ident, $statements:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        let moving = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    use management::postgres as $statements;
                    Ok(postgres.pools.$how(move |$c| $query.boxed()).await?)
                }
                Backend::Sqlite(sqlite) => {
                    use management::sqlite as $statements;
                    sqlite.in_place()?;
                    Ok(sqlite.pools.$how(move |$c| $query.boxed()).await?)
                }
            }
        };
        $self.spawn(moving).await
    }};
}

impl Store {
    /// Some of the rooms that have a row, behind this one, by their ids.
    pub async fn rooms_behind(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RoomId>, StoreError> {
        let ids = listing!(self, after, |c, statements| statements::room_ids(c, after, limit))?;
        let room = |id: String| RoomId::parse(&id).map_err(|_| StoreError::Broken("a room's id is none".into()));
        ids.into_iter().map(room).collect()
    }

    /// Sends a whole room, as it is at one moment, in parts; whether there is one. Waits while the queue is full.
    pub async fn move_out(&self, room: &RoomId, into: Sender<MovedPart>) -> Result<bool, StoreError> {
        let room = room.clone();
        moving!(self.read_long, |c, statements| statements::room(c, room, into))
    }

    /// The bans of identities that are in force in all rooms.
    pub async fn moved_bans(&self) -> Result<Vec<MovedBan>, StoreError> {
        listing!(self, |c, statements| statements::moved_bans(c))
    }

    /// Writes a whole room in one transaction, as its parts come; where they do not come to [`MovedPart::End`] nothing
    /// is written, and this fails. Whoever writes in the room waits meanwhile; with SQLite everybody who writes.
    pub async fn move_in(&self, room: &RoomId, into: MoveInto, from: Receiver<MovedPart>) -> Result<Moved, StoreError> {
        let room = room.clone();
        moving!(self.administer, |c, statements| statements::write_room(c, room, into, from))
    }

    /// Shuts out those who are not shut out for as long already. Tells how many.
    pub async fn move_bans_in(&self, bans: Vec<MovedBan>) -> Result<usize, StoreError> {
        moving!(self.administer, |c, statements| statements::write_all_bans(c, bans))
    }
}
