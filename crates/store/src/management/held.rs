//! What waits for a moderator, and what becomes of it.

use std::collections::{BTreeMap, HashMap, hash_map::Entry as Place};

use chrono::TimeDelta;
use diesel::prelude::*;

use super::{
    lookups::{HeldRow, LockedRoom, MessageKey, StoredRow},
    model::{HELD_MAX, Held, Hold, HoldOutcome, HoldReason},
};
use crate::{
    model::StoredMessage,
    tables::{
        json::mentions_in,
        schema::held_messages,
        sql_types::{Key, Stamp},
    },
};
use chat_domain::{Author, AuthorId, AvatarName, Badge, Content, NewMessage, Nickname, RoomId};

/// `held_messages.state` of what waits.
pub(crate) const WAITS: i16 = 0;
/// `held_messages.state` of what was rejected.
pub(crate) const REJECTED: i16 = 1;

/// So long is kept what nobody has looked at, and what was rejected (the design's section 3).
const KEPT_FOR: TimeDelta = TimeDelta::days(7);
/// So many rows are forgotten at once: SQLite takes 32,766 parameters in a statement, and nobody's message waits long.
const SWEPT_MAX: i64 = 2_000;

/// The reason that a column says; one of a later release is none of those here, and waits all the same.
pub(crate) fn reason_of(column: &str) -> HoldReason {
    HoldReason::parse(column).unwrap_or(HoldReason::All)
}

/// What a message is known by.
pub(crate) fn key_of(message: &NewMessage) -> MessageKey {
    (message.room.clone(), message.author.id.clone(), message.client_id)
}

/// What a batch that is to be held meets, read under the locks of its rooms.
pub(crate) struct Facts {
    pub rooms: HashMap<RoomId, LockedRoom>,
    pub stored: HashMap<MessageKey, StoredRow>,
    pub held: HashMap<MessageKey, HeldRow>,
}

/// What becomes of a batch.
pub(crate) struct Plan {
    /// What is told of each of it.
    pub outcomes: Vec<HoldOutcome>,
    /// What is to be held, each key once.
    pub added: Vec<Hold>,
    /// How many messages wait in each room by then; and whether nobody looked for any there before, so that all commands
    /// are to be checked again.
    pub rooms: BTreeMap<RoomId, (i64, bool)>,
}

/// Decides about a batch, in its order.
pub(crate) fn plan(batch: &[Hold], mut facts: Facts) -> Plan {
    let mut plan = Plan { outcomes: Vec::with_capacity(batch.len()), added: Vec::new(), rooms: BTreeMap::new() };
    for hold in batch {
        let message = &hold.message;
        let key = key_of(message);
        let text = message.content.as_str();
        let outcome = match (facts.rooms.get_mut(&message.room), facts.stored.get(&key)) {
            (Some(room), _) if room.guard_rev != message.guard_rev => HoldOutcome::GuardChanged,
            (None, _) => HoldOutcome::Locked,
            (Some(room), Some(row)) if row.is_changed || row.content == text => {
                let StoredRow { id, seq, rev, created_at, .. } = *row;
                HoldOutcome::Stored(StoredMessage { id, seq, rev, created_at: created_at.0, epoch: room.epoch.into() })
            }
            (Some(_), Some(_)) => HoldOutcome::Conflict,
            (Some(room), None) => match facts.held.entry(key) {
                Place::Occupied(place) => match place.get() {
                    row if row.content != text => HoldOutcome::Conflict,
                    row if row.state == REJECTED => HoldOutcome::Rejected,
                    row => HoldOutcome::Held { reason: reason_of(&row.reason), is_new: false },
                },
                Place::Vacant(_) if room.held_count >= HELD_MAX => HoldOutcome::Full,
                Place::Vacant(place) => {
                    let (state, reason) = (WAITS, hold.reason.as_str().to_owned());
                    place.insert(HeldRow { state, reason, content: text.to_owned() });
                    let (waiting, _) = plan.rooms.entry(message.room.clone()).or_insert((0, room.held_count <= 0));
                    room.held_count = room.held_count.saturating_add(1);
                    *waiting = room.held_count;
                    plan.added.push(hold.clone());
                    HoldOutcome::Held { reason: hold.reason, is_new: true }
                }
            },
        };
        plan.outcomes.push(outcome);
    }
    plan
}

/// A row of `held_messages`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = held_messages)]
pub(crate) struct HeldMessageRow {
    id: i64,
    room_id: String,
    author_id: String,
    nickname: String,
    avatar: String,
    badge: Option<i16>,
    client_id: Key,
    content: String,
    reply_to: Option<i64>,
    mentions: Option<String>,
    reason: String,
    at: Stamp,
}

/// What a row says; one that nobody can have written is left out.
pub(crate) fn held_of(row: HeldMessageRow) -> Option<Held> {
    let author = AuthorId::from_stored(&row.author_id);
    Some(Held {
        id: row.id,
        room: RoomId::parse(&row.room_id).ok()?,
        author: Author {
            avatar: AvatarName::from_stored(&row.avatar, &author),
            id: author,
            nickname: Nickname::from_stored(row.nickname),
            badge: row.badge.and_then(Badge::from_number),
        },
        client_id: row.client_id.0,
        content: Content::from_stored(row.content),
        reason: reason_of(&row.reason),
        at: row.at.0,
        reply_to: row.reply_to,
        mentions: mentions_in(row.mentions.as_deref()),
    })
}

macro_rules! holding {
    ($module:ident, $connection:ty) => {
        pub(crate) mod $module {
            use chrono::DateTime;
            use diesel::{delete, dsl::sql, prelude::*, sql_types::Bool, update};
            use diesel_async::{AsyncConnection, RunQueryDsl};
            use serde_json::{Value, json};
            use std::collections::{BTreeMap, HashMap};
            use uuid::Uuid;

            use crate::management::held::{
                Facts, HeldMessageRow, KEPT_FOR, REJECTED, SWEPT_MAX, WAITS, held_of, key_of, plan,
            };
            use crate::{
                management::{common::$module::*, lookups::$module as lookups, model::*},
                tables::{
                    rows::one_more,
                    schema::{audit_log, held_messages, rooms},
                    sql_types::{Key, Stamp},
                },
            };
            use chat_domain::{AuthorId, RoomId};

            type Connection = $connection;

            /// Lets a batch wait.
            pub(crate) async fn hold(c: &mut Connection, batch: Vec<Hold>) -> QueryResult<Vec<HoldOutcome>> {
                if batch.is_empty() {
                    return Ok(Vec::new());
                }
                c.transaction(async move |c| {
                    let mut names: Vec<RoomId> = batch.iter().map(|hold| hold.message.room.clone()).collect();
                    names.sort_unstable();
                    names.dedup();
                    let locked = lookups::lock(c, names).await?;
                    let keys: Vec<_> = batch.iter().map(|hold| key_of(&hold.message)).collect();
                    let stored = lookups::stored(c, keys.clone()).await?;
                    let held = lookups::held(c, keys).await?;
                    let plan = plan(&batch, Facts { rooms: locked, stored, held });
                    if plan.added.is_empty() {
                        return Ok(plan.outcomes);
                    }
                    for (room, (waiting, begins)) in &plan.rooms {
                        let raised = i64::from(*begins);
                        let counts = (rooms::held_count.eq(*waiting), rooms::guard_rev.eq(rooms::guard_rev + raised));
                        update(rooms::table.find(room.as_str())).set(counts).execute(c).await?;
                    }
                    let addressed = plan.added.iter().flat_map(|hold| {
                        let unknown = hold.message.mentions.unknown().iter();
                        unknown.map(move |author| (hold.message.room.clone(), author.clone()))
                    });
                    let addressed: Vec<_> = addressed.collect();
                    let wrote_here =
                        if addressed.is_empty() { HashMap::new() } else { lookups::wrote(c, addressed).await? };
                    let now = now(c).await?;
                    lookups::add_held(c, plan.added, wrote_here, now).await?;
                    Ok(plan.outcomes)
                })
                .await
            }

            /// What waits, the oldest first.
            pub(crate) async fn held(
                c: &mut Connection,
                room: Option<RoomId>,
                after: i64,
                limit: usize,
            ) -> QueryResult<Vec<Held>> {
                // Written out: a parameter would not be known to be what the index has.
                let query = held_messages::table
                    .filter(sql::<Bool>("state = 0").and(held_messages::id.gt(after)))
                    .order(held_messages::id.asc())
                    .limit(one_more(limit))
                    .select(HeldMessageRow::as_select());
                let rows = match &room {
                    Some(room) => query.filter(held_messages::room_id.eq(room.as_str())).load(c).await?,
                    None => query.load(c).await?,
                };
                Ok(rows.into_iter().filter_map(held_of).collect())
            }

            /// Those of these that wait, the oldest first.
            pub(crate) async fn held_by_ids(
                c: &mut Connection,
                room: RoomId,
                ids: Vec<i64>,
            ) -> QueryResult<Vec<Held>> {
                let query = held_messages::table
                    .filter(held_messages::id.eq_any(ids).and(held_messages::room_id.eq(room.as_str())))
                    .filter(held_messages::state.eq(WAITS))
                    .order(held_messages::id.asc())
                    .select(HeldMessageRow::as_select());
                Ok(query.load(c).await?.into_iter().filter_map(held_of).collect())
            }

            /// How many of the room wait, under the lock of its row; none where it has none.
            async fn lock(c: &mut Connection, room: &RoomId) -> QueryResult<Option<i64>> {
                let locking = update(rooms::table.find(room.as_str())).set(rooms::held_count.eq(rooms::held_count));
                locking.returning(rooms::held_count).get_result::<i64>(c).await.optional()
            }

            /// Those of these that are in this state, by id: id, author and key of each. Under the lock of their room.
            async fn in_state(
                c: &mut Connection,
                room: &RoomId,
                ids: Vec<i64>,
                state: i16,
            ) -> QueryResult<Vec<(i64, AuthorId, Uuid)>> {
                let query = held_messages::table
                    .filter(held_messages::id.eq_any(ids).and(held_messages::room_id.eq(room.as_str())))
                    .filter(held_messages::state.eq(state))
                    .order(held_messages::id.asc())
                    .select((held_messages::id, held_messages::author_id, held_messages::client_id));
                let rows = query.load::<(i64, String, Key)>(c).await?;
                Ok(rows.into_iter().map(|(id, author, key)| (id, AuthorId::from_stored(&author), key.0)).collect())
            }

            /// What an entry about these is about.
            fn target_of(these: &[(i64, AuthorId, Uuid)]) -> Value {
                json!({"heldIds": texts(these.iter().map(|(id, ..)| *id)), "authorId": these.first().map(|(_, a, _)| a.as_str())})
            }

            /// Ids as JSON has them.
            fn texts(ids: impl Iterator<Item = i64>) -> Vec<String> {
                ids.map(|id| id.to_string()).collect()
            }

            /// Settles those of these that wait.
            pub(crate) async fn settle_held(
                c: &mut Connection,
                room: RoomId,
                ids: Vec<i64>,
                rejected: bool,
                by: AuthorId,
                messages: Vec<i64>,
            ) -> QueryResult<Settled> {
                c.transaction(async move |c| {
                    let Some(held_count) = lock(c, &room).await? else { return Ok(Settled::default()) };
                    let settled = in_state(c, &room, ids, WAITS).await?;
                    if settled.is_empty() {
                        return Ok(Settled::default());
                    }
                    let now = now(c).await?;
                    let of = held_messages::table.filter(held_messages::id.eq_any(settled.iter().map(|(id, ..)| *id)));
                    if rejected {
                        let decided = (held_messages::state.eq(REJECTED), held_messages::decided_at.eq(Some(now)));
                        update(of).set(decided).execute(c).await?;
                    } else {
                        delete(of).execute(c).await?;
                    }
                    let n = i64::try_from(settled.len()).unwrap_or(i64::MAX);
                    let left = rooms::held_count.eq(held_count.saturating_sub(n).max(0));
                    update(rooms::table.find(room.as_str())).set(left).execute(c).await?;
                    if rejected {
                        // Whoever sent them may ask again for as long.
                        let until = Stamp(now.0.checked_add_signed(KEPT_FOR).unwrap_or(now.0));
                        let remembered = rooms::rejected_until.eq(Some(until));
                        update(rooms::table.find(room.as_str())).set(remembered).execute(c).await?;
                    }
                    let entry = Entry {
                        room: Some(&room),
                        actor: &by,
                        action: if rejected { "reject" } else { "approve" },
                        target: target_of(&settled),
                        before: Value::Null,
                        after: match rejected {
                            true => json!({"n": n}),
                            false => json!({"n": n, "messages": texts(messages.into_iter())}),
                        },
                    };
                    Ok(Settled { entry: Some(write_entry(c, entry, now).await?), settled })
                })
                .await
            }

            /// Lets those of these wait again that were rejected.
            pub(crate) async fn unreject(
                c: &mut Connection,
                room: RoomId,
                ids: Vec<i64>,
                by: AuthorId,
                undoes: i64,
            ) -> QueryResult<Undo> {
                c.transaction(async move |c| {
                    let Some(held_count) = lock(c, &room).await? else { return Ok(Undo::ChangedSince) };
                    let undone = audit_log::table.find(undoes).filter(audit_log::undone_at.is_not_null()).count();
                    if undone.get_result::<i64>(c).await? > 0 {
                        return Ok(Undo::AlreadyUndone);
                    }
                    let back = in_state(c, &room, ids, REJECTED).await?;
                    if back.is_empty() {
                        return Ok(Undo::ChangedSince);
                    }
                    let now = now(c).await?;
                    if !mark_undone(c, undoes, &by, now).await? {
                        return Ok(Undo::AlreadyUndone);
                    }
                    let of = held_messages::table.filter(held_messages::id.eq_any(back.iter().map(|(id, ..)| *id)));
                    let waits = (held_messages::state.eq(WAITS), held_messages::decided_at.eq(None::<Stamp>));
                    update(of).set(waits).execute(c).await?;
                    let n = i64::try_from(back.len()).unwrap_or(i64::MAX);
                    let counted = rooms::held_count.eq(held_count.saturating_add(n));
                    update(rooms::table.find(room.as_str())).set(counted).execute(c).await?;
                    if held_count <= 0 {
                        raise_guard(c, &room).await?;
                    }
                    let entry = Entry {
                        room: Some(&room),
                        actor: &by,
                        action: "unreject",
                        target: target_of(&back),
                        before: Value::Null,
                        after: json!({"n": n}),
                    };
                    Ok(Undo::Done(write_entry(c, entry, now).await?))
                })
                .await
            }

            /// How many of the room wait.
            pub(crate) async fn open_held(c: &mut Connection, room: RoomId) -> QueryResult<i64> {
                let count = rooms::table.find(room.as_str()).select(rooms::held_count);
                Ok(count.first::<i64>(c).await.optional()?.unwrap_or(0))
            }

            /// Forgets what is too old.
            pub(crate) async fn sweep_held(c: &mut Connection) -> QueryResult<usize> {
                let now = now(c).await?;
                let before = Stamp(now.0.checked_sub_signed(KEPT_FOR).unwrap_or(DateTime::UNIX_EPOCH));
                // Ahead of the transaction: on SQLite one that reads first may not write any more once somebody else has.
                let old = held_messages::table
                    .filter(held_messages::at.le(before))
                    .order(held_messages::at.asc())
                    .limit(SWEPT_MAX)
                    .select((held_messages::id, held_messages::room_id));
                let old = old.load::<(i64, String)>(c).await?;
                if old.is_empty() {
                    return Ok(0);
                }
                c.transaction(async move |c| {
                    // In the order of their names, as whoever locks several.
                    let (ids, mut names): (Vec<i64>, Vec<String>) = old.into_iter().unzip();
                    names.sort_unstable();
                    names.dedup();
                    for name in &names {
                        let row = rooms::table.find(name.as_str());
                        update(row).set(rooms::held_count.eq(rooms::held_count)).execute(c).await?;
                    }
                    let old = held_messages::table.filter(held_messages::id.eq_any(ids));
                    let forgetting = delete(old).returning((held_messages::room_id, held_messages::state));
                    let forgotten = forgetting.load::<(String, i16)>(c).await?;
                    let mut waited = BTreeMap::<&str, i64>::new();
                    for (name, _) in forgotten.iter().filter(|(_, state)| *state == WAITS) {
                        let n = waited.entry(name.as_str()).or_default();
                        *n = n.saturating_add(1);
                    }
                    for (name, n) in waited {
                        let row = rooms::table.find(name);
                        update(row).set(rooms::held_count.eq(rooms::held_count - n)).execute(c).await?;
                    }
                    Ok(forgotten.len())
                })
                .await
            }
        }
    };
}

holding!(postgres, crate::postgres::connection::PgConnection);
holding!(sqlite, crate::sqlite::Connection);
