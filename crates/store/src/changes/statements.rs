//! What is read for a batch of changes and written of it. Each body is written once and compiled by each database for its
//! own connections: PostgreSQL's are asynchronous, SQLite's work on a thread that may block.

/// How long a moderator's deletion can be undone.
pub(crate) const REMOVED_TEXTS_FOR: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// Makes the functions for one kind of connection: `$dsl` brings what runs a query, `$async` and `$await` are the words
/// that this takes.
macro_rules! statements {
    ($connection:ty, $dsl:path, $take_back:path, [$($async:tt)?], [$($await:tt)*]) => {
        pub(crate) mod statements {
            use std::{collections::{HashMap, HashSet}, sync::Arc};

            use chrono::{DateTime, Utc};
            use diesel::{
                BoolExpressionMethods, ExpressionMethods, QueryDsl, QueryResult, SelectableHelper, delete, insert_into,
                update,
            };
            use $dsl;
            use $take_back as take_back;

            use crate::{
                archive::both,
                changes::{Facts, Plan, RoomFacts, statements::REMOVED_TEXTS_FOR},
                references::{Asked, References},
                tables::{
                    archive_schema::messages_archive,
                    rows::MessageRow,
                    schema::{audit_log, message_edits, messages, reactions, removed_texts, rooms},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{Action, AuthorId, ChatMessage, Content, Emoji, NewChange, NewMessage, Nickname, RoomId};

            type Connection = $connection;

            /// Everything that a batch concerns. `locked` are its rooms' rows, under whose locks this is read.
            pub(crate) $($async)? fn facts(
                c: &mut Connection,
                commands: &[Arc<NewChange>],
                locked: Vec<(String, Key, i64, i64)>,
                now: DateTime<Utc>,
            ) -> QueryResult<Facts> {
                let by_name: HashMap<&str, &RoomId> = commands.iter().map(|c| (c.room.as_str(), &c.room)).collect();
                let mut facts = Facts { now, ..Facts::default() };
                for (name, epoch, last_rev, guard_rev) in locked {
                    let Some(room) = by_name.get(name.as_str()) else { continue };
                    let facts_of = RoomFacts { epoch: epoch.into(), last_rev, guard_rev, n_pins: 0 };
                    facts.rooms.insert((*room).clone(), facts_of);
                }
                let ids: HashSet<i64> = commands.iter().map(|command| command.message).collect();
                let ids: Vec<i64> = ids.into_iter().collect();
                load_messages(c, &ids, &mut facts) $($await)* ?;
                let missing: Vec<i64> = ids.into_iter().filter(|id| !facts.messages.contains_key(id)).collect();
                if !missing.is_empty() {
                    // What is to be changed comes back from the archive first.
                    let back = take_back(c, &missing, &names(commands)) $($await)* ?;
                    load_messages(c, &back, &mut facts) $($await)* ?;
                }
                let reacts: Vec<_> = commands.iter().filter(|c| matches!(c.action, Action::React { .. })).collect();
                if !reacts.is_empty() {
                    let of: Vec<i64> = reacts.iter().map(|command| command.message).collect();
                    let by: Vec<&str> = reacts.iter().map(|command| command.author.as_str()).collect();
                    let query = reactions::table
                        .filter(reactions::message_id.eq_any(of).and(reactions::author_id.eq_any(by)))
                        .select((reactions::message_id, reactions::author_id, reactions::emoji));
                    for (id, author, emoji) in query.load::<(i64, String, String)>(c) $($await)* ? {
                        facts.reactions.insert((id, AuthorId::from_stored(&author), Emoji::from_stored(emoji)));
                    }
                }
                let edited: Vec<i64> = commands
                    .iter()
                    .filter(|command| matches!(command.action, Action::Edit { .. }))
                    .map(|command| command.message)
                    .collect();
                if !edited.is_empty() {
                    let query = message_edits::table
                        .filter(message_edits::message_id.eq_any(edited))
                        .select((message_edits::message_id, message_edits::version, message_edits::client_id));
                    for (id, version, key) in query.load::<(i64, i32, Key)>(c) $($await)* ? {
                        facts.edits.insert((id, version), key.0);
                    }
                }
                let back: Vec<i64> =
                    commands.iter().filter(|c| c.action == Action::Restore).map(|command| command.message).collect();
                if !back.is_empty() {
                    let query = removed_texts::table
                        .filter(removed_texts::message_id.eq_any(back))
                        .select((removed_texts::message_id, removed_texts::content));
                    let removed = query.load::<(i64, String)>(c) $($await)* ?;
                    facts.removed_texts = removed.into_iter().map(|(id, text)| (id, Content::from_stored(text))).collect();
                }
                for command in commands {
                    match &command.action {
                        Action::Pin { on: true } => {
                            let query = messages::table
                                .filter(messages::room_id.eq(command.room.as_str()).and(messages::pinned_at.is_not_null()))
                                .count();
                            let n_pins = query.get_result::<i64>(c) $($await)* ?;
                            if let Some(room) = facts.rooms.get_mut(&command.room) {
                                room.n_pins = usize::try_from(n_pins).unwrap_or(usize::MAX);
                            }
                        }
                        Action::Edit { mentions, .. } => {
                            let unknown = mentions.unknown();
                            facts.writers.extend(writers(c, &command.room, unknown) $($await)* ?);
                        }
                        _ => {}
                    }
                }
                Ok(facts)
            }

            $($async)? fn load_messages(c: &mut Connection, ids: &[i64], facts: &mut Facts) -> QueryResult<()> {
                let query = messages::table.filter(messages::id.eq_any(ids));
                let query = query.select((messages::room_id, MessageRow::as_select()));
                for (room, row) in query.load::<(String, MessageRow)>(c) $($await)* ? {
                    let message = ChatMessage::from(row);
                    facts.messages.insert(message.id, (room, message));
                }
                Ok(())
            }

            /// Those of these authors who wrote in the room.
            $($async)? fn writers(
                c: &mut Connection,
                room: &RoomId,
                authors: &[AuthorId],
            ) -> QueryResult<Vec<(RoomId, AuthorId)>> {
                let mut wrote = Vec::new();
                for author in authors {
                    // The index on the sender's key answers it.
                    let found: Vec<i64> = both!(@[$($await)*] c, true, |of| of::table
                        .filter(of::room_id.eq(room.as_str()).and(of::anonymous_id.eq(author.as_str())))
                        .select(of::id)
                        .limit(1));
                    if !found.is_empty() {
                        wrote.push((room.clone(), author.clone()));
                    }
                }
                Ok(wrote)
            }

            /// Of these messages the places, with their rooms' names: those that are not deleted.
            $($async)? fn places(c: &mut Connection, ids: &[i64]) -> QueryResult<Vec<(i64, String, i64)>> {
                let query = messages::table
                    .filter(messages::id.eq_any(ids).and(messages::deleted_at.is_null()))
                    .select((messages::id, messages::room_id, messages::seq));
                let mut found: Vec<(i64, String, i64)> = query.load(c) $($await)* ?;
                if found.len() < ids.len() {
                    let old = messages_archive::table
                        .filter(messages_archive::id.eq_any(ids).and(messages_archive::deleted_at.is_null()))
                        .select((messages_archive::id, messages_archive::room_id, messages_archive::seq));
                    found.extend(old.load::<(i64, String, i64)>(c) $($await)* ?);
                }
                Ok(found)
            }

            /// Looks up what messages refer to.
            pub(crate) $($async)? fn look_up(c: &mut Connection, asked: &Asked) -> QueryResult<References> {
                let ids: Vec<i64> = asked.replies.iter().map(|(id, _)| *id).collect();
                let places = places(c, &ids) $($await)* ?;
                let mut wrote = HashSet::new();
                for (room, authors) in &asked.authors {
                    wrote.extend(writers(c, room, authors) $($await)* ?);
                }
                let mut found = References::new(places, wrote);
                for (_, row) in &asked.replies {
                    if found.lacks(row) && is_stored(c, row) $($await)* ? {
                        found.was_stored(row);
                    }
                }
                Ok(found)
            }

            /// Whether a message was stored before, whatever became of it since.
            $($async)? fn is_stored(c: &mut Connection, row: &NewMessage) -> QueryResult<bool> {
                let query = messages::table
                    .filter(messages::room_id.eq(row.room.as_str()))
                    .filter(messages::anonymous_id.eq(row.author.id.as_str()))
                    .filter(messages::client_id.eq(Key(row.client_id)))
                    .select(messages::id);
                Ok(!query.load::<i64>(c) $($await)* ?.is_empty())
            }

            /// All of a plan but the rows of messages and rooms.
            pub(crate) $($async)? fn write(c: &mut Connection, plan: &Plan, now: DateTime<Utc>) -> QueryResult<()> {
                // First: a message that was deleted and brought back in one batch has what came behind that.
                if !plan.erased.is_empty() {
                    let of = reactions::message_id.eq_any(&plan.erased);
                    delete(reactions::table.filter(of)).execute(c) $($await)* ?;
                    let of = message_edits::message_id.eq_any(&plan.erased);
                    let emptied = update(message_edits::table.filter(of)).set(message_edits::content.eq(""));
                    emptied.execute(c) $($await)* ?;
                }
                for (id, author, emoji) in &plan.reactions_removed {
                    delete(reactions::table.find((*id, author.as_str(), emoji.as_str()))).execute(c) $($await)* ?;
                }
                let added: Vec<_> = plan
                    .reactions_added
                    .iter()
                    .map(|(id, author, emoji)| {
                        (
                            reactions::message_id.eq(*id),
                            reactions::author_id.eq(author.as_str()),
                            reactions::emoji.eq(emoji.as_str()),
                            reactions::created_at.eq(Stamp(now)),
                        )
                    })
                    .collect();
                if !added.is_empty() {
                    insert_into(reactions::table).values(added).execute(c) $($await)* ?;
                }
                for (id, version, content, key) in &plan.edits {
                    let row = (
                        message_edits::message_id.eq(*id),
                        message_edits::version.eq(*version),
                        message_edits::content.eq(content.as_str()),
                        message_edits::client_id.eq(Key(*key)),
                        message_edits::edited_at.eq(Stamp(now)),
                    );
                    insert_into(message_edits::table).values(row).execute(c) $($await)* ?;
                }
                if !plan.restored.is_empty() {
                    let of = removed_texts::message_id.eq_any(&plan.restored);
                    delete(removed_texts::table.filter(of)).execute(c) $($await)* ?;
                }
                if !plan.unnamed.is_empty() {
                    // A picture of no name is derived from the id.
                    let nobody = (
                        messages::nickname.eq(Nickname::NOBODY),
                        messages::avatar.eq(""),
                        messages::badge.eq(None::<i16>),
                    );
                    let of = messages::table.filter(messages::id.eq_any(&plan.unnamed));
                    update(of).set(nobody).execute(c) $($await)* ?;
                }
                for entry in &plan.entries {
                    let target = serde_json::json!({
                        "id": entry.message.to_string(), "authorId": entry.author.as_str()
                    });
                    let row = (
                        audit_log::room_id.eq(entry.room.as_str()),
                        audit_log::actor.eq(entry.actor.as_str()),
                        audit_log::action.eq(entry.action),
                        audit_log::target.eq(target.to_string()),
                        audit_log::at.eq(Stamp(now)),
                    );
                    insert_into(audit_log::table).values(row).execute(c) $($await)* ?;
                }
                for (id, content) in &plan.removed_texts {
                    let until = now.checked_add_signed(REMOVED_TEXTS_FOR).unwrap_or(now);
                    let row = (
                        removed_texts::message_id.eq(*id),
                        removed_texts::content.eq(content.as_str()),
                        removed_texts::until.eq(Stamp(until)),
                    );
                    insert_into(removed_texts::table).values(row).execute(c) $($await)* ?;
                }
                Ok(())
            }

            /// Removes what moderators deleted so long ago that it cannot be undone any more.
            pub(crate) $($async)? fn sweep(c: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
                let over = removed_texts::table.filter(removed_texts::until.le(Stamp(now)));
                delete(over).execute(c) $($await)*
            }

            /// The names of these rooms, in order: so are their rows locked.
            pub(crate) fn names(commands: &[Arc<NewChange>]) -> Vec<&str> {
                let mut names: Vec<&str> = commands.iter().map(|command| command.room.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                names
            }

            /// The columns of `rooms` that a batch needs.
            pub(crate) type LockedRoom = (String, Key, i64, i64);
            /// See [`LockedRoom`].
            pub(crate) const LOCKED_ROOM: (rooms::id, rooms::epoch, rooms::last_rev, rooms::guard_rev) =
                (rooms::id, rooms::epoch, rooms::last_rev, rooms::guard_rev);
        }
    };
}

pub(crate) use statements;
