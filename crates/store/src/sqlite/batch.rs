//! How SQLite stores a batch: one transaction that no other can be in, the insert tried first.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use diesel::{
    define_sql_function, insert_into,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::Error as QueryError,
    select,
    sql_types::{BigInt, Text},
    sqlite::{Sqlite, SqliteConnection},
    update,
};

use super::changes::statements::look_up;
use crate::{
    model::{AppendOutcome, StoredMessage},
    probe::undone,
    references::{Asked, Checked, References},
    tables::{
        json::of_mentions,
        schema::{messages, meta, rooms},
        sql_types::{Guid, Key, Stamp, Ts},
    },
};
use chat_domain::{Annotations, Badge, NewMessage, RoomId};

define_sql_function!(fn last_insert_rowid() -> diesel::sql_types::BigInt);

/// A room while its batch is being written. The row of one that exists has its counters raised beforehand, as if all
/// of the batch's messages were new; a new one's is written last.
struct OpenRoom {
    is_new: bool,
    /// Its messages were checked against another `guard_rev`: none is stored.
    is_guarded: bool,
    epoch: Key,
    /// The last value that is taken.
    last_rev: i64,
    n_expected: i64,
    n_added: i64,
}

pub(crate) fn append(
    c: &mut SqliteConnection,
    rows: &[Arc<NewMessage>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<AppendOutcome>> {
    // Where SQLite has ended the transaction by itself, as for a disk that is full, diesel's rollback fails, and its
    // error would hide the one that tells why. The pool drops the connection then.
    let mut cause = None;
    let written = c.immediate_transaction(|c| {
        append_within(c, rows, now).map_err(|error| {
            cause = Some(error);
            QueryError::RollbackTransaction
        })
    });
    written.map_err(|error| cause.unwrap_or(error))
}

/// SQLite writes nothing of what is undone, so the transaction ends by a commit of a row as it was.
pub(crate) fn probe(c: &mut SqliteConnection, rows: &[Arc<NewMessage>], now: DateTime<Utc>) -> QueryResult<()> {
    c.immediate_transaction(|c| {
        let storing: QueryResult<()> = c.transaction(|c| {
            append_within(c, rows, now)?;
            Err(QueryError::RollbackTransaction)
        });
        undone(storing)?;
        update(meta::table).set(meta::secret.eq(meta::secret)).execute(c).map(|_| ())
    })
}

/// The same within a transaction that no other can be in.
fn append_within(
    c: &mut SqliteConnection,
    rows: &[Arc<NewMessage>],
    now: DateTime<Utc>,
) -> QueryResult<Vec<AppendOutcome>> {
    let asked = Asked::of(rows);
    let references = if asked.is_empty() { References::default() } else { look_up(c, &asked)? };
    let Checked { rows, refused } = references.check(rows);
    // All of a room were checked against the same.
    let mut counts: HashMap<&RoomId, (i64, i64)> = HashMap::new();
    for row in &rows {
        let (count, _) = counts.entry(&row.room).or_insert((0, row.guard_rev));
        *count = count.saturating_add(1);
    }
    let mut open: HashMap<&RoomId, OpenRoom> = HashMap::with_capacity(counts.len());
    for (id, (n_expected, guard_rev)) in counts {
        open.insert(id, open_room(c, id, n_expected, guard_rev, Stamp(now))?);
    }
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut last_id = None;
    for row in &rows {
        if let Some(room) = open.get_mut(&row.room) {
            let outcome = match room.is_guarded {
                true => AppendOutcome::GuardChanged,
                false => append_one(c, room, row, references.annotations(row), Stamp(now), last_id)?,
            };
            last_id = if let AppendOutcome::Stored(stored, _) = &outcome { Some(stored.id) } else { None };
            outcomes.push(outcome);
        }
    }
    for (id, room) in open {
        if !room.is_guarded {
            close_room(c, id, &room, Stamp(now))?;
        }
    }
    Ok(refused.put_back(outcomes))
}

/// Raises a room's counters by `n` and tells its epoch and what its counter is then. Written out, because diesel's own `update`
/// is parsed anew each time, which is a tenth of what it costs to store a message.
struct RaiseRoom<'a> {
    id: &'a RoomId,
    n: i64,
    guard_rev: i64,
    now: Stamp,
}

/// Lets the connection keep it prepared.
impl QueryId for RaiseRoom<'_> {
    type QueryId = RaiseRoom<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for RaiseRoom<'_> {
    type SqlType = (Guid, BigInt);
}

impl RunQueryDsl<SqliteConnection> for RaiseRoom<'_> {}

impl QueryFragment<Sqlite> for RaiseRoom<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE rooms SET last_rev = last_rev + ");
        out.push_bind_param::<BigInt, _>(&self.n)?;
        out.push_sql(", message_count = message_count + ");
        out.push_bind_param::<BigInt, _>(&self.n)?;
        // The clock of a machine may go back.
        out.push_sql(", last_message_at = max(ifnull(last_message_at, 0), ");
        out.push_bind_param::<Ts, _>(&self.now)?;
        out.push_sql(") WHERE id = ");
        out.push_bind_param::<Text, _>(self.id.as_str())?;
        out.push_sql(" AND guard_rev = ");
        out.push_bind_param::<BigInt, _>(&self.guard_rev)?;
        out.push_sql(" RETURNING epoch, last_rev");
        Ok(())
    }
}

fn open_room(
    c: &mut SqliteConnection,
    id: &RoomId,
    n_expected: i64,
    guard_rev: i64,
    now: Stamp,
) -> QueryResult<OpenRoom> {
    let raised = RaiseRoom { id, n: n_expected, guard_rev, now }.get_result::<(Key, i64)>(c).optional()?;
    let is_guarded = raised.is_none() && rooms::table.find(id.as_str()).count().get_result::<i64>(c)? > 0;
    let is_new = raised.is_none();
    let (epoch, raised_to) = match raised {
        Some(row) => row,
        None => (meta::table.select(meta::epoch).first(c)?, n_expected),
    };
    let last_rev = raised_to.saturating_sub(n_expected);
    Ok(OpenRoom { is_new, is_guarded, epoch, last_rev, n_expected, n_added: 0 })
}

/// `last_id` is the one of the row before, where that was inserted just now.
fn append_one(
    c: &mut SqliteConnection,
    room: &mut OpenRoom,
    row: &NewMessage,
    annotations: Option<Box<Annotations>>,
    now: Stamp,
    last_id: Option<i64>,
) -> QueryResult<AppendOutcome> {
    let seq = room.last_rev.saturating_add(1);
    let reply_to = annotations.as_ref().and_then(|a| a.reply_to);
    let mentions = annotations.as_ref().and_then(|a| of_mentions(&a.mentions));
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
            messages::reply_to.eq(reply_to.map(|to| to.id)),
            messages::reply_to_seq.eq(reply_to.map(|to| to.seq)),
            messages::mentions.eq(mentions),
            messages::badge.eq(row.author.badge.map(Badge::number)),
        ))
        .on_conflict((messages::room_id, messages::anonymous_id, messages::client_id))
        .do_nothing()
        .execute(c);
    match inserted {
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
            let stored = StoredMessage { id, seq, rev: seq, created_at: now.0, epoch: room.epoch.into() };
            Ok(AppendOutcome::Stored(stored, annotations))
        }
    }
}

/// What is stored under the row's key.
fn original(c: &mut SqliteConnection, room: &OpenRoom, row: &NewMessage) -> QueryResult<AppendOutcome> {
    let (id, seq, rev, created_at, content, version, deleted_at) = messages::table
        .filter(messages::room_id.eq(row.room.as_str()))
        .filter(messages::anonymous_id.eq(row.author.id.as_str()))
        .filter(messages::client_id.eq(Key(row.client_id)))
        .select((
            messages::id,
            messages::seq,
            messages::rev,
            messages::created_at,
            messages::content,
            messages::version,
            messages::deleted_at,
        ))
        .first::<(i64, i64, i64, Stamp, String, i32, Option<Stamp>)>(c)?;
    // What was edited or deleted since is the same message whatever it says now.
    if version > 1 || deleted_at.is_some() || content == row.content.as_str() {
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
        // What idx_messages_room_created_at is for here.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::migrations;
    use chat_domain::{Author, AuthorId, AvatarName, Content, NewMentions, Nickname};

    fn message(room: &RoomId, content: &str) -> Arc<NewMessage> {
        let id = AuthorId::from_stored("author");
        let avatar = AvatarName::derived_from(&id);
        let author = Author { id, nickname: Nickname::from_stored("수달".to_owned()), avatar, badge: None };
        let content = Content::parse(content).expect("a content");
        Arc::new(NewMessage {
            room: room.clone(),
            author,
            content,
            client_id: Uuid::new_v4(),
            reply_to: None,
            mentions: NewMentions::default(),
            guard_rev: 0,
        })
    }

    #[test]
    fn a_clock_that_goes_back_leaves_the_time_of_the_newest_message() {
        let mut c = SqliteConnection::establish(":memory:").expect("a database");
        migrations::apply_to_sqlite(&mut c).expect("tables");
        let meta_row = migrations::new_meta_row().expect("a row");
        insert_into(meta::table).values(meta_row).execute(&mut c).expect("stored");
        let room = RoomId::parse("post").expect("a room id");
        let start = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
        let (earlier, later) = (start - Duration::from_secs(60), start + Duration::from_secs(60));
        for (n, (at, newest)) in (1..).zip([(start, start), (earlier, start), (later, later), (start, later)]) {
            let outcomes = append(&mut c, &[message(&room, "hello")], at).expect("a commit");
            assert!(matches!(&outcomes[..], [AppendOutcome::Stored(m, _)] if (m.seq, m.created_at) == (n, at)));
            let row = rooms::table
                .find(room.as_str())
                .select((rooms::last_rev, rooms::message_count, rooms::last_message_at))
                .first(&mut c);
            assert_eq!(row, Ok((n, n, Some(Stamp(newest)))));
        }
    }
}
