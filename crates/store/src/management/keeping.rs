//! What is removed for good: the oldest messages of a room, without a value of its counter.

/// Makes the functions for one kind of connection.
macro_rules! keeping {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{
                delete,
                dsl::sql,
                prelude::*,
                sql_types::Nullable,
                update,
            };
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                archive::{KEPT_AT_HAND, Reach, both},
                management::{common::$module::*, keeping_model::*},
                tables::{
                    archive_schema::messages_archive,
                    schema::{messages, reports, rooms},
                    sql_types::{Stamp, Ts},
                },
            };
            use chat_domain::RoomId;

            type Connection = $connection;

            /// The rooms behind this name, in the order of their names, each with the time of its oldest message, where it has
            /// one. An index answers that for each: what is read of a room is one row, whatever it holds.
            pub(crate) async fn oldest_messages(
                c: &mut Connection,
                after: String,
                limit: usize,
            ) -> QueryResult<Vec<OldestOf>> {
                let at_hand = "(SELECT m.created_at FROM messages m WHERE m.room_id = rooms.id
                    AND m.seq >= rooms.first_seq ORDER BY m.room_id, m.seq LIMIT 1)";
                let archived = "CASE WHEN rooms.archived_seq > 0 AND rooms.archived_seq >= rooms.first_seq THEN
                    (SELECT a.created_at FROM messages_archive a WHERE a.room_id = rooms.id AND a.seq >= rooms.first_seq
                    ORDER BY a.room_id, a.seq LIMIT 1) END";
                of_rooms(c, after, limit, [at_hand, archived]).await
            }

            /// Of the rooms behind this name, in order: its name, and when the oldest message was written that may be moved
            /// into the archive, where it has one.
            pub(crate) async fn oldest_at_hand(
                c: &mut Connection,
                after: String,
                limit: usize,
            ) -> QueryResult<Vec<OldestOf>> {
                let oldest = format!(
                    "(SELECT m.created_at FROM messages m WHERE m.room_id = rooms.id AND m.pinned_at IS NULL AND m.seq <
                    (SELECT k.seq FROM messages k WHERE k.room_id = rooms.id
                    ORDER BY k.room_id DESC, k.seq DESC LIMIT 1 OFFSET {})
                    ORDER BY m.room_id, m.seq LIMIT 1)",
                    KEPT_AT_HAND.saturating_sub(1)
                );
                of_rooms(c, after, limit, [&oldest, "NULL"]).await
            }

            async fn of_rooms(
                c: &mut Connection,
                after: String,
                limit: usize,
                oldest: [&str; 2],
            ) -> QueryResult<Vec<OldestOf>> {
                let query = rooms::table
                    .filter(rooms::id.gt(after))
                    .order(rooms::id.asc())
                    .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                    .select((rooms::id, sql::<Nullable<Ts>>(oldest[0]), sql::<Nullable<Ts>>(oldest[1])));
                let rows = query.load::<(String, Option<Stamp>, Option<Stamp>)>(c).await?;
                let row = |(name, at, or): (String, Option<Stamp>, Option<Stamp>)| OldestOf {
                    room: RoomId::parse(&name).ok(),
                    name,
                    at: at.into_iter().chain(or).map(|at| at.0).min(),
                };
                Ok(rows.into_iter().map(row).collect())
            }

            /// Removes the room's oldest messages, at most so many: those at or below a place and written before a time, up to
            /// the first one that is not. All of it is one transaction under the lock of the room's row, so that nobody sees
            /// or changes what is half gone, and a server that ends in the midst of it leaves all or nothing.
            pub(crate) async fn remove_oldest(c: &mut Connection, order: Removal) -> QueryResult<Removed> {
                c.transaction(async move |c| {
                    let Removal { room, before, up_to, limit } = order;
                    // The lock, before anything is read.
                    let locking = update(rooms::table.find(room.as_str())).set(rooms::first_seq.eq(rooms::first_seq));
                    let columns = (rooms::first_seq, rooms::archived_seq, rooms::archived_rev);
                    let locked = locking.returning(columns).get_result::<(i64, i64, i64)>(c).await.optional()?;
                    let Some((first_seq, archived_seq, archived_rev)) = locked else { return Ok(Removed::default()) };
                    let is_archived = Reach::of(first_seq, archived_seq, archived_rev).is_used();
                    let mut rows: Vec<(i64, i64, Stamp, Option<Stamp>)> = both!(c, is_archived, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::seq.ge(first_seq)).and(of::seq.le(up_to)))
                        .order((of::room_id.asc(), of::seq.asc()))
                        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                        .select((of::id, of::seq, of::created_at, of::deleted_at)));
                    rows.sort_unstable_by_key(|(_, seq, ..)| *seq);
                    rows.truncate(limit);
                    let is_full = rows.len() >= limit;
                    // One that is younger ends it: clocks may have gone back, and what is kept is kept without a hole.
                    let n_old =
                        rows.iter().take_while(|(_, _, at, _)| before.is_none_or(|before| at.0 < before)).count();
                    let may_be_more = is_full && n_old == rows.len();
                    rows.truncate(n_old);
                    let Some(last) = rows.last().map(|(_, seq, ..)| *seq) else {
                        return Ok(Removed { n_messages: 0, first_seq, may_be_more: false });
                    };
                    let ids: Vec<i64> = rows.iter().map(|(id, ..)| *id).collect();
                    let n_counted = rows.iter().filter(|(.., deleted_at)| deleted_at.is_none()).count();
                    let n_counted = i64::try_from(n_counted).unwrap_or(i64::MAX);
                    // Reactions, edits and removed texts go with their messages.
                    delete(reports::table.filter(reports::message_id.eq_any(&ids))).execute(c).await?;
                    delete(messages::table.filter(messages::id.eq_any(&ids))).execute(c).await?;
                    let first_seq = last.saturating_add(1);
                    if archived_seq > 0 {
                        // Those as well that a server which knows no archive has left below.
                        let of = messages_archive::room_id.eq(room.as_str()).and(messages_archive::seq.lt(first_seq));
                        delete(messages_archive::table.filter(of)).execute(c).await?;
                    }
                    let kept =
                        (rooms::first_seq.eq(first_seq), rooms::message_count.eq(rooms::message_count - n_counted));
                    update(rooms::table.find(room.as_str())).set(kept).execute(c).await?;
                    Ok(Removed { n_messages: n_old, first_seq, may_be_more })
                })
                .await
            }

            /// The database's time.
            pub(crate) async fn time(c: &mut Connection) -> QueryResult<chrono::DateTime<chrono::Utc>> {
                Ok(now(c).await?.0)
            }
        }
    };
}

keeping!(postgres, crate::postgres::connection::PgConnection);
keeping!(sqlite, crate::sqlite::Connection);
