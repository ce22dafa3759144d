//! What somebody asks to remove for good: what an author wrote, and what hangs on a room.

/// Makes the functions for one kind of connection.
macro_rules! purging {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::BTreeMap;

            use diesel::{delete, dsl::count_star, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;

            use crate::{
                archive::both,
                management::{common::$module::*, keeping_model::{BesideMessages, WrittenBy}},
                tables::{
                    schema::{held_messages, messages, removed_texts, reports, rooms},
                    sql_types::Stamp,
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// In which of the rooms behind this name an author wrote, and how many of their messages are not deleted; and the
            /// last room that was looked at, where there are more.
            pub(crate) async fn written_by(
                c: &mut Connection,
                author: AuthorId,
                after: String,
                limit: usize,
            ) -> QueryResult<WrittenBy> {
                c.transaction(async move |c| {
                    let names = rooms::table
                        .filter(rooms::id.gt(after))
                        .order(rooms::id.asc())
                        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                        .select(rooms::id);
                    let names = names.load::<String>(c).await?;
                    // The key of the sender begins with room and author.
                    let counts: Vec<(String, i64)> = both!(c, true, |of| of::table
                        .filter(of::room_id.eq_any(&names).and(of::anonymous_id.eq(author.as_str())))
                        .filter(of::deleted_at.is_null())
                        .group_by(of::room_id)
                        .select((of::room_id, count_star())));
                    let mut all: BTreeMap<String, i64> = BTreeMap::new();
                    for (name, n) in counts {
                        let counted = all.entry(name).or_default();
                        *counted = counted.saturating_add(n);
                    }
                    let room = |(name, n): (String, i64)| Some((RoomId::parse(&name).ok()?, n));
                    let rooms: Vec<(RoomId, i64)> = all.into_iter().filter_map(room).collect();
                    Ok(WrittenBy { rooms, last: names.last().cloned() })
                })
                .await
            }

            /// Some of what an author wrote in a room and is not deleted: ids.
            pub(crate) async fn messages_by(
                c: &mut Connection,
                author: AuthorId,
                room: RoomId,
                limit: usize,
            ) -> QueryResult<Vec<i64>> {
                c.transaction(async move |c| {
                    let mut ids: Vec<i64> = both!(c, true, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::anonymous_id.eq(author.as_str())))
                        .filter(of::deleted_at.is_null())
                        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                        .select(of::id));
                    ids.truncate(limit);
                    Ok(ids)
                })
                .await
            }

            /// How many messages of a room were written before a time.
            pub(crate) async fn written_before(c: &mut Connection, room: RoomId, before: Stamp) -> QueryResult<i64> {
                c.transaction(async move |c| {
                    let counts: Vec<i64> = both!(c, true, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::created_at.lt(before)))
                        .count());
                    Ok(counts.into_iter().sum())
                })
                .await
            }

            /// What is kept of an author in a room beside messages: those that wait or were rejected, and texts of theirs that
            /// somebody else deleted.
            pub(crate) async fn forget_rest_of(c: &mut Connection, author: AuthorId, room: RoomId) -> QueryResult<()> {
                c.transaction(async move |c| {
                    // The lock of the row first, as whoever holds a message has it.
                    raise_guard(c, &room).await?;
                    forget_held(c, &room, Some(&author)).await?;
                    let deleted = messages::table
                        .filter(messages::room_id.eq(room.as_str()).and(messages::anonymous_id.eq(author.as_str())))
                        .filter(messages::deleted_at.is_not_null())
                        .select(messages::id);
                    let ids = deleted.load::<i64>(c).await?;
                    delete(removed_texts::table.filter(removed_texts::message_id.eq_any(ids))).execute(c).await?;
                    Ok(())
                })
                .await
            }

            /// What hangs on a room beside its messages: those that wait or were rejected, and reports.
            pub(crate) async fn forget_rest_of_room(c: &mut Connection, room: RoomId) -> QueryResult<()> {
                c.transaction(async move |c| {
                    raise_guard(c, &room).await?;
                    forget_held(c, &room, None).await?;
                    delete(reports::table.filter(reports::room_id.eq(room.as_str()))).execute(c).await?;
                    Ok(())
                })
                .await
            }

            /// What hangs on a room beside its messages.
            pub(crate) async fn beside_messages(c: &mut Connection, room: RoomId) -> QueryResult<BesideMessages> {
                let waiting = held_messages::room_id.eq(room.as_str()).and(held_messages::state.eq(0_i16));
                let n_held = held_messages::table.filter(waiting).count().get_result(c).await?;
                let of_room = reports::table.filter(reports::room_id.eq(room.as_str()));
                Ok(BesideMessages { n_held, n_reports: of_room.count().get_result(c).await? })
            }

            /// Writes down that all of a room is removed that is there up to this value of its counter. The entry's id.
            pub(crate) async fn note_purge(
                c: &mut Connection,
                room: RoomId,
                (n_messages, up_to): (i64, i64),
                by: AuthorId,
            ) -> QueryResult<i64> {
                let now = now(c).await?;
                let entry = Entry {
                    room: Some(&room),
                    actor: &by,
                    action: "purge",
                    target: json!({"upTo": up_to}),
                    before: json!({"messages": n_messages}),
                    after: json!(null),
                };
                write_entry(c, entry, now).await
            }

            /// Those of this author, or all.
            async fn forget_held(c: &mut Connection, room: &RoomId, author: Option<&AuthorId>) -> QueryResult<()> {
                let of_room = held_messages::table
                    .filter(held_messages::room_id.eq(room.as_str()))
                    .select((held_messages::id, held_messages::state));
                let rows = match author {
                    Some(author) => {
                        of_room.filter(held_messages::author_id.eq(author.as_str())).load::<(i64, i16)>(c).await?
                    }
                    None => of_room.load::<(i64, i16)>(c).await?,
                };
                let n_waiting = i64::try_from(rows.iter().filter(|(_, state)| *state == 0).count()).unwrap_or(0);
                let ids: Vec<i64> = rows.into_iter().map(|(id, _)| id).collect();
                delete(held_messages::table.filter(held_messages::id.eq_any(ids))).execute(c).await?;
                let fewer = rooms::held_count.eq(rooms::held_count - n_waiting);
                update(rooms::table.find(room.as_str())).set(fewer).execute(c).await.map(drop)
            }
        }
    };
}

purging!(postgres, crate::postgres::connection::PgConnection);
purging!(sqlite, crate::sqlite::Connection);
