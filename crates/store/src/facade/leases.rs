//! The leases of servers, which are in PostgreSQL alone: a SQLite file has one server.

use super::Store;
use crate::{
    error::StoreError,
    servers::{LivingServer, OwnServer, Renewal},
};

// Whether work on leases goes says nothing about the chat: [`Store::is_away`] does not hear of it.
impl Store {
    /// Takes this server's lease or renews it, and tells which other servers live. Bounded: 2 s.
    ///
    /// A SQLite file has no leases and no other server: always held.
    pub async fn renew_lease(&self, own: &OwnServer, sessions: i64, rooms: i64) -> Result<Renewal, StoreError> {
        let own = own.clone();
        on_postgres!(self.0.worker.run, Renewal::Held(Vec::new()), postgres => postgres.renew_lease(&own, sessions, rooms).await)
    }

    /// Ends this server's lease: the others need not wait until it is over.
    pub async fn end_lease(&self, own: &OwnServer) -> Result<(), StoreError> {
        let own = own.clone();
        on_postgres!(self.0.worker.run, (), postgres => postgres.end_lease(&own).await)
    }

    /// Removes what servers left that have been gone for ten minutes. They count for nothing in any case.
    pub async fn forget_dead_servers(&self) -> Result<(), StoreError> {
        on_postgres!(self.0.worker.run, (), postgres => postgres.forget_dead_servers().await)
    }

    /// The servers on this database whose lease lives, by id, the one that asks included. None on SQLite.
    pub async fn living_servers(&self) -> Result<Vec<LivingServer>, StoreError> {
        on_postgres!(self.0.worker.run, Vec::new(), postgres => postgres.living_servers().await)
    }
}
