//! How messages go into the archive, and come back. Written once; what each database says in its own way stands at the foot.

/// The columns that both tables have.
macro_rules! columns {
    () => {
        "id, room_id, anonymous_id, nickname, avatar, content, client_id, seq, rev, created_at, version, edited_at, \
         deleted_at, deleted_by, pinned_at, reply_to, reply_to_seq, reactions, mentions, badge"
    };
}

/// Makes what takes messages back, for one kind of connection. `$dsl` brings what runs a query, `$async` and `$await` are
/// the words that this takes.
macro_rules! taking_back {
    ($module:ident, $connection:ty, $dsl:path, [$($async:tt)?], [$($await:tt)*]) => {
        pub(crate) mod $module {
            use diesel::{
                BoolExpressionMethods, ExpressionMethods, QueryDsl, QueryResult, sql_query, sql_types::Text, update,
            };
            use uuid::Uuid;
            use $dsl;

            use crate::tables::{archive_schema::messages_archive, schema::messages, sql_types::Key};

            type Connection = $connection;

            /// Brings messages of these rooms, whose rows are locked, back from the archive with all that hangs on them.
            /// Tells which there were.
            pub(crate) $($async)? fn take_back(
                c: &mut Connection,
                ids: &[i64],
                rooms: &[&str],
            ) -> QueryResult<Vec<i64>> {
                let asked = messages_archive::id.eq_any(ids).and(messages_archive::room_id.eq_any(rooms));
                let keys = (
                    messages_archive::id,
                    messages_archive::room_id,
                    messages_archive::anonymous_id,
                    messages_archive::client_id,
                );
                let query = messages_archive::table.filter(asked).select(keys);
                let found = query.load::<(i64, String, String, Key)>(c) $($await)* ?;
                if found.is_empty() {
                    return Ok(Vec::new());
                }
                for (id, room, author, key) in &found {
                    // Sent once more long after it was archived, it has become a message of its own, and has the key.
                    let same = messages::table
                        .filter(messages::room_id.eq(room).and(messages::anonymous_id.eq(author)))
                        .filter(messages::client_id.eq(*key))
                        .select(messages::id);
                    if !same.load::<i64>(c) $($await)* ?.is_empty() {
                        let of = messages_archive::table.filter(messages_archive::id.eq(*id));
                        let another = messages_archive::client_id.eq(Key(Uuid::new_v4()));
                        update(of).set(another).execute(c) $($await)* ?;
                    }
                }
                let ids: Vec<i64> = found.into_iter().map(|(id, ..)| id).collect();
                let list = serde_json::json!(ids).to_string();
                for statement in super::taking::$module::STATEMENTS {
                    sql_query(statement).bind::<Text, _>(list.as_str()).execute(c) $($await)* ?;
                }
                Ok(ids)
            }
        }
    };
}

/// Makes what moves messages away.
macro_rules! putting_away {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::BTreeSet;

            use diesel::{
                delete,
                dsl::{exists, not},
                prelude::*,
                sql_query,
                sql_types::Text,
                update,
            };
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use super::putting::$module::{AUTHORS, MESSAGES, ready};
            use crate::{
                archive::{Archived, Archiving, KEPT_AT_HAND, months::Month},
                tables::{
                    archive_schema::messages_archive,
                    schema::{messages, removed_texts, rooms},
                    sql_types::Stamp,
                },
            };
            use chat_domain::RoomId;

            type Connection = $connection;
            /// Id, seq, rev, when it was written.
            type Row = (i64, i64, i64, Stamp);

            /// The oldest messages of the room that may go, and whether there may be more. Those at hand stay, and pinned ones,
            /// and those that can still be brought back.
            async fn oldest(c: &mut Connection, order: &Archiving) -> QueryResult<(Vec<Row>, bool)> {
                let of_room = || messages::table.filter(messages::room_id.eq(order.room.as_str()));
                let at_hand = of_room()
                    .order((messages::room_id.desc(), messages::seq.desc()))
                    .offset(i64::try_from(KEPT_AT_HAND).unwrap_or(i64::MAX).saturating_sub(1))
                    .select(messages::seq);
                let Some(kept_from) = at_hand.first::<i64>(c).await.optional()? else { return Ok((Vec::new(), false)) };
                let removed = removed_texts::table.filter(removed_texts::message_id.eq(messages::id));
                let query = of_room()
                    .filter(messages::seq.lt(kept_from).and(messages::pinned_at.is_null()).and(not(exists(removed))))
                    .order((messages::room_id.asc(), messages::seq.asc()))
                    .limit(i64::try_from(order.limit).unwrap_or(i64::MAX))
                    .select((messages::id, messages::seq, messages::rev, messages::created_at));
                let mut rows = query.load::<Row>(c).await?;
                let is_full = rows.len() >= order.limit;
                let n_old = rows.iter().take_while(|(.., at)| at.0 < order.before).count();
                let may_be_more = is_full && n_old == rows.len();
                rows.truncate(n_old);
                Ok((rows, may_be_more))
            }

            /// Moves the room's oldest messages away, at most so many. One transaction under the lock of the room's row:
            /// nobody ever finds one in both tables, or in none.
            pub(crate) async fn put_away(c: &mut Connection, order: Archiving) -> QueryResult<Archived> {
                // What they are to go into is made before anybody could wait for the room. Not in the transaction: on SQLite one
                // that has read cannot write behind what somebody else wrote meanwhile.
                let (rows, _) = oldest(c, &order).await?;
                if rows.is_empty() {
                    return Ok(Archived::default());
                }
                let months: BTreeSet<Month> = rows.iter().map(|(.., at)| Month::of(at.0)).collect();
                ready(c, &months).await?;
                c.transaction(async move |c| {
                    let room = rooms::table.find(order.room.as_str());
                    let locking = update(room).set(rooms::first_seq.eq(rooms::first_seq));
                    let reach = locking.returning((rooms::archived_seq, rooms::archived_rev));
                    let Some((seq, rev)) = reach.get_result::<(i64, i64)>(c).await.optional()? else {
                        return Ok(Archived::default());
                    };
                    let (mut rows, may_be_more) = oldest(c, &order).await?;
                    rows.retain(|(.., at)| months.contains(&Month::of(at.0)));
                    let ids: Vec<i64> = rows.iter().map(|(id, ..)| *id).collect();
                    let list = serde_json::json!(ids).to_string();
                    for statement in [AUTHORS, MESSAGES] {
                        sql_query(statement).bind::<Text, _>(list.as_str()).execute(c).await?;
                    }
                    // Reactions and edits go with their messages.
                    delete(messages::table.filter(messages::id.eq_any(&ids))).execute(c).await?;
                    let reach = (
                        rooms::archived_seq.eq(rows.iter().map(|(_, seq, ..)| *seq).fold(seq, i64::max)),
                        rooms::archived_rev.eq(rows.iter().map(|(_, _, rev, _)| *rev).fold(rev, i64::max)),
                    );
                    update(room).set(reach).execute(c).await?;
                    Ok(Archived { n_messages: rows.len(), may_be_more })
                })
                .await
            }

            /// Brings all of a room back, whose row is locked: what changes all of it need know no archive.
            pub(crate) async fn take_all_back(c: &mut Connection, room: &RoomId) -> QueryResult<()> {
                /// So many at once.
                const TAKEN_AT_ONCE: i64 = 1_000;

                loop {
                    let some = messages_archive::table
                        .filter(messages_archive::room_id.eq(room.as_str()))
                        .order((messages_archive::room_id.asc(), messages_archive::seq.asc()))
                        .limit(TAKEN_AT_ONCE)
                        .select(messages_archive::id);
                    let ids = some.load::<i64>(c).await?;
                    if ids.is_empty() {
                        break;
                    }
                    super::super::$module::take_back(c, &ids, &[room.as_str()]).await?;
                }
                let nothing = (rooms::archived_seq.eq(0), rooms::archived_rev.eq(0));
                update(rooms::table.find(room.as_str())).set(nothing).execute(c).await.map(drop)
            }
        }
    };
}

/// What brings messages back: of each statement the parameter is a list of ids in JSON.
macro_rules! taking_statements {
    ($ids:literal, $reactions:literal, $edits:literal) => {
        pub(crate) const STATEMENTS: [&str; 4] = [
            concat!(
                "INSERT INTO messages (",
                columns!(),
                ") SELECT ",
                columns!(),
                " FROM messages_archive WHERE id ",
                $ids
            ),
            concat!(
                "INSERT INTO reactions (message_id, author_id, emoji, created_at) ",
                $reactions,
                " AND a.id ",
                $ids
            ),
            concat!(
                "INSERT INTO message_edits (message_id, version, content, client_id, edited_at) ",
                $edits,
                " AND a.id ",
                $ids
            ),
            concat!("DELETE FROM messages_archive WHERE id ", $ids),
        ];
    };
}

/// What moves them away; the parameter is the same.
macro_rules! putting_statements {
    ($ids:literal, $reactors:literal, $edits:literal) => {
        /// Since when each of their authors is known: that is asked of messages else.
        pub(crate) const AUTHORS: &str = concat!(
            "INSERT INTO authors (room_id, author_id, first_seen_at, last_message_at)
              SELECT room_id, anonymous_id, min(created_at), max(created_at) FROM messages
              WHERE deleted_at IS NULL AND id ", $ids, " GROUP BY room_id, anonymous_id ORDER BY 1, 2
              ON CONFLICT (room_id, author_id) DO UPDATE SET
                first_seen_at = CASE WHEN excluded.first_seen_at < authors.first_seen_at THEN excluded.first_seen_at
                  ELSE authors.first_seen_at END,
                last_message_at = CASE WHEN authors.last_message_at > excluded.last_message_at
                  THEN authors.last_message_at ELSE excluded.last_message_at END"
        );
        pub(crate) const MESSAGES: &str = concat!(
            "INSERT INTO messages_archive (", columns!(), ", reactors, edits) SELECT ", columns!(), ", ", $reactors, ", ",
            $edits, " FROM messages m WHERE m.id ", $ids
        );
    };
}

/// What each database says in its own way when messages come back.
mod taking {
    pub(super) mod postgres {
        taking_statements!(
            "= ANY (ARRAY(SELECT x.value::bigint FROM json_array_elements_text($1::json) AS x (value)))",
            "SELECT a.id, r.value ->> 0, r.value ->> 1,
                timestamptz 'epoch' + (r.value ->> 2)::bigint * interval '1 microsecond'
              FROM messages_archive a CROSS JOIN LATERAL json_array_elements(a.reactors::json) AS r (value)
              WHERE a.reactors IS NOT NULL",
            "SELECT a.id, (e.value ->> 0)::int, e.value ->> 1, (e.value ->> 2)::uuid,
                timestamptz 'epoch' + (e.value ->> 3)::bigint * interval '1 microsecond'
              FROM messages_archive a CROSS JOIN LATERAL json_array_elements(a.edits::json) AS e (value)
              WHERE a.edits IS NOT NULL"
        );
    }
    pub(super) mod sqlite {
        taking_statements!(
            "IN (SELECT x.value FROM json_each($1) AS x)",
            "SELECT a.id, r.value ->> 0, r.value ->> 1, (r.value ->> 2) / 1000
              FROM messages_archive a, json_each(a.reactors) AS r WHERE a.reactors IS NOT NULL",
            "SELECT a.id, e.value ->> 0, e.value ->> 1, unhex(e.value ->> 2), (e.value ->> 3) / 1000
              FROM messages_archive a, json_each(a.edits) AS e WHERE a.edits IS NOT NULL"
        );
    }
    pub(super) use sqlite as sqlite_blocking;
}

/// The same when they go.
mod putting {
    use std::collections::BTreeSet;

    use diesel::QueryResult;

    use super::super::months::Month;

    pub(super) mod postgres {
        use diesel::{dsl::sql, sql_types::Bool};
        use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

        use super::{BTreeSet, Month, QueryResult};
        use crate::postgres::connection::PgConnection;

        putting_statements!(
            "= ANY (ARRAY(SELECT x.value::bigint FROM json_array_elements_text($1::json) AS x (value)))",
            "(SELECT json_agg(json_build_array(r.author_id, r.emoji, (extract(epoch FROM r.created_at) * 1000000)::bigint)
                ORDER BY r.author_id, r.emoji)::text FROM reactions r WHERE r.message_id = m.id)",
            "(SELECT json_agg(json_build_array(e.version, e.content, e.client_id,
                (extract(epoch FROM e.edited_at) * 1000000)::bigint) ORDER BY e.version)::text
                FROM message_edits e WHERE e.message_id = m.id)"
        );

        /// Makes the partitions that are missing.
        pub(crate) async fn ready(c: &mut PgConnection, months: &BTreeSet<Month>) -> QueryResult<()> {
            for month in months {
                let there = sql::<Bool>(&format!("SELECT to_regclass('{}') IS NOT NULL", month.table()));
                if !there.get_result::<bool>(c).await? {
                    c.batch_execute(&month.made()).await?;
                }
            }
            Ok(())
        }
    }
    pub(super) mod sqlite {
        use super::{BTreeSet, Month, QueryResult};
        use crate::sqlite::Connection;

        putting_statements!(
            "IN (SELECT x.value FROM json_each($1) AS x)",
            "nullif((SELECT json_group_array(json_array(r.author_id, r.emoji, r.created_at * 1000)) FROM reactions r
                WHERE r.message_id = m.id), '[]')",
            "nullif((SELECT json_group_array(json_array(e.version, e.content, lower(hex(e.client_id)), e.edited_at * 1000))
                FROM message_edits e WHERE e.message_id = m.id), '[]')"
        );

        /// There are no partitions.
        pub(crate) async fn ready(_: &mut Connection, _: &BTreeSet<Month>) -> QueryResult<()> {
            Ok(())
        }
    }
}

pub(crate) mod away {
    use super::putting;

    putting_away!(postgres, crate::postgres::connection::PgConnection);
    putting_away!(sqlite, crate::sqlite::Connection);
}

taking_back!(postgres, crate::postgres::connection::PgConnection, diesel_async::RunQueryDsl, [async], [.await]);
taking_back!(sqlite, crate::sqlite::Connection, diesel_async::RunQueryDsl, [async], [.await]);
taking_back!(sqlite_blocking, diesel::sqlite::SqliteConnection, diesel::RunQueryDsl, [], []);
