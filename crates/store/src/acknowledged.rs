//! What this server has acknowledged, so that an older state of a room is recognised for what it is: read from a
//! server that is behind.

use std::collections::HashMap;

use chat_domain::{Epoch, RoomId};

/// As many rooms as a server has live ones by default (`CHAT_ROOMS_MAX`). Beyond, the half that was longest silent
/// is forgotten; what was read of those is not checked.
const ROOMS_MAX: usize = 20_000;

/// The highest counter that was acknowledged in each room.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    rooms: HashMap<RoomId, Entry>,
    /// Counts the batches.
    now: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    epoch: Epoch,
    rev: i64,
    at: u64,
}

impl Acknowledged {
    /// A batch was committed: these values of the counters of rooms.
    pub fn add<'a>(&mut self, values: impl IntoIterator<Item = (&'a RoomId, Epoch, i64)>) {
        self.now = self.now.saturating_add(1);
        let at = self.now;
        for (room, epoch, rev) in values {
            match self.rooms.get_mut(room) {
                Some(entry) if entry.epoch == epoch && entry.rev > rev => {}
                Some(entry) => *entry = Entry { epoch, rev, at },
                None => {
                    if self.rooms.len() >= ROOMS_MAX {
                        self.forget_half();
                    }
                    self.rooms.insert(room.clone(), Entry { epoch, rev, at });
                }
            }
        }
    }

    fn forget_half(&mut self) {
        let mut times: Vec<u64> = self.rooms.values().map(|entry| entry.at).collect();
        let middle = times.len() / 2;
        let (_, &mut middle, _) = times.select_nth_unstable(middle);
        self.rooms.retain(|_, entry| entry.at > middle);
    }

    /// The moment at which a read begins: what is acknowledged later it need not have seen.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Whether a read that began then and found this is behind what was acknowledged before it.
    pub fn is_behind(&self, room: &RoomId, epoch: Epoch, rev: i64, began: u64) -> bool {
        self.rooms.get(room).is_some_and(|e| e.at <= began && e.epoch == epoch && rev < e.rev)
    }

    /// The server that takes messages itself says so: what was acknowledged above is gone.
    pub fn settle(&mut self, room: &RoomId, epoch: Epoch, rev: i64) {
        if let Some(entry) = self.rooms.get_mut(room)
            && entry.epoch == epoch
            && entry.rev > rev
        {
            entry.rev = rev;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn epoch(n: u128) -> Epoch {
        Epoch::from_uuid(Uuid::from_u128(n))
    }

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room")
    }

    fn add(all: &mut Acknowledged, rooms: &[(usize, i64)], epoch: Epoch) {
        let rooms: Vec<_> = rooms.iter().map(|(n, rev)| (room(*n), *rev)).collect();
        all.add(rooms.iter().map(|(room, rev)| (room, epoch, *rev)));
    }

    #[test]
    fn only_what_was_acknowledged_before_a_read_began_must_be_in_it() {
        let mut all = Acknowledged::default();
        add(&mut all, &[(1, 4), (1, 5), (2, 1)], epoch(1));
        let began = all.now();
        assert!(all.is_behind(&room(1), epoch(1), 4, began));
        assert!(!all.is_behind(&room(1), epoch(1), 5, began));
        assert!(!all.is_behind(&room(3), epoch(1), 0, began), "nothing is known of it");
        assert!(!all.is_behind(&room(1), epoch(2), 0, began), "the room began a new life");
        add(&mut all, &[(1, 6)], epoch(1));
        assert!(!all.is_behind(&room(1), epoch(1), 5, began), "stored while it was read");
        assert!(all.is_behind(&room(1), epoch(1), 5, all.now()));
    }

    #[test]
    fn what_the_database_itself_says_ends_the_doubt() {
        let mut all = Acknowledged::default();
        add(&mut all, &[(1, 50)], epoch(1));
        all.settle(&room(1), epoch(1), 3);
        assert!(!all.is_behind(&room(1), epoch(1), 3, all.now()));
        add(&mut all, &[(1, 4)], epoch(1));
        assert!(all.is_behind(&room(1), epoch(1), 3, all.now()));
    }

    #[test]
    fn it_holds_so_many_rooms_and_the_latest_are_among_them() {
        let mut all = Acknowledged::default();
        for n in 0..=ROOMS_MAX {
            add(&mut all, &[(n, 1)], epoch(1));
        }
        assert!(all.rooms.len() <= ROOMS_MAX && all.rooms.len() > ROOMS_MAX / 3, "{}", all.rooms.len());
        assert!(all.is_behind(&room(ROOMS_MAX), epoch(1), 0, all.now()));
        assert!(!all.is_behind(&room(0), epoch(1), 0, all.now()));
    }
}
