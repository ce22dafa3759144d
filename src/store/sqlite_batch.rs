//! How SQLite stores a batch: one transaction that no other can be in, the insert tried first.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use diesel::{
    define_sql_function, insert_into,
    prelude::*,
    result::{DatabaseErrorKind, Error as QueryError},
    sqlite::SqliteConnection,
    update,
};

use super::{
    AppendOutcome, StoredMessage,
    rows::HeadRow,
    schema::{messages, meta, rooms},
    sql_types::{Key, Stamp},
};
use crate::domain::{NewMessage, RoomId};

define_sql_function!(fn last_insert_rowid() -> diesel::sql_types::BigInt);

/// A room while its batch is being written; its row is written last, once.
struct OpenRoom {
    is_new: bool,
    epoch: Key,
    last_rev: i64,
    message_count: i64,
    last_message_at: Option<Stamp>,
    n_added: i64,
}

pub(super) fn append(
    c: &mut SqliteConnection,
    rows: &[Arc<NewMessage>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<AppendOutcome>> {
    c.immediate_transaction(|c| {
        let mut open: HashMap<&RoomId, OpenRoom> = HashMap::new();
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            if !open.contains_key(&row.room) {
                open.insert(&row.room, open_room(c, &row.room)?);
            }
            if let Some(room) = open.get_mut(&row.room) {
                outcomes.push(append_one(c, room, row, Stamp(now))?);
            }
        }
        for (id, room) in open {
            if room.n_added > 0 {
                write_room(c, id, &room, Stamp(now))?;
            }
        }
        Ok(outcomes)
    })
}

fn open_room(c: &mut SqliteConnection, id: &RoomId) -> QueryResult<OpenRoom> {
    let query = meta::table
        .left_join(rooms::table.on(rooms::id.eq(id.as_str())))
        .select((meta::epoch, Option::<HeadRow>::as_select()));
    let (meta_epoch, row) = query.first::<(Key, Option<HeadRow>)>(c)?;
    Ok(match row {
        None => OpenRoom {
            is_new: true,
            epoch: meta_epoch,
            last_rev: 0,
            message_count: 0,
            last_message_at: None,
            n_added: 0,
        },
        Some(row) => OpenRoom {
            is_new: false,
            epoch: row.epoch,
            last_rev: row.last_rev,
            message_count: row.message_count,
            last_message_at: row.last_message_at,
            n_added: 0,
        },
    })
}

fn append_one(
    c: &mut SqliteConnection,
    room: &mut OpenRoom,
    row: &NewMessage,
    now: Stamp,
) -> QueryResult<AppendOutcome> {
    let seq = room.last_rev.saturating_add(room.n_added).saturating_add(1);
    let inserted = insert_into(messages::table)
        .values((
            messages::room_id.eq(row.room.as_str()),
            messages::anonymous_id.eq(row.author.id.as_str()),
            messages::nickname.eq(row.author.nickname.as_str()),
            messages::avatar.eq(row.author.avatar.as_str()),
            messages::content.eq(row.content.as_str()),
            messages::client_id.eq(Key(row.client_id)),
            messages::seq.eq(seq),
            messages::rev.eq(seq),
            messages::created_at.eq(now),
        ))
        .on_conflict((messages::room_id, messages::anonymous_id, messages::client_id))
        .do_nothing()
        .execute(c);
    match inserted {
        // A failed check undoes its statement only; the transaction goes on.
        Err(QueryError::DatabaseError(DatabaseErrorKind::CheckViolation | DatabaseErrorKind::NotNullViolation, _)) => {
            Ok(AppendOutcome::Refused)
        }
        Err(error) => Err(error),
        Ok(0) => original(c, room, row),
        Ok(_) => {
            room.n_added = room.n_added.saturating_add(1);
            let id = diesel::select(last_insert_rowid()).get_result::<i64>(c)?;
            Ok(AppendOutcome::Stored(StoredMessage { id, seq, rev: seq, created_at: now.0, epoch: room.epoch.into() }))
        }
    }
}

/// What is stored under the row's key.
fn original(c: &mut SqliteConnection, room: &OpenRoom, row: &NewMessage) -> QueryResult<AppendOutcome> {
    let (id, seq, rev, created_at, content) = messages::table
        .filter(messages::room_id.eq(row.room.as_str()))
        .filter(messages::anonymous_id.eq(row.author.id.as_str()))
        .filter(messages::client_id.eq(Key(row.client_id)))
        .select((messages::id, messages::seq, messages::rev, messages::created_at, messages::content))
        .first::<(i64, i64, i64, Stamp, String)>(c)?;
    if content == row.content.as_str() {
        let created_at = created_at.0;
        Ok(AppendOutcome::Repeated(StoredMessage { id, seq, rev, created_at, epoch: room.epoch.into() }))
    } else {
        Ok(AppendOutcome::Conflict)
    }
}

fn write_room(c: &mut SqliteConnection, id: &RoomId, room: &OpenRoom, now: Stamp) -> QueryResult<()> {
    let counters = (
        rooms::last_rev.eq(room.last_rev.saturating_add(room.n_added)),
        rooms::message_count.eq(room.message_count.saturating_add(room.n_added)),
        rooms::last_message_at.eq(room.last_message_at.max(Some(now))),
    );
    if room.is_new {
        let row = (rooms::id.eq(id.as_str()), rooms::epoch.eq(room.epoch), rooms::created_at.eq(now), counters);
        insert_into(rooms::table).values(row).execute(c)?;
    } else {
        update(rooms::table.find(id.as_str())).set(counters).execute(c)?;
    }
    Ok(())
}
