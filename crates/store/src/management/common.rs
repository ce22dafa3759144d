//! What all that is written of people and of keeping order has in common.

/// Where an entry says which one it undoes.
pub(crate) const UNDOES: &str = "undoes";

/// `$clock` is the database's own time, to the millisecond.
macro_rules! common {
    ($module:ident, $connection:ty, $clock:literal) => {
        pub(crate) mod $module {
            use diesel::{dsl::sql, insert_into, prelude::*, select, update};
            use diesel_async::RunQueryDsl;
            use serde_json::Value;
            use uuid::Uuid;

            use crate::tables::{
                schema::{audit_log, meta, rooms},
                sql_types::{Key, Stamp, Ts},
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// The one workspace there is.
            pub(crate) const HOME: Key = Key(Uuid::from_u128(1));

            pub(crate) async fn now(c: &mut Connection) -> QueryResult<Stamp> {
                select(sql::<Ts>($clock)).get_result(c).await
            }

            /// Takes the next value of what all servers look at: whoever changes what concerns all comes one after the
            /// other.
            pub(crate) async fn raise_control(c: &mut Connection) -> QueryResult<i64> {
                let raising = update(meta::table).set(meta::control_rev.eq(meta::control_rev + 1));
                raising.returning(meta::control_rev).get_result(c).await
            }

            /// Commands that were checked before this are checked again.
            pub(crate) async fn raise_guard(c: &mut Connection, room: &RoomId) -> QueryResult<()> {
                let row = rooms::table.find(room.as_str());
                update(row).set(rooms::guard_rev.eq(rooms::guard_rev + 1)).execute(c).await.map(drop)
            }

            /// A room that nobody has written in has no row yet.
            pub(crate) async fn make_room(c: &mut Connection, room: &RoomId) -> QueryResult<()> {
                let epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c).await?;
                let row = (rooms::id.eq(room.as_str()), rooms::epoch.eq(epoch));
                insert_into(rooms::table).values(row).on_conflict(rooms::id).do_nothing().execute(c).await.map(drop)
            }

            /// What an entry says.
            pub(crate) struct Entry<'a> {
                pub(crate) room: Option<&'a RoomId>,
                pub(crate) actor: &'a AuthorId,
                pub(crate) action: &'static str,
                pub(crate) target: Value,
                pub(crate) before: Value,
                pub(crate) after: Value,
            }

            pub(crate) async fn write_entry(c: &mut Connection, entry: Entry<'_>, at: Stamp) -> QueryResult<i64> {
                let row = (
                    audit_log::room_id.eq(entry.room.map(RoomId::as_str)),
                    audit_log::actor.eq(entry.actor.as_str()),
                    audit_log::action.eq(entry.action),
                    audit_log::target.eq(entry.target.to_string()),
                    audit_log::before.eq(entry.before.to_string()),
                    audit_log::after.eq(entry.after.to_string()),
                    audit_log::at.eq(at),
                );
                insert_into(audit_log::table).values(row).returning(audit_log::id).get_result(c).await
            }

            /// Whether the entry was not undone before; it is now.
            pub(crate) async fn mark_undone(
                c: &mut Connection,
                id: i64,
                by: &AuthorId,
                at: Stamp,
            ) -> QueryResult<bool> {
                let open = audit_log::table.find(id).filter(audit_log::undone_at.is_null());
                let undone = (audit_log::undone_at.eq(Some(at)), audit_log::undone_by.eq(Some(by.as_str())));
                Ok(update(open).set(undone).execute(c).await? > 0)
            }
        }
    };
}

common!(postgres, crate::postgres::connection::PgConnection, "date_trunc('milliseconds', clock_timestamp())");
common!(sqlite, crate::sqlite::Connection, "CAST(unixepoch('subsec') * 1000 AS INTEGER)");
