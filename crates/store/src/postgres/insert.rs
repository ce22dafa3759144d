//! How PostgreSQL stores a batch whose keys are all new, as nearly every batch's are: nothing is looked up.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Text},
};
use diesel_async::RunQueryDsl;

use super::{columns::Columns, connection::PgConnection};
use crate::{
    model::{AppendOutcome, StoredMessage},
    tables::sql_types::{Guid, Key, Stamp, Ts},
};
use chat_domain::NewMessage;

/// What each common table expression is for:
///
/// - `bump`: allots the counters under the locks of the room rows, taken in the order of the ids. A room
///   without a row gets one, with the epoch of `meta`.
/// - `ins`: the messages, in the order of the batch. `back` others of its room come behind each.
///
/// A key that is not new is met as a unique violation, and nothing is stored.
const SQL: [&str; 5] = [
    "WITH bump AS (
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, created_at, last_message_at)
      SELECT t.id, (SELECT epoch FROM meta WHERE id = 1), t.n, t.n,
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
      FROM unnest(",
    ", ",
    ") AS t (id, n) ORDER BY t.id COLLATE \"C\"
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count,
        last_message_at = greatest(r.last_message_at, excluded.last_message_at)
      RETURNING r.id, r.last_rev, r.epoch
    ), ins AS (
      INSERT INTO messages AS m
        (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at)
      SELECT t.room_id, t.author, t.nickname, t.avatar, t.content, t.client_id,
        b.last_rev - t.back, b.last_rev - t.back, date_trunc('milliseconds', now())
      FROM unnest(",
    ", ",
    ") WITH ORDINALITY AS t (room_id, author, nickname, avatar, content, client_id, back, ord)
      JOIN bump b ON b.id = t.room_id ORDER BY t.ord
      RETURNING m.room_id, m.id, m.seq, m.created_at
    )
    SELECT i.room_id, i.id, i.seq, i.created_at, b.epoch FROM ins i JOIN bump b ON b.id = i.room_id",
];

/// The statement with its values.
struct InsertBatch<'a> {
    rooms: Vec<&'a str>,
    counts: Vec<i64>,
    columns: Columns<'a>,
    backs: Vec<i64>,
}

/// Lets the connection keep it prepared.
impl QueryId for InsertBatch<'_> {
    type QueryId = InsertBatch<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// Room, id, seq (at first `rev` is the same), time, epoch.
type InsertedRow = (String, i64, i64, Stamp, Key);

impl Query for InsertBatch<'_> {
    type SqlType = (Text, BigInt, BigInt, Ts, Guid);
}

impl QueryFragment<Pg> for InsertBatch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [a, b, c, d, e] = SQL;
        out.push_sql(a);
        out.push_bind_param::<Array<Text>, _>(&self.rooms)?;
        out.push_sql(b);
        out.push_bind_param::<Array<BigInt>, _>(&self.counts)?;
        out.push_sql(c);
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(d);
        out.push_bind_param::<Array<BigInt>, _>(&self.backs)?;
        out.push_sql(e);
        Ok(())
    }
}

impl<'a> InsertBatch<'a> {
    fn new(rows: &'a [Arc<NewMessage>]) -> Self {
        let columns = Columns::new(rows);
        let mut counts = BTreeMap::<&str, i64>::new();
        let mut backs = Vec::with_capacity(rows.len());
        for room in columns.rooms.iter().rev() {
            let count = counts.entry(room).or_default();
            backs.push(*count);
            *count = count.saturating_add(1);
        }
        backs.reverse();
        let (rooms, counts) = counts.into_iter().unzip();
        Self { rooms, counts, columns, backs }
    }
}

/// Stores the messages; what became of each, or `None` where the database's answer does not fit the batch.
pub(crate) async fn run(c: &mut PgConnection, rows: &[Arc<NewMessage>]) -> QueryResult<Option<Vec<AppendOutcome>>> {
    let inserted = InsertBatch::new(rows).load::<InsertedRow>(c).await?;
    Ok(outcomes_of(rows, inserted))
}

/// Within a room the counters are in the order of the batch.
fn outcomes_of(rows: &[Arc<NewMessage>], mut inserted: Vec<InsertedRow>) -> Option<Vec<AppendOutcome>> {
    if inserted.len() != rows.len() {
        return None;
    }
    inserted.sort_unstable_by_key(|(_, _, seq, ..)| *seq);
    let mut by_room = HashMap::<&str, VecDeque<StoredMessage>>::new();
    for (room, id, seq, at, epoch) in &inserted {
        let stored = StoredMessage { id: *id, seq: *seq, rev: *seq, created_at: at.0, epoch: (*epoch).into() };
        by_room.entry(room).or_default().push_back(stored);
    }
    let mut next = |row: &Arc<NewMessage>| by_room.get_mut(row.room.as_str())?.pop_front();
    rows.iter().map(|row| next(row).map(AppendOutcome::Stored)).collect()
}
