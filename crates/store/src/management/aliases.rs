//! Other names of rooms: a room that is renamed keeps its id, and is reached by the new name as well.

/// Makes the functions for one kind of connection.
macro_rules! aliases {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{insert_into, prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::{Value, json};
            use uuid::Uuid;

            use crate::{
                archive::both,
                management::{common::$module::*, keeping_model::*, model::Undo},
                tables::{
                    schema::{held_messages, room_aliases, rooms},
                    sql_types::Key,
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// The room that a name leads to: itself where it is no other name.
            async fn led_to(c: &mut Connection, name: &RoomId) -> QueryResult<Option<String>> {
                let alias = room_aliases::table.find(name.as_str()).filter(room_aliases::ended_at.is_null());
                alias.select(room_aliases::room_id).first::<String>(c).await.optional()
            }

            pub(crate) async fn canonical(c: &mut Connection, name: RoomId) -> QueryResult<RoomId> {
                let led_to = led_to(c, &name).await?;
                Ok(led_to.and_then(|id| RoomId::parse(&id).ok()).unwrap_or(name))
            }

            /// The names that have changed above this `control_rev`; where that is 0, all in force.
            pub(crate) async fn changed_aliases(c: &mut Connection, known: i64) -> QueryResult<Vec<(RoomId, Option<RoomId>)>> {
                let columns = (room_aliases::alias, room_aliases::room_id, room_aliases::ended_at.is_not_null());
                type Row = (String, String, bool);
                let rows = if known == 0 {
                    let in_force = room_aliases::table.filter(room_aliases::ended_at.is_null());
                    in_force.select(columns).load::<Row>(c).await?
                } else {
                    let changed = room_aliases::table.filter(room_aliases::rev.gt(known));
                    changed.order(room_aliases::rev.asc()).select(columns).load::<Row>(c).await?
                };
                let alias = |(alias, room, has_ended): Row| {
                    let room = (!has_ended).then(|| RoomId::parse(&room).ok());
                    Some((RoomId::parse(&alias).ok()?, room.flatten()))
                };
                Ok(rows.into_iter().filter_map(alias).collect())
            }

            /// Gives a room another name. All renames come one after the other, by the value that they take; and none comes
            /// between a message of the new name and this, by the lock of that name's row: a message that was checked
            /// before is checked again, and finds that it is no room any more.
            pub(crate) async fn rename(c: &mut Connection, order: Rename) -> QueryResult<Renamed> {
                c.transaction(async move |c| {
                    let Rename { from, to, by } = order;
                    let (rev, now) = (raise_control(c).await?, now(c).await?);
                    let room = canonical(c, from.clone()).await?;
                    let there = rooms::table.find(room.as_str()).select(rooms::id);
                    if there.first::<String>(c).await.optional()?.is_none() {
                        return Ok(Renamed::NotFound);
                    }
                    match led_to(c, &to).await? {
                        _ if room == to => return Ok(Renamed::Unchanged),
                        Some(other) if other == room.as_str() => return Ok(Renamed::Unchanged),
                        Some(_) => return Ok(Renamed::Taken),
                        None => {}
                    }
                    let in_force = || room_aliases::table.filter(room_aliases::ended_at.is_null());
                    let leads_there = in_force().filter(room_aliases::room_id.eq(to.as_str())).count();
                    if leads_there.get_result::<i64>(c).await? > 0 {
                        return Ok(Renamed::Taken);
                    }
                    if in_force().count().get_result::<i64>(c).await? >= ROOM_ALIASES_MAX {
                        return Ok(Renamed::Full);
                    }
                    make_room(c, &to).await?;
                    // The lock of its row: what is stored in it is stored before this, or not at all.
                    raise_guard(c, &to).await?;
                    let written: Vec<i64> =
                        both!(c, true, |of| of::table.filter(of::room_id.eq(to.as_str())).select(of::id).limit(1));
                    let waiting = held_messages::table.filter(held_messages::room_id.eq(to.as_str()));
                    let waiting = waiting.select(held_messages::id).limit(1);
                    if !written.is_empty() || !waiting.load::<i64>(c).await?.is_empty() {
                        return Ok(Renamed::Taken);
                    }
                    // Whoever reads there comes again, and is led to the room.
                    let another_life = rooms::epoch.eq(Key(Uuid::new_v4()));
                    update(rooms::table.find(to.as_str())).set(another_life).execute(c).await?;
                    let alias = (
                        room_aliases::room_id.eq(room.as_str()),
                        room_aliases::by_author.eq(by.as_str()),
                        room_aliases::at.eq(now),
                        room_aliases::ended_at.eq(None::<crate::tables::sql_types::Stamp>),
                        room_aliases::rev.eq(rev),
                    );
                    let adding = insert_into(room_aliases::table).values((room_aliases::alias.eq(to.as_str()), alias));
                    adding.on_conflict(room_aliases::alias).do_update().set(alias).execute(c).await?;
                    let entry = Entry {
                        room: Some(&room),
                        actor: &by,
                        action: "rename",
                        target: json!({"from": from.as_str(), "to": to.as_str()}),
                        before: Value::Null,
                        after: Value::Null,
                    };
                    let entry = write_entry(c, entry, now).await?;
                    Ok(Renamed::Done(entry, room))
                })
                .await
            }

            /// Takes a name back that a rename has given: by the entry of it. From then on it is a room of its own.
            pub(crate) async fn undo_rename(
                c: &mut Connection,
                entry: i64,
                (room, alias): (RoomId, RoomId),
                by: AuthorId,
            ) -> QueryResult<Undo> {
                c.transaction(async move |c| {
                    let (rev, now) = (raise_control(c).await?, now(c).await?);
                    if led_to(c, &alias).await?.as_deref() != Some(room.as_str()) {
                        return Ok(Undo::ChangedSince);
                    }
                    if !mark_undone(c, entry, &by, now).await? {
                        return Ok(Undo::AlreadyUndone);
                    }
                    let ended = (room_aliases::ended_at.eq(Some(now)), room_aliases::rev.eq(rev));
                    update(room_aliases::table.find(alias.as_str())).set(ended).execute(c).await?;
                    let entry = Entry {
                        room: Some(&room),
                        actor: &by,
                        action: "unrename",
                        target: json!({"to": alias.as_str()}),
                        before: Value::Null,
                        after: Value::Null,
                    };
                    Ok(Undo::Done(write_entry(c, entry, now).await?))
                })
                .await
            }
        }
    };
}

aliases!(postgres, crate::postgres::connection::PgConnection);
aliases!(sqlite, crate::sqlite::Connection);
