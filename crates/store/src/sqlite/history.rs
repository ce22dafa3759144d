//! Whether the SQLite file still has what a room has shown, and a new epoch for a room.

use diesel::{prelude::*, sqlite::SqliteConnection};

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

pub(crate) fn check(c: &mut SqliteConnection, room: &RoomId, known: &Known, new: Key) -> QueryResult<HistoryCheck> {
    c.immediate_transaction(|c| {
        let row = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev));
        let row = row.first::<(Key, i64)>(c).optional()?;
        let (epoch, last_rev) = match row {
            Some(row) => row,
            None => (meta::table.find(1).select(meta::epoch).first(c)?, 0),
        };
        // The first message has 1.
        let newest = known.newest.map_or(0, |(seq, _)| seq);
        let at_newest = messages::table.filter(messages::room_id.eq(room.as_str()).and(messages::seq.eq(newest)));
        let stored_there = at_newest.select(messages::client_id).first::<Key>(c).optional()?;
        let found = finding(known, epoch.into(), last_rev, stored_there.map(|key| key.0), new);
        if !matches!(found, HistoryCheck::Replaced(_)) {
            return Ok(found);
        }
        let (id, epoch) = (rooms::id.eq(room.as_str()), rooms::epoch.eq(new));
        let n_rows = if row.is_some() {
            diesel::update(rooms::table).filter(id).set(epoch).execute(c)?
        } else {
            diesel::insert_into(rooms::table).values((id, epoch)).execute(c)?
        };
        Ok(begun(n_rows, new))
    })
}

pub(crate) fn new_room_epoch(c: &mut SqliteConnection, room: &RoomId, new: Key) -> QueryResult<bool> {
    c.immediate_transaction(|c| {
        let counts: Vec<i64> = both!(@[] c, true, |of| of::table
            .filter(of::room_id.eq(room.as_str()).and(of::deleted_at.is_null()))
            .count());
        let count: i64 = counts.into_iter().sum();
        let changes = (rooms::epoch.eq(new), rooms::message_count.eq(count));
        Ok(diesel::update(rooms::table.find(room.as_str())).set(changes).execute(c)? > 0)
    })
}
