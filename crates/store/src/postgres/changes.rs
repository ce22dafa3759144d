//! How PostgreSQL stores a batch of changes: one transaction, under the locks of its rooms' rows.

use std::sync::Arc;

use diesel::{
    ExpressionMethods, QueryDsl, QueryResult,
    dsl::sql,
    sql_query,
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::FutureExt;

use self::statements::{LOCKED_ROOM, LockedRoom, facts, names, sweep, write};
use super::{Postgres, connection::PgConnection};
use crate::{
    changes::{Plan, plan},
    error::StoreError,
    model::ChangeOutcome,
    tables::{
        rows::MessageColumns,
        schema::rooms,
        sql_types::{Stamp, Ts},
    },
};
use chat_domain::NewChange;

crate::changes::statements::statements!(
    crate::postgres::connection::PgConnection,
    diesel_async::RunQueryDsl,
    crate::postgres::archive::take_back,
    [async],
    [.await]
);

/// The database's time, as times are kept. Later than the wait for the locks.
const NOW: &str = "date_trunc('milliseconds', clock_timestamp())";

/// The keys are told twice here and below: a connection that writes makes no nested loops (session.rs), so that the join
/// alone would read all of the table.
const ROOMS: &str = "UPDATE rooms SET last_rev = t.rev, message_count = message_count + t.more
    FROM unnest($1, $2, $3) AS t (id, rev, more) WHERE rooms.id = t.id AND rooms.id = ANY ($1)";

const MESSAGES: &str = "UPDATE messages SET rev = t.rev, content = t.content, version = t.version,
        edited_at = t.edited_at, deleted_at = t.deleted_at, deleted_by = t.deleted_by, pinned_at = t.pinned_at,
        reply_to = t.reply_to, reply_to_seq = t.reply_to_seq, reactions = t.reactions, mentions = t.mentions
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS t (id, rev, content, version, edited_at,
        deleted_at, deleted_by, pinned_at, reply_to, reply_to_seq, reactions, mentions)
    WHERE messages.id = t.id AND messages.id = ANY ($1)";

impl Postgres {
    /// Stores a batch of changes; see [`Postgres::append`] for how it is divided.
    pub async fn change(&self, rows: &[Arc<NewChange>], asks_first: bool) -> Result<Vec<ChangeOutcome>, StoreError> {
        let change = |part| async move { self.pools.write(|c| run(c, part).boxed()).await }.boxed();
        self.in_parts(rows, asks_first, change).await
    }

    /// Removes what moderators deleted so long ago that it cannot be undone any more.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        Ok(self.pools.write(|c| sweep_now(c).boxed()).await?)
    }
}

async fn sweep_now(c: &mut PgConnection) -> QueryResult<usize> {
    let now = diesel::select(sql::<Ts>(NOW)).get_result::<Stamp>(c).await?;
    sweep(c, now.0).await
}

async fn run(c: &mut PgConnection, rows: Vec<Arc<NewChange>>) -> QueryResult<Vec<ChangeOutcome>> {
    c.transaction(async move |c| {
        let locking = rooms::table
            .filter(rooms::id.eq_any(names(&rows)))
            .order(rooms::id)
            .select((LOCKED_ROOM, sql::<Ts>(NOW)))
            .for_no_key_update();
        let locked = locking.load::<(LockedRoom, Stamp)>(c).await?;
        let now = locked.iter().map(|(_, now)| now.0).max().unwrap_or_default();
        let locked = locked.into_iter().map(|(room, _)| room).collect();
        let plan = plan(facts(c, &rows, locked, now).await?, &rows);
        if !plan.rooms.is_empty() {
            rooms(c, &plan).await?;
            messages(c, &plan).await?;
            write(c, &plan, now).await?;
        }
        Ok(plan.outcomes)
    })
    .await
}

async fn rooms(c: &mut PgConnection, plan: &Plan) -> QueryResult<()> {
    let ids: Vec<&str> = plan.rooms.keys().map(|room| room.as_str()).collect();
    let (revs, more): (Vec<i64>, Vec<i64>) = plan.rooms.values().copied().unzip();
    let updating = sql_query(ROOMS).bind::<Array<Text>, _>(ids).bind::<Array<BigInt>, _>(revs);
    updating.bind::<Array<BigInt>, _>(more).execute(c).await.map(drop)
}

async fn messages(c: &mut PgConnection, plan: &Plan) -> QueryResult<()> {
    let rows: Vec<MessageColumns<'_>> = plan.messages.values().map(MessageColumns::of).collect();
    let stamps = |of: fn(&MessageColumns<'_>) -> Option<Stamp>| rows.iter().map(of).collect::<Vec<_>>();
    let updating = sql_query(MESSAGES)
        .bind::<Array<BigInt>, _>(rows.iter().map(|r| r.id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(rows.iter().map(|r| r.rev).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|r| r.content).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rows.iter().map(|r| r.version).collect::<Vec<_>>())
        .bind::<Array<Nullable<Ts>>, _>(stamps(|r| r.edited_at))
        .bind::<Array<Nullable<Ts>>, _>(stamps(|r| r.deleted_at))
        .bind::<Array<Nullable<SmallInt>>, _>(rows.iter().map(|r| r.deleted_by).collect::<Vec<_>>())
        .bind::<Array<Nullable<Ts>>, _>(stamps(|r| r.pinned_at))
        .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|r| r.reply_to).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|r| r.reply_to_seq).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|r| r.reactions.as_deref()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|r| r.mentions.as_deref()).collect::<Vec<_>>());
    updating.execute(c).await.map(drop)
}
