//! What somebody wrote, by their public ids. Read page by page: from the rooms, by an index of each.

macro_rules! written {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{dsl::exists, prelude::*};
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                archive::both,
                tables::{
                    archive_schema::messages_archive,
                    rows::{MessageRow, message_columns},
                    schema::{messages, removed_texts, rooms},
                },
            };
            use chat_domain::{AuthorId, ChatMessage, Nickname, RoomId};

            type Connection = $connection;

            fn rows_of(limit: usize) -> i64 {
                i64::try_from(limit).unwrap_or(i64::MAX)
            }

            /// What an author wrote under a name that is still there, deleted or not: room and id.
            pub(crate) async fn named_of(
                c: &mut Connection,
                author: AuthorId,
                limit: usize,
            ) -> QueryResult<Vec<(RoomId, i64)>> {
                let mut rows: Vec<(String, i64)> = c
                    .transaction(async move |c| {
                        Ok::<_, diesel::result::Error>(both!(c, true, |of| rooms::table
                            .inner_join(of::table.on(of::room_id.eq(rooms::id)))
                            .filter(of::anonymous_id.eq(author.as_str()).and(of::nickname.ne(Nickname::NOBODY)))
                            .limit(rows_of(limit))
                            .select((of::room_id, of::id))))
                    })
                    .await?;
                rows.truncate(limit);
                Ok(rows.into_iter().filter_map(|(room, id)| Some((RoomId::parse(&room).ok()?, id))).collect())
            }

            /// The messages of an author whose text a moderator has deleted, and which can still be brought back.
            pub(crate) async fn removed_of(c: &mut Connection, author: AuthorId) -> QueryResult<Vec<i64>> {
                let query = removed_texts::table
                    .inner_join(messages::table.on(messages::id.eq(removed_texts::message_id)))
                    .filter(messages::anonymous_id.eq(author.as_str()));
                query.select(removed_texts::message_id).load(c).await
            }

            /// The rooms behind this one in which any of these authors has messages that are not deleted, in the order of
            /// their names.
            pub(crate) async fn rooms_written(
                c: &mut Connection,
                authors: Vec<AuthorId>,
                after: Option<RoomId>,
                limit: usize,
            ) -> QueryResult<Vec<RoomId>> {
                let ids: Vec<&str> = authors.iter().map(AuthorId::as_str).collect();
                let theirs = messages::table
                    .filter(messages::room_id.eq(rooms::id).and(messages::deleted_at.is_null()))
                    .filter(messages::anonymous_id.eq_any(&ids));
                let old = messages_archive::table
                    .filter(messages_archive::room_id.eq(rooms::id).and(messages_archive::deleted_at.is_null()))
                    .filter(messages_archive::anonymous_id.eq_any(&ids));
                let is_there = exists(theirs).or(rooms::archived_seq.gt(0).and(exists(old)));
                let query = rooms::table
                    .filter(rooms::id.gt(after.as_ref().map_or("", RoomId::as_str)).and(is_there))
                    .order(rooms::id.asc())
                    .limit(rows_of(limit))
                    .select(rooms::id);
                let names = query.load::<String>(c).await?;
                Ok(names.iter().filter_map(|name| RoomId::parse(name).ok()).collect())
            }

            /// What these authors wrote in a room behind this place and is not deleted, in order.
            pub(crate) async fn written_in(
                c: &mut Connection,
                room: RoomId,
                authors: Vec<AuthorId>,
                after: i64,
                limit: usize,
            ) -> QueryResult<Vec<ChatMessage>> {
                let ids: Vec<String> = authors.iter().map(|id| id.as_str().to_owned()).collect();
                c.transaction(async move |c| {
                    let mut rows: Vec<MessageRow> = both!(c, true, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::deleted_at.is_null()))
                        .filter(of::anonymous_id.eq_any(&ids).and(of::seq.gt(after)))
                        .order(of::seq.asc())
                        .limit(rows_of(limit))
                        .select(message_columns!(of)));
                    rows.sort_unstable_by_key(MessageRow::seq);
                    rows.truncate(limit);
                    Ok(rows.into_iter().map(ChatMessage::from).collect())
                })
                .await
            }
        }
    };
}

written!(postgres, crate::postgres::connection::PgConnection);
written!(sqlite, crate::sqlite::Connection);
