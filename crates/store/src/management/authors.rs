//! Since when who is known, and whether they have spoken.

use chrono::{DateTime, TimeDelta, Utc};

use crate::tables::sql_types::Stamp;

/// What this release stores is noted at once. What is older than this and was not noted was written before there were
/// notes, or a server was killed between the two: it is not the message that is being noted now.
const NOTED_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// How long ago something was, if it was; the clock of a machine may go back.
fn since(at: Option<Stamp>, now: DateTime<Utc>) -> TimeDelta {
    at.map_or(TimeDelta::zero(), |at| now.signed_duration_since(at.0).max(TimeDelta::zero()))
}

/// So long before now.
fn before(now: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    now.checked_sub_signed(by.max(TimeDelta::zero())).unwrap_or(DateTime::UNIX_EPOCH)
}

macro_rules! knowing {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use std::collections::HashMap;

            use diesel::prelude::*;

            use crate::management::authors::{NOTED_WITHIN, before, since};
            use crate::management::lookups::{MessageKey, SeenRow};
            use crate::{
                management::{
                    common::$module::now,
                    held::{REJECTED, reason_of},
                    lookups::{
                        self,
                        $module::{add_authors, held, seen, stored, wrote},
                    },
                    model::*,
                },
                tables::sql_types::Stamp,
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// What is known about messages before they are stored.
            ///
            /// No transaction: each statement is of a moment of its own, and what they are asked for is looked at again
            /// under the locks of the rooms by whoever stores or holds.
            pub(crate) async fn standing(c: &mut Connection, asked: Vec<Asked>) -> QueryResult<Vec<Standing>> {
                if asked.is_empty() {
                    return Ok(Vec::new());
                }
                let key = |a: &Asked| -> MessageKey { (a.room.clone(), a.author.clone(), a.client_id) };
                let stored = stored(c, asked.iter().map(key).collect()).await?;
                let keys: Vec<_> = asked.iter().filter(|a| a.looks_for_held).map(key).collect();
                let held = if keys.is_empty() { HashMap::new() } else { held(c, keys).await? };
                let known = ages(c, &asked).await?;
                let standing = |a: &Asked| {
                    let key = key(a);
                    let held = held.get(&key).filter(|_| a.looks_for_held).map(|row| match row.state {
                        REJECTED => HeldState::Rejected,
                        _ => HeldState::Waiting(reason_of(&row.reason)),
                    });
                    let is_stored = stored.contains_key(&key);
                    let (room, author, _) = key;
                    let known = known.get(&(room, author)).copied().filter(|_| a.needs_age);
                    let (age, has_spoken) = known.unwrap_or_default();
                    Standing { held, is_stored, age, has_spoken }
                };
                Ok(asked.iter().map(standing).collect())
            }

            /// How long those are known whose age is asked, and whether they have spoken. Who is not known in the room yet
            /// is from now on.
            async fn ages(
                c: &mut Connection,
                asked: &[Asked],
            ) -> QueryResult<HashMap<(RoomId, AuthorId), (chrono::TimeDelta, bool)>> {
                // For how long the servers have seen each.
                let mut wanted = HashMap::new();
                for a in asked.iter().filter(|a| a.needs_age) {
                    let seen_for = wanted.entry((a.room.clone(), a.author.clone())).or_insert(a.seen_for);
                    *seen_for = a.seen_for.max(*seen_for);
                }
                if wanted.is_empty() {
                    return Ok(HashMap::new());
                }
                let now = now(c).await?.0;
                let seen = seen(c, wanted.keys().cloned().collect()).await?;
                let row_of = |key: &(RoomId, AuthorId)| seen.get(key).copied().unwrap_or_default();
                // Who is not known to have spoken may have done so before this was noted.
                let silent = wanted.keys().filter(|key| row_of(key).here.and_then(|(_, last)| last).is_none());
                let silent: Vec<_> = silent.cloned().collect();
                let wrote = if silent.is_empty() { HashMap::new() } else { wrote(c, silent).await? };
                let (mut known, mut added) = (HashMap::with_capacity(wanted.len()), Vec::new());
                for (key, seen_for) in wanted {
                    let SeenRow { here, anywhere } = row_of(&key);
                    let found = wrote.get(&key).copied();
                    let seen_at = Stamp(before(now, seen_for));
                    let first = found.map_or(seen_at, |found| found.first.min(seen_at));
                    let earliest = anywhere.map_or(first, |anywhere| anywhere.min(first));
                    let has_spoken = found.is_some() || here.is_some_and(|(_, last)| last.is_some());
                    if here.is_none() {
                        let (first_seen_at, last_message_at) = (first, found.map(|found| found.last));
                        added.push(lookups::NewAuthor { key: key.clone(), first_seen_at, last_message_at });
                    }
                    known.insert(key, (since(Some(earliest), now), has_spoken));
                }
                if !added.is_empty() {
                    add_authors(c, lookups::NewAuthor::in_order(added), false).await?;
                }
                Ok(known)
            }

            /// Notes who wrote where just now, and tells what was known before.
            pub(crate) async fn note_authors(
                c: &mut Connection,
                authors: Vec<(RoomId, AuthorId)>,
            ) -> QueryResult<Vec<AuthorNote>> {
                if authors.is_empty() {
                    return Ok(Vec::new());
                }
                let mut keys = authors.clone();
                keys.sort_unstable();
                keys.dedup();
                let now = now(c).await?;
                let seen = seen(c, keys.clone()).await?;
                let row_of = |key: &(RoomId, AuthorId)| seen.get(key).copied().unwrap_or_default();
                let unknown: Vec<_> = keys.iter().filter(|key| row_of(key).here.is_none()).cloned().collect();
                let mut wrote = if unknown.is_empty() { HashMap::new() } else { wrote(c, unknown).await? };
                wrote.retain(|_, found| found.first.0 <= before(now.0, NOTED_WITHIN));
                let note = |key: &(RoomId, AuthorId)| {
                    let SeenRow { here, anywhere } = row_of(key);
                    let found = wrote.get(key).map(|found| found.first);
                    let had_spoken = found.is_some() || here.is_some_and(|(_, last)| last.is_some());
                    AuthorNote { age: since(anywhere.into_iter().chain(found).min(), now.0), had_spoken }
                };
                let notes = authors.iter().map(note).collect();
                let row = |key: (RoomId, AuthorId)| {
                    let first_seen_at = wrote.get(&key).map_or(now, |found| found.first);
                    lookups::NewAuthor { key, first_seen_at, last_message_at: Some(now) }
                };
                let rows = lookups::NewAuthor::in_order(keys.into_iter().map(row).collect());
                add_authors(c, rows, true).await?;
                Ok(notes)
            }
        }
    };
}

knowing!(postgres, crate::postgres::connection::PgConnection);
knowing!(sqlite, crate::sqlite::Connection);
