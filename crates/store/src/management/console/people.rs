//! Everybody who wrote: in pages, by name, and one by one.

/// `$each` has the entries of a list in JSON, one a row.
macro_rules! listing {
    ($module:ident, $connection:ty, $database:ty, $each:literal) => {
        pub(crate) mod $module {
            use std::collections::{BTreeMap, HashMap, HashSet};

            use chrono::{DateTime, TimeDelta};
            use diesel::{
                QueryableByName, delete,
                dsl::{count_star, sql},
                insert_into,
                prelude::*,
                sql_query,
                sql_types::{BigInt, Bool, Text},
            };
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;

            use crate::{
                archive::both,
                management::{
                    common::$module::now,
                    console::model::{PeopleQuery, PersonListed, PersonSeen, PersonWrote},
                },
                tables::{
                    archive_schema::messages_archive,
                    rows::{MessageRow, message_columns, one_more},
                    schema::{author_names, authors, bans, messages, people},
                    sql_types::{Stamp, Ts},
                },
            };
            use chat_domain::{AuthorId, AvatarName, ChatMessage, Nickname, RoomId};

            type Connection = $connection;
            type Row = (String, String, String, Stamp, Stamp);

            /// So many names of somebody are told.
            const NAMES_MAX: i64 = 50;
            /// So many rooms of somebody are told.
            const ROOMS_MAX: i64 = 100;
            /// In so many of them their messages are looked for.
            const READ_ROOMS_MAX: usize = 10;
            /// So many messages of somebody are told.
            const MESSAGES_MAX: usize = 50;

            /// The newest messages of somebody in a room. The index of senders has them together; what is asked of it is
            /// said by the order, or the newest messages of all would be walked through for theirs.
            const NEWEST: &str = "SELECT t.id FROM (
                SELECT id FROM messages WHERE room_id = $1 AND anonymous_id = $2
                ORDER BY room_id, anonymous_id, client_id LIMIT 100000) AS t
              ORDER BY t.id DESC LIMIT 20";
            /// The same of those of long ago.
            const NEWEST_ARCHIVED: &str = "SELECT t.id FROM (
                SELECT id FROM messages_archive WHERE room_id = $1 AND anonymous_id = $2
                ORDER BY room_id, anonymous_id LIMIT 100000) AS t
              ORDER BY t.id DESC LIMIT 20";

            #[derive(QueryableByName)]
            struct Found {
                #[diesel(sql_type = BigInt)]
                id: i64,
            }

            /// A server notes who wrote a moment later. Whoever was forgotten so lately is not noted again by that.
            const FORGOTTEN_FOR: TimeDelta = TimeDelta::minutes(1);

            // SQLite counts parameters as they come.
            const NOTE_PEOPLE: &str = concat!(
                "WITH t AS (SELECT x.value FROM ",
                $each,
                ") INSERT INTO people (author_id, nickname, avatar, first_seen_at, last_seen_at)
                 SELECT t.value ->> 0, t.value ->> 1, t.value ->> 2, $2, $2 FROM t WHERE true ORDER BY 1
                 ON CONFLICT (author_id) DO UPDATE SET nickname = excluded.nickname, avatar = excluded.avatar,
                     last_seen_at = excluded.last_seen_at
                 WHERE people.nickname <> '' OR people.last_seen_at <= $3"
            );
            const NOTE_NAMES: &str = concat!(
                "WITH t AS (SELECT x.value FROM ",
                $each,
                ") INSERT INTO author_names (author_id, nickname, first_seen_at)
                 SELECT t.value ->> 0, t.value ->> 1, $2 FROM t
                 WHERE EXISTS (SELECT 1 FROM people p WHERE p.author_id = t.value ->> 0 AND p.nickname <> '')
                 ORDER BY 1, 2 ON CONFLICT (author_id, nickname) DO NOTHING"
            );

            /// Notes who wrote just now, and under which names. Two statements, however many they are: messages are stored
            /// on the same connection.
            pub(crate) async fn note_people(c: &mut Connection, wrote: Vec<PersonWrote>) -> QueryResult<()> {
                // The latest of each: no statement changes a row twice. In the order of their ids: two servers that note the
                // same people wait for each other, and never in a circle.
                let latest: BTreeMap<&str, &PersonWrote> = wrote.iter().map(|one| (one.id.as_str(), one)).collect();
                let people = latest.iter().map(|(id, one)| [*id, one.nickname.as_str(), one.avatar.as_str()]);
                let people = json!(people.collect::<Vec<_>>()).to_string();
                let names = wrote.iter().map(|one| [one.id.as_str(), one.nickname.as_str()]);
                let names = json!(names.collect::<Vec<_>>()).to_string();
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let since = Stamp(now.0.checked_sub_signed(FORGOTTEN_FOR).unwrap_or(now.0));
                    let noting = sql_query(NOTE_PEOPLE).bind::<Text, _>(people).bind::<Ts, _>(now);
                    noting.bind::<Ts, _>(since).execute(c).await?;
                    sql_query(NOTE_NAMES).bind::<Text, _>(names).bind::<Ts, _>(now).execute(c).await.map(drop)
                })
                .await
            }

            /// Forgets what somebody was called.
            pub(crate) async fn forget_names(c: &mut Connection, of: Vec<AuthorId>) -> QueryResult<()> {
                c.transaction(async move |c| {
                    let ids: Vec<&str> = of.iter().map(AuthorId::as_str).collect();
                    delete(author_names::table.filter(author_names::author_id.eq_any(&ids))).execute(c).await?;
                    let now = now(c).await?;
                    for id in ids {
                        let nobody = (people::nickname.eq(""), people::avatar.eq(""), people::last_seen_at.eq(now));
                        let row = (people::author_id.eq(id), people::first_seen_at.eq(now), nobody);
                        let adding = insert_into(people::table).values(row);
                        adding.on_conflict(people::author_id).do_update().set(nobody).execute(c).await?;
                    }
                    Ok(())
                })
                .await
            }

            const COLUMNS: (
                people::author_id,
                people::nickname,
                people::avatar,
                people::first_seen_at,
                people::last_seen_at,
            ) = (people::author_id, people::nickname, people::avatar, people::first_seen_at, people::last_seen_at);

            /// A page of the people, those first who wrote last.
            pub(crate) async fn people(c: &mut Connection, asked: PeopleQuery) -> QueryResult<Vec<PersonListed>> {
                let mut query = people::table
                    .order((people::last_seen_at.desc(), people::author_id.asc()))
                    .limit(one_more(asked.limit))
                    .select(COLUMNS)
                    .into_boxed::<$database>();
                if let Some(text) = asked.text {
                    let id = asked.id.map_or_else(String::new, |id| id.as_str().to_owned());
                    // Not correlated: the names are looked through once.
                    let has = sql::<Bool>("(author_id = ")
                        .bind::<Text, _>(id)
                        .sql(" OR author_id IN (SELECT n.author_id FROM author_names n WHERE lower(n.nickname) LIKE ")
                        .bind::<Text, _>(format!("%{text}%"))
                        .sql(" ESCAPE '\\'))");
                    query = query.filter(has);
                }
                if let Some((micros, id)) = asked.after {
                    let at = Stamp(DateTime::from_timestamp_micros(micros).unwrap_or_default());
                    let same = people::last_seen_at.eq(at).and(people::author_id.gt(id));
                    query = query.filter(people::last_seen_at.lt(at).or(same));
                }
                let rows = query.load::<Row>(c).await?;
                listed(c, rows).await
            }

            async fn listed(c: &mut Connection, mut rows: Vec<Row>) -> QueryResult<Vec<PersonListed>> {
                let ids: Vec<String> = rows.iter().map(|row| row.0.clone()).collect();
                let of_page = authors::table
                    .filter(authors::author_id.eq_any(&ids))
                    .group_by(authors::author_id)
                    .select((authors::author_id, count_star()));
                let rooms: HashMap<String, i64> = of_page.load::<(String, i64)>(c).await?.into_iter().collect();
                let now = now(c).await?;
                let in_force = bans::lifted_at.is_null().and(bans::until.is_null().or(bans::until.gt(now)));
                let banned = bans::table.filter(bans::author_id.eq_any(&ids).and(in_force)).select(bans::author_id);
                let banned: HashSet<String> = banned.load::<Option<String>>(c).await?.into_iter().flatten().collect();
                for (id, nickname, avatar, ..) in &mut rows {
                    if nickname.is_empty()
                        && let Some(found) = name_of(c, id).await?
                    {
                        (*nickname, *avatar) = found;
                    }
                }
                let person = |(id, nickname, avatar, first, last): Row| {
                    let author = AuthorId::from_stored(&id);
                    PersonListed {
                        nickname: Nickname::from_stored(nickname),
                        avatar: AvatarName::from_stored(&avatar, &author),
                        id: author,
                        first_seen_at: first.0,
                        last_seen_at: last.0,
                        rooms: rooms.get(&id).copied().unwrap_or(0),
                        is_banned: banned.contains(&id),
                    }
                };
                Ok(rows.into_iter().map(person).collect())
            }

            /// How somebody was called who wrote before names were noted: as some message of theirs says.
            async fn name_of(c: &mut Connection, id: &str) -> QueryResult<Option<(String, String)>> {
                let room = authors::table
                    .filter(authors::author_id.eq(id).and(authors::last_message_at.is_not_null()))
                    .select(authors::room_id);
                let Some(room) = room.first::<String>(c).await.optional()? else { return Ok(None) };
                let message = messages::table
                    .filter(messages::room_id.eq(&room).and(messages::anonymous_id.eq(id)))
                    .order((messages::room_id.asc(), messages::anonymous_id.asc(), messages::client_id.asc()))
                    .select((messages::nickname, messages::avatar));
                if let Some(found) = message.first::<(String, String)>(c).await.optional()? {
                    return Ok(Some(found));
                }
                let old = messages_archive::table
                    .filter(messages_archive::room_id.eq(&room).and(messages_archive::anonymous_id.eq(id)))
                    .select((messages_archive::nickname, messages_archive::avatar));
                old.first::<(String, String)>(c).await.optional()
            }

            /// What is known of somebody; none where nobody of this id has written.
            pub(crate) async fn person(c: &mut Connection, id: AuthorId) -> QueryResult<Option<PersonSeen>> {
                let row = people::table.find(id.as_str()).select(COLUMNS).load::<Row>(c).await?;
                let Some(person) = listed(c, row).await?.pop() else { return Ok(None) };
                let names = author_names::table
                    .filter(author_names::author_id.eq(id.as_str()))
                    .order((author_names::first_seen_at.desc(), author_names::nickname.asc()))
                    .limit(NAMES_MAX)
                    .select((author_names::nickname, author_names::first_seen_at));
                let names = names.load::<(String, Stamp)>(c).await?;
                let rooms = authors::table
                    .filter(authors::author_id.eq(id.as_str()))
                    .order((
                        authors::last_message_at.is_null().asc(),
                        authors::last_message_at.desc(),
                        authors::room_id.asc(),
                    ))
                    .limit(ROOMS_MAX)
                    .select((authors::room_id, authors::first_seen_at, authors::last_message_at));
                let rooms: Vec<_> = rooms
                    .load::<(String, Stamp, Option<Stamp>)>(c)
                    .await?
                    .into_iter()
                    .filter_map(|(room, first, last)| Some((RoomId::parse(&room).ok()?, first.0, last.map(|at| at.0))))
                    .collect();
                let mut written: Vec<(RoomId, ChatMessage)> = Vec::new();
                for (room, ..) in rooms.iter().take(READ_ROOMS_MAX) {
                    let mut ids: Vec<i64> = Vec::new();
                    for newest in [NEWEST, NEWEST_ARCHIVED] {
                        let newest = sql_query(newest).bind::<Text, _>(room.as_str()).bind::<Text, _>(id.as_str());
                        ids.extend(newest.load::<Found>(c).await?.iter().map(|found| found.id));
                    }
                    let rows: Vec<MessageRow> =
                        both!(c, true, |of| of::table.filter(of::id.eq_any(&ids)).select(message_columns!(of)));
                    written.extend(rows.into_iter().map(|row| (room.clone(), row.into())));
                }
                written.sort_by_key(|(_, message)| std::cmp::Reverse(message.id));
                written.truncate(MESSAGES_MAX);
                let names = names.into_iter().map(|(name, at)| (Nickname::from_stored(name), at.0)).collect();
                Ok(Some(PersonSeen { person, names, rooms, messages: written }))
            }
        }
    };
}

listing!(
    postgres,
    crate::postgres::connection::PgConnection,
    diesel::pg::Pg,
    "json_array_elements($1::json) AS x (value)"
);
listing!(sqlite, crate::sqlite::Connection, diesel::sqlite::Sqlite, "json_each($1) AS x");
