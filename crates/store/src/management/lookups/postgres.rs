//! The lookups on PostgreSQL.
//!
//! A LATERAL with a LIMIT is looked up for each key by an index, whatever the planner thinks of nested loops
//! (`postgres::session`). Which index that is, is said by the order asked for: without statistics any that begins with the
//! room looks as good, and every key would cost a walk through its room.

use std::{collections::HashMap, hash::Hash, marker::PhantomData};

use diesel::{
    QueryResult, insert_into,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text},
};
use diesel_async::RunQueryDsl;

use super::{
    AuthorKey, HeldRow, LockedRoom, MESSAGES_MAX, MessageKey, NewAuthor, NewHeldRow, ROWS_MAX, SeenRow, StoredRow,
    WroteRow,
};
use crate::{
    management::model::Hold,
    postgres::{batch::locked_among, connection::PgConnection},
    tables::{
        schema::held_messages,
        sql_types::{Guid, Key, Stamp, Ts},
    },
};
use chat_domain::RoomId;

/// Locks rooms in the order of their names, as a batch of messages does. One without a row gets one.
const LOCK: [&str; 2] = [
    "INSERT INTO rooms AS r (id, epoch) SELECT t.id, (SELECT epoch FROM meta WHERE id = 1) FROM unnest(",
    ") AS t (id) ORDER BY t.id COLLATE \"C\"
      ON CONFLICT (id) DO UPDATE SET guard_rev = r.guard_rev
      RETURNING r.id, r.epoch, r.guard_rev, r.held_count",
];

/// As the lookup of keys in `postgres::batch`.
const STORED: [&str; 2] = [
    "SELECT t.ord, m.id, m.seq, m.rev, m.created_at, m.content, m.is_changed FROM unnest(",
    ") WITH ORDINALITY AS t (room, author, client_id, ord)
      CROSS JOIN LATERAL (
        SELECT x.room_id, x.anonymous_id, x.client_id, x.id, x.seq, x.rev, x.created_at, x.content,
          x.version > 1 OR x.deleted_at IS NOT NULL AS is_changed
        FROM messages x
        WHERE (x.room_id, x.anonymous_id, x.client_id) >= (t.room, t.author, t.client_id)
        ORDER BY x.room_id, x.anonymous_id, x.client_id LIMIT 1) m
      WHERE m.room_id = t.room AND m.anonymous_id = t.author AND m.client_id = t.client_id",
];

const HELD: [&str; 2] = [
    "SELECT t.ord, m.state, m.reason, m.content FROM unnest(",
    ") WITH ORDINALITY AS t (room, author, client_id, ord)
      CROSS JOIN LATERAL (
        SELECT x.room_id, x.author_id, x.client_id, x.state, x.reason, x.content FROM held_messages x
        WHERE (x.room_id, x.author_id, x.client_id) >= (t.room, t.author, t.client_id)
        ORDER BY x.room_id, x.author_id, x.client_id LIMIT 1) m
      WHERE m.room_id = t.room AND m.author_id = t.author AND m.client_id = t.client_id",
];

const SEEN: [&str; 2] = [
    "SELECT t.ord, here.first_seen_at, here.last_message_at, anywhere.first_seen_at FROM unnest(",
    ") WITH ORDINALITY AS t (room, author, ord)
      LEFT JOIN LATERAL (
        SELECT x.first_seen_at, x.last_message_at FROM authors x
        WHERE x.room_id = t.room AND x.author_id = t.author LIMIT 1) here ON true
      LEFT JOIN LATERAL (
        SELECT x.first_seen_at FROM authors x
        WHERE x.author_id = t.author ORDER BY x.first_seen_at LIMIT 1) anywhere ON true",
];

/// How many are looked at is [`MESSAGES_MAX`].
const WROTE: [&str; 2] = [
    "SELECT t.ord, m.first, m.last FROM unnest(",
    ") WITH ORDINALITY AS t (room, author, most, ord)
      CROSS JOIN LATERAL (
        SELECT min(w.created_at) AS first, max(w.created_at) AS last FROM (
          SELECT x.created_at, x.deleted_at FROM messages x
          WHERE x.room_id = t.room AND x.anonymous_id = t.author ORDER BY x.client_id LIMIT t.most) w
        WHERE w.deleted_at IS NULL) m
      WHERE m.first IS NOT NULL",
];

/// The two ways to write rows of `authors` differ in what becomes of those that are there.
const ADD_AUTHORS: [&str; 2] = [
    "INSERT INTO authors AS a (room_id, author_id, first_seen_at, last_message_at)
      SELECT t.room, t.author, t.first, t.last FROM unnest(",
    ") AS t (room, author, first, last) ORDER BY t.room COLLATE \"C\", t.author COLLATE \"C\"
      ON CONFLICT (room_id, author_id) DO NOTHING",
];
const NOTE_AUTHORS: [&str; 2] = [
    "INSERT INTO authors AS a (room_id, author_id, first_seen_at, last_message_at)
      SELECT t.room, t.author, t.first, t.last FROM unnest(",
    ") AS t (room, author, first, last) ORDER BY t.room COLLATE \"C\", t.author COLLATE \"C\"
      ON CONFLICT (room_id, author_id) DO UPDATE SET last_message_at = greatest(a.last_message_at, excluded.last_message_at)",
];

/// A statement with an array for each column of its keys. What it gives has the types `S`.
struct ForEach<'a, S> {
    sql: [&'static str; 2],
    rooms: Vec<&'a str>,
    authors: Option<Vec<&'a str>>,
    client_ids: Option<Vec<Key>>,
    /// How many of each.
    most: Option<Vec<i64>>,
    times: Option<(Vec<Stamp>, Vec<Option<Stamp>>)>,
    gives: PhantomData<S>,
}

impl<'a, S> ForEach<'a, S> {
    fn new(sql: [&'static str; 2], rooms: impl Iterator<Item = &'a RoomId>) -> Self {
        let rooms = rooms.map(RoomId::as_str).collect();
        Self { sql, rooms, authors: None, client_ids: None, most: None, times: None, gives: PhantomData }
    }

    fn of_messages(sql: [&'static str; 2], keys: &'a [MessageKey]) -> Self {
        Self {
            authors: Some(keys.iter().map(|(_, author, _)| author.as_str()).collect()),
            client_ids: Some(keys.iter().map(|(_, _, client_id)| Key(*client_id)).collect()),
            ..Self::new(sql, keys.iter().map(|(room, ..)| room))
        }
    }

    fn of_authors(sql: [&'static str; 2], keys: impl Iterator<Item = &'a AuthorKey> + Clone) -> Self {
        Self {
            authors: Some(keys.clone().map(|(_, author)| author.as_str()).collect()),
            ..Self::new(sql, keys.map(|(room, _)| room))
        }
    }
}

/// The text of the statement is one of few, and is what a connection keeps it by.
impl<S> QueryId for ForEach<'_, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> Query for ForEach<'_, S> {
    type SqlType = S;
}

impl<S> QueryFragment<Pg> for ForEach<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [before, behind] = self.sql;
        out.push_sql(before);
        out.push_bind_param::<Array<Text>, _>(&self.rooms)?;
        if let Some(authors) = &self.authors {
            out.push_sql(", ");
            out.push_bind_param::<Array<Text>, _>(authors)?;
        }
        if let Some(client_ids) = &self.client_ids {
            out.push_sql(", ");
            out.push_bind_param::<Array<Guid>, _>(client_ids)?;
        }
        if let Some(most) = &self.most {
            out.push_sql(", ");
            out.push_bind_param::<Array<BigInt>, _>(most)?;
        }
        if let Some((first, last)) = &self.times {
            out.push_sql(", ");
            out.push_bind_param::<Array<Ts>, _>(first)?;
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Ts>>, _>(last)?;
        }
        out.push_sql(behind);
        Ok(())
    }
}

/// What was found, by the keys of which the statement tells the places.
fn by_key<K: Clone + Eq + Hash, T>(keys: &[K], found: impl Iterator<Item = (i64, T)>) -> HashMap<K, T> {
    let key = |place: i64| usize::try_from(place).ok().and_then(|place| keys.get(place.checked_sub(1)?)).cloned();
    found.filter_map(|(place, row)| Some((key(place)?, row))).collect()
}

/// Locks rooms, given in the order of their names; one without a row gets one. One that somebody else has locked is left
/// out: nobody else's message is to wait for it.
pub(crate) async fn lock(c: &mut PgConnection, rooms: Vec<RoomId>) -> QueryResult<HashMap<RoomId, LockedRoom>> {
    let taken = locked_among(c, rooms.iter().map(|room| room.as_str().to_owned()).collect()).await?;
    let rooms: Vec<RoomId> = rooms.into_iter().filter(|room| !taken.iter().any(|name| name == room.as_str())).collect();
    let mut by_name: HashMap<&str, &RoomId> = rooms.iter().map(|room| (room.as_str(), room)).collect();
    let locking = ForEach::<(Text, Guid, BigInt, BigInt)>::new(LOCK, rooms.iter());
    let locked = locking.load::<(String, Key, i64, i64)>(c).await?;
    let room = |(name, epoch, guard_rev, held_count): (String, Key, i64, i64)| {
        Some((by_name.remove(name.as_str())?.clone(), LockedRoom { epoch, guard_rev, held_count }))
    };
    Ok(locked.into_iter().filter_map(room).collect())
}

/// What is stored under these keys.
pub(crate) async fn stored(c: &mut PgConnection, keys: Vec<MessageKey>) -> QueryResult<HashMap<MessageKey, StoredRow>> {
    type Types = (BigInt, BigInt, BigInt, BigInt, Ts, Text, Bool);
    type Row = (i64, i64, i64, i64, Stamp, String, bool);
    let found = ForEach::<Types>::of_messages(STORED, &keys).load::<Row>(c).await?;
    let row = |(place, id, seq, rev, created_at, content, is_changed): Row| {
        (place, StoredRow { id, seq, rev, created_at, content, is_changed })
    };
    Ok(by_key(&keys, found.into_iter().map(row)))
}

/// What is held under these keys, waiting or rejected.
pub(crate) async fn held(c: &mut PgConnection, keys: Vec<MessageKey>) -> QueryResult<HashMap<MessageKey, HeldRow>> {
    let asking = ForEach::<(BigInt, SmallInt, Text, Text)>::of_messages(HELD, &keys);
    let found = asking.load::<(i64, i16, String, String)>(c).await?;
    let row = |(place, state, reason, content)| (place, HeldRow { state, reason, content });
    Ok(by_key(&keys, found.into_iter().map(row)))
}

/// Since when these are known.
pub(crate) async fn seen(c: &mut PgConnection, keys: Vec<AuthorKey>) -> QueryResult<HashMap<AuthorKey, SeenRow>> {
    type Types = (BigInt, Nullable<Ts>, Nullable<Ts>, Nullable<Ts>);
    type Row = (i64, Option<Stamp>, Option<Stamp>, Option<Stamp>);
    let found = ForEach::<Types>::of_authors(SEEN, keys.iter()).load::<Row>(c).await?;
    let row =
        |(place, first, last, anywhere): Row| (place, SeenRow { here: first.map(|first| (first, last)), anywhere });
    Ok(by_key(&keys, found.into_iter().map(row)))
}

/// When these wrote, those who did.
pub(crate) async fn wrote(c: &mut PgConnection, keys: Vec<AuthorKey>) -> QueryResult<HashMap<AuthorKey, WroteRow>> {
    let asking = ForEach::<(BigInt, Ts, Ts)>::of_authors(WROTE, keys.iter());
    let asking = ForEach { most: Some(vec![MESSAGES_MAX; keys.len()]), ..asking };
    let found = asking.load::<(i64, Stamp, Stamp)>(c).await?;
    Ok(by_key(&keys, found.into_iter().map(|(place, first, last)| (place, WroteRow { first, last }))))
}

/// Holds messages, which are not held yet.
pub(crate) async fn add_held(
    c: &mut PgConnection,
    added: Vec<Hold>,
    wrote_here: HashMap<AuthorKey, WroteRow>,
    at: Stamp,
) -> QueryResult<()> {
    for part in added.chunks(ROWS_MAX) {
        let rows: Vec<_> = part.iter().map(|hold| NewHeldRow::of(hold, &wrote_here, at)).collect();
        insert_into(held_messages::table).values(rows).execute(c).await?;
    }
    Ok(())
}

/// Writes authors, given in the order of their keys. Of those who are there nothing is changed, or, where they wrote just
/// now, only that.
pub(crate) async fn add_authors(c: &mut PgConnection, rows: Vec<NewAuthor>, wrote_now: bool) -> QueryResult<()> {
    for part in rows.chunks(ROWS_MAX) {
        let sql = if wrote_now { NOTE_AUTHORS } else { ADD_AUTHORS };
        let times = part.iter().map(|row| (row.first_seen_at, row.last_message_at)).unzip();
        let adding = ForEach::<()>::of_authors(sql, part.iter().map(|row| &row.key));
        ForEach { times: Some(times), ..adding }.execute(c).await?;
    }
    Ok(())
}
