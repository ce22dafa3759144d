//! What webhooks are told beside messages: how far each was told of lists that others write.

/// `$has_gaps`: whether several write at once, so that a row may come before one that is there already.
macro_rules! lists {
    ($module:ident, $connection:ty, $has_gaps:literal) => {
        pub(crate) mod $module {
            use chrono::{DateTime, TimeDelta, Utc};
            use diesel::{delete, dsl::max, insert_into, prelude::*, update};
            use diesel_async::RunQueryDsl;
            use uuid::Uuid;

            use crate::{
                management::{
                    common::$module::*,
                    held::{HeldMessageRow, WAITS, held_of},
                    hooks::{
                        model::{HookList, ListClaim, ListEntry, ListItem, n_final},
                        sending::$module::later,
                    },
                    log::$module::{AuditRow, REPORT, ReportRow, audit_of, report_of},
                },
                tables::{
                    hooks_schema::webhook_positions,
                    schema::{audit_log, held_messages, reports},
                    sql_types::{Key, Stamp},
                },
            };

            type Connection = $connection;

            /// The id of a list's last row.
            async fn end_of(c: &mut Connection, list: HookList) -> QueryResult<i64> {
                let last = match list {
                    HookList::Deeds => audit_log::table.select(max(audit_log::id)).first::<Option<i64>>(c).await?,
                    HookList::Reports => reports::table.select(max(reports::id)).first(c).await?,
                    HookList::Held => held_messages::table.select(max(held_messages::id)).first(c).await?,
                };
                Ok(last.unwrap_or(0))
            }

            /// One is told of these lists from where they end now.
            pub(crate) async fn begin_lists(c: &mut Connection, hook: Uuid, lists: &[HookList]) -> QueryResult<()> {
                for list in lists {
                    let row = (
                        webhook_positions::hook_id.eq(Key(hook)),
                        webhook_positions::list.eq(list.number()),
                        webhook_positions::position.eq(end_of(c, *list).await?),
                        webhook_positions::held_until.eq(Stamp(DateTime::<Utc>::UNIX_EPOCH)),
                    );
                    insert_into(webhook_positions::table).values(row).execute(c).await?;
                }
                Ok(())
            }

            /// One is told of these lists and no others: of those that it was not told of, from where they end now.
            pub(crate) async fn set_lists(c: &mut Connection, hook: Uuid, lists: &[HookList]) -> QueryResult<()> {
                let own = webhook_positions::table.filter(webhook_positions::hook_id.eq(Key(hook)));
                let others = webhook_positions::list.ne_all(lists.iter().map(|list| list.number()).collect::<Vec<_>>());
                delete(own.filter(others)).execute(c).await?;
                let had = own.select(webhook_positions::list).load::<i16>(c).await?;
                let new: Vec<HookList> = lists.iter().copied().filter(|list| !had.contains(&list.number())).collect();
                begin_lists(c, hook, &new).await
            }

            /// The lists of which one has not been told all, and which nobody tells it of just now.
            pub(crate) async fn lists_to_tell(c: &mut Connection, hook: Uuid) -> QueryResult<Vec<HookList>> {
                let now = now(c).await?;
                let free = webhook_positions::table
                    .filter(webhook_positions::hook_id.eq(Key(hook)).and(webhook_positions::held_until.le(now)))
                    .select((webhook_positions::list, webhook_positions::position));
                let mut behind = Vec::new();
                for (list, position) in free.load::<(i16, i64)>(c).await? {
                    let Some(list) = HookList::from_number(list) else { continue };
                    if end_of(c, list).await? > position {
                        behind.push(list);
                    }
                }
                Ok(behind)
            }

            /// Takes the telling of a list for so long; none where somebody else has it.
            pub(crate) async fn claim_list(
                c: &mut Connection,
                hook: Uuid,
                list: HookList,
                hold: TimeDelta,
            ) -> QueryResult<Option<ListClaim>> {
                let now = now(c).await?;
                // Of two who find it free the second finds it taken.
                let free = webhook_positions::table
                    .find((Key(hook), list.number()))
                    .filter(webhook_positions::held_until.le(now));
                let until = later(now, hold);
                let taking = update(free).set(webhook_positions::held_until.eq(until));
                let taken = taking.returning(webhook_positions::position).get_result::<i64>(c).await.optional()?;
                Ok(taken.map(|position| ListClaim { hook, list, position, until: until.0 }))
            }

            /// One was told up to here, and the telling is taken for so long from now on; none where somebody else has it by
            /// now.
            pub(crate) async fn list_told(
                c: &mut Connection,
                claim: ListClaim,
                position: i64,
                hold: TimeDelta,
            ) -> QueryResult<Option<ListClaim>> {
                let until = later(now(c).await?, hold);
                let own = webhook_positions::table
                    .find((Key(claim.hook), claim.list.number()))
                    .filter(webhook_positions::held_until.eq(Stamp(claim.until)));
                let on = (webhook_positions::position.eq(position), webhook_positions::held_until.eq(until));
                let is_own = update(own).set(on).execute(c).await? > 0;
                Ok(is_own.then_some(ListClaim { position, until: until.0, ..claim }))
            }

            /// What stands in a list behind this id, at most so many, each as it is now. None of them that another row may
            /// still come before.
            pub(crate) async fn list_entries(
                c: &mut Connection,
                list: HookList,
                after: i64,
                limit: i64,
            ) -> QueryResult<Vec<ListEntry>> {
                let now = now(c).await?.0;
                let rows = match list {
                    HookList::Deeds => deeds(c, after, limit).await?,
                    HookList::Reports => reported(c, after, limit).await?,
                    HookList::Held => held(c, after, limit).await?,
                };
                let n = if $has_gaps {
                    n_final(after, rows.iter().map(|(at, row)| (row.id, at.0)), now)
                } else {
                    rows.len()
                };
                Ok(rows.into_iter().take(n).map(|(_, row)| row).collect())
            }

            type Rows = Vec<(Stamp, ListEntry)>;

            async fn deeds(c: &mut Connection, after: i64, limit: i64) -> QueryResult<Rows> {
                let rows = audit_log::table.filter(audit_log::id.gt(after)).order(audit_log::id.asc()).limit(limit);
                let entry = |row: AuditRow| {
                    let (id, at) = (row.0, row.7);
                    (at, ListEntry { id, item: audit_of(row).map(ListItem::Deed) })
                };
                Ok(rows.load::<AuditRow>(c).await?.into_iter().map(entry).collect())
            }

            async fn reported(c: &mut Connection, after: i64, limit: i64) -> QueryResult<Rows> {
                let rows = reports::table.filter(reports::id.gt(after)).order(reports::id.asc()).limit(limit);
                let entry = |row: ReportRow| {
                    let (id, at) = (row.0, row.5);
                    (at, ListEntry { id, item: report_of(row).map(ListItem::Report) })
                };
                Ok(rows.select(REPORT).load::<ReportRow>(c).await?.into_iter().map(entry).collect())
            }

            async fn held(c: &mut Connection, after: i64, limit: i64) -> QueryResult<Rows> {
                let rows = held_messages::table
                    .filter(held_messages::id.gt(after))
                    .order(held_messages::id.asc())
                    .limit(limit)
                    .select((held_messages::id, held_messages::at, held_messages::state, HeldMessageRow::as_select()));
                let entry = |(id, at, state, row): (i64, Stamp, i16, HeldMessageRow)| {
                    // What was decided since waits no more.
                    let held = (state == WAITS).then(|| held_of(row)).flatten();
                    (at, ListEntry { id, item: held.map(ListItem::Held) })
                };
                Ok(rows.load(c).await?.into_iter().map(entry).collect())
            }
        }
    };
}

lists!(postgres, crate::postgres::connection::PgConnection, true);
lists!(sqlite, crate::sqlite::Connection, false);
