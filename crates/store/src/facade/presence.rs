//! Who is in which room on which server: in PostgreSQL alone, since a SQLite file has one server.

use super::Store;
use crate::{
    error::StoreError,
    presence::{PresenceFound, PresenceWrite},
};
use chat_domain::RoomId;

// As with leases: whether this goes says nothing about the chat.
impl Store {
    /// Writes who is in rooms on this server. Bounded: 2 s. After an error it may be written all the same; the same can be
    /// given again.
    pub async fn write_presence(&self, write: PresenceWrite) -> Result<(), StoreError> {
        on_postgres!(self.0.worker.run, (), postgres => postgres.write_presence(&write).await)
    }

    /// Reads what other servers have said of who is in which room: all that was said within the last five seconds, and of
    /// `wanted` rooms whatever stands there. Bounded: 2 s.
    pub async fn read_presence(&self, server: &str, wanted: Vec<RoomId>) -> Result<PresenceFound, StoreError> {
        let server = server.to_owned();
        on_postgres!(self.0.worker.run, PresenceFound::default(), postgres => postgres.read_presence(&server, &wanted).await)
    }
}
