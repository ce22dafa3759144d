use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{
    runtime::{Builder, Handle},
    sync::{mpsc, oneshot},
    task::LocalSet,
};

use super::{
    AppendOutcome, Changes, DatabaseUrl, Head, Heads, HistoryCheck, Known, LivingServer, Meta, OwnServer, Page,
    PoolStatus, Renewal, StoreError, StoreSettings, Work, acknowledged::Acknowledged, cold, outage::Outage,
    postgres::Postgres, sqlite::Sqlite,
};
use chat_domain::{Epoch, NewMessage, PageCursor, RoomId};

/// The database, whichever it is. Cheap to clone.
///
/// May be used from any thread and any runtime. All work is done by tasks on a thread of its own: a
/// connection lives as long as the runtime that made it, and actix arbiters come and go. What was started is
/// finished even when nobody waits for it any more.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    thread: OwnThread,
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
    Postgres(Postgres),
    Sqlite(Sqlite),
}

impl Inner {
    fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_behind(&self, room: &RoomId, head: &Head, began: u64) -> bool {
        self.acknowledged().is_behind(room, head.epoch, head.rev, began)
    }

    fn any_is_behind(&self, heads: &Heads, began: u64) -> bool {
        let acknowledged = self.acknowledged();
        heads.rooms.iter().any(|(room, epoch, rev)| acknowledged.is_behind(room, *epoch, *rev, began))
    }

    fn settle(&self, heads: &Heads) {
        let mut acknowledged = self.acknowledged();
        heads.rooms.iter().for_each(|(room, epoch, rev)| acknowledged.settle(room, *epoch, *rev));
    }
}

/// The thread that drives the connections and runs all work.
struct OwnThread {
    runtime: Handle,
    /// Things to do on the thread itself. It ends when this is gone.
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

/// Jobs are few, and over at once: whoever has one waits for its place.
const JOBS_MAX: usize = 1;

impl OwnThread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().thread_name("store").enable_all().build()?;
        let handle = runtime.handle().clone();
        let (jobs, mut waiting) = mpsc::channel::<Job>(JOBS_MAX);
        let run = move || {
            LocalSet::new().block_on(&runtime, async {
                while let Some(job) = waiting.recv().await {
                    job();
                }
            });
            // A job that blocks may take as long as its statement: nobody waits for it any more.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("store".into()).spawn(run)?;
        Ok(Self { runtime: handle, jobs })
    }
}

/// Runs `$work` with whichever backend there is, on the store's runtime.
macro_rules! on_backend {
    ($self:ident, $backend:ident => $work:expr) => {{
        let inner = Arc::clone(&$self.0);
        $self
            .spawn(async move {
                match &inner.backend {
                    Backend::Postgres($backend) => $work,
                    Backend::Sqlite($backend) => $work,
                }
            })
            .await
    }};
}

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
        $self.0.thread.runtime.spawn(work).await.unwrap_or_else(|_| Err(ended()))
    }};
}

/// Runs a function of [`cold`], the same for both backends, on a connection that reads.
macro_rules! reading {
    ($self:ident, |$c:ident, $queries:ident| $query:expr) => {{
        let inner = Arc::clone(&$self.0);
        $self
            .spawn(async move {
                match &inner.backend {
                    Backend::Postgres(postgres) => {
                        use cold::postgres as $queries;
                        postgres.pools.read(|$c| $query.boxed()).await
                    }
                    Backend::Sqlite(sqlite) => {
                        use cold::sqlite as $queries;
                        sqlite.in_place()?;
                        sqlite.pools.read(|$c| $query.boxed()).await
                    }
                }
            })
            .await
    }};
}

impl Store {
    /// Opens a store. With PostgreSQL nothing is connected yet. With SQLite the folder is made, and the file
    /// is locked where [`StoreSettings::exclusive`] is set.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another server has the file; [`StoreError::Refused`] where this process may not
    /// write it, or a certificate's file cannot be used.
    pub fn new(url: &DatabaseUrl, settings: &StoreSettings) -> Result<Self, StoreError> {
        let backend = match url {
            DatabaseUrl::Postgres(url) => Backend::Postgres(Postgres::new(url, settings)?),
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(Sqlite::new(Path::new(path), settings)?),
        };
        let no_thread = |e: io::Error| StoreError::Broken(format!("no thread for the store: {e}").into());
        let thread = OwnThread::start().map_err(no_thread)?;
        Ok(Self(Arc::new(Inner {
            backend,
            thread,
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
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn can_write(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        // Not by way of `spawn`: what cannot be written can be read all the same.
        let asking = async move {
            match &inner.backend {
                Backend::Postgres(postgres) => postgres.can_write().await,
                Backend::Sqlite(_) => Ok(()),
            }
        };
        self.0.thread.runtime.spawn(asking).await.unwrap_or_else(|_| Err(ended()))
    }

    /// What is read after this comes from the server that takes messages now. One asks at a time: clients can bring it
    /// about, and messages are stored on the same connection.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
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
    /// together wait for each other. Tells the names of the applied ones.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        on_backend!(self, backend => backend.migrate().await)
    }

    /// Whether the database has all that this release needs.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn schema_current(&self) -> Result<bool, StoreError> {
        on_backend!(self, backend => backend.schema_current().await)
    }

    /// What all servers on this database share.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`; `Broken` before [`Store::migrate`].
    pub async fn meta(&self) -> Result<Meta, StoreError> {
        let row = reading!(self, |c, queries| queries::meta_row(c))?;
        Ok(Meta { epoch: row.epoch.into(), secret: row.secret, name: row.name })
    }

    /// Stores a batch; the outcomes are in the order of the rows. All of it is committed when this returns
    /// `Ok`, but for what the outcomes say. After an error some of it may be: the same batch can be given again, and
    /// what was stored comes back as [`AppendOutcome::Repeated`].
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`. A row that the database does not take is no error.
    pub async fn append_batch(&self, rows: Vec<Arc<NewMessage>>) -> Result<Vec<AppendOutcome>, StoreError> {
        self.append(rows, false).await
    }

    /// As [`Store::append_batch`], for a batch with rows that were [`AppendOutcome::Locked`] before: it asks which
    /// rooms still are, so that no other waits for them.
    ///
    /// # Errors
    /// As [`Store::append_batch`].
    pub async fn append_batch_again(&self, rows: Vec<Arc<NewMessage>>) -> Result<Vec<AppendOutcome>, StoreError> {
        self.append(rows, true).await
    }

    async fn append(&self, rows: Vec<Arc<NewMessage>>, asks_first: bool) -> Result<Vec<AppendOutcome>, StoreError> {
        let inner = Arc::clone(&self.0);
        self.spawn(async move {
            match &inner.backend {
                Backend::Postgres(postgres) => {
                    #[cfg(feature = "fault-injection")]
                    let postgres = &super::fault_injection::AnsweringEarly(postgres);
                    let outcomes = postgres.append(&rows, asks_first).await?;
                    inner.acknowledged().add(&rows, &outcomes);
                    Ok(outcomes)
                }
                Backend::Sqlite(sqlite) => sqlite.append(&rows).await,
            }
        })
        .await
    }

    /// A room's epoch, counter and figures.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn head(&self, room: &RoomId) -> Result<Head, StoreError> {
        let room = room.clone();
        let mut began = Some(self.0.acknowledged().now());
        loop {
            let asked = room.clone();
            let head = reading!(self, |c, queries| {
                let asked = asked.clone();
                async move { queries::head(c, &asked).await }
            })?;
            if let Some(at) = began.take() {
                if self.0.is_behind(&room, &head, at) {
                    self.renew().await?;
                    continue;
                }
            } else {
                self.0.acknowledged().settle(&room, head.epoch, head.rev);
            }
            return Ok(head);
        }
    }

    /// Epochs and counters of many rooms at once. Rooms without a row are absent.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn heads(&self, rooms: Vec<RoomId>) -> Result<Heads, StoreError> {
        let rooms: Arc<[RoomId]> = rooms.into();
        let mut began = Some(self.0.acknowledged().now());
        loop {
            let asked = Arc::clone(&rooms);
            let heads = reading!(self, |c, queries| { queries::heads(c, Arc::clone(&asked)) })?;
            if let Some(at) = began.take() {
                if self.0.any_is_behind(&heads, at) {
                    self.renew().await?;
                    continue;
                }
            } else {
                self.0.settle(&heads);
            }
            return Ok(heads);
        }
    }

    /// A room's head and its latest messages as of one moment: nothing above `head.rev`, and of the latest
    /// `limit` at or below it nothing missing.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn load(&self, room: &RoomId, limit: usize) -> Result<(Head, Page), StoreError> {
        let room = room.clone();
        let mut began = Some(self.0.acknowledged().now());
        loop {
            let asked = room.clone();
            let (head, page) = reading!(self, |c, queries| queries::load(c, asked.clone(), limit))?;
            if let Some(at) = began.take() {
                if self.0.is_behind(&room, &head, at) {
                    self.renew().await?;
                    continue;
                }
            } else {
                self.0.acknowledged().settle(&room, head.epoch, head.rev);
            }
            return Ok((head, page));
        }
    }

    /// A page of a room's messages.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn page(&self, room: &RoomId, cursor: PageCursor, limit: usize) -> Result<Page, StoreError> {
        let room = room.clone();
        reading!(self, |c, queries| {
            let room = room.clone();
            async move { queries::page(c, &room, cursor, limit).await }
        })
    }

    /// What changed in a room above `rev`, and its head as of the same moment.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn changes_since(&self, room: &RoomId, rev: i64, limit: usize) -> Result<Changes, StoreError> {
        let room = room.clone();
        let mut began = Some(self.0.acknowledged().now());
        loop {
            let asked = room.clone();
            let changes = reading!(self, |c, queries| queries::changes_since(c, asked.clone(), rev, limit))?;
            if let Some(at) = began.take() {
                if changes.head.rev < rev || self.0.is_behind(&room, &changes.head, at) {
                    self.renew().await?;
                    continue;
                }
            } else {
                self.0.acknowledged().settle(&room, changes.head.epoch, changes.head.rev);
            }
            return Ok(changes);
        }
    }

    /// Asks the database for nothing, and tells how long the answer took.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let start = Instant::now();
        reading!(self, |c, queries| queries::ping(c))?;
        Ok(start.elapsed())
    }

    /// Begins a new life of all rooms, as after a restore from a backup: what clients know of counters is
    /// void. Tells the new epoch.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn new_epoch(&self) -> Result<Epoch, StoreError> {
        on_backend!(self, backend => backend.new_epoch().await)
    }

    /// Takes this server's lease or renews it, and tells which other servers live. Bounded: 2 s.
    ///
    /// A SQLite file has no leases and no other server: always held.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn renew_lease(&self, own: &OwnServer, sessions: i64, rooms: i64) -> Result<Renewal, StoreError> {
        let own = own.clone();
        on_leases!(self, Renewal::Held(Vec::new()), postgres => postgres.renew_lease(&own, sessions, rooms).await)
    }

    /// Ends this server's lease: the others need not wait until it is over.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn end_lease(&self, own: &OwnServer) -> Result<(), StoreError> {
        let own = own.clone();
        on_leases!(self, (), postgres => postgres.end_lease(&own).await)
    }

    /// Removes what servers left that have been gone for ten minutes. They count for nothing in any case.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn forget_dead_servers(&self) -> Result<(), StoreError> {
        on_leases!(self, (), postgres => postgres.forget_dead_servers().await)
    }

    /// The servers on this database whose lease lives, by id, the one that asks included. None on SQLite.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn living_servers(&self) -> Result<Vec<LivingServer>, StoreError> {
        on_leases!(self, Vec::new(), postgres => postgres.living_servers().await)
    }

    /// Begins a new life of one room, as after a message was removed by hand: everybody in it starts over with what
    /// the database has. Counts its messages anew. `None` where the room has no row.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn new_room_epoch(&self, room: &RoomId) -> Result<Option<Epoch>, StoreError> {
        let room = room.clone();
        on_backend!(self, backend => backend.new_room_epoch(room).await)
    }

    /// Holds what a live room has shown against the database, on the connection that writes. Where the history was
    /// replaced the room gets a new epoch; of several servers that find it at once only one gives it.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
    pub async fn check_history(&self, room: &RoomId, known: Known) -> Result<HistoryCheck, StoreError> {
        let room = room.clone();
        let _turn = self.0.checking.lock().await;
        on_backend!(self, backend => backend.check_history(room, known).await)
    }

    /// Does all that storing these rows takes, and undoes it: whether messages would be stored.
    ///
    /// # Errors
    /// Any [`StoreError`] but `Locked`.
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
    /// without waking another thread. What it starts must not block, and keeps the thread alive.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where the thread is gone.
    pub async fn beside<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let (done, result) = oneshot::channel();
        // Nobody may wait for the result any more; that is fine.
        let job = Box::new(move || drop(done.send(job())));
        self.0.thread.jobs.send(job).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())
    }

    /// What was read is behind what was acknowledged: what is read after this is of the server that takes messages.
    async fn renew(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        self.spawn(async move {
            match &inner.backend {
                Backend::Postgres(postgres) => postgres.renew().await,
                Backend::Sqlite(_) => Ok(()),
            }
        })
        .await
    }

    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let result = self.0.thread.runtime.spawn(work).await.unwrap_or_else(|_| Err(ended()));
        self.0.is_away.store(matches!(result, Err(StoreError::Unavailable(_))), Ordering::Relaxed);
        result
    }
}

fn ended() -> StoreError {
    StoreError::Broken("a task of the store ended early".into())
}
