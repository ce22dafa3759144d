//! How messages go into the archive. Written once; what each database says in its own way stands at the foot.

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

            use crate::management::archiving::putting::$module::{AUTHORS, MESSAGES, ready};
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
                    crate::$module::archive::take_back(c, &ids, &[room.as_str()]).await?;
                }
                let nothing = (rooms::archived_seq.eq(0), rooms::archived_rev.eq(0));
                update(rooms::table.find(room.as_str())).set(nothing).execute(c).await.map(drop)
            }
        }
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
            "INSERT INTO messages_archive (", crate::archive::columns!(), ", reactors, edits) SELECT ", crate::archive::columns!(), ", ", $reactors, ", ",
            $edits, " FROM messages m WHERE m.id ", $ids
        );
    };
}

/// The same when they go.
pub(crate) mod putting {
    pub(crate) mod postgres {
        use std::collections::BTreeSet;

        use diesel::{QueryResult, dsl::sql, sql_types::Bool};
        use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

        use crate::{archive::months::Month, postgres::connection::PgConnection};

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
    pub(crate) mod sqlite {
        use std::collections::BTreeSet;

        use diesel::QueryResult;

        use crate::{archive::months::Month, sqlite::Connection};

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

putting_away!(postgres, crate::postgres::connection::PgConnection);
putting_away!(sqlite, crate::sqlite::Connection);
