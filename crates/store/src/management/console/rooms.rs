//! Rooms in pages, and how many messages they have.

macro_rules! listing {
    ($module:ident, $connection:ty, $database:ty) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use chrono::{DateTime, TimeDelta};
            use diesel::{
                dsl::sql,
                prelude::*,
                sql_types::{BigInt, Bool, Text},
            };
            use diesel_async::{AsyncConnection, RunQueryDsl};

            use crate::{
                archive::both,
                management::{
                    common::$module::now,
                    console::model::{RoomCount, RoomListed, RoomSort, RoomState, RoomsQuery},
                },
                tables::{
                    archive_schema::messages_archive,
                    rows::{MessageRow, message_columns, one_more},
                    schema::{messages, reports, rooms},
                    sql_types::Stamp,
                },
            };
            use chat_domain::{ChatMessage, RoomId};

            type Connection = $connection;

            /// Who wrote since then is there lately.
            const RECENT: TimeDelta = TimeDelta::days(1);

            type Row = (String, Option<String>, Stamp, Option<Stamp>, i64, String, i64);

            /// A page of the rooms.
            pub(crate) async fn listed_rooms(c: &mut Connection, asked: RoomsQuery) -> QueryResult<Vec<RoomListed>> {
                let columns = (
                    rooms::id,
                    rooms::title,
                    rooms::created_at,
                    rooms::last_message_at,
                    rooms::message_count,
                    rooms::settings,
                    rooms::held_count,
                );
                let mut query = rooms::table.select(columns).limit(one_more(asked.limit)).into_boxed::<$database>();
                if let Some(text) = asked.text {
                    let pattern = format!("%{text}%");
                    let has = sql::<Bool>("(lower(id) LIKE ")
                        .bind::<Text, _>(pattern.clone())
                        .sql(" ESCAPE '\\' OR lower(coalesce(title, '')) LIKE ")
                        .bind::<Text, _>(pattern)
                        .sql(" ESCAPE '\\')");
                    query = query.filter(has);
                }
                query = match asked.state {
                    RoomState::All => query,
                    // As JSON is written here. In a text of the settings a quotation mark has a backslash before it.
                    RoomState::Locked if asked.locked_by_default => {
                        query.filter(sql::<Bool>("settings NOT LIKE '%\"locked\":false%'"))
                    }
                    RoomState::Locked => query.filter(sql::<Bool>("settings LIKE '%\"locked\":true%'")),
                    RoomState::Held => query.filter(rooms::held_count.gt(0)),
                    RoomState::Reported => {
                        query.filter(sql::<Bool>("id IN (SELECT room_id FROM reports WHERE state = 0)"))
                    }
                    RoomState::Recent => {
                        let now = now(c).await?.0;
                        query.filter(rooms::last_message_at.ge(Stamp(now.checked_sub_signed(RECENT).unwrap_or(now))))
                    }
                };
                if let Some(place) = asked.after {
                    let time = |key: Option<i64>| key.and_then(DateTime::from_timestamp_micros).map(Stamp);
                    query = match asked.sort {
                        RoomSort::Name => query.filter(rooms::id.gt(place.id)),
                        RoomSort::Messages => {
                            let n = place.key.unwrap_or(i64::MAX);
                            let same = rooms::message_count.eq(n).and(rooms::id.gt(place.id));
                            query.filter(rooms::message_count.lt(n).or(same))
                        }
                        RoomSort::Recent => match time(place.key) {
                            None => query.filter(rooms::last_message_at.is_null().and(rooms::id.gt(place.id))),
                            Some(at) => {
                                let same = rooms::last_message_at.eq(at).and(rooms::id.gt(place.id));
                                let none = rooms::last_message_at.is_null();
                                query.filter(rooms::last_message_at.lt(at).or(same).or(none))
                            }
                        },
                    };
                }
                query = match asked.sort {
                    RoomSort::Name => query.order(rooms::id.asc()),
                    RoomSort::Messages => query.order((rooms::message_count.desc(), rooms::id.asc())),
                    RoomSort::Recent => query.order((
                        rooms::last_message_at.is_null().asc(),
                        rooms::last_message_at.desc(),
                        rooms::id.asc(),
                    )),
                };
                let rows = query.load::<Row>(c).await?;
                let of_page = reports::table
                    .filter(sql::<Bool>("state = 0").and(reports::room_id.eq_any(rows.iter().map(|row| &row.0))))
                    .group_by(reports::room_id)
                    .select((reports::room_id, sql::<BigInt>("count(DISTINCT message_id)")));
                let reported: HashMap<String, i64> = of_page.load::<(String, i64)>(c).await?.into_iter().collect();
                let listed = |(id, title, created_at, last_message_at, message_count, settings, held): Row| {
                    Some(RoomListed {
                        reported: reported.get(&id).copied().unwrap_or(0),
                        id: RoomId::parse(&id).ok()?,
                        title,
                        created_at: created_at.0,
                        last_message_at: last_message_at.map(|at| at.0),
                        message_count,
                        settings: serde_json::from_str(&settings).unwrap_or_default(),
                        held,
                    })
                };
                Ok(rows.into_iter().filter_map(listed).collect())
            }

            /// How many messages these rooms have, those that have any, in no order.
            pub(crate) async fn room_counts(c: &mut Connection, of: Vec<RoomId>) -> QueryResult<Vec<RoomCount>> {
                let query = rooms::table.filter(rooms::id.eq_any(of.iter().map(RoomId::as_str))).select((
                    rooms::id,
                    rooms::message_count,
                    rooms::last_message_at,
                ));
                let rows = query.load::<(String, i64, Option<Stamp>)>(c).await?;
                let count = |(id, message_count, at): (String, i64, Option<Stamp>)| {
                    let last_message_at = at.map(|at| at.0);
                    Some(RoomCount { id: RoomId::parse(&id).ok()?, message_count, last_message_at })
                };
                Ok(rows.into_iter().filter_map(count).collect())
            }

            /// The last message of each of these rooms that is not deleted.
            pub(crate) async fn last_messages(
                c: &mut Connection,
                of: Vec<RoomId>,
            ) -> QueryResult<Vec<(RoomId, ChatMessage)>> {
                let mut found = Vec::with_capacity(of.len());
                for room in of {
                    let last = messages::table
                        .filter(messages::room_id.eq(room.as_str()).and(messages::deleted_at.is_null()))
                        .order(messages::seq.desc())
                        .select(MessageRow::as_select());
                    let mut row = last.first::<MessageRow>(c).await.optional()?;
                    if row.is_none() {
                        // All that is at hand of it was deleted.
                        let old = messages_archive::table
                            .filter(messages_archive::room_id.eq(room.as_str()))
                            .filter(messages_archive::deleted_at.is_null())
                            .order(messages_archive::seq.desc())
                            .select(message_columns!(messages_archive));
                        row = old.first::<MessageRow>(c).await.optional()?;
                    }
                    if let Some(row) = row {
                        found.push((room, row.into()));
                    }
                }
                Ok(found)
            }

            /// The latest messages of all rooms that are not deleted, the newest first. They are in as many rooms, those in
            /// which somebody wrote last; each costs one look at an index, and most looks end after a few rooms.
            pub(crate) async fn latest_anywhere(
                c: &mut Connection,
                limit: usize,
            ) -> QueryResult<Vec<(RoomId, Option<String>, ChatMessage)>> {
                let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
                let lately = rooms::table
                    .filter(rooms::last_message_at.is_not_null())
                    .order((rooms::last_message_at.desc(), rooms::id.asc()))
                    .select((rooms::id, rooms::title, rooms::last_message_at.assume_not_null()))
                    .limit(limit_rows);
                let mut found: Vec<(RoomId, Option<String>, ChatMessage)> = Vec::new();
                for (id, title, last) in lately.load::<(String, Option<String>, Stamp)>(c).await? {
                    // All that is in this room, and in those behind it, is older than what there is.
                    if found.len() >= limit && found.last().is_some_and(|(_, _, message)| message.created_at > last.0) {
                        break;
                    }
                    let Ok(room) = RoomId::parse(&id) else { continue };
                    let of_room = messages::table
                        .filter(messages::room_id.eq(id).and(messages::deleted_at.is_null()))
                        .order((messages::created_at.desc(), messages::seq.desc()))
                        .limit(limit_rows)
                        .select(MessageRow::as_select());
                    let rows = of_room.load(c).await?;
                    found.extend(rows.into_iter().map(|row| (room.clone(), title.clone(), ChatMessage::from(row))));
                    found.sort_by_key(|(_, _, message)| std::cmp::Reverse((message.created_at, message.id)));
                    found.truncate(limit);
                }
                Ok(found)
            }

            /// These messages, whatever room they are of, in no order.
            pub(crate) async fn messages_anywhere(c: &mut Connection, ids: Vec<i64>) -> QueryResult<Vec<ChatMessage>> {
                c.transaction(async move |c| {
                    let rows: Vec<MessageRow> =
                        both!(c, true, |of| of::table.filter(of::id.eq_any(&ids)).select(message_columns!(of)));
                    Ok(rows.into_iter().map(ChatMessage::from).collect())
                })
                .await
            }
        }
    };
}

listing!(postgres, crate::postgres::connection::PgConnection, diesel::pg::Pg);
listing!(sqlite, crate::sqlite::Connection, diesel::sqlite::Sqlite);
