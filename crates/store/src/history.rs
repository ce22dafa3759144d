//! Whether the database still has the history that a live room has shown, asked on the connection that writes: a
//! connection that reads may lag behind, or be left over from before a failover.
//!
//! A counter that is lower than what was shown, or another message in the place of one that was shown, means that the
//! history was replaced: a replica that was behind was promoted, or an older state was put back. Then the room's epoch
//! is changed under the lock of its row, so that every server and every client's cursor sees it. Where two servers
//! find it at once, the second one meets the first one's epoch.

use uuid::Uuid;

use super::{HistoryCheck, Known, sql_types::Key};
use chat_domain::Epoch;

/// What is to be done about a room, from its row and from the message that is stored in the place of the newest one
/// shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Same,
    Other(Epoch),
    Replaced,
}

fn finding(known: &Known, epoch: Epoch, last_rev: i64, stored_there: Option<Uuid>) -> Finding {
    if epoch != known.epoch {
        return Finding::Other(epoch);
    }
    // A row that is missing says nothing: somebody may have removed it by hand.
    let is_other = known.newest.zip(stored_there).is_some_and(|((_, shown), stored)| shown != stored);
    if last_rev < known.rev || is_other { Finding::Replaced } else { Finding::Same }
}

/// Where another server made the room's row meanwhile, whoever still doubts asks again.
fn begun(n_rows: usize, new: Key) -> HistoryCheck {
    if n_rows > 0 { HistoryCheck::Replaced(new.into()) } else { HistoryCheck::Same }
}

pub(super) mod postgres {
    use diesel::prelude::*;
    use diesel_async::{AsyncConnection, RunQueryDsl};

    use super::{Finding, begun, finding};
    use crate::{
        HistoryCheck, Known,
        postgres_connection::PgConnection,
        schema::{messages, meta, rooms},
        sql_types::Key,
    };
    use chat_domain::RoomId;

    pub(crate) async fn check(c: &mut PgConnection, room: RoomId, known: Known, new: Key) -> QueryResult<HistoryCheck> {
        c.transaction(async move |c| {
            let row = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev)).for_update();
            let row = row.first::<(Key, i64)>(c).await.optional()?;
            let Some((epoch, last_rev)) = row else {
                let epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c).await?;
                return match finding(&known, epoch.into(), 0, None) {
                    Finding::Same => Ok(HistoryCheck::Same),
                    Finding::Other(epoch) => Ok(HistoryCheck::OtherEpoch(epoch)),
                    Finding::Replaced => {
                        let empty = (rooms::id.eq(room.as_str()), rooms::epoch.eq(new));
                        let inserting = diesel::insert_into(rooms::table).values(empty).on_conflict_do_nothing();
                        Ok(begun(inserting.execute(c).await?, new))
                    }
                };
            };
            let stored_there = match known.newest {
                Some((seq, _)) => {
                    let query = messages::table.filter(messages::room_id.eq(room.as_str()).and(messages::seq.eq(seq)));
                    query.select(messages::client_id).first::<Key>(c).await.optional()?
                }
                None => None,
            };
            match finding(&known, epoch.into(), last_rev, stored_there.map(|key| key.0)) {
                Finding::Same => Ok(HistoryCheck::Same),
                Finding::Other(epoch) => Ok(HistoryCheck::OtherEpoch(epoch)),
                Finding::Replaced => {
                    let changing = diesel::update(rooms::table.find(room.as_str())).set(rooms::epoch.eq(new));
                    Ok(begun(changing.execute(c).await?, new))
                }
            }
        })
        .await
    }

    pub(crate) async fn new_room_epoch(c: &mut PgConnection, room: RoomId, new: Key) -> QueryResult<bool> {
        c.transaction(async move |c| {
            // The lock comes first, so that the count sees all that was stored before it.
            let locking = rooms::table.find(room.as_str()).select(rooms::last_rev).for_update();
            if locking.first::<i64>(c).await.optional()?.is_none() {
                return Ok(false);
            }
            let count = messages::table.filter(messages::room_id.eq(room.as_str())).count();
            let count = count.get_result::<i64>(c).await?;
            let changes = (rooms::epoch.eq(new), rooms::message_count.eq(count));
            diesel::update(rooms::table.find(room.as_str())).set(changes).execute(c).await?;
            Ok(true)
        })
        .await
    }
}

pub(super) mod sqlite {
    use diesel::{prelude::*, sqlite::SqliteConnection};

    use super::{Finding, begun, finding};
    use crate::{
        HistoryCheck, Known,
        schema::{messages, meta, rooms},
        sql_types::Key,
    };
    use chat_domain::RoomId;

    pub(crate) fn check(c: &mut SqliteConnection, room: &RoomId, known: &Known, new: Key) -> QueryResult<HistoryCheck> {
        c.immediate_transaction(|c| {
            let row = rooms::table.find(room.as_str()).select((rooms::epoch, rooms::last_rev));
            let Some((epoch, last_rev)) = row.first::<(Key, i64)>(c).optional()? else {
                let epoch = meta::table.find(1).select(meta::epoch).first::<Key>(c)?;
                return match finding(known, epoch.into(), 0, None) {
                    Finding::Same => Ok(HistoryCheck::Same),
                    Finding::Other(epoch) => Ok(HistoryCheck::OtherEpoch(epoch)),
                    Finding::Replaced => {
                        let empty = (rooms::id.eq(room.as_str()), rooms::epoch.eq(new));
                        Ok(begun(diesel::insert_into(rooms::table).values(empty).execute(c)?, new))
                    }
                };
            };
            let stored_there = match known.newest {
                Some((seq, _)) => {
                    let query = messages::table.filter(messages::room_id.eq(room.as_str()).and(messages::seq.eq(seq)));
                    query.select(messages::client_id).first::<Key>(c).optional()?
                }
                None => None,
            };
            match finding(known, epoch.into(), last_rev, stored_there.map(|key| key.0)) {
                Finding::Same => Ok(HistoryCheck::Same),
                Finding::Other(epoch) => Ok(HistoryCheck::OtherEpoch(epoch)),
                Finding::Replaced => {
                    let changing = diesel::update(rooms::table.find(room.as_str())).set(rooms::epoch.eq(new));
                    Ok(begun(changing.execute(c)?, new))
                }
            }
        })
    }

    pub(crate) fn new_room_epoch(c: &mut SqliteConnection, room: &RoomId, new: Key) -> QueryResult<bool> {
        c.immediate_transaction(|c| {
            let count = messages::table.filter(messages::room_id.eq(room.as_str())).count().get_result::<i64>(c)?;
            let changes = (rooms::epoch.eq(new), rooms::message_count.eq(count));
            Ok(diesel::update(rooms::table.find(room.as_str())).set(changes).execute(c)? > 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lower_counter_or_another_message_in_the_same_place_is_a_replaced_history() {
        let (epoch, other) = (Epoch::from_uuid(Uuid::from_u128(1)), Epoch::from_uuid(Uuid::from_u128(2)));
        let (shown, foreign) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let known = Known { epoch, rev: 100, newest: Some((100, shown)) };
        for (epoch, last_rev, stored_there, expected) in [
            (epoch, 100, Some(shown), Finding::Same),
            (epoch, 140, Some(shown), Finding::Same),
            (epoch, 100, None, Finding::Same),
            (epoch, 99, None, Finding::Replaced),
            (epoch, 0, None, Finding::Replaced),
            (epoch, 140, Some(foreign), Finding::Replaced),
            (other, 50, Some(foreign), Finding::Other(other)),
        ] {
            assert_eq!(finding(&known, epoch, last_rev, stored_there), expected, "{last_rev} {stored_there:?}");
        }
    }
}
