//! What was reported, and what was done by whom.

macro_rules! logging {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{dsl::sql, insert_into, prelude::*, sql_types::{Bool, Text}, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use chrono::TimeDelta;
            use serde_json::{Value, json};
            use std::collections::HashMap;

            use crate::{
                archive::both,
                management::{common::{UNDOES, $module::*}, model::*},
                model::StoredMessage,
                tables::{
                    rows::one_more,
                    schema::{audit_log, messages, reports, rooms},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// `reports.state` of one that was settled.
            const SETTLED: i16 = 1;
            /// Nobody needs to know how many more there are.
            const OPEN_REPORTS_MAX: i64 = 1_000;
            /// So many of the guard's entries are looked at. Those that somebody has changed since stay open for good.
            const GUARD_ENTRIES_MAX: i64 = 1_000;

            pub(crate) async fn report(
                c: &mut Connection,
                room: RoomId,
                message: i64,
                by: AuthorId,
                reason: String,
            ) -> QueryResult<Reported> {
                c.transaction(async move |c| {
                    // One after the other: joins on the connection that writes read whole tables (postgres/session.rs).
                    let there: Vec<(i64, Stamp)> = both!(c, true, |of| of::table
                        .filter(of::id.eq(message).and(of::room_id.eq(room.as_str())))
                        .filter(of::deleted_at.is_null())
                        .select((of::seq, of::created_at)));
                    let found = there.into_iter().next();
                    let epoch = rooms::table.find(room.as_str()).select(rooms::epoch).first::<Key>(c).await.optional()?;
                    let (Some((seq, created_at)), Some(epoch)) = (found, epoch) else { return Ok(Reported::NotFound) };
                    let row = (
                        reports::room_id.eq(room.as_str()),
                        reports::message_id.eq(message),
                        reports::by_author.eq(by.as_str()),
                        reports::reason.eq(&reason),
                        reports::at.eq(now(c).await?),
                    );
                    let storing = insert_into(reports::table).values(row);
                    let storing = storing.on_conflict((reports::message_id, reports::by_author)).do_nothing();
                    let is_new = storing.execute(c).await? > 0;
                    let (created_at, epoch) = (created_at.0, epoch.into());
                    Ok(Reported::Stored { is_new, message: StoredMessage { id: message, seq, rev: seq, created_at, epoch } })
                })
                .await
            }

            /// How many messages of the room have open reports, up to a thousand.
            pub(crate) async fn open_reports(c: &mut Connection, room: RoomId) -> QueryResult<i64> {
                let open = reports::table.filter(reports::room_id.eq(room.as_str()).and(reports::state.eq(0)));
                let messages = open.select(reports::message_id).distinct().limit(OPEN_REPORTS_MAX);
                Ok(i64::try_from(messages.load::<i64>(c).await?.len()).unwrap_or(OPEN_REPORTS_MAX))
            }

            /// What a report is read from.
            pub(crate) const REPORT: (
                reports::id,
                reports::room_id,
                reports::message_id,
                reports::by_author,
                reports::reason,
                reports::at,
            ) = (
                reports::id,
                reports::room_id,
                reports::message_id,
                reports::by_author,
                reports::reason,
                reports::at,
            );
            pub(crate) type ReportRow = (i64, String, i64, String, String, Stamp);

            pub(crate) fn report_of((id, room, message, by, reason, at): ReportRow) -> Option<Report> {
                let (room, by) = (RoomId::parse(&room).ok()?, AuthorId::from_stored(&by));
                Some(Report { id, room, message, by, reason, at: at.0 })
            }

            /// The open reports, the oldest first.
            pub(crate) async fn reports(
                c: &mut Connection,
                room: Option<RoomId>,
                after: i64,
                limit: usize,
            ) -> QueryResult<Vec<Report>> {
                let query = reports::table
                    .filter(reports::state.eq(0).and(reports::id.gt(after)))
                    .order(reports::id.asc())
                    .limit(one_more(limit))
                    .select(REPORT);
                let rows = match &room {
                    Some(room) => query.filter(reports::room_id.eq(room.as_str())).load::<ReportRow>(c).await?,
                    None => query.load::<ReportRow>(c).await?,
                };
                Ok(rows.into_iter().filter_map(report_of).collect())
            }

            /// Settles all reports of a message.
            pub(crate) async fn settle_reports(
                c: &mut Connection,
                room: RoomId,
                message: i64,
                by: AuthorId,
            ) -> QueryResult<Ordered> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let open = reports::table
                        .filter(reports::message_id.eq(message).and(reports::room_id.eq(room.as_str())))
                        .filter(reports::state.eq(0));
                    let n_settled = update(open).set(reports::state.eq(SETTLED)).execute(c).await?;
                    if n_settled == 0 {
                        return Ok(Ordered::Unchanged);
                    }
                    let entry = Entry {
                        room: Some(&room),
                        actor: &by,
                        action: "settle",
                        target: json!({"id": message.to_string()}),
                        before: Value::Null,
                        after: json!({"reports": n_settled}),
                    };
                    Ok(Ordered::Done(write_entry(c, entry, now).await?))
                })
                .await
            }

            pub(crate) type AuditRow = (
                i64,
                Option<String>,
                String,
                String,
                String,
                String,
                String,
                Stamp,
                Option<Stamp>,
                Option<String>,
            );

            pub(crate) fn audit_of((id, room, actor, action, target, before, after, at, undone_at, undone_by): AuditRow) -> Option<Audit> {
                let json = |text: String| serde_json::from_str(&text).unwrap_or_default();
                Some(Audit {
                    id,
                    room: room.map(|room| RoomId::parse(&room)).transpose().ok()?,
                    actor: AuthorId::from_stored(&actor),
                    action,
                    target: json(target),
                    before: json(before),
                    after: json(after),
                    at: at.0,
                    undone: undone_at.zip(undone_by).map(|(at, by)| (at.0, AuthorId::from_stored(&by))),
                })
            }

            /// What was done, the newest first.
            pub(crate) async fn audit(c: &mut Connection, asked: AuditQuery) -> QueryResult<Vec<Audit>> {
                let query = audit_log::table
                    .filter(audit_log::id.lt(asked.before.unwrap_or(i64::MAX)))
                    .order(audit_log::id.desc())
                    .limit(one_more(asked.limit));
                let rows = match &asked.room {
                    Some(room) => {
                        query.filter(audit_log::room_id.eq(Some(room.as_str()))).load::<AuditRow>(c).await?
                    }
                    None => query.load::<AuditRow>(c).await?,
                };
                Ok(rows.into_iter().filter_map(audit_of).collect())
            }

            /// What was done to somebody, the newest first.
            pub(crate) async fn audit_about(c: &mut Connection, author: AuthorId, limit: i64) -> QueryResult<Vec<Audit>> {
                // As JSON is written here. Ids are letters, digits, `-` and `_`, which stands for itself.
                let pattern = format!("%\"authorId\":\"{}\"%", author.as_str().replace('_', "\\_"));
                let about = sql::<Bool>("target LIKE ").bind::<Text, _>(pattern).sql(" ESCAPE '\\'");
                let query = audit_log::table.filter(about).order(audit_log::id.desc()).limit(limit);
                Ok(query.load::<AuditRow>(c).await?.into_iter().filter_map(audit_of).collect())
            }

            /// What the guard has changed in rooms and is still so, the newest first.
            pub(crate) async fn guard_raids(c: &mut Connection) -> QueryResult<Vec<Audit>> {
                // Written out: a parameter would not be known to be what the index has.
                let open = audit_log::table
                    .filter(audit_log::undone_at.is_null().and(sql::<Bool>("actor = 'guard'")))
                    .filter(audit_log::action.eq("room_set"))
                    .order(audit_log::id.desc())
                    .limit(GUARD_ENTRIES_MAX);
                let mut entries: Vec<Audit> =
                    open.load::<AuditRow>(c).await?.into_iter().filter_map(audit_of).collect();
                entries.retain(|entry| entry.after.get(UNDOES).is_none());
                let mut names: Vec<&str> = entries.iter().filter_map(|entry| Some(entry.room.as_ref()?.as_str())).collect();
                names.sort_unstable();
                names.dedup();
                let states = rooms::table.filter(rooms::id.eq_any(names)).select((rooms::id, rooms::settings_rev));
                let states: HashMap<String, i64> = states.load::<(String, i64)>(c).await?.into_iter().collect();
                let is_so = |entry: &Audit| {
                    let state = entry.room.as_ref().and_then(|room| states.get(room.as_str()));
                    state.is_some() && state.copied() == entry.after.get("settingsRev").and_then(Value::as_i64)
                };
                Ok(entries.into_iter().filter(is_so).collect())
            }

            /// One entry.
            pub(crate) async fn audit_entry(c: &mut Connection, id: i64) -> QueryResult<Option<Audit>> {
                Ok(audit_log::table.find(id).first::<AuditRow>(c).await.optional()?.and_then(audit_of))
            }

            /// Notes that an entry was undone by other means, as by a change of its message. False where it was before.
            pub(crate) async fn note_undone(c: &mut Connection, id: i64, by: AuthorId) -> QueryResult<bool> {
                let now = now(c).await?;
                mark_undone(c, id, &by, now).await
            }

            /// What an author wrote lately, in one room or in all, the newest first: room and id.
            pub(crate) async fn recent_of(
                c: &mut Connection,
                author: AuthorId,
                room: Option<RoomId>,
                within: TimeDelta,
                limit: usize,
            ) -> QueryResult<Vec<(RoomId, i64)>> {
                let now = now(c).await?;
                let since = Stamp(now.0.checked_sub_signed(within).unwrap_or(now.0));
                // Which rooms somebody wrote in since then is told by the rooms, and what in them by an index of theirs.
                let query = rooms::table
                    .inner_join(messages::table.on(messages::room_id.eq(rooms::id)))
                    .filter(rooms::last_message_at.ge(Some(since)))
                    .filter(messages::created_at.ge(since).and(messages::deleted_at.is_null()))
                    .filter(messages::anonymous_id.eq(author.as_str()))
                    .order(messages::id.desc())
                    .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                    .select((messages::room_id, messages::id));
                let rows = match &room {
                    Some(room) => query.filter(rooms::id.eq(room.as_str())).load::<(String, i64)>(c).await?,
                    None => query.load::<(String, i64)>(c).await?,
                };
                Ok(rows.into_iter().filter_map(|(room, id)| Some((RoomId::parse(&room).ok()?, id))).collect())
            }
        }
    };
}

logging!(postgres, crate::postgres::connection::PgConnection);
logging!(sqlite, crate::sqlite::Connection);
