//! How SQLite stores a batch: one transaction that no other can be in, the insert tried first.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use diesel::{
    define_sql_function,
    dsl::case_when,
    insert_into,
    prelude::*,
    result::{DatabaseErrorKind, Error as QueryError},
    select,
    sqlite::SqliteConnection,
    update,
};

use super::{
    AppendOutcome, StoredMessage,
    schema::{messages, meta, rooms},
    sql_types::{Key, Stamp},
};
use crate::domain::{NewMessage, RoomId};

define_sql_function!(fn last_insert_rowid() -> diesel::sql_types::BigInt);

/// A room while its batch is being written. The row of one that exists has its counters raised beforehand, as if all
/// of the batch's messages were new; a new one's is written last.
struct OpenRoom {
    is_new: bool,
    epoch: Key,
    /// The last value that is taken.
    last_rev: i64,
    n_expected: i64,
    n_added: i64,
}

pub(super) fn append(
    c: &mut SqliteConnection,
    rows: &[Arc<NewMessage>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<AppendOutcome>> {
    let mut counts: HashMap<&RoomId, i64> = HashMap::new();
    for row in rows {
        let count = counts.entry(&row.room).or_default();
        *count = count.saturating_add(1);
    }
    c.immediate_transaction(|c| {
        let mut open: HashMap<&RoomId, OpenRoom> = HashMap::with_capacity(counts.len());
        for (id, n_expected) in counts {
            open.insert(id, open_room(c, id, n_expected, Stamp(now))?);
        }
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut last_id = None;
        for row in rows {
            if let Some(room) = open.get_mut(&row.room) {
                let outcome = append_one(c, room, row, Stamp(now), last_id)?;
                last_id = if let AppendOutcome::Stored(stored) = &outcome { Some(stored.id) } else { None };
                outcomes.push(outcome);
            }
        }
        for (id, room) in open {
            close_room(c, id, &room, Stamp(now))?;
        }
        Ok(outcomes)
    })
}

fn open_room(c: &mut SqliteConnection, id: &RoomId, n_expected: i64, now: Stamp) -> QueryResult<OpenRoom> {
    let raised = update(rooms::table.find(id.as_str()))
        .set((
            rooms::last_rev.eq(rooms::last_rev + n_expected),
            rooms::message_count.eq(rooms::message_count + n_expected),
            rooms::last_message_at
                .eq(case_when(rooms::last_message_at.ge(Some(now)), rooms::last_message_at).otherwise(Some(now))),
        ))
        .returning((rooms::epoch, rooms::last_rev))
        .get_result::<(Key, i64)>(c)
        .optional()?;
    let is_new = raised.is_none();
    let (epoch, raised_to) = match raised {
        Some(row) => row,
        None => (meta::table.select(meta::epoch).first(c)?, n_expected),
    };
    Ok(OpenRoom { is_new, epoch, last_rev: raised_to.saturating_sub(n_expected), n_expected, n_added: 0 })
}

/// `last_id` is the one of the row before, where that was inserted just now.
fn append_one(
    c: &mut SqliteConnection,
    room: &mut OpenRoom,
    row: &NewMessage,
    now: Stamp,
    last_id: Option<i64>,
) -> QueryResult<AppendOutcome> {
    let seq = room.last_rev.saturating_add(1);
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
            room.last_rev = seq;
            room.n_added = room.n_added.saturating_add(1);
            // Only an insert that fails leaves out an id (https://sqlite.org/autoinc.html).
            let id = match last_id {
                Some(id) => id.saturating_add(1),
                None => select(last_insert_rowid()).get_result(c)?,
            };
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

/// Writes a new room's row, and takes back what an old one's was raised by too much.
fn close_room(c: &mut SqliteConnection, id: &RoomId, room: &OpenRoom, now: Stamp) -> QueryResult<()> {
    let n_too_many = room.n_expected.saturating_sub(room.n_added);
    if room.is_new && room.n_added > 0 {
        let row = (
            rooms::id.eq(id.as_str()),
            rooms::epoch.eq(room.epoch),
            rooms::created_at.eq(now),
            rooms::last_rev.eq(room.n_added),
            rooms::message_count.eq(room.n_added),
            rooms::last_message_at.eq(Some(now)),
        );
        insert_into(rooms::table).values(row).execute(c)?;
    } else if !room.is_new && n_too_many > 0 {
        let newest = messages::table.filter(messages::room_id.eq(id.as_str())).order(messages::created_at.desc());
        update(rooms::table.find(id.as_str()))
            .set((
                rooms::last_rev.eq(rooms::last_rev - n_too_many),
                rooms::message_count.eq(rooms::message_count - n_too_many),
                rooms::last_message_at.eq(newest.select(messages::created_at).limit(1).single_value()),
            ))
            .execute(c)?;
    }
    Ok(())
}
