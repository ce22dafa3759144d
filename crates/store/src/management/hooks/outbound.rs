macro_rules! outbound {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::{DateTime, Utc};
            use diesel::{IntoSql, delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    hooks::{
                        lists::$module::{begin_lists, set_lists},
                        model::{BROKER, Delivery, HOOKS_MAX, HookList, NewWebhook, Webhook, WebhookChange},
                    },
                },
                tables::{
                    hooks_schema::{webhook_cursors, webhook_deliveries, webhooks},
                    schema::rooms,
                    sql_types::{Guid, Key, Stamp, Ts},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;
            type Row =
                (Key, String, i32, Option<String>, String, Stamp, i32, Stamp, Option<Stamp>, Option<Stamp>);

            fn webhook(row: Row, now: Stamp) -> Webhook {
                let (id, url, events, room, by, created_at, tries, next_at, failing_since, off_at) = row;
                Webhook {
                    id: id.0,
                    url,
                    events,
                    room: room.and_then(|room| RoomId::parse(&room).ok()),
                    by: AuthorId::from_stored(&by),
                    created_at: created_at.0,
                    tries,
                    waits: next_at.0 > now.0,
                    failing_since: failing_since.map(|at| at.0),
                    off_at: off_at.map(|at| at.0).filter(|_| id.0 != BROKER),
                }
            }

            type Columns = (
                webhooks::id,
                webhooks::url,
                webhooks::events,
                webhooks::room_id,
                webhooks::by_author,
                webhooks::created_at,
                webhooks::tries,
                webhooks::next_at,
                webhooks::failing_since,
                webhooks::off_at,
            );

            const COLUMNS: Columns = (
                webhooks::id,
                webhooks::url,
                webhooks::events,
                webhooks::room_id,
                webhooks::by_author,
                webhooks::created_at,
                webhooks::tries,
                webhooks::next_at,
                webhooks::failing_since,
                webhooks::off_at,
            );

            /// Whoever is told, the newest first, but for the broker.
            pub(crate) async fn webhooks(c: &mut Connection) -> QueryResult<Vec<Webhook>> {
                let now = now(c).await?;
                let rows = webhooks::table.filter(webhooks::id.ne(Key(BROKER))).order(webhooks::id.desc());
                let rows = rows.limit(HOOKS_MAX).select(COLUMNS);
                Ok(rows.load::<Row>(c).await?.into_iter().map(|row| webhook(row, now)).collect())
            }

            /// The broker, where one was ever told.
            pub(crate) async fn broker(c: &mut Connection) -> QueryResult<Option<Webhook>> {
                let now = now(c).await?;
                let row = webhooks::table.find(Key(BROKER)).select(COLUMNS).first::<Row>(c).await.optional()?;
                Ok(row.map(|row| webhook(row, now)))
            }

            /// The broker is told of these from now on, or goes on from where it was; whether it is new.
            pub(crate) async fn begin_broker(c: &mut Connection, events: i32) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    let now = now(c).await?;
                    let row = (
                        webhooks::id.eq(Key(BROKER)),
                        webhooks::url.eq("amqp:"),
                        webhooks::events.eq(events),
                        webhooks::by_author.eq("server"),
                        webhooks::created_at.eq(now),
                        webhooks::next_at.eq(now),
                        webhooks::off_at.eq(Some(now)),
                    );
                    let making = insert_into(webhooks::table).values(row).on_conflict(webhooks::id).do_nothing();
                    if making.execute(c).await? == 0 {
                        return Ok(false);
                    }
                    begin_rooms(c, BROKER, None).await?;
                    begin_lists(c, BROKER, &HookList::ALL).await?;
                    Ok(true)
                })
                .await
            }

            /// One is told of rooms, or of this one, from where each is now. One that is made at this moment is told from its
            /// beginning.
            async fn begin_rooms(c: &mut Connection, hook: Uuid, room: Option<&str>) -> QueryResult<()> {
                let nobody = Stamp(DateTime::<Utc>::UNIX_EPOCH);
                let from = rooms::table.select((
                    Key(hook).into_sql::<Guid>(),
                    rooms::id,
                    rooms::epoch,
                    rooms::last_rev,
                    nobody.into_sql::<Ts>(),
                ));
                let into = (
                    webhook_cursors::hook_id,
                    webhook_cursors::room_id,
                    webhook_cursors::epoch,
                    webhook_cursors::rev,
                    webhook_cursors::held_until,
                );
                match room {
                    Some(room) => {
                        let from = from.filter(rooms::id.eq(room));
                        from.insert_into(webhook_cursors::table).into_columns(into).execute(c).await?;
                    }
                    None => {
                        from.insert_into(webhook_cursors::table).into_columns(into).execute(c).await?;
                    }
                }
                Ok(())
            }

            /// One more is told what happens from now on; false where there are as many as may be.
            pub(crate) async fn add_webhook(c: &mut Connection, new: NewWebhook) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    raise_control(c).await?;
                    let now = now(c).await?;
                    let others = webhooks::table.filter(webhooks::id.ne(Key(BROKER)));
                    if others.count().get_result::<i64>(c).await? >= HOOKS_MAX {
                        return Ok(false);
                    }
                    let row = (
                        webhooks::id.eq(Key(new.id)),
                        webhooks::url.eq(&new.url),
                        webhooks::events.eq(new.events),
                        webhooks::room_id.eq(new.room.as_ref().map(RoomId::as_str)),
                        webhooks::by_author.eq(new.by.as_str()),
                        webhooks::created_at.eq(now),
                        webhooks::next_at.eq(now),
                    );
                    insert_into(webhooks::table).values(row).execute(c).await?;
                    begin_rooms(c, new.id, new.room.as_ref().map(RoomId::as_str)).await?;
                    begin_lists(c, new.id, &new.lists).await?;
                    let entry = Entry {
                        room: None,
                        actor: &new.by,
                        action: "webhook_made",
                        target: json!({"webhookId": new.id}),
                        before: json!(null),
                        after: json!({"url": new.url}),
                    };
                    write_entry(c, entry, now).await.map(|_| true)
                })
                .await
            }

            /// Nobody is told there any more; whether somebody was.
            pub(crate) async fn remove_webhook(c: &mut Connection, id: Uuid, by: AuthorId) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    // The broker is none that anybody made.
                    let own = webhooks::table.find(Key(id)).filter(webhooks::id.ne(Key(BROKER)));
                    let gone = delete(own).returning(webhooks::url);
                    let Some(url) = gone.get_result::<String>(c).await.optional()? else { return Ok(false) };
                    let entry = Entry {
                        room: None,
                        actor: &by,
                        action: "webhook_ended",
                        target: json!({"webhookId": id}),
                        before: json!({"url": url}),
                        after: json!(null),
                    };
                    write_entry(c, entry, now).await.map(|_| true)
                })
                .await
            }

            /// One is told something else, or elsewhere, and is tried at once; whether it is there. Of what it was not told
            /// before, it is told what happens from now on.
            pub(crate) async fn set_webhook(c: &mut Connection, change: WebhookChange) -> QueryResult<bool> {
                c.transaction(async move |c| {
                    // As with all that changes what webhooks are: of two who change one, the second sees the first.
                    raise_control(c).await?;
                    let now = now(c).await?;
                    let id = Key(change.id);
                    let had = webhooks::table.find(id).select((webhooks::url, webhooks::events, webhooks::room_id));
                    let had = had.first::<(String, i32, Option<String>)>(c).await.optional()?;
                    let Some((old_url, old_events, room)) = had else { return Ok(false) };
                    let url = change.url.unwrap_or_else(|| old_url.clone());
                    update(webhooks::table.find(id)).set(webhooks::url.eq(&url)).execute(c).await?;
                    if let Some((events, lists)) = change.events {
                        update(webhooks::table.find(id)).set(webhooks::events.eq(events)).execute(c).await?;
                        set_lists(c, change.id, &lists).await?;
                        if old_events & change.of_rooms == 0 && events & change.of_rooms != 0 {
                            let stale = webhook_cursors::table.filter(webhook_cursors::hook_id.eq(id));
                            delete(stale).execute(c).await?;
                            begin_rooms(c, change.id, room.as_deref()).await?;
                        }
                    }
                    wake_webhook(c, change.id).await?;
                    let entry = Entry {
                        room: None,
                        actor: &change.by,
                        action: "webhook_set",
                        target: json!({"webhookId": change.id}),
                        before: json!({"url": old_url}),
                        after: json!({"url": url}),
                    };
                    write_entry(c, entry, now).await.map(|_| true)
                })
                .await
            }

            /// Tries one again at once, given up or not; whether it is there.
            pub(crate) async fn wake_webhook(c: &mut Connection, id: Uuid) -> QueryResult<bool> {
                let now = now(c).await?;
                let fresh = (
                    webhooks::tries.eq(0),
                    webhooks::next_at.eq(now),
                    webhooks::failing_since.eq(None::<Stamp>),
                    webhooks::off_at.eq(None::<Stamp>),
                );
                let row = webhooks::table.find(Key(id)).filter(webhooks::id.ne(Key(BROKER)));
                Ok(update(row).set(fresh).execute(c).await? > 0)
            }

            /// The last tries of one, the newest first, or this one of them.
            pub(crate) async fn deliveries(
                c: &mut Connection,
                hook: Uuid,
                one: Option<i64>,
                limit: i64,
            ) -> QueryResult<Vec<Delivery>> {
                type Row = (
                    i64,
                    String,
                    String,
                    Option<String>,
                    Option<i64>,
                    Option<i64>,
                    Option<i16>,
                    Option<String>,
                    i32,
                    Stamp,
                    Option<i16>,
                    Option<i64>,
                );
                let mut rows = webhook_deliveries::table
                    .filter(webhook_deliveries::hook_id.eq(Key(hook)))
                    .order(webhook_deliveries::id.desc())
                    .limit(limit)
                    .select((
                        webhook_deliveries::id,
                        webhook_deliveries::webhook_id,
                        webhook_deliveries::event,
                        webhook_deliveries::room_id,
                        webhook_deliveries::message_id,
                        webhook_deliveries::rev,
                        webhook_deliveries::status,
                        webhook_deliveries::error,
                        webhook_deliveries::millis,
                        webhook_deliveries::at,
                        webhook_deliveries::list,
                        webhook_deliveries::entry,
                    ))
                    .into_boxed();
                if let Some(one) = one {
                    rows = rows.filter(webhook_deliveries::id.eq(one));
                }
                let delivery = |(id, webhook_id, event, room, message, rev, status, error, millis, at, list, entry): Row| {
                    let room = room.and_then(|room: String| RoomId::parse(&room).ok());
                    let entry = list.and_then(HookList::from_number).zip(entry);
                    Delivery { id, webhook_id, event, room, message, rev, entry, status, error, millis, at: at.0 }
                };
                Ok(rows.load::<Row>(c).await?.into_iter().map(delivery).collect())
            }
        }
    };
}

outbound!(postgres, crate::postgres::connection::PgConnection);
outbound!(sqlite, crate::sqlite::Connection);
