//! What somebody wrote, by their public ids. Read page by page: from the rooms, by an index of each.

macro_rules! written {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{dsl::exists, prelude::*};
            use diesel_async::RunQueryDsl;

            use crate::tables::{
                rows::MessageRow,
                schema::{messages, removed_texts, rooms},
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
                let query = rooms::table
                    .inner_join(messages::table.on(messages::room_id.eq(rooms::id)))
                    .filter(messages::anonymous_id.eq(author.as_str()).and(messages::nickname.ne(Nickname::NOBODY)))
                    .limit(rows_of(limit))
                    .select((messages::room_id, messages::id));
                let rows = query.load::<(String, i64)>(c).await?;
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
                    .filter(messages::anonymous_id.eq_any(ids));
                let query = rooms::table
                    .filter(rooms::id.gt(after.as_ref().map_or("", RoomId::as_str)).and(exists(theirs)))
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
                let ids: Vec<&str> = authors.iter().map(AuthorId::as_str).collect();
                let query = messages::table
                    .filter(messages::room_id.eq(room.as_str()).and(messages::deleted_at.is_null()))
                    .filter(messages::anonymous_id.eq_any(ids).and(messages::seq.gt(after)))
                    .order(messages::seq.asc())
                    .limit(rows_of(limit))
                    .select(MessageRow::as_select());
                Ok(query.load::<MessageRow>(c).await?.into_iter().map(ChatMessage::from).collect())
            }
        }
    };
}

written!(postgres, crate::postgres::connection::PgConnection);
written!(sqlite, crate::sqlite::Connection);
