//! A room as it is at one moment, read in parts.

macro_rules! exporting {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use diesel::{dsl::sql, prelude::*, sql_types::Bool};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use tokio::sync::mpsc::Sender;

            use crate::{
                archive::{both, edits_in, reactors_in},
                management::{common::$module::now, $module::canonical},
                moving::model::{MOVED_AT_ONCE, MovedPart},
                tables::{
                    archive_schema::messages_archive,
                    json::mentions_in,
                    rows::{MessageRow, message_columns, one_more},
                    schema::{bans, held_messages, message_edits, reactions, removed_texts, rooms},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{
                Author, AuthorId, AvatarName, Badge, ChatMessage, Content, Emoji, MovedBan, MovedHeld, MovedMessage,
                MovedRoom, Nickname, PastText, Reacted, RemovedText, RoomId, in_order,
            };

            type Connection = $connection;

            /// The ids of rooms behind this one, in order.
            pub(crate) async fn room_ids(
                c: &mut Connection,
                after: Option<RoomId>,
                limit: usize,
            ) -> QueryResult<Vec<String>> {
                let query = rooms::table
                    .filter(rooms::id.gt(after.as_ref().map_or("", RoomId::as_str)))
                    .order(rooms::id.asc())
                    .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                    .select(rooms::id);
                query.load(c).await
            }

            /// Sends a room in parts, as it is at one moment; whether there is one. Whoever takes the parts may stop
            /// that by going away.
            pub(crate) async fn room(c: &mut Connection, room: RoomId, into: Sender<MovedPart>) -> QueryResult<bool> {
                let room = canonical(c, room).await?;
                c.transaction(async move |c| {
                    let columns = (rooms::created_at, rooms::epoch, rooms::last_rev, rooms::title, rooms::settings);
                    let row = rooms::table.find(room.as_str()).select(columns);
                    let row = row.first::<(Stamp, Key, i64, Option<String>, String)>(c).await.optional()?;
                    let Some((created_at, epoch, rev, title, settings)) = row else { return Ok(false) };
                    let moved = MovedRoom {
                        id: room.clone(),
                        created_at: created_at.0,
                        epoch: epoch.into(),
                        rev,
                        title,
                        settings: serde_json::from_str(&settings).unwrap_or_default(),
                    };
                    if into.send(MovedPart::Room(moved)).await.is_err() {
                        return Ok(true);
                    }
                    let banned = bans_within(c, Some(&room)).await?;
                    if !banned.is_empty() && into.send(MovedPart::Bans(banned)).await.is_err() {
                        return Ok(true);
                    }
                    let mut last = 0;
                    loop {
                        let part = messages_after(c, &room, last).await?;
                        let Some(end) = part.last().map(|moved| moved.message.seq) else { break };
                        last = end;
                        if into.send(MovedPart::Messages(part)).await.is_err() {
                            return Ok(true);
                        }
                    }
                    let mut last = 0;
                    loop {
                        let (part, end) = held_after(c, &room, last).await?;
                        let Some(end) = end else { break };
                        last = end;
                        if into.send(MovedPart::Held(part)).await.is_err() {
                            return Ok(true);
                        }
                    }
                    // Whoever waits for it may have gone; that ends nothing.
                    let _ = into.send(MovedPart::End).await;
                    Ok(true)
                })
                .await
            }

            async fn messages_after(c: &mut Connection, room: &RoomId, seq: i64) -> QueryResult<Vec<MovedMessage>> {
                let mut rows: Vec<MessageRow> = both!(c, true, |of| of::table
                    .filter(of::room_id.eq(room.as_str()).and(of::seq.gt(seq)))
                    .order(of::seq.asc())
                    .limit(one_more(MOVED_AT_ONCE).saturating_sub(1))
                    .select(message_columns!(of)));
                rows.sort_unstable_by_key(MessageRow::seq);
                rows.truncate(MOVED_AT_ONCE);
                let found: Vec<ChatMessage> = rows.into_iter().map(ChatMessage::from).collect();
                let ids_with = |with: fn(&chat_domain::Annotations) -> bool| -> Vec<i64> {
                    found.iter().filter(|m| m.annotations.as_deref().is_some_and(with)).map(|m| m.id).collect()
                };
                let mut reacted = reacted_to(c, ids_with(|a| !a.reactions.is_empty())).await?;
                let mut edits = edits_of(c, ids_with(|a| a.version > 1)).await?;
                let mut removed = removed_of(c, ids_with(|a| a.deleted.is_some())).await?;
                let moved = |message: ChatMessage| {
                    let shown = message.annotations.as_deref().map_or(&[][..], |a| &a.reactions);
                    MovedMessage {
                        reacted: in_order(reacted.remove(&message.id).unwrap_or_default(), shown),
                        edits: edits.remove(&message.id).unwrap_or_default(),
                        removed: removed.remove(&message.id),
                        message,
                    }
                };
                Ok(found.into_iter().map(moved).collect())
            }

            async fn reacted_to(c: &mut Connection, ids: Vec<i64>) -> QueryResult<HashMap<i64, Vec<Reacted>>> {
                let mut all: HashMap<i64, Vec<Reacted>> = HashMap::new();
                if ids.is_empty() {
                    return Ok(all);
                }
                let columns = (reactions::message_id, reactions::emoji, reactions::author_id, reactions::created_at);
                let query = reactions::table.filter(reactions::message_id.eq_any(&ids)).select(columns);
                for (id, emoji, author, at) in query.load::<(i64, String, String, Stamp)>(c).await? {
                    let (emoji, author) = (Emoji::from_stored(emoji), AuthorId::from_stored(&author));
                    all.entry(id).or_default().push(Reacted { emoji, author, at: at.0 });
                }
                let old = messages_archive::table.filter(messages_archive::id.eq_any(&ids));
                let old = old.select((messages_archive::id, messages_archive::reactors));
                for (id, column) in old.load::<(i64, Option<String>)>(c).await? {
                    all.insert(id, reactors_in(column.as_deref()));
                }
                Ok(all)
            }

            async fn edits_of(c: &mut Connection, ids: Vec<i64>) -> QueryResult<HashMap<i64, Vec<PastText>>> {
                let mut all: HashMap<i64, Vec<PastText>> = HashMap::new();
                if ids.is_empty() {
                    return Ok(all);
                }
                let columns = (
                    message_edits::message_id,
                    message_edits::version,
                    message_edits::content,
                    message_edits::client_id,
                    message_edits::edited_at,
                );
                let query = message_edits::table.filter(message_edits::message_id.eq_any(&ids)).select(columns);
                for (id, version, content, key, at) in query.load::<(i64, i32, String, Key, Stamp)>(c).await? {
                    let content = Content::from_stored(content);
                    all.entry(id).or_default().push(PastText { version, content, client_id: key.0, at: at.0 });
                }
                let old = messages_archive::table.filter(messages_archive::id.eq_any(&ids));
                let old = old.select((messages_archive::id, messages_archive::edits));
                for (id, column) in old.load::<(i64, Option<String>)>(c).await? {
                    all.insert(id, edits_in(column.as_deref()));
                }
                all.values_mut().for_each(|edits| edits.sort_by_key(|edit| edit.version));
                Ok(all)
            }

            async fn removed_of(c: &mut Connection, ids: Vec<i64>) -> QueryResult<HashMap<i64, RemovedText>> {
                if ids.is_empty() {
                    return Ok(HashMap::new());
                }
                let columns = (removed_texts::message_id, removed_texts::content, removed_texts::until);
                let query = removed_texts::table.filter(removed_texts::message_id.eq_any(ids)).select(columns);
                let found = query.load::<(i64, String, Stamp)>(c).await?.into_iter();
                let removed = |(id, text, until): (i64, String, Stamp)| {
                    (id, RemovedText { content: Content::from_stored(text), until: until.0 })
                };
                Ok(found.map(removed).collect())
            }

            /// What is held behind this id, and the last id of it.
            async fn held_after(
                c: &mut Connection,
                room: &RoomId,
                after: i64,
            ) -> QueryResult<(Vec<MovedHeld>, Option<i64>)> {
                type Who = (String, String, String, Option<i16>);
                type What = (Key, String, Option<i64>, Option<String>);
                let who =
                    (held_messages::author_id, held_messages::nickname, held_messages::avatar, held_messages::badge);
                let what = (
                    held_messages::client_id,
                    held_messages::content,
                    held_messages::reply_to,
                    held_messages::mentions,
                );
                let query = held_messages::table
                    .filter(held_messages::room_id.eq(room.as_str()).and(held_messages::id.gt(after)))
                    .filter(sql::<Bool>("state = 0"))
                    .order(held_messages::id.asc())
                    .limit(one_more(MOVED_AT_ONCE).saturating_sub(1))
                    .select((held_messages::id, who, what, held_messages::reason, held_messages::at));
                let rows = query.load::<(i64, Who, What, String, Stamp)>(c).await?;
                let answered: Vec<i64> = rows.iter().filter_map(|(_, _, what, ..)| what.2).collect();
                let mut places: HashMap<i64, i64> = HashMap::new();
                if !answered.is_empty() {
                    let found: Vec<(i64, i64)> = both!(c, true, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::id.eq_any(&answered)))
                        .select((of::id, of::seq)));
                    places.extend(found);
                }
                let last = rows.last().map(|(id, ..)| *id);
                let held = rows.into_iter().map(|(_, who, what, reason, at)| {
                    let (id, nickname, avatar, badge) = who;
                    let (key, content, reply_to, mentions) = what;
                    let id = AuthorId::from_stored(&id);
                    let avatar = AvatarName::from_stored(&avatar, &id);
                    let badge = badge.and_then(Badge::from_number);
                    MovedHeld {
                        author: Author { id, nickname: Nickname::from_stored(nickname), avatar, badge },
                        client_id: key.0,
                        content: Content::from_stored(content),
                        reply_to: reply_to.and_then(|id| places.get(&id).copied()),
                        mentions: mentions_in(mentions.as_deref()),
                        reason,
                        at: at.0,
                    }
                });
                Ok((held.collect(), last))
            }

            /// The bans of identities that are in force, of this room or of all.
            pub(crate) async fn moved_bans(c: &mut Connection) -> QueryResult<Vec<MovedBan>> {
                bans_within(c, None).await
            }

            async fn bans_within(c: &mut Connection, room: Option<&RoomId>) -> QueryResult<Vec<MovedBan>> {
                let now = now(c).await?;
                let columns = (bans::author_id, bans::reason, bans::by_author, bans::at, bans::until);
                let in_force = bans::lifted_at.is_null().and(bans::until.is_null().or(bans::until.gt(now)));
                let all = bans::table.filter(in_force.and(bans::author_id.is_not_null()));
                let all = all.order(bans::id.asc()).select(columns).into_boxed();
                let all = match room {
                    Some(room) => all.filter(bans::room_id.eq(Some(room.as_str().to_owned()))),
                    None => all.filter(bans::room_id.is_null()),
                };
                type BanRow = (Option<String>, String, String, Stamp, Option<Stamp>);
                let ban = |(author, reason, by, at, until): BanRow| {
                    Some(MovedBan {
                        room: room.cloned(),
                        author: AuthorId::from_stored(&author?),
                        reason,
                        by: AuthorId::from_stored(&by),
                        at: at.0,
                        until: until.map(|at| at.0),
                    })
                };
                Ok(all.load::<BanRow>(c).await?.into_iter().filter_map(ban).collect())
            }
        }
    };
}

exporting!(postgres, crate::postgres::connection::PgConnection);
exporting!(sqlite, crate::sqlite::Connection);
