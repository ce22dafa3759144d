use std::collections::{HashMap, HashSet};

use super::messages::{CheckHead, Place};
use chat_domain::RoomId;
use chat_store::{Heads, Position, RoomHead};

/// Which live rooms a poll of the database has something for. Pure.
///
/// A room that is where the database is is left alone. One whose counter is lower in the database than it was in the
/// room before the database was asked is told so once a second poll found it so as well: a connection that reads may
/// lag behind for a moment.
#[derive(Debug, Default)]
pub struct Poll {
    /// The rooms that the last poll found lower. At most as many as live.
    lower: HashSet<RoomId>,
}

impl Poll {
    /// What to tell whom. `before` is where the rooms were when the database was asked, `now` where they are.
    pub fn compare(
        &mut self,
        before: Vec<(RoomId, Option<Place>)>,
        heads: Heads,
        now: impl Fn(&RoomId) -> Option<Place>,
    ) -> Vec<(RoomId, CheckHead)> {
        let place = |head: RoomHead| {
            let RoomHead { epoch, rev, guard_rev, first_seq } = head;
            Place { position: Position { epoch, rev }, guard_rev, first_seq }
        };
        let none = place(RoomHead { epoch: heads.meta_epoch, rev: 0, guard_rev: 0, first_seq: 0 });
        let stored: HashMap<_, _> = heads.rooms.into_iter().map(|(id, head)| (id, place(head))).collect();
        let (mut lower, mut found) = (HashSet::new(), Vec::new());
        for (id, before) in before {
            // One that loads reads all; one that ended needs nothing.
            let Some(now) = now(&id) else { continue };
            let found_at = stored.get(&id).copied().unwrap_or(none);
            let Place { position, guard_rev, first_seq } = found_at;
            let is_lower = before.is_some_and(|b| b.position.epoch == position.epoch && position.rev < b.position.rev);
            if is_lower {
                lower.insert(id.clone());
            }
            if found_at != now {
                let Position { epoch, rev } = position;
                let stays_lower = is_lower && self.lower.contains(&id);
                found.push((id, CheckHead { epoch, rev, guard_rev, first_seq, stays_lower }));
            }
        }
        self.lower = lower;
        found
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use chat_domain::Epoch;

    fn at(epoch: u128, rev: i64) -> Place {
        Place {
            position: Position { epoch: Epoch::from_uuid(Uuid::from_u128(epoch)), rev },
            guard_rev: 0,
            first_seq: 0,
        }
    }

    /// What a poll finds for one room: its epoch is known as 1, and so is that of rooms without a row.
    fn poll(poll: &mut Poll, [before, stored, now]: [Option<Place>; 3]) -> Vec<(i64, bool)> {
        let id = RoomId::parse("post").expect("a room id");
        let head = |Place { position, guard_rev, first_seq }: Place| {
            let Position { epoch, rev } = position;
            (id.clone(), RoomHead { epoch, rev, guard_rev, first_seq })
        };
        let rooms = stored.map(head).into_iter().collect();
        let heads = Heads { meta_epoch: at(1, 0).position.epoch, control_rev: 0, rooms };
        let found = poll.compare(vec![(id, before)], heads, |_| now);
        found.into_iter().map(|(_, check)| (check.rev, check.stays_lower)).collect()
    }

    #[test]
    fn a_room_is_woken_only_where_the_database_is_elsewhere() {
        let mut polls = Poll::default();
        let mut of = |before, stored, now| poll(&mut polls, [before, stored, now]);
        assert_eq!(of(Some(at(1, 7)), Some(at(1, 7)), Some(at(1, 7))), []);
        assert_eq!(of(Some(at(1, 0)), None, Some(at(1, 0))), [], "a room without a row");
        assert_eq!(of(None, Some(at(1, 7)), None), [], "it loads");
        assert_eq!(of(Some(at(1, 7)), Some(at(1, 9)), Some(at(1, 7))), [(9, false)], "another server wrote");
        assert_eq!(of(Some(at(1, 7)), Some(at(1, 9)), Some(at(1, 9))), [], "it was faster");
        assert_eq!(of(Some(at(1, 7)), Some(at(2, 7)), Some(at(1, 7))), [(7, false)], "another epoch");
        assert_eq!(of(Some(at(1, 7)), None, Some(at(1, 7))), [(0, false)], "its row is gone");
        let locked = Place { guard_rev: 1, ..at(1, 7) };
        assert_eq!(of(Some(at(1, 7)), Some(locked), Some(at(1, 7))), [(7, false)], "who may do what has changed");
        let shorter = Place { first_seq: 3, ..at(1, 7) };
        assert_eq!(of(Some(at(1, 7)), Some(shorter), Some(at(1, 7))), [(7, false)], "its oldest messages are gone");
    }

    #[test]
    fn lower_is_what_two_polls_in_a_row_find_below_where_the_room_was_before() {
        let mut polls = Poll::default();
        let mut of = |before, stored, now| poll(&mut polls, [before, stored, now].map(|rev| Some(at(1, rev))));
        assert_eq!(of(7, 7, 9), [(7, false)], "it went on meanwhile");
        assert_eq!(of(9, 7, 9), [(7, false)], "once");
        assert_eq!(of(9, 9, 9), [], "it lagged");
        assert_eq!(of(9, 7, 9), [(7, false)], "once more");
        assert_eq!(of(9, 8, 12), [(8, true)], "twice");
        assert_eq!(of(12, 12, 12), []);
    }
}
