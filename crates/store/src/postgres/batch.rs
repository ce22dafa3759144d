//! How PostgreSQL stores a batch: one statement, one round trip, one implicit transaction. The one for new keys is
//! tried first ([`insert`]); here is the one for any.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use diesel::{
    ExpressionMethods, QueryResult, QueryableByName,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::Error as QueryError,
    sql_query,
    sql_types::{Array, BigInt, Bool, Text},
    update,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Postgres,
    changes::statements::look_up,
    columns::{Columns, Referring},
    connection::PgConnection,
    insert,
};
use crate::{
    error::{Failure, StoreError},
    model::{AppendOutcome, StoredMessage},
    probe::undone,
    references::{Asked, Checked, References},
    splitting::{Row, Splitting},
    tables::{
        schema::meta,
        sql_types::{Guid, Key, Stamp, Ts},
    },
};
use chat_domain::{NewMessage, RoomId};

/// How often a batch is run again that met another server's. Two servers with the same 40,000 keys met 964
/// times in 4,000 batches (docs/adr/0003), so ten in a row is a fault.
const RUNS_MAX: usize = 10;

/// What each common table expression is for:
///
/// - `uniq`: the first of the rows that have the same key.
/// - `old`: those stored before. The lookup asks for the first key at or behind the wanted one, because only the
///   index on the key can answer that. Asked for the key itself, the planner takes any index that begins with
///   the room while the table has no statistics, and every message costs a walk through its room.
/// - `fresh`: the others; `k` of `n` in its room.
/// - `bump`: allots the counters under the locks of the room rows, taken in the order of the ids. A room
///   without a row gets one, with the epoch of `meta`. A room whose `guard_rev` is another one than the rows were
///   checked against is left out, and so are its rows.
/// - `ins`: the new messages, in the order of the batch.
///
/// What was edited or deleted since it was stored is the same message whatever it says now.
///
/// The snapshot is older than the locks: a twin that another server stored meanwhile is met as a unique
/// violation, nothing is stored, and the next run finds it in `old`.
const SQL: [&str; 2] = [
    "WITH inp AS (
      SELECT t.room_id COLLATE \"C\" AS room_id, t.author COLLATE \"C\" AS author, t.nickname, t.avatar, t.content,
        t.client_id, t.reply_to, t.reply_to_seq, t.mentions, t.badge, t.guard_rev, t.ord
      FROM unnest(",
    ") WITH ORDINALITY AS t (room_id, author, nickname, avatar, content, client_id, reply_to, reply_to_seq, mentions,
        badge, guard_rev, ord)
    ), uniq AS (
      SELECT DISTINCT ON (room_id, author, client_id) * FROM inp ORDER BY room_id, author, client_id, ord
    ), old AS (
      SELECT u.room_id, u.author, u.client_id, m.id, m.seq, m.rev, m.created_at, m.content, m.epoch, m.changed
      FROM uniq u CROSS JOIN LATERAL (
        SELECT x.room_id, x.anonymous_id, x.client_id, x.id, x.seq, x.rev, x.created_at, x.content,
          x.version > 1 OR x.deleted_at IS NOT NULL AS changed,
          (SELECT r.epoch FROM rooms r WHERE r.id = x.room_id) AS epoch
        FROM messages x
        WHERE (x.room_id, x.anonymous_id, x.client_id) >= (u.room_id, u.author, u.client_id)
        ORDER BY x.room_id, x.anonymous_id, x.client_id LIMIT 1) m
      WHERE m.room_id = u.room_id AND m.anonymous_id = u.author AND m.client_id = u.client_id
    ), fresh AS (
      SELECT u.*, row_number() OVER (PARTITION BY u.room_id ORDER BY u.ord) AS k,
        count(*) OVER (PARTITION BY u.room_id) AS n
      FROM uniq u LEFT JOIN old o USING (room_id, author, client_id) WHERE o.seq IS NULL
    ), bump AS (
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, created_at, last_message_at, guard_rev)
      SELECT f.room_id, (SELECT epoch FROM meta WHERE id = 1), count(*), count(*),
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now()), max(f.guard_rev)
      FROM fresh f GROUP BY f.room_id ORDER BY f.room_id
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count,
        last_message_at = greatest(r.last_message_at, excluded.last_message_at)
      WHERE r.guard_rev = excluded.guard_rev
      RETURNING r.id, r.last_rev, r.epoch
    ), ins AS (
      INSERT INTO messages AS m
        (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at, reply_to, reply_to_seq,
        mentions, badge)
      SELECT f.room_id, f.author, f.nickname, f.avatar, f.content, f.client_id,
        b.last_rev - f.n + f.k, b.last_rev - f.n + f.k, date_trunc('milliseconds', now()), f.reply_to, f.reply_to_seq,
        f.mentions, f.badge
      FROM fresh f JOIN bump b ON b.id = f.room_id ORDER BY f.ord
      RETURNING m.room_id, m.anonymous_id AS author, m.client_id, m.id, m.seq, m.rev, m.created_at, m.content
    )
    SELECT i.ord, s.id, s.seq, s.rev, s.created_at, s.epoch, s.old, s.changed OR s.content = i.content
    FROM inp i JOIN (
      SELECT ins.*, bump.epoch, false AS changed, false AS old FROM ins JOIN bump ON bump.id = ins.room_id
      UNION ALL
      SELECT room_id, author, client_id, id, seq, rev, created_at, content, epoch, changed, true FROM old
    ) s USING (room_id, author, client_id)",
];

/// The rooms among those given whose row somebody else has locked. The lock is the one that a batch takes.
const LOCKED: &str = "WITH asked AS (SELECT id FROM rooms WHERE id = ANY($1)),
    free AS (SELECT id FROM rooms WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED)
    SELECT id FROM asked WHERE id NOT IN (SELECT id FROM free)";

/// The rooms among those with these names whose row somebody else has locked. Within a transaction the others are its own
/// from then on.
pub(crate) async fn locked_among(c: &mut PgConnection, names: Vec<String>) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Text)]
        id: String,
    }
    let locked = sql_query(LOCKED).bind::<Array<Text>, _>(names).load::<Locked>(c).await?;
    Ok(locked.into_iter().map(|row| row.id).collect())
}

/// The statement with its values.
struct AppendBatch<'a>(Columns<'a>);

/// Lets the connection keep it prepared.
impl QueryId for AppendBatch<'_> {
    type QueryId = AppendBatch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// Which row of the batch, and what became of it: id, seq, rev, time, epoch, was there before, same content.
pub(crate) type AppendedRow = (i64, i64, i64, i64, Stamp, Key, bool, bool);

impl Query for AppendBatch<'_> {
    type SqlType = (BigInt, BigInt, BigInt, BigInt, Ts, Guid, Bool, Bool);
}

impl QueryFragment<Pg> for AppendBatch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [a, b] = SQL;
        out.push_sql(a);
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(b);
        Ok(())
    }
}

impl Postgres {
    /// Stores a batch. One that the database does not take is divided until what it does not take is alone.
    ///
    /// `asks_first`: some of the rooms were locked before, so which still are is asked before any is waited for.
    pub async fn append(&self, rows: &[Arc<NewMessage>], asks_first: bool) -> Result<Vec<AppendOutcome>, StoreError> {
        let asked = Asked::of(rows);
        let references = match asked.is_empty() {
            true => References::default(),
            false => self.pools.write(|c| async move { look_up(c, &asked).await }.boxed()).await?,
        };
        let Checked { rows, refused } = references.check(rows);
        let references = &references;
        let append = |part| async move { self.append_whole(part, references).await }.boxed();
        Ok(refused.put_back(self.in_parts(&rows, asks_first, append).await?))
    }

    /// Stores a batch in as few parts as the database takes it in; `whole` stores all of a part or nothing.
    pub(super) async fn in_parts<'a, R: Row>(
        &self,
        rows: &[Arc<R>],
        asks_first: bool,
        whole: impl Fn(Vec<Arc<R>>) -> BoxFuture<'a, Result<Vec<R::Outcome>, Failure>>,
    ) -> Result<Vec<R::Outcome>, StoreError> {
        let mut splitting = Splitting::new(rows);
        let mut asks = asks_first;
        while let Some(part) = splitting.next_part() {
            if std::mem::take(&mut asks) {
                let held = self.locked_rooms(&part).await?;
                if !held.is_empty() {
                    splitting.locked(&held);
                    continue;
                }
            }
            match whole(part.clone()).await {
                Ok(done) => splitting.took(done),
                // The rooms whose rows are locked are all found at once, and no other waits for them.
                Err(Failure::LockedOut(text)) => {
                    let held = self.locked_rooms(&part).await?;
                    if held.is_empty() { splitting.failed(Failure::LockedOut(text))? } else { splitting.locked(&held) }
                }
                Err(failure) => splitting.failed(failure)?,
            }
        }
        splitting.finish()
    }

    /// Which of the rows' rooms are locked by other transactions. Waits for none of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] as well where all of `rooms` is locked.
    async fn locked_rooms<R: Row>(&self, rows: &[Arc<R>]) -> Result<HashSet<RoomId>, StoreError> {
        let mut rooms: Vec<RoomId> = rows.iter().map(|row| row.room().clone()).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let names: Vec<String> = rooms.iter().map(|room| room.as_str().to_owned()).collect();
        let locked = self.pools.write(move |c| locked_among(c, names).boxed()).await?;
        let is_locked = |room: &RoomId| locked.iter().any(|name| name == room.as_str());
        Ok(rooms.into_iter().filter(is_locked).collect())
    }

    /// Whether these rows would be stored.
    pub async fn probe_write(&self, rows: Vec<Arc<NewMessage>>) -> Result<(), StoreError> {
        Ok(self.pools.write(|c| probe(c, rows).boxed()).await?)
    }

    /// Stores all of a batch or nothing.
    async fn append_whole(
        &self,
        rows: Vec<Arc<NewMessage>>,
        references: &References,
    ) -> Result<Vec<AppendOutcome>, Failure> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match self.insert(&rows, references).await {
            // Some were stored before, or are here twice.
            Err(Failure::Again(_) | Failure::Taken(_)) => {}
            result => return result,
        }
        for _ in 1..RUNS_MAX {
            match self.append_once(&rows, references).await {
                Err(Failure::Again(_) | Failure::Taken(_)) => tokio::time::sleep(jitter()).await,
                result => return result,
            }
        }
        self.append_once(&rows, references).await
    }

    async fn insert(&self, rows: &[Arc<NewMessage>], references: &References) -> Result<Vec<AppendOutcome>, Failure> {
        let rows = Referring::of(rows, references);
        let inserted = self.pools.write(|c| async move { insert::run(c, &rows).await }.boxed()).await?;
        inserted.ok_or_else(wrong_number)
    }

    async fn append_once(
        &self,
        rows: &[Arc<NewMessage>],
        references: &References,
    ) -> Result<Vec<AppendOutcome>, Failure> {
        let rows = Referring::of(rows, references);
        let appended = self.pools.write(|c| async move { run(c, &rows).await.map(|done| (rows, done)) }.boxed());
        let (rows, appended) = appended.await?;
        Ok(outcomes_of(rows, appended))
    }
}

fn wrong_number() -> Failure {
    Failure::Store(StoreError::Broken("a batch came back with a row too many or too few".into()))
}

/// Rows extend the tables although they are rolled back; the commit behind them shows that the log takes one.
async fn probe(c: &mut PgConnection, rows: Vec<Arc<NewMessage>>) -> QueryResult<()> {
    let storing: QueryResult<()> = c
        .transaction(async move |c| {
            run(c, &Referring::of(&rows, &References::default())).await?;
            Err(QueryError::RollbackTransaction)
        })
        .await;
    undone(storing)?;
    let same = update(meta::table).set(meta::secret.eq(meta::secret));
    same.execute(c).await.map(|_| ())
}

pub(crate) async fn run(c: &mut PgConnection, rows: &[Referring]) -> QueryResult<Vec<AppendedRow>> {
    AppendBatch(Columns::new(rows)).load::<AppendedRow>(c).await
}

pub(crate) fn outcomes_of(rows: Vec<Referring>, appended: Vec<AppendedRow>) -> Vec<AppendOutcome> {
    let mut by_place: HashMap<i64, AppendedRow> = appended.into_iter().map(|row| (row.0, row)).collect();
    let mut seen = HashSet::with_capacity(by_place.len());
    let outcome = |(place, row): (i64, Referring)| {
        // The statement leaves out the rows of a room whose guard_rev is another one.
        let Some((_, id, seq, rev, at, epoch, old, same)) = by_place.remove(&place) else {
            return AppendOutcome::GuardChanged;
        };
        let message = StoredMessage { id, seq, rev, created_at: at.0, epoch: epoch.into() };
        // The first row with a new key was stored; others with that key repeat it.
        match (seen.insert(id) && !old, same) {
            (true, _) => AppendOutcome::Stored(message, row.annotations),
            (false, true) => AppendOutcome::Repeated(message),
            (false, false) => AppendOutcome::Conflict,
        }
    };
    (1..).zip(rows).map(outcome).collect()
}

/// Up to 4 ms, so that two servers that met do not meet again.
fn jitter() -> Duration {
    Duration::from_micros(u64::from(getrandom::u32().unwrap_or(2_000) % 4_000))
}
