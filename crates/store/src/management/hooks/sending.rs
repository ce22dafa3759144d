macro_rules! sending {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::{DateTime, TimeDelta, Utc};
            use diesel::{delete, insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::json;
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    hooks::model::{BROKER, HookClaim, NewDelivery, WebhookFailed},
                },
                tables::{
                    hooks_schema::{webhook_cursors, webhook_deliveries, webhooks},
                    schema::rooms,
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// So many tries of each are kept.
            const DELIVERIES_MAX: i64 = 100;

            pub(crate) fn later(now: Stamp, by: TimeDelta) -> Stamp {
                Stamp(now.0.checked_add_signed(by).unwrap_or(now.0))
            }

            /// The rooms of which one has not been told all, and which nobody tells it of just now; at most so many. Read where
            /// reads are: joins are planned there, and it may be a moment behind.
            pub(crate) async fn rooms_to_tell(
                c: &mut Connection,
                hook: Uuid,
                room: Option<RoomId>,
                limit: i64,
            ) -> QueryResult<Vec<RoomId>> {
                let now = now(c).await?;
                let cursor = webhook_cursors::room_id.eq(rooms::id).and(webhook_cursors::hook_id.eq(Key(hook)));
                let is_new = webhook_cursors::rev.nullable().is_null();
                let is_behind = webhook_cursors::rev.lt(rooms::last_rev).or(webhook_cursors::epoch.ne(rooms::epoch));
                let is_free = webhook_cursors::held_until.le(now);
                let due = is_new.or(is_behind.and(is_free).nullable().assume_not_null());
                let mut found = rooms::table
                    .left_join(webhook_cursors::table.on(cursor))
                    .filter(rooms::last_rev.gt(0))
                    .filter(due)
                    .select(rooms::id)
                    .limit(limit)
                    .into_boxed();
                if let Some(room) = &room {
                    found = found.filter(rooms::id.eq(room.as_str()));
                }
                let names = found.load::<String>(c).await?;
                Ok(names.iter().filter_map(|name| RoomId::parse(name).ok()).collect())
            }

            /// Takes the telling of a room for so long; none where somebody else has it. In another life of the room all
            /// begins at where that is now: what was told is no more.
            pub(crate) async fn claim_hook(
                c: &mut Connection,
                hook: Uuid,
                room: RoomId,
                hold: TimeDelta,
            ) -> QueryResult<Option<HookClaim>> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    let head = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev));
                    let Some((epoch, last_rev)) = head.first::<(Key, i64)>(c).await.optional()? else {
                        return Ok(None);
                    };
                    let is_on = webhooks::off_at.is_null().or(webhooks::id.eq(Key(BROKER)));
                    let living = webhooks::table.find(Key(hook)).filter(is_on);
                    if living.select(webhooks::id).first::<Key>(c).await.optional()?.is_none() {
                        return Ok(None);
                    }
                    let first = (
                        webhook_cursors::hook_id.eq(Key(hook)),
                        webhook_cursors::room_id.eq(room.as_str()),
                        webhook_cursors::epoch.eq(epoch),
                        webhook_cursors::rev.eq(0_i64),
                        webhook_cursors::held_until.eq(Stamp(DateTime::<Utc>::UNIX_EPOCH)),
                    );
                    let conflict = (webhook_cursors::hook_id, webhook_cursors::room_id);
                    let making = insert_into(webhook_cursors::table).values(first);
                    making.on_conflict(conflict).do_nothing().execute(c).await?;
                    // Of two who find it free the second finds it taken.
                    let free = webhook_cursors::table
                        .find((Key(hook), room.as_str()))
                        .filter(webhook_cursors::held_until.le(now));
                    let until = later(now, hold);
                    let taking = update(free).set(webhook_cursors::held_until.eq(until));
                    let taken = taking.returning((webhook_cursors::epoch, webhook_cursors::rev));
                    let Some((known, rev)) = taken.get_result::<(Key, i64)>(c).await.optional()? else {
                        return Ok(None);
                    };
                    let rev = if known == epoch { rev } else { last_rev };
                    if known != epoch {
                        let row = webhook_cursors::table.find((Key(hook), room.as_str()));
                        let anew = (webhook_cursors::epoch.eq(epoch), webhook_cursors::rev.eq(rev));
                        update(row).set(anew).execute(c).await?;
                    }
                    Ok(Some(HookClaim { hook, room, epoch: epoch.into(), rev, until: until.0 }))
                })
                .await
            }

            /// One was told up to here, and the telling is taken for so long from now on; none where somebody else has it by
            /// now. Whoever was told does not fail.
            pub(crate) async fn told(
                c: &mut Connection,
                claim: HookClaim,
                rev: i64,
                hold: TimeDelta,
            ) -> QueryResult<Option<HookClaim>> {
                let now = now(c).await?;
                let until = later(now, hold);
                let own = webhook_cursors::table
                    .find((Key(claim.hook), claim.room.as_str()))
                    .filter(webhook_cursors::held_until.eq(Stamp(claim.until)));
                let on = (webhook_cursors::rev.eq(rev), webhook_cursors::held_until.eq(until));
                let is_own = update(own).set(on).execute(c).await? > 0;
                Ok(is_own.then_some(HookClaim { rev, until: until.0, ..claim }))
            }

            /// Notes a try that went well: the receiver does not fail any more.
            pub(crate) async fn webhook_went_well(c: &mut Connection, new: NewDelivery) -> QueryResult<()> {
                c.transaction(async move |c| {
                    let failing = webhooks::tries.gt(0).or(webhooks::failing_since.is_not_null());
                    let row = webhooks::table.find(Key(new.hook)).filter(failing);
                    let well = (webhooks::tries.eq(0), webhooks::failing_since.eq(None::<Stamp>));
                    update(row).set(well).execute(c).await?;
                    note(c, &new).await
                })
                .await
            }

            /// Notes a try that failed: nothing is sent for so long. Once that goes on for `given_up` it is off.
            pub(crate) async fn webhook_failed(
                c: &mut Connection,
                new: NewDelivery,
                (tries, wait, given_up): (i32, TimeDelta, TimeDelta),
            ) -> QueryResult<WebhookFailed> {
                c.transaction(async move |c| {
                    let now = now(c).await?;
                    note(c, &new).await?;
                    // Of several that fail at once, one counts.
                    let row = webhooks::table.find(Key(new.hook)).filter(webhooks::tries.eq(tries));
                    let count = (webhooks::tries.eq(tries.saturating_add(1)), webhooks::next_at.eq(later(now, wait)));
                    let counting = update(row).set(count).returning(webhooks::failing_since);
                    let Some(since) = counting.get_result::<Option<Stamp>>(c).await.optional()? else {
                        return Ok(WebhookFailed::Waits);
                    };
                    let row = webhooks::table.find(Key(new.hook));
                    match since {
                        None => {
                            update(row).set(webhooks::failing_since.eq(Some(now))).execute(c).await?;
                            Ok(WebhookFailed::Waits)
                        }
                        Some(since) if now.0.signed_duration_since(since.0) < given_up => Ok(WebhookFailed::Waits),
                        Some(_) => {
                            update(row).set(webhooks::off_at.eq(Some(now))).execute(c).await?;
                            let by = AuthorId::from_stored("server");
                            let entry = Entry {
                                room: None,
                                actor: &by,
                                action: "webhook_off",
                                target: json!({"webhookId": new.hook}),
                                before: json!(null),
                                after: json!(null),
                            };
                            write_entry(c, entry, now).await?;
                            Ok(WebhookFailed::Off)
                        }
                    }
                })
                .await
            }

            /// Notes a try, in the place of the oldest of the last hundred. Where whoever it was to reach is gone, nothing.
            pub(crate) async fn note(c: &mut Connection, new: &NewDelivery) -> QueryResult<()> {
                // The log is the console's, and that has no broker.
                if new.hook == BROKER {
                    return Ok(());
                }
                if webhooks::table.find(Key(new.hook)).select(webhooks::id).first::<Key>(c).await.optional()?.is_none() {
                    return Ok(());
                }
                let row = (
                    webhook_deliveries::hook_id.eq(Key(new.hook)),
                    webhook_deliveries::webhook_id.eq(&new.webhook_id),
                    webhook_deliveries::event.eq(new.event),
                    webhook_deliveries::room_id.eq(new.room.as_ref().map(RoomId::as_str)),
                    webhook_deliveries::message_id.eq(new.message),
                    webhook_deliveries::rev.eq(new.rev),
                    webhook_deliveries::list.eq(new.entry.map(|(list, _)| list.number())),
                    webhook_deliveries::entry.eq(new.entry.map(|(_, entry)| entry)),
                    webhook_deliveries::status.eq(new.status.and_then(|status| i16::try_from(status).ok())),
                    webhook_deliveries::error.eq(&new.error),
                    webhook_deliveries::millis.eq(i32::try_from(new.millis).unwrap_or(i32::MAX)),
                    webhook_deliveries::at.eq(now(c).await?),
                );
                insert_into(webhook_deliveries::table).values(row).execute(c).await?;
                let of = webhook_deliveries::hook_id.eq(Key(new.hook));
                let older = webhook_deliveries::table.filter(of).order(webhook_deliveries::id.desc());
                let older = older.offset(DELIVERIES_MAX).limit(1).select(webhook_deliveries::id);
                if let Some(oldest) = older.first::<i64>(c).await.optional()? {
                    let gone = webhook_deliveries::table.filter(of.and(webhook_deliveries::id.le(oldest)));
                    delete(gone).execute(c).await?;
                }
                Ok(())
            }

            /// The same by itself.
            pub(crate) async fn note_delivery(c: &mut Connection, new: NewDelivery) -> QueryResult<()> {
                c.transaction(async move |c| note(c, &new).await).await
            }
        }
    };
}

sending!(postgres, crate::postgres::connection::PgConnection);
sending!(sqlite, crate::sqlite::Connection);
