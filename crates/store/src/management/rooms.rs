//! What rooms are.

macro_rules! settings {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use diesel::{prelude::*, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::{Map, Value, json};

            use crate::{
                management::{common::{UNDOES, $module::*}, model::*},
                model::RoomSettings,
                tables::{
                    schema::{rooms, workspaces},
                },
            };

            type Connection = $connection;

            pub(crate) async fn change_settings(
                c: &mut Connection,
                change: SettingsChange,
            ) -> QueryResult<SettingsChanged> {
                c.transaction(async move |c| {
                    let SettingsChange { room, settings, known_rev, by, undoes } = change;
                    // The lock of all that concerns all, which is taken before those of rooms.
                    match &room {
                        None => drop(raise_control(c).await?),
                        Some(room) => {
                            make_room(c, room).await?;
                            // Under the lock of the row, so that what is read next is what is changed.
                            raise_guard(c, room).await?;
                        }
                    }
                    let now = now(c).await?;
                    let (title, before, rev) = match &room {
                        Some(room) => {
                            let row = rooms::table.find(room.as_str());
                            let columns = (rooms::title, rooms::settings, rooms::settings_rev);
                            row.select(columns).first::<(Option<String>, String, i64)>(c).await?
                        }
                        None => {
                            let columns = (workspaces::settings, workspaces::settings_rev);
                            let query = workspaces::table.find(HOME).select(columns);
                            let (settings, rev) = query.first::<(String, i64)>(c).await?;
                            (None, settings, rev)
                        }
                    };
                    let before: Map<String, Value> = serde_json::from_str(&before).unwrap_or_default();
                    if rev != known_rev {
                        return Ok(SettingsChanged::Conflict(RoomSettings { title, settings: before, rev }));
                    }
                    if let Some(id) = undoes
                        && !mark_undone(c, id, &by, now).await?
                    {
                        return Ok(SettingsChanged::AlreadyUndone);
                    }
                    let rev = rev.saturating_add(1);
                    let text = Value::Object(settings.clone()).to_string();
                    match &room {
                        Some(room) => {
                            let columns = (rooms::settings.eq(text), rooms::settings_rev.eq(rev));
                            update(rooms::table.find(room.as_str())).set(columns).execute(c).await?;
                        }
                        None => {
                            let columns = (workspaces::settings.eq(text), workspaces::settings_rev.eq(rev));
                            update(workspaces::table.find(HOME)).set(columns).execute(c).await?;
                        }
                    }
                    let mut after = json!({"settings": settings, "settingsRev": rev});
                    // What the guard takes back is not on by its hand: `guard_raids` tells the two apart by this.
                    if let (Some(id), Some(after)) = (undoes, after.as_object_mut()) {
                        after.insert(UNDOES.to_owned(), id.to_string().into());
                    }
                    let entry = Entry {
                        room: room.as_ref(),
                        actor: &by,
                        action: if room.is_some() { "room_set" } else { "defaults_set" },
                        target: Value::Null,
                        before: before.into(),
                        after,
                    };
                    let entry = write_entry(c, entry, now).await?;
                    Ok(SettingsChanged::Stored(entry, RoomSettings { title, settings, rev }))
                })
                .await
            }

            /// What holds for all rooms, and its state.
            pub(crate) async fn defaults(c: &mut Connection) -> QueryResult<RoomSettings> {
                let query = workspaces::table.find(HOME).select((workspaces::settings, workspaces::settings_rev));
                let (settings, rev) = query.first::<(String, i64)>(c).await?;
                Ok(RoomSettings { title: None, settings: serde_json::from_str(&settings).unwrap_or_default(), rev })
            }
        }
    };
}

settings!(postgres, crate::postgres::connection::PgConnection);
settings!(sqlite, crate::sqlite::Connection);
