//! How PostgreSQL stores a batch: one statement, one round trip, one implicit transaction. The one for new keys is
//! tried first ([`postgres_insert`]); here is the one for any.

use std::{collections::HashSet, sync::Arc, time::Duration};

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Bool},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;

#[cfg(debug_assertions)]
use super::broken;
use super::{
    AppendOutcome, StoreError, StoredMessage,
    error::Failure,
    postgres::Postgres,
    postgres_columns::Columns,
    postgres_insert,
    sql_types::{Guid, Key, Stamp, Ts},
};
use crate::domain::NewMessage;

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
///   without a row gets one, with the epoch of `meta`.
/// - `ins`: the new messages, in the order of the batch.
///
/// The snapshot is older than the locks: a twin that another server stored meanwhile is met as a unique
/// violation, nothing is stored, and the next run finds it in `old`.
const SQL: [&str; 2] = [
    "WITH inp AS (
      SELECT t.room_id COLLATE \"C\" AS room_id, t.author COLLATE \"C\" AS author, t.nickname, t.avatar, t.content,
        t.client_id, t.ord
      FROM unnest(",
    ") WITH ORDINALITY AS t (room_id, author, nickname, avatar, content, client_id, ord)
    ), uniq AS (
      SELECT DISTINCT ON (room_id, author, client_id) * FROM inp ORDER BY room_id, author, client_id, ord
    ), old AS (
      SELECT u.room_id, u.author, u.client_id, m.id, m.seq, m.rev, m.created_at, m.content, m.epoch
      FROM uniq u CROSS JOIN LATERAL (
        SELECT x.room_id, x.anonymous_id, x.client_id, x.id, x.seq, x.rev, x.created_at, x.content,
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
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, created_at, last_message_at)
      SELECT f.room_id, (SELECT epoch FROM meta WHERE id = 1), count(*), count(*),
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
      FROM fresh f GROUP BY f.room_id ORDER BY f.room_id
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count,
        last_message_at = greatest(r.last_message_at, excluded.last_message_at)
      RETURNING r.id, r.last_rev, r.epoch
    ), ins AS (
      INSERT INTO messages AS m
        (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
      SELECT f.room_id, f.author, f.nickname, f.avatar, f.content, f.client_id,
        b.last_rev - f.n + f.k, b.last_rev - f.n + f.k, date_trunc('milliseconds', now())
      FROM fresh f JOIN bump b ON b.id = f.room_id ORDER BY f.ord
      RETURNING m.room_id, m.anonymous_id AS author, m.client_id, m.id, m.seq, m.rev, m.created_at, m.content
    )
    SELECT i.ord, s.id, s.seq, s.rev, s.created_at, s.epoch, s.old, s.content = i.content
    FROM inp i JOIN (
      SELECT ins.*, bump.epoch, false AS old FROM ins JOIN bump ON bump.id = ins.room_id
      UNION ALL
      SELECT room_id, author, client_id, id, seq, rev, created_at, content, epoch, true FROM old
    ) s USING (room_id, author, client_id)",
];

/// The statement with its values.
struct AppendBatch<'a>(Columns<'a>);

/// Lets the connection keep it prepared.
impl QueryId for AppendBatch<'_> {
    type QueryId = AppendBatch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// Which row of the batch, and what became of it: id, seq, rev, time, epoch, was there before, same content.
pub(super) type AppendedRow = (i64, i64, i64, i64, Stamp, Key, bool, bool);

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
    /// Stores a batch. One that the database refuses because of a row's data is halved until that row is alone.
    pub async fn append(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        // The parts still to do, the next one last.
        let mut parts = vec![rows];
        while let Some(part) = parts.pop() {
            match self.append_whole(part).await {
                Ok(done) => outcomes.extend(done),
                Err(failure) if is_about_data(&failure, part) => match part.split_at_checked(part.len() / 2) {
                    Some((first, second)) if !first.is_empty() => parts.extend([second, first]),
                    _ => outcomes.push(AppendOutcome::Refused),
                },
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(outcomes)
    }

    /// Stores all of a batch or nothing.
    async fn append_whole(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, Failure> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        #[cfg(debug_assertions)]
        if self.answers_early {
            let rows = rows.to_vec();
            let pool = &self.pools.writer;
            let answered = broken::write_answering_early(pool, |c| async move { run(c, &rows).await }.boxed());
            let appended = answered.await?;
            return Ok(outcomes_of(appended));
        }
        match self.insert(rows).await {
            // Some were stored before, or are here twice.
            Err(Failure::Again) => {}
            result => return result,
        }
        for _ in 1..RUNS_MAX {
            match self.append_once(rows).await {
                Err(Failure::Again) => tokio::time::sleep(jitter()).await,
                result => return result,
            }
        }
        self.append_once(rows).await
    }

    async fn insert(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, Failure> {
        let rows = rows.to_vec();
        let inserted = self.pools.write(|c| async move { postgres_insert::run(c, &rows).await }.boxed()).await?;
        inserted.ok_or_else(wrong_number)
    }

    async fn append_once(&self, rows: &[Arc<NewMessage>]) -> Result<Vec<AppendOutcome>, Failure> {
        let (n_rows, rows) = (rows.len(), rows.to_vec());
        let appended = self.pools.write(|c| async move { run(c, &rows).await }.boxed()).await?;
        if appended.len() == n_rows { Ok(outcomes_of(appended)) } else { Err(wrong_number()) }
    }
}

fn wrong_number() -> Failure {
    Failure::Store(StoreError::Broken("a batch came back with a row too many or too few".into()))
}

pub(super) async fn run(c: &mut AsyncPgConnection, rows: &[Arc<NewMessage>]) -> QueryResult<Vec<AppendedRow>> {
    AppendBatch(Columns::new(rows)).load::<AppendedRow>(c).await
}

fn outcomes_of(mut appended: Vec<AppendedRow>) -> Vec<AppendOutcome> {
    appended.sort_unstable_by_key(|row| row.0);
    let mut seen = HashSet::with_capacity(appended.len());
    let outcome = |(_, id, seq, rev, at, epoch, old, same): AppendedRow| {
        let message = StoredMessage { id, seq, rev, created_at: at.0, epoch: epoch.into() };
        // The first row with a new key was stored; others with that key repeat it.
        match (seen.insert(id) && !old, same) {
            (true, _) => AppendOutcome::Stored(message),
            (false, true) => AppendOutcome::Repeated(message),
            (false, false) => AppendOutcome::Conflict,
        }
    };
    appended.into_iter().map(outcome).collect()
}

/// Up to 4 ms, so that two servers that met do not meet again.
fn jitter() -> Duration {
    Duration::from_micros(u64::from(getrandom::u32().unwrap_or(2_000) % 4_000))
}

/// The database says so, or says it in a language that [`Failure`] does not know while a row clearly cannot be
/// stored.
fn is_about_data(failure: &Failure, rows: &[Arc<NewMessage>]) -> bool {
    matches!(failure, Failure::Data(_))
        || matches!(failure, Failure::Store(StoreError::Broken(_))) && !rows.iter().all(|row| fits(row))
}

/// Whether PostgreSQL can hold the row: no NUL, no text longer than its column.
fn fits(row: &NewMessage) -> bool {
    let texts = [
        (row.room.as_str(), 255),
        (row.author.id.as_str(), 255),
        (row.author.nickname.as_str(), 50),
        (row.author.avatar.as_str(), 32),
        (row.content.as_str(), usize::MAX),
    ];
    texts.iter().all(|(text, length_max)| !text.contains('\0') && text.chars().count() <= *length_max)
}
