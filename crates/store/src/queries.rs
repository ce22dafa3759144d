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
                model::{Changes, Head, Heads, Page},
                tables::{
                    rows::{HeadRow, MessageRow, MetaRow, head_of, one_more, page_of},
                    schema::{messages, meta, rooms},
                    sql_types::Key,
                },
            };
            use chat_domain::{PageCursor, RoomId};

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

            pub(crate) async fn load(c: &mut Connection, room: RoomId, limit: usize) -> QueryResult<(Head, Page)> {
                c.transaction(async move |c| {
                    let head = head(c, &room).await?;
                    let page = page(c, &room, PageCursor::Latest, limit).await?;
                    Ok((head, page))
                })
                .await
            }

            pub(crate) async fn changes_since(
                c: &mut Connection,
                room: RoomId,
                rev: i64,
                limit: usize,
            ) -> QueryResult<Changes> {
                c.transaction(async move |c| {
                    let head = head(c, &room).await?;
                    // Until edits exist rev equals seq, and only seq has an index.
                    let query = messages::table
                        .filter(messages::room_id.eq(room.as_str()).and(messages::seq.gt(rev)))
                        .order(messages::seq.asc())
                        .limit(one_more(limit))
                        .select(MessageRow::as_select());
                    let page = page_of(query.load(c).await?, limit, false);
                    Ok(Changes { head, messages: page.messages, truncated: page.has_more })
                })
                .await
            }
        }
    };
}

reading!(postgres, crate::postgres::connection::PgConnection, diesel::pg::Pg);
reading!(sqlite, crate::sqlite::Connection, diesel::sqlite::Sqlite);
