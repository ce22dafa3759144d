//! Whether PostgreSQL still has what a room has shown, and a new epoch for a room, under the lock of its row.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::connection::PgConnection;
use crate::{
    archive::both,
    history::{begun, finding},
    model::{HistoryCheck, Known},
    tables::{
        schema::{messages, meta, rooms},
        sql_types::Key,
    },
};
use chat_domain::RoomId;

pub(crate) async fn check(c: &mut PgConnection, room: RoomId, known: Known, new: Key) -> QueryResult<HistoryCheck> {
    c.transaction(async move |c| {
        let row = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev)).for_update();
        let row = row.first::<(Key, i64)>(c).await.optional()?;
        let (epoch, last_rev) = match row {
            Some(row) => row,
            None => (meta::table.find(1).select(meta::epoch).first(c).await?, 0),
        };
        // The first message has 1.
        let newest = known.newest.map_or(0, |(seq, _)| seq);
        let at_newest = messages::table.filter(messages::room_id.eq(room.as_str()).and(messages::seq.eq(newest)));
        let stored_there = at_newest.select(messages::client_id).first::<Key>(c).await.optional()?;
        let found = finding(&known, epoch.into(), last_rev, stored_there.map(|key| key.0), new);
        if !matches!(found, HistoryCheck::Replaced(_)) {
            return Ok(found);
        }
        let (id, epoch) = (rooms::id.eq(room.as_str()), rooms::epoch.eq(new));
        let n_rows = if row.is_some() {
            diesel::update(rooms::table).filter(id).set(epoch).execute(c).await?
        } else {
            diesel::insert_into(rooms::table).values((id, epoch)).on_conflict_do_nothing().execute(c).await?
        };
        Ok(begun(n_rows, new))
    })
    .await
}

pub(crate) async fn new_room_epoch(c: &mut PgConnection, room: RoomId, new: Key) -> QueryResult<bool> {
    c.transaction(async move |c| {
        // The lock comes first, so that the count sees all that was stored before it.
        let locking = rooms::table.find(room.as_str()).select(rooms::last_rev).for_update();
        if locking.first::<i64>(c).await.optional()?.is_none() {
            return Ok(false);
        }
        let counts: Vec<i64> =
            both!(c, true, |of| of::table.filter(of::room_id.eq(room.as_str()).and(of::deleted_at.is_null())).count());
        let count: i64 = counts.into_iter().sum();
        let changes = (rooms::epoch.eq(new), rooms::message_count.eq(count));
        diesel::update(rooms::table.find(room.as_str())).set(changes).execute(c).await?;
        Ok(true)
    })
    .await
}
