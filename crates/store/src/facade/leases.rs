//! The leases of servers, which are in PostgreSQL alone: a SQLite file has one server.

use std::sync::Arc;

use super::{Backend, Store};
use crate::{
    error::StoreError,
    servers::{LivingServer, OwnServer, Renewal},
};

/// Work on leases, which are in PostgreSQL alone, on the store's runtime. Whether it goes says nothing about the chat:
/// [`Store::is_away`] does not hear of it.
macro_rules! on_leases {
    ($self:ident, $on_sqlite:expr, $postgres:ident => $work:expr) => {{
        let inner = Arc::clone(&$self.0);
        let work = async move {
            match &inner.backend {
                Backend::Postgres($postgres) => $work,
                Backend::Sqlite(_) => Ok($on_sqlite),
            }
        };
        $self.0.worker.run(work).await
    }};
}

impl Store {
    /// Takes this server's lease or renews it, and tells which other servers live. Bounded: 2 s.
    ///
    /// A SQLite file has no leases and no other server: always held.
    pub async fn renew_lease(&self, own: &OwnServer, sessions: i64, rooms: i64) -> Result<Renewal, StoreError> {
        let own = own.clone();
        on_leases!(self, Renewal::Held(Vec::new()), postgres => postgres.renew_lease(&own, sessions, rooms).await)
    }

    /// Ends this server's lease: the others need not wait until it is over.
    pub async fn end_lease(&self, own: &OwnServer) -> Result<(), StoreError> {
        let own = own.clone();
        on_leases!(self, (), postgres => postgres.end_lease(&own).await)
    }

    /// Removes what servers left that have been gone for ten minutes. They count for nothing in any case.
    pub async fn forget_dead_servers(&self) -> Result<(), StoreError> {
        on_leases!(self, (), postgres => postgres.forget_dead_servers().await)
    }

    /// The servers on this database whose lease lives, by id, the one that asks included. None on SQLite.
    pub async fn living_servers(&self) -> Result<Vec<LivingServer>, StoreError> {
        on_leases!(self, Vec::new(), postgres => postgres.living_servers().await)
    }
}
