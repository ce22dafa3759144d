use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use actix::clock::Instant;

use super::ids::RoomKey;
use chat_domain::RoomId;

/// Which rooms live, and which of them may go. Pure: `A` is whatever reaches a room.
///
/// A room may go only while the joins forwarded to it equal the joins it has seen (all joins pass through
/// here), so that no join is ever lost in a room that ends.
#[derive(Debug)]
pub struct Directory<A> {
    rooms: HashMap<RoomId, Entry<A>>,
    /// Idle rooms, the longest idle first.
    idle: BTreeSet<(Instant, RoomKey, RoomId)>,
    next_key: u64,
    n_rooms_max: usize,
}

#[derive(Debug)]
struct Entry<A> {
    key: RoomKey,
    room: A,
    n_joins_forwarded: u64,
    idle_since: Option<Instant>,
}

impl<A: Clone> Directory<A> {
    /// No rooms, at most `n_rooms_max`.
    pub fn new(n_rooms_max: usize) -> Self {
        Self { rooms: HashMap::new(), idle: BTreeSet::new(), next_key: 0, n_rooms_max }
    }

    /// How many rooms live.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The room, if it lives.
    pub fn get(&self, id: &RoomId) -> Option<&A> {
        self.rooms.get(id).map(|e| &e.room)
    }

    /// Every live room.
    pub fn rooms(&self) -> impl Iterator<Item = (&RoomId, &A)> {
        self.rooms.iter().map(|(id, e)| (id, &e.room))
    }

    /// The room for a join that will be forwarded to it now; made by `spawn` where it does not live. At the
    /// limit the room that was empty longest goes: it is given back to be ended. `None` with none empty.
    pub fn join(&mut self, id: &RoomId, spawn: impl FnOnce(RoomKey) -> A) -> Option<(A, Option<A>)> {
        let mut evicted = None;
        if !self.rooms.contains_key(id) {
            if self.rooms.len() >= self.n_rooms_max {
                evicted = Some(self.remove_longest_idle()?);
            }
            let key = RoomKey(self.next_key);
            self.next_key += 1;
            let entry = Entry { key, room: spawn(key), n_joins_forwarded: 0, idle_since: None };
            self.rooms.insert(id.clone(), entry);
        }
        let entry = self.rooms.get_mut(id)?;
        entry.n_joins_forwarded += 1;
        if let Some(since) = entry.idle_since.take() {
            self.idle.remove(&(since, entry.key, id.clone()));
        }
        Some((entry.room.clone(), evicted))
    }

    /// A room says that nobody is in it. Ignored where a join is on its way to it.
    pub fn set_idle(&mut self, id: &RoomId, key: RoomKey, n_joins_seen: u64, now: Instant) {
        let Some(entry) = self.rooms.get_mut(id).filter(|e| e.key == key && e.n_joins_forwarded == n_joins_seen) else {
            return;
        };
        if entry.idle_since.is_none() {
            entry.idle_since = Some(now);
            self.idle.insert((now, key, id.clone()));
        }
    }

    /// Takes out the rooms that have been idle since `before` or longer, to be ended.
    pub fn retire(&mut self, now: Instant, idle_max: Duration) -> Vec<A> {
        let mut retired = Vec::new();
        while self.idle.first().is_some_and(|(since, ..)| *since + idle_max <= now) {
            retired.extend(self.remove_longest_idle());
        }
        retired
    }

    /// Forgets a room whose actor has ended by itself.
    pub fn forget(&mut self, id: &RoomId) {
        if let Some(entry) = self.rooms.remove(id)
            && let Some(since) = entry.idle_since
        {
            self.idle.remove(&(since, entry.key, id.clone()));
        }
    }

    fn remove_longest_idle(&mut self) -> Option<A> {
        let (_, _, id) = self.idle.pop_first()?;
        self.rooms.remove(&id).map(|e| e.room)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    #[test]
    fn a_join_on_its_way_keeps_a_room() {
        let now = Instant::now();
        let mut directory = Directory::new(10);
        directory.join(&room(1), |key| key);
        directory.join(&room(1), |_| panic!("it lives"));
        directory.set_idle(&room(1), RoomKey(0), 1, now);
        assert!(directory.retire(now + MINUTE, MINUTE).is_empty(), "one join was not seen yet");
        directory.set_idle(&room(1), RoomKey(0), 2, now);
        assert!(directory.retire(now + MINUTE / 2, MINUTE).is_empty(), "not idle for long enough");
        directory.join(&room(1), |_| panic!("it lives"));
        assert!(directory.retire(now + MINUTE, MINUTE).is_empty(), "somebody came back");
        directory.set_idle(&room(1), RoomKey(0), 3, now);
        assert_eq!(directory.retire(now + MINUTE, MINUTE), [RoomKey(0)]);
        assert_eq!(directory.join(&room(1), |key| key), Some((RoomKey(1), None)));
        directory.set_idle(&room(1), RoomKey(0), 1, now);
        assert!(directory.retire(now + MINUTE, MINUTE).is_empty(), "that was said by the one before");
    }

    #[test]
    fn at_the_limit_the_longest_empty_goes() {
        let now = Instant::now();
        let mut directory = Directory::new(2);
        directory.join(&room(1), |key| key);
        directory.join(&room(2), |key| key);
        assert_eq!(directory.join(&room(3), |key| key), None, "none is empty");
        directory.set_idle(&room(2), RoomKey(1), 1, now);
        directory.set_idle(&room(1), RoomKey(0), 1, now + MINUTE);
        assert_eq!(directory.join(&room(3), |key| key), Some((RoomKey(2), Some(RoomKey(1)))));
        assert_eq!(directory.len(), 2);
    }

    proptest! {
        /// Whatever comes in whatever order, a room with a join that it has not seen is never ended.
        #[test]
        fn no_join_is_lost(steps in proptest::collection::vec((0_usize..4, 0_u8..4, 0_u64..90), 1..200)) {
            let mut now = Instant::now();
            let mut directory = Directory::new(3);
            // For each room actor: joins sent to it and joins it has handled.
            let mut actors: HashMap<RoomKey, (u64, u64, bool)> = HashMap::new();
            for (n, step, wait) in steps {
                now += Duration::from_secs(wait);
                let mut ended = Vec::new();
                match step {
                    0 => if let Some((key, evicted)) = directory.join(&room(n), |key| key) {
                        let actor = actors.entry(key).or_default();
                        prop_assert!(!actor.2, "joined an ended room");
                        actor.0 += 1;
                        ended.extend(evicted);
                    },
                    1 => if let Some(actor) = directory.get(&room(n)).and_then(|key| actors.get_mut(key)) {
                        actor.1 = (actor.1 + 1).min(actor.0);
                    },
                    2 => if let Some(key) = directory.get(&room(n)).copied() {
                        directory.set_idle(&room(n), key, actors[&key].1, now);
                    },
                    _ => ended.extend(directory.retire(now, MINUTE)),
                }
                for key in ended {
                    let actor = actors.entry(key).or_default();
                    prop_assert_eq!(actor.0, actor.1);
                    actor.2 = true;
                }
                prop_assert!(directory.len() <= 3);
            }
        }
    }
}
