//! The lookups on SQLite.

use std::{collections::HashMap, hash::Hash};

use diesel::{insert_into, prelude::*, sqlite::SqliteConnection, update, upsert::excluded};

use super::{
    AuthorKey, HeldRow, LockedRoom, MESSAGES_MAX, MessageKey, NewAuthor, NewHeldRow, SeenRow, StoredRow, WroteRow,
};
use crate::{
    management::model::Hold,
    sqlite::Connection,
    tables::{
        schema::{authors, held_messages, messages, meta, rooms},
        sql_types::{Key, Stamp},
    },
};
use chat_domain::RoomId;

/// Looks each up; those of which there is nothing are left out.
async fn for_each<K: Clone + Eq + Hash + Send + 'static, T: Send + 'static>(
    c: &mut Connection,
    keys: Vec<K>,
    look: impl Fn(&mut SqliteConnection, &K) -> QueryResult<Option<T>> + Send + 'static,
) -> QueryResult<HashMap<K, T>> {
    let looking = move |c: &mut SqliteConnection| {
        let mut found = HashMap::new();
        for key in keys {
            if let Some(row) = look(c, &key)? {
                found.insert(key, row);
            }
        }
        Ok(found)
    };
    c.spawn_blocking(looking).await
}

/// Locks rooms, in a transaction; one without a row gets one.
pub(crate) async fn lock(c: &mut Connection, rooms: Vec<RoomId>) -> QueryResult<HashMap<RoomId, LockedRoom>> {
    let locking = move |c: &mut SqliteConnection| {
        // Changes nothing, and takes the lock of the file: a transaction that reads first may not write any more once
        // somebody else has written.
        update(rooms::table.find("")).set(rooms::guard_rev.eq(rooms::guard_rev)).execute(c)?;
        let mut locked = HashMap::new();
        for room in rooms {
            let columns = (rooms::epoch, rooms::guard_rev, rooms::held_count);
            let found = rooms::table.find(room.as_str()).select(columns).first::<(Key, i64, i64)>(c).optional()?;
            let (epoch, guard_rev, held_count) = match found {
                Some(row) => row,
                None => {
                    let epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c)?;
                    let row = (rooms::id.eq(room.as_str()), rooms::epoch.eq(epoch));
                    insert_into(rooms::table).values(row).execute(c)?;
                    (epoch, 0, 0)
                }
            };
            locked.insert(room, LockedRoom { epoch, guard_rev, held_count });
        }
        Ok(locked)
    };
    c.spawn_blocking(locking).await
}

/// What is stored under these keys.
pub(crate) async fn stored(c: &mut Connection, keys: Vec<MessageKey>) -> QueryResult<HashMap<MessageKey, StoredRow>> {
    type Row = (i64, i64, i64, Stamp, String, i32, Option<Stamp>);
    for_each(c, keys, |c, (room, author, client_id)| {
        let found = messages::table
            .filter(messages::room_id.eq(room.as_str()).and(messages::anonymous_id.eq(author.as_str())))
            .filter(messages::client_id.eq(Key(*client_id)))
            .select((
                messages::id,
                messages::seq,
                messages::rev,
                messages::created_at,
                messages::content,
                messages::version,
                messages::deleted_at,
            ));
        let row = |(id, seq, rev, created_at, content, version, deleted_at): Row| {
            let is_changed = version > 1 || deleted_at.is_some();
            StoredRow { id, seq, rev, created_at, content, is_changed }
        };
        Ok(found.first::<Row>(c).optional()?.map(row))
    })
    .await
}

/// What is held under these keys, waiting or rejected.
pub(crate) async fn held(c: &mut Connection, keys: Vec<MessageKey>) -> QueryResult<HashMap<MessageKey, HeldRow>> {
    for_each(c, keys, |c, (room, author, client_id)| {
        let found = held_messages::table
            .filter(held_messages::room_id.eq(room.as_str()).and(held_messages::author_id.eq(author.as_str())))
            .filter(held_messages::client_id.eq(Key(*client_id)))
            .select((held_messages::state, held_messages::reason, held_messages::content));
        let found = found.first::<(i16, String, String)>(c).optional()?;
        Ok(found.map(|(state, reason, content)| HeldRow { state, reason, content }))
    })
    .await
}

/// Since when these are known.
pub(crate) async fn seen(c: &mut Connection, keys: Vec<AuthorKey>) -> QueryResult<HashMap<AuthorKey, SeenRow>> {
    for_each(c, keys, |c, (room, author)| {
        let here = authors::table
            .find((room.as_str(), author.as_str()))
            .select((authors::first_seen_at, authors::last_message_at));
        let here = here.first::<(Stamp, Option<Stamp>)>(c).optional()?;
        let anywhere = authors::table
            .filter(authors::author_id.eq(author.as_str()))
            .order(authors::first_seen_at.asc())
            .select(authors::first_seen_at);
        Ok(Some(SeenRow { here, anywhere: anywhere.first::<Stamp>(c).optional()? }))
    })
    .await
}

/// When these wrote, those who did.
pub(crate) async fn wrote(c: &mut Connection, keys: Vec<AuthorKey>) -> QueryResult<HashMap<AuthorKey, WroteRow>> {
    for_each(c, keys, |c, (room, author)| {
        // In the order of the index that has the author.
        let found = messages::table
            .filter(messages::room_id.eq(room.as_str()).and(messages::anonymous_id.eq(author.as_str())))
            .order(messages::client_id.asc())
            .limit(MESSAGES_MAX)
            .select((messages::created_at, messages::deleted_at));
        let found = found.load::<(Stamp, Option<Stamp>)>(c)?;
        let times = || found.iter().filter(|(_, deleted_at)| deleted_at.is_none()).map(|(at, _)| *at);
        Ok(times().min().zip(times().max()).map(|(first, last)| WroteRow { first, last }))
    })
    .await
}

/// Holds messages, which are not held yet.
pub(crate) async fn add_held(
    c: &mut Connection,
    added: Vec<Hold>,
    wrote_here: HashMap<AuthorKey, WroteRow>,
    at: Stamp,
) -> QueryResult<()> {
    let adding = move |c: &mut SqliteConnection| {
        for hold in &added {
            insert_into(held_messages::table).values(NewHeldRow::of(hold, &wrote_here, at)).execute(c)?;
        }
        Ok(())
    };
    c.spawn_blocking(adding).await
}

/// Writes authors. Of those who are there nothing is changed, or, where they wrote just now, only that.
pub(crate) async fn add_authors(c: &mut Connection, rows: Vec<NewAuthor>, wrote_now: bool) -> QueryResult<()> {
    let add = move |c: &mut SqliteConnection| {
        for NewAuthor { key: (room, author), first_seen_at, last_message_at } in &rows {
            let row = (
                authors::room_id.eq(room.as_str()),
                authors::author_id.eq(author.as_str()),
                authors::first_seen_at.eq(*first_seen_at),
                authors::last_message_at.eq(*last_message_at),
            );
            let adding = insert_into(authors::table).values(row).on_conflict((authors::room_id, authors::author_id));
            match wrote_now {
                true => {
                    let wrote = authors::last_message_at.eq(excluded(authors::last_message_at));
                    adding.do_update().set(wrote).execute(c)?
                }
                false => adding.do_nothing().execute(c)?,
            };
        }
        Ok(())
    };
    // One commit for all: each waits for the disk.
    c.spawn_blocking(move |c| c.immediate_transaction(add)).await
}
