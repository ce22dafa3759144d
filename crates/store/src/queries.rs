//! Everything that only reads. Each body is written once and compiled for both databases.
//!
//! On PostgreSQL the reading connections work in REPEATABLE READ, so what one function reads is of one moment.

/// Makes the reading functions for one kind of connection.
macro_rules! reading {
    ($module:ident, $connection:ty, $database:ty) => {
        pub(crate) mod $module {
            use std::{collections::HashMap, sync::Arc};

            use diesel::prelude::*;
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                model::{Changes, Head, Heads, Loaded, Page},
                tables::{
                    rows::{HeadRow, MessageRow, MetaRow, head_of, one_more, page_of},
                    schema::{messages, meta, reactions, rooms},
                    sql_types::Key,
                },
            };
            use chat_domain::{ChatMessage, PINS_MAX, PageCursor, RoomId};

            type Connection = $connection;

            pub(crate) async fn ping(c: &mut Connection) -> QueryResult<()> {
                let one = diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>());
                one.get_result::<i32>(c).await.map(|_| ())
            }

            pub(crate) async fn meta_row(c: &mut Connection) -> QueryResult<MetaRow> {
                meta::table.find(1).select(MetaRow::as_select()).first(c).await
            }

            pub(crate) async fn head(c: &mut Connection, room: &RoomId) -> QueryResult<Head> {
                let query = meta::table
                    .find(1)
                    .left_join(rooms::table.on(rooms::id.eq(room.as_str())))
                    .select((meta::epoch, Option::<HeadRow>::as_select()));
                let (epoch, row) = query.first::<(Key, Option<HeadRow>)>(c).await?;
                Ok(head_of(epoch, row))
            }

            pub(crate) async fn heads(c: &mut Connection, asked: Arc<[RoomId]>) -> QueryResult<Heads> {
                /// SQLite takes 32,766 parameters in a statement (SQLITE_MAX_VARIABLE_NUMBER).
                const ROOMS_MAX: usize = 30_000;

                // Of one moment: between two reads a room may get its first row, or all a new epoch.
                c.transaction(async move |c| {
                    let by_name: HashMap<&str, &RoomId> = asked.iter().map(|room| (room.as_str(), room)).collect();
                    let meta_epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c).await?;
                    let mut found = Vec::with_capacity(asked.len());
                    for part in asked.chunks(ROOMS_MAX) {
                        let names = part.iter().map(RoomId::as_str);
                        let of_rooms = rooms::table.filter(rooms::id.eq_any(names));
                        let query = of_rooms.select((rooms::id, rooms::epoch, rooms::last_rev));
                        for (name, epoch, rev) in query.load::<(String, Key, i64)>(c).await? {
                            if let Some(room) = by_name.get(name.as_str()) {
                                found.push(((*room).clone(), epoch.into(), rev));
                            }
                        }
                    }
                    Ok(Heads { meta_epoch: meta_epoch.into(), rooms: found })
                })
                .await
            }

            pub(crate) async fn page(
                c: &mut Connection,
                room: &RoomId,
                cursor: PageCursor,
                limit: usize,
            ) -> QueryResult<Page> {
                let query = messages::table
                    .filter(messages::room_id.eq(room.as_str()))
                    .select(MessageRow::as_select())
                    .limit(one_more(limit))
                    .into_boxed::<$database>();
                let query = match cursor {
                    PageCursor::Latest => query.order(messages::seq.desc()),
                    PageCursor::Before(seq) => query.filter(messages::seq.lt(seq)).order(messages::seq.desc()),
                    PageCursor::After(seq) => query.filter(messages::seq.gt(seq)).order(messages::seq.asc()),
                };
                let rows = query.load(c).await?;
                Ok(page_of(rows, limit, !matches!(cursor, PageCursor::After(_))))
            }

            pub(crate) async fn load(c: &mut Connection, room: RoomId, limit: usize) -> QueryResult<Loaded> {
                c.transaction(async move |c| {
                    let head = head(c, &room).await?;
                    let page = page(c, &room, PageCursor::Latest, limit).await?;
                    // Of the messages before the page the last that was changed: behind it all changes are of the page.
                    let first = page.messages.iter().next().map_or(i64::MAX, |m| m.seq);
                    let complete_above = match page.has_more {
                        false => 0,
                        true => {
                            let changed = messages::table
                                .filter(messages::room_id.eq(room.as_str()).and(messages::rev.ne(messages::seq)))
                                .filter(messages::seq.lt(first))
                                .order(messages::rev.desc())
                                .select(messages::rev);
                            let last = changed.first::<i64>(c).await.optional()?.unwrap_or(0);
                            last.max(first.saturating_sub(1))
                        }
                    };
                    let pinned = pinned(c, &room).await?;
                    Ok(Loaded { head, page, complete_above, pinned })
                })
                .await
            }

            /// The pinned messages, the newest pin first.
            async fn pinned(c: &mut Connection, room: &RoomId) -> QueryResult<Vec<ChatMessage>> {
                let pinned = messages::table
                    .filter(messages::room_id.eq(room.as_str()).and(messages::pinned_at.is_not_null()))
                    .order((messages::pinned_at.desc(), messages::seq.desc()))
                    .limit(one_more(PINS_MAX))
                    .select(MessageRow::as_select());
                Ok(pinned.load(c).await?.into_iter().map(ChatMessage::from).collect())
            }

            pub(crate) async fn changes_since(
                c: &mut Connection,
                room: RoomId,
                rev: i64,
                limit: usize,
            ) -> QueryResult<Changes> {
                c.transaction(async move |c| {
                    let head = head(c, &room).await?;
                    let of_room = messages::room_id.eq(room.as_str());
                    // Two questions, each of which one index answers in order: an OR of both would be sorted.
                    let written = messages::table
                        .filter(of_room.and(messages::seq.gt(rev)).and(messages::rev.eq(messages::seq)))
                        .order(messages::seq.asc())
                        .limit(one_more(limit))
                        .select(MessageRow::as_select());
                    let mut rows = written.load(c).await?;
                    let changed = messages::table
                        .filter(of_room.and(messages::rev.gt(rev)).and(messages::rev.ne(messages::seq)))
                        .order(messages::rev.asc())
                        .limit(one_more(limit))
                        .select(MessageRow::as_select());
                    rows.extend(changed.load(c).await?);
                    rows.sort_by_key(MessageRow::rev);
                    let page = page_of(rows, limit, false);
                    Ok(Changes { head, messages: page.messages, truncated: page.has_more })
                })
                .await
            }

            /// A page as of one moment, with the room's head.
            pub(crate) async fn history(
                c: &mut Connection,
                room: RoomId,
                cursor: PageCursor,
                limit: usize,
            ) -> QueryResult<(Head, Page)> {
                c.transaction(async move |c| {
                    let head = head(c, &room).await?;
                    let page = page(c, &room, cursor, limit).await?;
                    Ok((head, page))
                })
                .await
            }

            /// Messages by id, as far as they are this room's, in no order.
            pub(crate) async fn messages_by_id(
                c: &mut Connection,
                room: &RoomId,
                ids: &[i64],
            ) -> QueryResult<Vec<ChatMessage>> {
                let asked = messages::table
                    .filter(messages::room_id.eq(room.as_str()).and(messages::id.eq_any(ids)))
                    .select(MessageRow::as_select());
                Ok(asked.load(c).await?.into_iter().map(ChatMessage::from).collect())
            }

            /// Who reacts to a message with an emoji, by id, behind `after`.
            pub(crate) async fn reactors(
                c: &mut Connection,
                message: i64,
                emoji: &str,
                after: &str,
                limit: usize,
            ) -> QueryResult<Vec<String>> {
                let asked = reactions::table
                    .filter(reactions::message_id.eq(message).and(reactions::emoji.eq(emoji)))
                    .filter(reactions::author_id.gt(after))
                    .order(reactions::author_id.asc())
                    .limit(one_more(limit))
                    .select(reactions::author_id);
                asked.load(c).await
            }

            /// What somebody reacts with to the messages of a room from one `seq` to another, both included.
            pub(crate) async fn reactions_by(
                c: &mut Connection,
                room: &RoomId,
                author: &str,
                (from, to): (i64, i64),
                limit: usize,
            ) -> QueryResult<Vec<(i64, String)>> {
                let asked = reactions::table
                    .inner_join(messages::table.on(messages::id.eq(reactions::message_id)))
                    .filter(messages::room_id.eq(room.as_str()).and(messages::seq.between(from, to)))
                    .filter(reactions::author_id.eq(author))
                    .order((messages::seq.asc(), reactions::emoji.asc()))
                    .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                    .select((reactions::message_id, reactions::emoji));
                asked.load(c).await
            }
        }
    };
}

reading!(postgres, crate::postgres::connection::PgConnection, diesel::pg::Pg);
reading!(sqlite, crate::sqlite::Connection, diesel::sqlite::Sqlite);
