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
                archive::{Reach, both, reactors_in},
                model::{Changes, Head, Heads, Loaded, OwnReactions, Page, Position, Reactors, RoomHead},
                tables::{
                    archive_schema::messages_archive,
                    rows::{HeadRow, MessageRow, MetaRow, head_of, message_columns, one_more, page_of},
                    schema::{messages, meta, reactions, rooms},
                    sql_types::Key,
                },
            };
            use chat_domain::{AuthorId, ChatMessage, Emoji, PINS_MAX, PageCursor, RoomId};

            type Connection = $connection;

            pub(crate) async fn ping(c: &mut Connection) -> QueryResult<()> {
                let one = diesel::select(1_i32.into_sql::<diesel::sql_types::Integer>());
                one.get_result::<i32>(c).await.map(|_| ())
            }

            pub(crate) async fn meta_row(c: &mut Connection) -> QueryResult<MetaRow> {
                meta::table.find(1).select(MetaRow::as_select()).first(c).await
            }

            pub(crate) async fn head(c: &mut Connection, room: &RoomId) -> QueryResult<Head> {
                Ok(head_and_reach(c, room).await?.0)
            }

            async fn head_and_reach(c: &mut Connection, room: &RoomId) -> QueryResult<(Head, Reach)> {
                let query = meta::table
                    .find(1)
                    .left_join(rooms::table.on(rooms::id.eq(room.as_str())))
                    .select((meta::epoch, Option::<HeadRow>::as_select()));
                let (epoch, row) = query.first::<(Key, Option<HeadRow>)>(c).await?;
                let reach = row.as_ref().map(HeadRow::reach).unwrap_or_default();
                Ok((head_of(epoch, row), reach))
            }

            pub(crate) async fn heads(c: &mut Connection, asked: Arc<[RoomId]>) -> QueryResult<Heads> {
                /// SQLite takes 32,766 parameters in a statement (SQLITE_MAX_VARIABLE_NUMBER).
                const ROOMS_MAX: usize = 30_000;

                // Of one moment: between two reads a room may get its first row, or all a new epoch.
                c.transaction(async move |c| {
                    let by_name: HashMap<&str, &RoomId> = asked.iter().map(|room| (room.as_str(), room)).collect();
                    let of_all = meta::table.find(1).select((meta::epoch, meta::control_rev));
                    let (meta_epoch, control_rev) = of_all.first::<(Key, i64)>(c).await?;
                    let mut found = Vec::with_capacity(asked.len());
                    for part in asked.chunks(ROOMS_MAX) {
                        let names = part.iter().map(RoomId::as_str);
                        let of_rooms = rooms::table.filter(rooms::id.eq_any(names));
                        let columns = (rooms::id, rooms::epoch, rooms::last_rev, rooms::guard_rev, rooms::first_seq);
                        let rows = of_rooms.select(columns).load::<(String, Key, i64, i64, i64)>(c).await?;
                        for (name, epoch, rev, guard_rev, first_seq) in rows {
                            if let Some(room) = by_name.get(name.as_str()) {
                                let head = RoomHead { epoch: epoch.into(), rev, guard_rev, first_seq };
                                found.push(((*room).clone(), head));
                            }
                        }
                    }
                    Ok(Heads { meta_epoch: meta_epoch.into(), control_rev, rooms: found })
                })
                .await
            }

            async fn position(c: &mut Connection, room: &RoomId) -> QueryResult<(Position, Reach)> {
                let reach = (rooms::first_seq, rooms::archived_seq, rooms::archived_rev);
                let query = meta::table
                    .find(1)
                    .left_join(rooms::table.on(rooms::id.eq(room.as_str())))
                    .select((meta::epoch, (rooms::epoch, rooms::last_rev, reach).nullable()));
                let (epoch, row) = query.first::<(Key, Option<(Key, i64, (i64, i64, i64))>)>(c).await?;
                let (epoch, rev, (first, seq, of_rev)) = row.unwrap_or((epoch, 0, (0, 0, 0)));
                Ok((Position { epoch: epoch.into(), rev }, Reach::of(first, seq, of_rev)))
            }

            /// Messages in the order of their `seq`, and whether there are more in the direction that is asked.
            async fn messages_at(
                c: &mut Connection,
                (room, reach): (&RoomId, Reach),
                cursor: PageCursor,
                limit: usize,
            ) -> QueryResult<(Vec<ChatMessage>, bool)> {
                /// The query on either table.
                macro_rules! rows_of {
                    ($of:ident) => {{
                        let query = $of::table
                            .filter($of::room_id.eq(room.as_str()))
                            .select(message_columns!($of))
                            .limit(one_more(limit))
                            .into_boxed::<$database>();
                        let query = match cursor {
                            PageCursor::Latest => query.order($of::seq.desc()),
                            PageCursor::Before(seq) => query.filter($of::seq.lt(seq)).order($of::seq.desc()),
                            PageCursor::After(seq) => query.filter($of::seq.gt(seq)).order($of::seq.asc()),
                            // Two pages make it one: this is the second.
                            PageCursor::Around(seq) => query.filter($of::seq.ge(seq)).order($of::seq.asc()),
                        };
                        query.load::<MessageRow>(c).await?
                    }};
                }

                let mut rows = rows_of!(messages);
                let is_backwards = matches!(cursor, PageCursor::Latest | PageCursor::Before(_));
                // Archived ones may belong between these or behind them.
                let is_in_reach = match cursor {
                    PageCursor::After(seq) | PageCursor::Around(seq) => seq <= reach.seq,
                    PageCursor::Latest | PageCursor::Before(_) => {
                        rows.len() <= limit || rows.last().is_some_and(|row| row.seq() < reach.seq)
                    }
                };
                if reach.is_used() && is_in_reach {
                    rows.extend(rows_of!(messages_archive));
                    rows.sort_unstable_by_key(MessageRow::seq);
                    if is_backwards {
                        rows.reverse();
                    }
                }
                Ok(page_of(rows, limit, is_backwards))
            }

            pub(crate) async fn page(
                c: &mut Connection,
                room: RoomId,
                cursor: PageCursor,
                limit: usize,
            ) -> QueryResult<Page> {
                c.transaction(async move |c| {
                    let (position, reach) = position(c, &room).await?;
                    let PageCursor::Around(seq) = cursor else {
                        let (messages, has_more) = messages_at(c, (&room, reach), cursor, limit).await?;
                        return Ok(Page { messages, has_more, has_newer: false, position });
                    };
                    let n_before = limit / 2;
                    let (mut messages, has_more) =
                        messages_at(c, (&room, reach), PageCursor::Before(seq), n_before).await?;
                    let n_behind = limit.saturating_sub(n_before);
                    let (behind, has_newer) = messages_at(c, (&room, reach), cursor, n_behind).await?;
                    messages.extend(behind);
                    Ok(Page { messages, has_more, has_newer, position })
                })
                .await
            }

            pub(crate) async fn load(c: &mut Connection, room: RoomId, limit: usize) -> QueryResult<Loaded> {
                c.transaction(async move |c| {
                    let (head, reach) = head_and_reach(c, &room).await?;
                    let (messages, has_more) = messages_at(c, (&room, reach), PageCursor::Latest, limit).await?;
                    // Of the messages before the page the last that was changed: behind it all changes are of the page.
                    let first = messages.iter().next().map_or(i64::MAX, |m| m.seq);
                    let complete_above = match has_more {
                        false => 0,
                        true => {
                            let changed = messages::table
                                .filter(messages::room_id.eq(room.as_str()).and(messages::rev.ne(messages::seq)))
                                .filter(messages::seq.lt(first))
                                .order(messages::rev.desc())
                                .select(messages::rev);
                            let last = changed.first::<i64>(c).await.optional()?.unwrap_or(0);
                            // Of those in the archive it is enough to know that none changed later than this.
                            last.max(first.saturating_sub(1)).max(reach.rev)
                        }
                    };
                    let pinned = pinned(c, &room).await?;
                    let position = Position { epoch: head.epoch, rev: head.rev };
                    let page = Page { messages, has_more, has_newer: false, position };
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
                    let (head, reach) = head_and_reach(c, &room).await?;
                    let is_in_reach = rev < reach.rev;
                    // Two questions, each of which one index answers in order: an OR of both would be sorted.
                    let mut rows: Vec<MessageRow> = both!(c, is_in_reach, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::seq.gt(rev)).and(of::rev.eq(of::seq)))
                        .order(of::seq.asc())
                        .limit(one_more(limit))
                        .select(message_columns!(of)));
                    let changed: Vec<MessageRow> = both!(c, is_in_reach, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::rev.gt(rev)).and(of::rev.ne(of::seq)))
                        .order(of::rev.asc())
                        .limit(one_more(limit))
                        .select(message_columns!(of)));
                    rows.extend(changed);
                    rows.sort_by_key(MessageRow::rev);
                    let (messages, truncated) = page_of(rows, limit, false);
                    Ok(Changes { head, messages, truncated })
                })
                .await
            }

            /// Messages of the room by id, as far as there are such, and the moment of the room.
            pub(crate) async fn messages_by_id(
                c: &mut Connection,
                room: RoomId,
                ids: Vec<i64>,
            ) -> QueryResult<(Position, Vec<ChatMessage>)> {
                c.transaction(async move |c| {
                    let (position, reach) = position(c, &room).await?;
                    let found: Vec<MessageRow> = both!(c, reach.is_used(), |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::id.eq_any(&ids)))
                        .select(message_columns!(of)));
                    Ok((position, found.into_iter().map(ChatMessage::from).collect()))
                })
                .await
            }

            pub(crate) async fn reactions_of(
                c: &mut Connection,
                room: RoomId,
                message: i64,
                emoji: Emoji,
                after: Option<AuthorId>,
                limit: usize,
            ) -> QueryResult<Option<Reactors>> {
                c.transaction(async move |c| {
                    let of_room = messages::id.eq(message).and(messages::room_id.eq(room.as_str()));
                    let there = messages::table.filter(of_room.and(messages::deleted_at.is_null()));
                    if there.select(messages::id).first::<i64>(c).await.optional()?.is_none() {
                        let old = messages_archive::id.eq(message).and(messages_archive::room_id.eq(room.as_str()));
                        let old = messages_archive::table.filter(old.and(messages_archive::deleted_at.is_null()));
                        let old = old.select(messages_archive::reactors).first::<Option<String>>(c).await.optional()?;
                        return Ok(old.map(|column| reactors_of(column.as_deref(), &emoji, after.as_ref(), limit)));
                    }
                    let asked = reactions::table
                        .filter(reactions::message_id.eq(message).and(reactions::emoji.eq(emoji.as_str())))
                        .filter(reactions::author_id.gt(after.as_ref().map_or("", AuthorId::as_str)))
                        .order(reactions::author_id.asc())
                        .limit(one_more(limit))
                        .select(reactions::author_id);
                    let mut ids = asked.load::<String>(c).await?;
                    let has_more = ids.len() > limit;
                    ids.truncate(limit);
                    let authors = ids.iter().map(|id| AuthorId::from_stored(id)).collect();
                    Ok(Some(Reactors { authors, has_more }))
                })
                .await
            }

            /// A page of those who react to an archived message.
            fn reactors_of(column: Option<&str>, emoji: &Emoji, after: Option<&AuthorId>, limit: usize) -> Reactors {
                let theirs = reactors_in(column).into_iter().filter(|reacted| reacted.emoji == *emoji);
                let mut authors: Vec<AuthorId> = theirs
                    .map(|reacted| reacted.author)
                    .filter(|author| after.is_none_or(|after| author.as_str() > after.as_str()))
                    .collect();
                authors.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
                let has_more = authors.len() > limit;
                authors.truncate(limit);
                Reactors { authors, has_more }
            }

            pub(crate) async fn reactions_by(
                c: &mut Connection,
                room: RoomId,
                author: AuthorId,
                from_seq: i64,
                to_seq: i64,
            ) -> QueryResult<OwnReactions> {
                /// So many messages of the range are looked at.
                const MESSAGES_MAX: i64 = 1_000;

                c.transaction(async move |c| {
                    let (_, reach) = position(c, &room).await?;
                    let mut asked: Vec<(i64, i64)> = both!(c, from_seq <= reach.seq, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::seq.between(from_seq, to_seq)))
                        .filter(of::reactions.is_not_null())
                        .order(of::seq.asc())
                        .limit(MESSAGES_MAX)
                        .select((of::seq, of::id)));
                    asked.sort_unstable();
                    asked.truncate(usize::try_from(MESSAGES_MAX).unwrap_or(usize::MAX));
                    let ids: Vec<i64> = asked.into_iter().map(|(_, id)| id).collect();
                    let asked = reactions::table
                        .filter(reactions::message_id.eq_any(&ids).and(reactions::author_id.eq(author.as_str())))
                        .order((reactions::message_id.asc(), reactions::emoji.asc()))
                        .select((reactions::message_id, reactions::emoji));
                    let found = asked.load::<(i64, String)>(c).await?.into_iter();
                    let mut found: OwnReactions = found.map(|(id, emoji)| (id, Emoji::from_stored(emoji))).collect();
                    if from_seq <= reach.seq {
                        let old = messages_archive::table
                            .filter(messages_archive::room_id.eq(room.as_str()).and(messages_archive::id.eq_any(&ids)))
                            .select((messages_archive::id, messages_archive::reactors));
                        for (id, column) in old.load::<(i64, Option<String>)>(c).await? {
                            let theirs = reactors_in(column.as_deref()).into_iter().filter(|one| one.author == author);
                            found.extend(theirs.map(|one| (id, one.emoji)));
                        }
                        found.sort_unstable_by(|a, b| (a.0, a.1.as_str()).cmp(&(b.0, b.1.as_str())));
                    }
                    Ok(found)
                })
                .await
            }
        }
    };
}

reading!(postgres, crate::postgres::connection::PgConnection, diesel::pg::Pg);
reading!(sqlite, crate::sqlite::Connection, diesel::sqlite::Sqlite);
