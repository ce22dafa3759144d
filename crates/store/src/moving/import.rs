//! A room written in one transaction.
//!
//! Whoever writes there meanwhile waits for the lock of its row, and whoever has it in memory learns of it by its new
//! epoch, as of a history that was replaced.

/// Inserts rows: PostgreSQL with one statement, since it is a round trip away; SQLite, which has no default in a row, one
/// by one in one job.
macro_rules! insert_rows {
    (postgres, $c:ident, $table:expr, $rows:ident) => {
        match $rows.is_empty() {
            true => Ok(()),
            false => insert_into($table).values($rows).execute($c).await.map(drop),
        }
    };
    (sqlite, $c:ident, $table:expr, $rows:ident) => {
        $c.spawn_blocking(move |c| {
            for row in &$rows {
                diesel::RunQueryDsl::execute(insert_into($table).values(row), c)?;
            }
            Ok(())
        })
        .await
    };
}

macro_rules! importing {
    ($module:ident, $connection:ty, $in_time:literal) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use diesel::{
                insert_into,
                prelude::*,
                result::Error as QueryError,
                sql_query,
                sql_types::{BigInt, Text},
                update,
            };
            use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
            use tokio::sync::mpsc::Receiver;
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::{make_room, raise_control, raise_guard},
                    $module::{canonical, take_all_back},
                },
                moving::{
                    model::{MoveInto, Moved, MovedPart},
                    places::{Places, key_of},
                    rows::{NewEditRow, NewMessageRow, NewReactionRow, NewRemovedRow, ROWS_MAX},
                },
                tables::{
                    json::of_mentions,
                    schema::{
                        bans, held_messages, message_edits, messages, reactions, removed_texts, rooms,
                    },
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, Badge, MovedBan, MovedHeld, MovedMessage, MovedRoom, RoomId};

            type Connection = $connection;

            /// Writes a room. What does not come to its end, or is not to be changed, is taken back.
            pub(crate) async fn write_room(
                c: &mut Connection,
                room: RoomId,
                into: MoveInto,
                mut from: Receiver<MovedPart>,
            ) -> QueryResult<Moved> {
                // The file may know it by a name that it was given since.
                let room = canonical(c, room).await?;
                let mut found = None;
                let written = c
                    .transaction(async |c| {
                        let moved = write_within(c, &room, into, &mut from).await?;
                        found = Some(moved);
                        match moved {
                            Moved::Written { .. } => Ok(()),
                            Moved::Known(_) | Moved::InUse(_) => Err(QueryError::RollbackTransaction),
                        }
                    })
                    .await;
                match (written, found) {
                    (Err(QueryError::RollbackTransaction) | Ok(()), Some(found)) => Ok(found),
                    (Err(error), _) => Err(error),
                    (Ok(()), None) => Err(QueryError::RollbackTransaction),
                }
            }

            async fn write_within(
                c: &mut Connection,
                room: &RoomId,
                into: MoveInto,
                from: &mut Receiver<MovedPart>,
            ) -> QueryResult<Moved> {
                c.batch_execute($in_time).await?;
                // The row's lock, and on SQLite the file's, is taken before anything is read.
                raise_guard(c, room).await?;
                make_room(c, room).await?;
                // Where somebody else has made the row meanwhile.
                raise_guard(c, room).await?;
                // What comes may get any place among them.
                take_all_back(c, room).await?;
                let columns = (rooms::last_rev, rooms::settings_rev, rooms::title);
                let row = rooms::table.find(room.as_str()).select(columns);
                let (last_rev, settings_rev, title) = row.first::<(i64, i64, Option<String>)>(c).await?;
                let known = known_in(c, room).await?;
                let (n_known, is_empty) = (known.len(), last_rev == 0 && known.is_empty());
                let mut places = if is_empty { Places::staying() } else { Places::behind(last_rev, known) };
                let (mut n_new, mut n_there) = (0_usize, 0_usize);
                let mut rev = 0;
                loop {
                    // Whoever sends has gone without saying that this is all.
                    let Some(part) = from.recv().await else { return Err(QueryError::RollbackTransaction) };
                    match part {
                        MovedPart::Room(moved) => {
                            rev = moved.rev;
                            if is_empty {
                                describe(c, room, moved, settings_rev, title.is_none()).await?;
                            }
                        }
                        MovedPart::Bans(all) => {
                            write_bans(c, &all).await?;
                        }
                        MovedPart::Messages(mut part) => {
                            n_there = n_there.saturating_add(places.give(&mut part));
                            n_new = n_new.saturating_add(part.len());
                            // What is not to be merged is only counted.
                            if is_empty || into == MoveInto::Merged {
                                write_messages(c, room, &part).await?;
                            }
                        }
                        MovedPart::Held(part) => {
                            if is_empty || into == MoveInto::Merged {
                                write_held(c, room, &part, &places).await?;
                            }
                        }
                        MovedPart::End => break,
                    }
                }
                if !is_empty && n_new == 0 {
                    return Ok(Moved::Known(n_there));
                }
                if !is_empty && into == MoveInto::Empty {
                    return Ok(Moved::InUse(n_new));
                }
                if !is_empty {
                    renumber(c, room).await?;
                }
                settle(c, room, if is_empty { rev } else { 0 }).await?;
                Ok(Moved::Written { n_new, n_known })
            }

            /// What is there, with its places.
            async fn known_in(c: &mut Connection, room: &RoomId) -> QueryResult<HashMap<Uuid, i64>> {
                let query = messages::table
                    .filter(messages::room_id.eq(room.as_str()))
                    .select((messages::anonymous_id, messages::client_id, messages::seq));
                let rows = query.load::<(String, Key, i64)>(c).await?.into_iter();
                Ok(rows.map(|(author, key, seq)| (key_of(&AuthorId::from_stored(&author), key.0), seq)).collect())
            }

            /// What a room is, where nobody has said so yet.
            async fn describe(
                c: &mut Connection,
                room: &RoomId,
                moved: MovedRoom,
                settings_rev: i64,
                has_no_title: bool,
            ) -> QueryResult<()> {
                let row = rooms::table.find(room.as_str());
                update(row).set(rooms::created_at.eq(Stamp(moved.created_at))).execute(c).await?;
                if let (Some(title), true) = (moved.title, has_no_title) {
                    update(row).set(rooms::title.eq(title)).execute(c).await?;
                }
                if settings_rev == 0 && !moved.settings.is_empty() {
                    let text = serde_json::Value::Object(moved.settings).to_string();
                    update(row).set((rooms::settings.eq(text), rooms::settings_rev.eq(1))).execute(c).await?;
                }
                Ok(())
            }

            async fn write_messages(c: &mut Connection, room: &RoomId, part: &[MovedMessage]) -> QueryResult<()> {
                let (Some(first), Some(last)) = (part.first(), part.last()) else { return Ok(()) };
                let (first, last) = (first.message.seq, last.message.seq);
                let rows: Vec<_> = part.iter().map(|moved| NewMessageRow::of(room, moved)).collect();
                insert_rows!($module, c, messages::table, rows)?;
                let answering = "UPDATE messages SET reply_to = (SELECT p.id FROM messages p
                    WHERE p.room_id = messages.room_id AND p.seq = messages.reply_to_seq)
                    WHERE room_id = $1 AND seq BETWEEN $2 AND $3 AND reply_to_seq IS NOT NULL";
                let answering = sql_query(answering).bind::<Text, _>(room.as_str());
                answering.bind::<BigInt, _>(first).bind::<BigInt, _>(last).execute(c).await?;
                write_beside(c, room, part, (first, last)).await
            }

            /// What goes with messages in other tables.
            async fn write_beside(
                c: &mut Connection,
                room: &RoomId,
                part: &[MovedMessage],
                (first, last): (i64, i64),
            ) -> QueryResult<()> {
                if part.iter().all(|m| m.reacted.is_empty() && m.edits.is_empty() && m.removed.is_none()) {
                    return Ok(());
                }
                let query = messages::table
                    .filter(messages::room_id.eq(room.as_str()).and(messages::seq.between(first, last)))
                    .select((messages::seq, messages::id));
                let ids: HashMap<i64, i64> = query.load::<(i64, i64)>(c).await?.into_iter().collect();
                let (mut reacted, mut edits, mut removed) = (Vec::new(), Vec::new(), Vec::new());
                for moved in part {
                    let Some(id) = ids.get(&moved.message.seq).copied() else { continue };
                    reacted.extend(moved.reacted.iter().map(|reacted| NewReactionRow::of(id, reacted)));
                    edits.extend(moved.edits.iter().map(|edit| NewEditRow::of(id, edit)));
                    removed.extend(moved.removed.iter().map(|removed| NewRemovedRow::of(id, removed)));
                }
                let mut reacted = reacted.into_iter();
                loop {
                    let rows: Vec<NewReactionRow> = reacted.by_ref().take(ROWS_MAX).collect();
                    if rows.is_empty() {
                        break;
                    }
                    insert_rows!($module, c, reactions::table, rows)?;
                }
                let mut edits = edits.into_iter();
                loop {
                    let rows: Vec<NewEditRow> = edits.by_ref().take(ROWS_MAX).collect();
                    if rows.is_empty() {
                        break;
                    }
                    insert_rows!($module, c, message_edits::table, rows)?;
                }
                insert_rows!($module, c, removed_texts::table, removed)
            }

            async fn write_held(
                c: &mut Connection,
                room: &RoomId,
                part: &[MovedHeld],
                places: &Places,
            ) -> QueryResult<()> {
                let mut n_added = 0_i64;
                for held in part {
                    let place = held.reply_to.and_then(|place| places.of(place));
                    let reply_to = match place {
                        Some(place) => {
                            let of_room = messages::room_id.eq(room.as_str()).and(messages::seq.eq(place));
                            let query = messages::table.filter(of_room).select(messages::id);
                            query.first::<i64>(c).await.optional()?
                        }
                        None => None,
                    };
                    let row = (
                        held_messages::room_id.eq(room.as_str()),
                        held_messages::author_id.eq(held.author.id.as_str()),
                        held_messages::nickname.eq(held.author.nickname.as_str()),
                        held_messages::avatar.eq(held.author.avatar.as_str()),
                        held_messages::badge.eq(held.author.badge.map(Badge::number)),
                        held_messages::client_id.eq(Key(held.client_id)),
                        held_messages::content.eq(held.content.as_str()),
                        held_messages::reply_to.eq(reply_to),
                        held_messages::mentions.eq(of_mentions(&held.mentions)),
                        held_messages::reason.eq(&held.reason),
                        held_messages::at.eq(Stamp(held.at)),
                    );
                    let added = insert_into(held_messages::table).values(row).on_conflict_do_nothing();
                    n_added = n_added.saturating_add(i64::from(added.execute(c).await? > 0));
                }
                let row = rooms::table.find(room.as_str());
                update(row).set(rooms::held_count.eq(rooms::held_count + n_added)).execute(c).await.map(drop)
            }

            /// Gives all messages of a room places by their time. Nothing else than this order says what they answer:
            /// that is an id.
            async fn renumber(c: &mut Connection, room: &RoomId) -> QueryResult<()> {
                // Below zero first: a place is never taken twice, not even for a moment.
                for statement in [
                    "UPDATE messages SET seq = -t.n FROM (
                        SELECT id, row_number() OVER (ORDER BY created_at, seq) AS n FROM messages WHERE room_id = $1
                    ) t WHERE messages.id = t.id",
                    "UPDATE messages SET seq = -seq, rev = -seq WHERE room_id = $1",
                    "UPDATE messages SET reply_to_seq = (SELECT p.seq FROM messages p WHERE p.id = messages.reply_to)
                        WHERE room_id = $1 AND reply_to IS NOT NULL",
                ] {
                    sql_query(statement).bind::<Text, _>(room.as_str()).execute(c).await?;
                }
                Ok(())
            }

            /// The room's own figures, and a new epoch.
            async fn settle(c: &mut Connection, room: &RoomId, rev: i64) -> QueryResult<()> {
                // What it answers did not come.
                let lost = messages::room_id.eq(room.as_str()).and(messages::reply_to.is_null());
                let lost = lost.and(messages::reply_to_seq.is_not_null());
                update(messages::table.filter(lost)).set(messages::reply_to_seq.eq(None::<i64>)).execute(c).await?;
                let of_room = || messages::table.filter(messages::room_id.eq(room.as_str()));
                let there = of_room().filter(messages::deleted_at.is_null()).count().get_result::<i64>(c).await?;
                let newest = of_room().order(messages::created_at.desc()).select(messages::created_at);
                let newest = newest.first::<Stamp>(c).await.optional()?;
                let last = of_room().order(messages::seq.desc()).select(messages::seq);
                let last = last.first::<i64>(c).await.optional()?.unwrap_or(0);
                let changed = of_room().filter(messages::rev.ne(messages::seq));
                let changed = changed.order(messages::rev.desc()).select(messages::rev);
                let changed = changed.first::<i64>(c).await.optional()?.unwrap_or(0);
                let columns = (
                    rooms::epoch.eq(Key(Uuid::new_v4())),
                    rooms::last_rev.eq(rev.max(last).max(changed)),
                    rooms::message_count.eq(there),
                    rooms::last_message_at.eq(newest),
                    // Where messages were removed, these may have got the places below.
                    rooms::first_seq.eq(0),
                );
                update(rooms::table.find(room.as_str())).set(columns).execute(c).await.map(drop)
            }

            /// Shuts out who is not shut out there already. Tells how many.
            pub(crate) async fn write_all_bans(c: &mut Connection, all: Vec<MovedBan>) -> QueryResult<usize> {
                c.transaction(async move |c| write_bans(c, &all).await).await
            }

            async fn write_bans(c: &mut Connection, all: &[MovedBan]) -> QueryResult<usize> {
                let mut n_added = 0_usize;
                for ban in all {
                    let rev = raise_control(c).await?;
                    let same = bans::table
                        .filter(bans::author_id.eq(Some(ban.author.as_str())).and(bans::lifted_at.is_null()))
                        .select((bans::room_id, bans::until));
                    let same = same.load::<(Option<String>, Option<Stamp>)>(c).await?;
                    let lasts = |until: Option<Stamp>| match (until, ban.until) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(there), Some(asked)) => there.0 >= asked,
                    };
                    let of_room = ban.room.as_ref().map(RoomId::as_str);
                    if same.iter().any(|(room, until)| room.as_deref() == of_room && lasts(*until)) {
                        continue;
                    }
                    let row = (
                        bans::room_id.eq(of_room),
                        bans::author_id.eq(Some(ban.author.as_str())),
                        bans::reason.eq(&ban.reason),
                        bans::by_author.eq(ban.by.as_str()),
                        bans::at.eq(Stamp(ban.at)),
                        bans::until.eq(ban.until.map(Stamp)),
                        bans::rev.eq(rev),
                    );
                    insert_into(bans::table).values(row).execute(c).await?;
                    if let Some(room) = &ban.room {
                        raise_guard(c, room).await?;
                    }
                    n_added = n_added.saturating_add(1);
                }
                Ok(n_added)
            }
        }
    };
}

importing!(postgres, crate::postgres::connection::PgConnection, "SET LOCAL statement_timeout = '600s'");
importing!(sqlite, crate::sqlite::Connection, "SELECT 1");
