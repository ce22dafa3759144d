//! Whether the database still has the history that a live room has shown, asked on the connection that writes: a
//! connection that reads may lag behind, or be left over from before a failover.
//!
//! A counter that is lower than what was shown, or another message where one was shown, means that the
//! history was replaced: a replica that was behind was promoted, or an older state was put back. Then the room's epoch
//! is changed under the lock of its row, so that every server and every client's cursor sees it. Where two servers
//! find it at once, the second one meets the first one's epoch.

use uuid::Uuid;

use crate::{
    model::{HistoryCheck, Known},
    tables::sql_types::Key,
};
use chat_domain::Epoch;

/// What there is to say of a room, from its row and from the message that is stored where the newest one shown was. Where
/// its history was replaced it is to get the epoch `new`.
pub(crate) fn finding(
    known: &Known,
    epoch: Epoch,
    last_rev: i64,
    stored_there: Option<Uuid>,
    new: Key,
) -> HistoryCheck {
    if epoch != known.epoch {
        return HistoryCheck::OtherEpoch(epoch);
    }
    // A row that is missing says nothing: somebody may have removed it by hand.
    let is_other = known.newest.zip(stored_there).is_some_and(|((_, shown), stored)| shown != stored);
    if last_rev < known.rev || is_other { HistoryCheck::Replaced(new.into()) } else { HistoryCheck::Same }
}

/// Where another server made the room's row meanwhile, whoever still doubts asks again.
pub(crate) fn begun(n_rows: usize, new: Key) -> HistoryCheck {
    if n_rows > 0 { HistoryCheck::Replaced(new.into()) } else { HistoryCheck::Same }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lower_counter_or_another_message_in_the_same_place_is_a_replaced_history() {
        let (epoch, other) = (Epoch::from_uuid(Uuid::from_u128(1)), Epoch::from_uuid(Uuid::from_u128(2)));
        let (shown, foreign) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let new = Uuid::from_u128(3);
        let replaced = HistoryCheck::Replaced(Epoch::from_uuid(new));
        let known = Known { epoch, rev: 100, newest: Some((100, shown)) };
        for (epoch, last_rev, stored_there, expected) in [
            (epoch, 100, Some(shown), HistoryCheck::Same),
            (epoch, 140, Some(shown), HistoryCheck::Same),
            (epoch, 100, None, HistoryCheck::Same),
            (epoch, 99, None, replaced),
            (epoch, 0, None, replaced),
            (epoch, 140, Some(foreign), replaced),
            (other, 50, Some(foreign), HistoryCheck::OtherEpoch(other)),
        ] {
            assert_eq!(
                finding(&known, epoch, last_rev, stored_there, Key(new)),
                expected,
                "{last_rev} {stored_there:?}"
            );
        }
    }
}
