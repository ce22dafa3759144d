//! The store: rows in, rows out, on PostgreSQL or SQLite.
//!
//! Invariant: no actix, and no policy: batching, retrying and waiting belong to `persistence`.

mod acknowledged;
mod backup;
#[cfg(debug_assertions)]
mod broken;
mod cold;
mod error;
mod facade;
mod history;
mod lease;
mod migrations;
mod outage;
mod pooler;
mod postgres;
mod postgres_batch;
mod postgres_columns;
mod postgres_connect;
mod postgres_connection;
mod postgres_insert;
mod postgres_migrate;
mod postgres_rights;
mod postgres_servers;
mod postgres_session;
mod primary;
mod probe;
mod rows;
mod schema;
mod servers;
mod splitting;
mod sql_types;
mod sqlite;
mod sqlite_batch;
mod sqlite_file;
mod tls;
mod url;
mod url_options;

use std::{borrow::Cow, fmt, time::Duration};

use chrono::{DateTime, Utc};

pub use backup::{BackupError, Contents, back_up, restore};
pub use error::StoreError;
pub use facade::Store;
pub use outage::Work;
pub use pooler::Pooler;
pub use servers::{LeaseView, LivingServer, OwnServer, Renewal, SERVER_LEASE, ServerId, ServerIdError};
pub use tls::{Roots, TlsMode, TlsSettings};
pub use url::{DatabaseUrl, PostgresUrl, StoreUrlError};

use chat_domain::{ChatMessage, Epoch, RoomId};

/// The limits of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// How many connections read; one more writes. At least 1.
    pub pool_size: usize,
    /// How long connecting may take, for each host of the URL.
    pub connect_timeout: Duration,
    /// How long a statement may run, and how long SQLite waits for another process's commit.
    pub statement_timeout: Duration,
    /// How long to wait for a connection while all are in use.
    pub pool_wait: Duration,
    /// PostgreSQL: what is between this server and the database.
    pub pooler: Pooler,
    /// PostgreSQL: how long a batch waits for a room's row that another transaction has locked; then that room waits
    /// and the others go on.
    pub lock_wait: Duration,
    /// SQLite: the file is this store's alone. A second one that wants that is refused.
    pub exclusive: bool,
    /// PostgreSQL: a folder of migrations that follow the program's own, for tests of how they are applied.
    #[cfg(debug_assertions)]
    pub more_migrations: Option<std::path::PathBuf>,
    /// PostgreSQL: answers before the commit, which is wrong: for tests of the tests.
    #[cfg(debug_assertions)]
    pub answers_early: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            pool_size: 8,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            pool_wait: Duration::from_secs(2),
            pooler: Pooler::Auto,
            lock_wait: Duration::from_millis(500),
            exclusive: true,
            #[cfg(debug_assertions)]
            more_migrations: None,
            #[cfg(debug_assertions)]
            answers_early: false,
        }
    }
}

/// What is stored about a room beside its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The room's epoch; `meta.epoch` where the room has no row yet.
    pub epoch: Epoch,
    /// The room's change counter; 0 where the room has no row yet.
    pub rev: i64,
    /// How many messages the room has.
    pub message_count: i64,
    /// When the last message was stored.
    pub last_message_at: Option<DateTime<Utc>>,
}

/// Messages in the order of their `seq`, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<ChatMessage>,
    /// Whether there are more in the direction that was asked.
    pub has_more: bool,
}

/// The changes of a room in counter order, complete between two values of its counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The room as it was when the changes were read: all up to `head.rev` are there, unless `truncated`.
    pub head: Head,
    /// The messages whose `rev` is above the asked one, by `rev`, at most as many as asked.
    pub messages: Vec<ChatMessage>,
    /// There are more than the asked number.
    pub truncated: bool,
}

/// What became of one message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It was stored now.
    Stored(StoredMessage),
    /// The same message of the same author was stored before; here is that one.
    Repeated(StoredMessage),
    /// The author used this `client_id` in this room for other content.
    Conflict,
    /// The database does not take this row; for the log, why: an SQLSTATE, and nothing of the row. Never expected:
    /// text is checked before it enters a batch.
    Refused(Cow<'static, str>),
    /// Not stored: another transaction has locked the row's room, and has let it go neither at once nor in
    /// [`StoreSettings::lock_wait`]. PostgreSQL only. The row may be given again ([`Store::append_batch_again`]).
    Locked,
}

/// What the database gave to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMessage {
    /// The row's id.
    pub id: i64,
    /// The counter's value at creation.
    pub seq: i64,
    /// The counter's value at the last change.
    pub rev: i64,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// The room's epoch.
    pub epoch: Epoch,
}

impl StoredMessage {
    /// What the database gave to this message, in this life of its room.
    pub fn of(&ChatMessage { id, seq, rev, created_at, .. }: &ChatMessage, epoch: Epoch) -> Self {
        Self { id, seq, rev, created_at, epoch }
    }
}

/// What all servers on one database share.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    /// The epoch of every room that has no row yet.
    pub epoch: Epoch,
    /// The key that public ids are derived with, where none is configured. 32 bytes.
    pub secret: Vec<u8>,
    /// Names this database for good, 12 hexadecimal digits: no new epoch changes it.
    pub name: String,
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta").field("epoch", &self.epoch).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The counters of many rooms at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// The epoch of every room that is not in `rooms`.
    pub meta_epoch: Epoch,
    /// Epoch and counter of those rooms that have a row, in no order.
    pub rooms: Vec<(RoomId, Epoch, i64)>,
}

/// What a live room has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The room's epoch.
    pub epoch: Epoch,
    /// The counter's value up to which all was shown.
    pub rev: i64,
    /// Place (`seq`) and sender's key of the newest message that was shown.
    pub newest: Option<(i64, uuid::Uuid)>,
}

/// Whether the database still has what a room has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryCheck {
    /// Nothing says otherwise.
    Same,
    /// It had not, and the room has this new epoch now.
    Replaced(Epoch),
    /// The room had another epoch already.
    OtherEpoch(Epoch),
}

/// The connections of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// How many exist.
    pub size: usize,
    /// How many there may be.
    pub max: usize,
    /// How many of them work.
    pub in_use: usize,
    /// How many jobs wait for one.
    pub waiting: usize,
}
