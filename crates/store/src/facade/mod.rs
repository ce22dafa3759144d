//! The store as all others see it: what may be asked of it, each done on its own thread, on whichever database there is.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    acknowledged::Acknowledged,
    error::StoreError,
    model::{AppendOutcome, ChangeOutcome, HistoryCheck, Known, PoolStatus},
    outage::{Outage, Work},
    postgres::Postgres,
    settings::{DatabaseUrl, StoreSettings},
    sqlite::Sqlite,
    worker::Worker,
};
use chat_domain::{Epoch, NewChange, NewMessage, RoomId};

/// The database, whichever it is. Cheap to clone.
///
/// May be used from any thread and any runtime. All work is done by tasks on a thread of its own: a
/// connection lives as long as the runtime that made it, and actix arbiters come and go. What was started is
/// finished even when nobody waits for it any more.
///
/// # Errors
/// Where nothing else is said a method fails with any [`StoreError`] but `Locked`.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    worker: Worker,
    /// The last job found the database not available.
    is_away: AtomicBool,
    /// PostgreSQL: what no read may be behind of.
    acknowledged: Mutex<Acknowledged>,
    /// Held by the one that asks about a room's history: all of a server's rooms may doubt at once, and messages
    /// are stored on the same connection.
    checking: tokio::sync::Mutex<()>,
    outage: Outage,
}

enum Backend {
    Postgres(Box<Postgres>),
    Sqlite(Sqlite),
}

impl Inner {
    fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `$work` with whichever backend there is, on the store's runtime.
macro_rules! on_backend {
    ($self:ident, $backend:ident => $work:expr) => {{
        let inner = Arc::clone(&$self.0);
        let work = async move {
            match &inner.backend {
                Backend::Postgres($backend) => $work,
                Backend::Sqlite($backend) => $work,
            }
        };
        $self.spawn(work).await
    }};
}

/// Runs `$work` by way of `$run` on the store's runtime, with PostgreSQL alone.
macro_rules! on_postgres {
    ($self:ident$(.$run:tt)+, $on_sqlite:expr, $postgres:ident => $work:expr) => {{
        let inner = std::sync::Arc::clone(&$self.0);
        let work = async move {
            match &inner.backend {
                crate::facade::Backend::Postgres($postgres) => $work,
                crate::facade::Backend::Sqlite(_) => Ok($on_sqlite),
            }
        };
        $self$(.$run)+(work).await
    }};
}

mod accounts;
mod bots;
mod console;
mod keeping;
mod leases;
mod mail;
mod management;
mod moving;
mod presence;
mod reads;

impl Store {
    /// Opens a store. With PostgreSQL nothing is connected yet. With SQLite the folder is made, and the file
    /// is locked where [`StoreSettings::exclusive`] is set.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another server has the file; [`StoreError::Refused`] where this process may not
    /// write it, or a certificate's file cannot be used.
    pub fn new(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let backend = match url {
            DatabaseUrl::Postgres(url) => Backend::Postgres(Box::new(Postgres::new(url, settings)?)),
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(Sqlite::new(Path::new(path), settings)?),
        };
        let no_thread = |e: io::Error| StoreError::Broken(format!("no thread for the store: {e}").into());
        let worker = Worker::start().map_err(no_thread)?;
        Ok(Self(Arc::new(Inner {
            backend,
            worker,
            is_away: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            checking: tokio::sync::Mutex::default(),
            outage: Outage::default(),
        })))
    }

    /// `postgresql` or `sqlite`.
    pub fn kind(&self) -> &'static str {
        match &self.0.backend {
            Backend::Postgres(_) => "postgresql",
            Backend::Sqlite(_) => "sqlite",
        }
    }

    /// Whether the database can do what is needed: hold every text, be written to, and let this role do so.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with what to do; [`StoreError::Unavailable`] where it may be better in a while, as
    /// with a standby that is about to be promoted.
    pub async fn check(&self) -> Result<(), StoreError> {
        on_backend!(self, backend => backend.check().await)
    }

    /// Whether the database still takes messages. Where another server does so now, all connections go there.
    pub async fn can_write(&self) -> Result<(), StoreError> {
        // Not by way of `spawn`: what cannot be written can be read all the same.
        on_postgres!(self.0.worker.run, (), postgres => postgres.can_write().await)
    }

    /// What is read after this comes from the server that takes messages now. One asks at a time: clients can bring it
    /// about, and messages are stored on the same connection.
    pub async fn confirm_primary(&self) -> Result<(), StoreError> {
        let _turn = self.0.checking.lock().await;
        self.can_write().await
    }

    /// How long the database has answered and taken nothing: it is a standby, or read-only. `None` where it takes
    /// messages, and where it is away, as far as that is known.
    pub fn read_only_for(&self) -> Option<Duration> {
        match &self.0.backend {
            Backend::Postgres(postgres) => postgres.read_only_for(),
            Backend::Sqlite(_) => None,
        }
    }

    /// Applies the migrations that are missing and makes the row that all servers share. Servers that start
    /// together wait for each other. Tells the names of the applied ones. Fails with any [`StoreError`].
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        on_backend!(self, backend => backend.migrate().await)
    }

    /// Whether the database has all that this release needs.
    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        on_backend!(self, backend => backend.schema_current().await)
    }

    /// Stores a batch; the outcomes are in the order of the rows. All of it is committed when this returns
    /// `Ok`, but for what the outcomes say. After an error some of it may be: the same batch can be given again, and
    /// what was stored comes back as [`AppendOutcome::Repeated`]. A row that the database does not take is no error.
    pub async fn append_batch(&self, rows: Vec<Arc<NewMessage>>) -> Result<Vec<AppendOutcome>, StoreError> {
        self.append(rows, false).await
    }

    /// As [`Store::append_batch`], for a batch with rows that were [`AppendOutcome::Locked`] before: it asks which
    /// rooms still are, so that no other waits for them.
    pub async fn append_batch_again(&self, rows: Vec<Arc<NewMessage>>) -> Result<Vec<AppendOutcome>, StoreError> {
        self.append(rows, true).await
    }

    /// Stores a batch of changes; the outcomes are in the order of the rows. As [`Store::append_batch`]: given again
    /// after an error, what was stored comes back as [`ChangeOutcome::Unchanged`].
    ///
    /// # Errors
    /// As [`Store::append_batch`].
    pub async fn change_batch(&self, rows: Vec<Arc<NewChange>>) -> Result<Vec<ChangeOutcome>, StoreError> {
        self.change(rows, false).await
    }

    /// As [`Store::append_batch_again`].
    ///
    /// # Errors
    /// As [`Store::append_batch`].
    pub async fn change_batch_again(&self, rows: Vec<Arc<NewChange>>) -> Result<Vec<ChangeOutcome>, StoreError> {
        self.change(rows, true).await
    }

    async fn change(&self, rows: Vec<Arc<NewChange>>, asks_first: bool) -> Result<Vec<ChangeOutcome>, StoreError> {
        let inner = Arc::clone(&self.0);
        self.spawn(async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    let outcomes = postgres.change(&rows, asks_first).await?;
                    let changed = rows.iter().zip(&outcomes).filter_map(|(row, outcome)| match outcome {
                        ChangeOutcome::Changed(epoch, change) => Some((&row.room, *epoch, change.rev())),
                        _ => None,
                    });
                    inner.acknowledged().add(changed);
                    Ok(outcomes)
                }
                Backend::Sqlite(sqlite) => sqlite.change(&rows).await,
            }
        })
        .await
    }

    /// Removes what moderators deleted so long ago that it cannot be undone any more: to be called now and then. Tells
    /// how many texts that were.
    pub async fn forget_removed_texts(&self) -> Result<usize, StoreError> {
        on_backend!(self, backend => backend.sweep().await)
    }

    async fn append(&self, rows: Vec<Arc<NewMessage>>, asks_first: bool) -> Result<Vec<AppendOutcome>, StoreError> {
        let inner = Arc::clone(&self.0);
        let appending = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    #[cfg(feature = "fault-injection")]
                    let postgres = &super::fault_injection::AnsweringEarly(postgres);
                    let outcomes = postgres.append(&rows, asks_first).await?;
                    let stored = rows.iter().zip(&outcomes).filter_map(|(row, outcome)| match outcome {
                        AppendOutcome::Stored(stored, _) => Some((&row.room, stored.epoch, stored.rev)),
                        _ => None,
                    });
                    inner.acknowledged().add(stored);
                    Ok(outcomes)
                }
                Backend::Sqlite(sqlite) => sqlite.append(&rows).await,
            }
        };
        self.spawn(appending).await
    }

    /// Begins a new life of all rooms, as after a restore from a backup: what clients know of counters is
    /// void. Tells the new epoch.
    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        on_backend!(self, backend => backend.new_epoch().await)
    }

    /// Begins a new life of one room, as after a message was removed by hand: everybody in it starts over with what
    /// the database has. Counts its messages anew. `None` where the room has no row.
    pub async fn new_room_epoch(&self, room: &RoomId) -> Result<Option<Epoch>, StoreError> {
        let room = room.clone();
        on_backend!(self, backend => backend.new_room_epoch(room).await)
    }

    /// Holds what a live room has shown against the database, on the connection that writes. Where the history was
    /// replaced the room gets a new epoch; of several servers that find it at once only one gives it.
    pub async fn check_history(&self, room: &RoomId, known: Known) -> Result<HistoryCheck, StoreError> {
        let room = room.clone();
        let _turn = self.0.checking.lock().await;
        on_backend!(self, backend => backend.check_history(room, known).await)
    }

    /// Does all that storing these rows takes, and undoes it: whether messages would be stored.
    pub async fn probe_write(&self, rows: Vec<Arc<NewMessage>>) -> Result<(), StoreError> {
        on_backend!(self, backend => backend.probe_write(rows).await)
    }

    /// How busy the connections are.
    pub fn pool_status(&self) -> PoolStatus {
        match &self.0.backend {
            Backend::Postgres(postgres) => postgres.pools.status(),
            Backend::Sqlite(sqlite) => sqlite.pools.status(),
        }
    }

    /// Whether the last thing asked of the database, whatever it was, found it not available.
    pub fn is_away(&self) -> bool {
        self.0.is_away.load(Ordering::Relaxed)
    }

    /// Whoever finds that this does not go says so here, and the log has one line for each outage.
    pub fn failed(&self, work: Work, why: &dyn std::fmt::Display) {
        self.0.outage.begin(work, why);
    }

    /// Whoever finds that this goes says so here, and the log has one line for its end.
    pub fn succeeded(&self, work: Work) {
        self.0.outage.end(work);
    }

    /// A room found that its history was replaced: says so, at most once a minute.
    pub fn history_was_replaced(&self) {
        self.0.outage.replaced();
    }

    /// A client says that it has seen more than the database has: says so, at most once an hour.
    pub fn client_knows_more(&self) {
        self.0.outage.client_knows_more();
    }

    /// Does something on the thread that drives the connections: actors that are started there reach the database
    /// without waking another thread. What it starts must not block, and keeps the thread alive. Fails
    /// with [`StoreError::Broken`] where the thread is gone.
    pub async fn run_on_thread<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.worker.call(job).await
    }

    /// What was read is behind what was acknowledged: what is read after this is of the server that takes messages.
    async fn renew(&self) -> Result<(), StoreError> {
        on_postgres!(self.spawn, (), postgres => postgres.renew().await)
    }

    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = self.0.worker.run(work).await;
        self.0.is_away.store(matches!(result, Err(StoreError::Unavailable(_))), Ordering::Relaxed);
        result
    }
}
