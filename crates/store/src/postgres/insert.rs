//! How PostgreSQL stores a batch whose keys are all new, as nearly every batch's are: nothing is looked up.

use std::collections::{BTreeMap, HashMap, VecDeque};

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Text},
};
use diesel_async::RunQueryDsl;

use super::{
    columns::{Columns, Referring},
    connection::PgConnection,
};
use crate::{
    model::{AppendOutcome, StoredMessage},
    tables::sql_types::{Guid, Key, Stamp, Ts},
};

/// What each common table expression is for:
///
/// - `bump`: allots the counters under the locks of the room rows, taken in the order of the ids. A room
///   without a row gets one, with the epoch of `meta`.
/// - `ins`: the messages, in the order of the batch. `back` others of its room come behind each.
///
/// A room whose `guard_rev` is another one than its messages were checked against is left out, and so are they.
///
/// A key that is not new is met as a unique violation, and nothing is stored.
const SQL: [&str; 6] = [
    "WITH bump AS (
      INSERT INTO rooms AS r (id, epoch, last_rev, message_count, created_at, last_message_at, guard_rev)
      SELECT t.id, (SELECT epoch FROM meta WHERE id = 1), t.n, t.n,
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now()), t.guard_rev
      FROM unnest(",
    ", ",
    ", ",
    ") AS t (id, n, guard_rev) ORDER BY t.id COLLATE \"C\"
      ON CONFLICT (id) DO UPDATE SET last_rev = r.last_rev + excluded.last_rev,
        message_count = r.message_count + excluded.message_count,
        last_message_at = greatest(r.last_message_at, excluded.last_message_at)
      WHERE r.guard_rev = excluded.guard_rev
      RETURNING r.id, r.last_rev, r.epoch
    ), ins AS (
      INSERT INTO messages AS m
        (room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at, reply_to, reply_to_seq,
        mentions, badge)
      SELECT t.room_id, t.author, t.nickname, t.avatar, t.content, t.client_id,
        b.last_rev - t.back, b.last_rev - t.back, date_trunc('milliseconds', now()), t.reply_to, t.reply_to_seq,
        t.mentions, t.badge
      FROM unnest(",
    ", ",
    ") WITH ORDINALITY AS t (room_id, author, nickname, avatar, content, client_id, reply_to,
        reply_to_seq, mentions, badge, guard_rev, back, ord)
      JOIN bump b ON b.id = t.room_id ORDER BY t.ord
      RETURNING m.room_id, m.id, m.seq, m.created_at
    )
    SELECT i.room_id, i.id, i.seq, i.created_at, b.epoch FROM ins i JOIN bump b ON b.id = i.room_id",
];

/// The statement with its values.
struct InsertBatch<'a> {
    rooms: Vec<&'a str>,
    counts: Vec<i64>,
    /// What the messages of each room were checked against.
    guards: Vec<i64>,
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
        let [a, b, c, d, e, f] = SQL;
        out.push_sql(a);
        out.push_bind_param::<Array<Text>, _>(&self.rooms)?;
        out.push_sql(b);
        out.push_bind_param::<Array<BigInt>, _>(&self.counts)?;
        out.push_sql(c);
        out.push_bind_param::<Array<BigInt>, _>(&self.guards)?;
        out.push_sql(d);
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(e);
        out.push_bind_param::<Array<BigInt>, _>(&self.backs)?;
        out.push_sql(f);
        Ok(())
    }
}

impl<'a> InsertBatch<'a> {
    fn new(rows: &'a [Referring]) -> Self {
        let columns = Columns::new(rows);
        // How many messages each room gets, and what they were checked against: all of one room against the same.
        let mut by_room = BTreeMap::<&str, (i64, i64)>::new();
        let mut backs = Vec::with_capacity(rows.len());
        for (room, guard_rev) in columns.rooms.iter().zip(&columns.guards).rev() {
            let (count, _) = by_room.entry(room).or_insert((0, *guard_rev));
            backs.push(*count);
            *count = count.saturating_add(1);
        }
        backs.reverse();
        let rooms = by_room.keys().copied().collect();
        let (counts, guards) = by_room.into_values().unzip();
        Self { rooms, counts, guards, columns, backs }
    }
}

/// Stores the messages; what became of each, or `None` where the database's answer does not fit the batch.
pub(crate) async fn run(c: &mut PgConnection, rows: &[Referring]) -> QueryResult<Option<Vec<AppendOutcome>>> {
    let inserted = InsertBatch::new(rows).load::<InsertedRow>(c).await?;
    Ok(outcomes_of(rows, inserted))
}

/// Within a room the counters are in the order of the batch. A room with another `guard_rev` has none.
fn outcomes_of(rows: &[Referring], mut inserted: Vec<InsertedRow>) -> Option<Vec<AppendOutcome>> {
    inserted.sort_unstable_by_key(|(_, _, seq, ..)| *seq);
    let mut by_room = HashMap::<&str, VecDeque<StoredMessage>>::new();
    for (room, id, seq, at, epoch) in &inserted {
        let stored = StoredMessage { id: *id, seq: *seq, rev: *seq, created_at: at.0, epoch: (*epoch).into() };
        by_room.entry(room).or_default().push_back(stored);
    }
    let mut next = |row: &Referring| match by_room.get_mut(row.message.room.as_str()) {
        None => Some(AppendOutcome::GuardChanged),
        Some(stored) => stored.pop_front().map(|stored| AppendOutcome::Stored(stored, row.annotations.clone())),
    };
    let outcomes = rows.iter().map(&mut next).collect::<Option<Vec<_>>>()?;
    by_room.values().all(VecDeque::is_empty).then_some(outcomes)
}
