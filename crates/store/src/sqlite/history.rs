//! Whether the SQLite file still has what a room has shown, and a new epoch for a room.

use diesel::{prelude::*, sqlite::SqliteConnection};

use crate::{
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
        let Some((epoch, last_rev)) = row.first::<(Key, i64)>(c).optional()? else {
            let epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c)?;
            let found = finding(known, epoch.into(), 0, None, new);
            if !matches!(found, HistoryCheck::Replaced(_)) {
                return Ok(found);
            }
            let empty = (rooms::id.eq(room.as_str()), rooms::epoch.eq(new));
            return Ok(begun(diesel::insert_into(rooms::table).values(empty).execute(c)?, new));
        };
        let stored_there = match known.newest {
            Some((seq, _)) => {
                let query = messages::table.filter(messages::room_id.eq(room.as_str()).and(messages::seq.eq(seq)));
                query.select(messages::client_id).first::<Key>(c).optional()?
            }
            None => None,
        };
        let found = finding(known, epoch.into(), last_rev, stored_there.map(|key| key.0), new);
        if !matches!(found, HistoryCheck::Replaced(_)) {
            return Ok(found);
        }
        let changing = diesel::update(rooms::table.find(room.as_str())).set(rooms::epoch.eq(new));
        Ok(begun(changing.execute(c)?, new))
    })
}

pub(crate) fn new_room_epoch(c: &mut SqliteConnection, room: &RoomId, new: Key) -> QueryResult<bool> {
    c.immediate_transaction(|c| {
        let count = messages::table.filter(messages::room_id.eq(room.as_str())).count().get_result::<i64>(c)?;
        let changes = (rooms::epoch.eq(new), rooms::message_count.eq(count));
        Ok(diesel::update(rooms::table.find(room.as_str())).set(changes).execute(c)? > 0)
    })
}
