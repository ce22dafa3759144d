//! How much was written when, and what waits.

/// `$count` counts what was written in a time, by the index of each room's messages: never by looking at all of them.
macro_rules! counting {
    ($module:ident, $connection:ty, $count:expr) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use diesel::{
                QueryableByName,
                dsl::{count_star, sql},
                insert_into,
                prelude::*,
                sql_query,
                sql_types::BigInt,
            };
            use diesel_async::RunQueryDsl;

            use crate::{
                management::console::model::{Span, Totals, Waiting, Written},
                tables::{
                    schema::{activity, audit_log, people, rooms},
                    sql_types::{Stamp, Ts},
                },
            };

            type Connection = $connection;

            /// Nobody needs to know how many more wait.
            const WAITING_MAX: i64 = 1_000;

            const COUNT: &str = $count;

            #[derive(QueryableByName)]
            struct Counted {
                #[diesel(sql_type = BigInt)]
                messages: i64,
                #[diesel(sql_type = BigInt)]
                people: i64,
                #[diesel(sql_type = BigInt)]
                rooms: i64,
            }

            #[derive(QueryableByName)]
            struct Number {
                #[diesel(sql_type = BigInt)]
                n: i64,
            }

            /// `activity.days` of an hour or a day.
            fn days(span: Span) -> i16 {
                i16::from(matches!(span, Span::Day(_)))
            }

            /// How much was written in this hour or day.
            pub(crate) async fn written(c: &mut Connection, span: Span) -> QueryResult<Written> {
                let (begin, end) = (Stamp(span.begin()), Stamp(span.end()));
                let asked = sql_query(COUNT).bind::<Ts, _>(begin).bind::<Ts, _>(end);
                let Counted { messages, people, rooms } = asked.get_result(c).await?;
                Ok(Written { messages, people, rooms })
            }

            /// What was counted before of these hours and days.
            pub(crate) async fn counted(
                c: &mut Connection,
                (hours, days): (Span, Span),
            ) -> QueryResult<HashMap<Span, Written>> {
                type Row = (i16, Stamp, i64, i64, i64);
                let mut found = HashMap::new();
                for (kind, since) in [(0_i16, hours.begin()), (1, days.begin())] {
                    let query = activity::table
                        .filter(activity::days.eq(kind).and(activity::at.ge(Stamp(since))))
                        .select((activity::days, activity::at, activity::messages, activity::people, activity::rooms));
                    for (days, at, messages, people, rooms) in query.load::<Row>(c).await? {
                        let span = if days == 0 { Span::Hour(at.0) } else { Span::Day(at.0) };
                        found.insert(span, Written { messages, people, rooms });
                    }
                }
                Ok(found)
            }

            /// Keeps what was counted. Whoever counted the same found the same.
            pub(crate) async fn keep_counted(c: &mut Connection, counted: Vec<(Span, Written)>) -> QueryResult<()> {
                for (span, written) in counted {
                    let row = (
                        activity::days.eq(days(span)),
                        activity::at.eq(Stamp(span.begin())),
                        activity::messages.eq(written.messages),
                        activity::people.eq(written.people),
                        activity::rooms.eq(written.rooms),
                    );
                    let adding = insert_into(activity::table).values(row);
                    adding.on_conflict((activity::days, activity::at)).do_nothing().execute(c).await?;
                }
                Ok(())
            }

            /// How much there is in all.
            pub(crate) async fn totals(c: &mut Connection) -> QueryResult<Totals> {
                let sum = sql::<BigInt>("CAST(coalesce(sum(message_count), 0) AS BIGINT)");
                let (rooms, messages) = rooms::table.select((count_star(), sum)).first::<(i64, i64)>(c).await?;
                let people = people::table.select(count_star()).first(c).await?;
                Ok(Totals { rooms, messages, people })
            }

            /// What waits in all rooms.
            pub(crate) async fn waiting(c: &mut Connection) -> QueryResult<Waiting> {
                let of = async |c: &mut Connection, what: &str| -> QueryResult<i64> {
                    let query = format!("SELECT count(*) AS n FROM ({what} LIMIT {WAITING_MAX}) AS t");
                    Ok(sql_query(query).get_result::<Number>(c).await?.n)
                };
                let held = of(c, "SELECT id FROM held_messages WHERE state = 0").await?;
                let reported = of(c, "SELECT DISTINCT room_id, message_id FROM reports WHERE state = 0").await?;
                let last = audit_log::table.order(audit_log::id.desc()).select(audit_log::id);
                let entry = last.first::<i64>(c).await.optional()?.unwrap_or(0);
                Ok(Waiting { held, reported, entry })
            }
        }
    };
}

counting!(
    postgres,
    crate::postgres::connection::PgConnection,
    // As `lookups::postgres`: a LATERAL of its own is looked up for each room, and the order says by which index.
    "SELECT count(*) AS messages, count(DISTINCT m.anonymous_id) AS people, count(DISTINCT r.id) AS rooms
       FROM rooms r CROSS JOIN LATERAL (
         (SELECT x.anonymous_id FROM messages x
         WHERE x.room_id = r.id AND x.created_at >= $1 AND x.created_at < $2
         ORDER BY x.room_id, x.created_at DESC OFFSET 0)
         UNION ALL
         (SELECT a.anonymous_id FROM messages_archive a
         WHERE a.room_id = r.id AND a.created_at >= $1 AND a.created_at < $2
         ORDER BY a.room_id, a.created_at OFFSET 0)) m
       WHERE r.last_message_at >= $1"
);
counting!(
    sqlite,
    crate::sqlite::Connection,
    "SELECT count(*) AS messages, count(DISTINCT t.author) AS people, count(DISTINCT t.room) AS rooms FROM (
       SELECT m.anonymous_id AS author, r.id AS room
       FROM rooms r CROSS JOIN messages m INDEXED BY idx_messages_room_created_at
       WHERE m.room_id = r.id AND m.created_at >= ?1 AND m.created_at < ?2 AND r.last_message_at >= ?1
       UNION ALL
       SELECT a.anonymous_id, r.id
       FROM rooms r CROSS JOIN messages_archive a INDEXED BY idx_messages_archive_room_created_at
       WHERE a.room_id = r.id AND a.created_at >= ?1 AND a.created_at < ?2 AND r.archived_seq > 0) AS t"
);
