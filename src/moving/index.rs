//! What is known of each message while texts are on the disk. Pure.

use std::collections::HashMap;

use uuid::Uuid;

use super::spool::Spot;
use chat_domain::{MovedBan, MovedHeld, MovedRoom, RoomId};

/// Which entry.
pub(super) type Nth = u32;

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub spot: Spot,
    /// Which of the rooms.
    pub room: u32,
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// Its place, where it comes with one: messages of this program's own export.
    pub place: Option<i64>,
    /// The key of what it answers.
    pub parent: Option<Uuid>,
    pub is_deleted: bool,
}

/// A room, and what is in it besides messages.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub own: Option<MovedRoom>,
    pub title: Option<String>,
    pub bans: Vec<MovedBan>,
    pub held: Vec<MovedHeld>,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    pub rooms: Vec<(RoomId, Room)>,
    by_id: HashMap<RoomId, u32>,
    pub entries: Vec<Entry>,
    by_key: HashMap<Uuid, Nth>,
}

impl Index {
    /// The room's number; it has one from now on.
    pub fn room(&mut self, id: &RoomId) -> u32 {
        if let Some(n) = self.by_id.get(id) {
            return *n;
        }
        let n = u32::try_from(self.rooms.len()).unwrap_or(u32::MAX);
        self.rooms.push((id.clone(), Room::default()));
        self.by_id.insert(id.clone(), n);
        n
    }

    /// The room of this number.
    pub fn room_mut(&mut self, n: u32) -> Option<&mut Room> {
        self.rooms.get_mut(usize::try_from(n).ok()?).map(|(_, room)| room)
    }

    /// Whether a comment of this key has come.
    pub fn has(&self, key: Uuid) -> bool {
        self.by_key.contains_key(&key)
    }

    /// Adds a message; a comment's first one with its key.
    pub fn add(&mut self, entry: Entry, key: Option<Uuid>) {
        let n = Nth::try_from(self.entries.len()).unwrap_or(Nth::MAX);
        self.entries.push(entry);
        if let Some(key) = key {
            self.by_key.insert(key, n);
        }
    }

    fn entry(&self, n: Nth) -> Option<&Entry> {
        self.entries.get(usize::try_from(n).ok()?)
    }

    /// What a message answers, where that is in the same room and does not lead back to it.
    pub fn parents(&self) -> Vec<Option<Nth>> {
        let parent_of = |entry: &Entry| {
            let parent = *self.by_key.get(&entry.parent?)?;
            self.entry(parent).filter(|p| p.room == entry.room).map(|_| parent)
        };
        let mut parents: Vec<Option<Nth>> = self.entries.iter().map(parent_of).collect();
        // 0: nobody was here; what is on the way down has the number of that way.
        let mut seen = vec![0_u32; parents.len()];
        for start in 0..parents.len() {
            let way = u32::try_from(start).unwrap_or(u32::MAX).saturating_add(1);
            let mut at = start;
            loop {
                match seen.get_mut(at) {
                    Some(mark) if *mark == 0 => *mark = way,
                    _ => break,
                }
                let Some(next) = parents.get(at).copied().flatten().and_then(|n| usize::try_from(n).ok()) else {
                    break;
                };
                if seen.get(next) == Some(&way) {
                    // A circle: it is cut here.
                    if let Some(parent) = parents.get_mut(at) {
                        *parent = None;
                    }
                    break;
                }
                at = next;
            }
        }
        parents
    }

    /// Which deleted ones have nobody behind them that is there.
    pub fn forsaken(&self, parents: &[Option<Nth>]) -> Vec<bool> {
        let mut is_needed = vec![false; self.entries.len()];
        for start in (0..self.entries.len()).filter(|n| self.entries.get(*n).is_some_and(|e| !e.is_deleted)) {
            let mut at = start;
            while let Some(needed) = is_needed.get_mut(at).filter(|needed| !**needed) {
                *needed = true;
                let Some(next) = parents.get(at).copied().flatten().and_then(|n| usize::try_from(n).ok()) else {
                    break;
                };
                at = next;
            }
        }
        // What this program's own export has is there as it was.
        let forsaken = |(entry, needed): (&Entry, bool)| entry.is_deleted && entry.place.is_none() && !needed;
        self.entries.iter().zip(is_needed).map(forsaken).collect()
    }

    /// Of each room its entries, as they come behind each other: by their places, else by their time and as they came;
    /// what is answered always before the answer.
    pub fn order(&self, parents: &[Option<Nth>], left_out: &[bool]) -> Vec<Vec<Nth>> {
        // When; at which place of the file within a moment, for an answer not before what it answers; and how deep below
        // that, where an answer came first.
        let mut keys: Vec<Option<(i64, usize, u32)>> = vec![None; self.entries.len()];
        for start in 0..self.entries.len() {
            // Up to somebody whose key is known, and back.
            let mut way = vec![start];
            while let Some(last) = way.last().copied() {
                let parent = parents.get(last).copied().flatten().and_then(|n| usize::try_from(n).ok());
                let above = parent.and_then(|parent| keys.get(parent).copied().flatten());
                if let (Some(parent), None) = (parent, above)
                    && keys.get(last).copied().flatten().is_none()
                {
                    way.push(parent);
                    continue;
                }
                let own = self.entries.get(last).map_or(0, |entry| entry.at);
                let key = match above {
                    Some((at, place, depth)) if at >= own && place >= last => (at, place, depth.saturating_add(1)),
                    Some((at, ..)) => (own.max(at), last, 0),
                    None => (own, last, 0),
                };
                if let Some(known) = keys.get_mut(last) {
                    known.get_or_insert(key);
                }
                way.pop();
            }
        }
        let mut rooms: Vec<Vec<Nth>> = vec![Vec::new(); self.rooms.len()];
        for (n, entry) in (0..).zip(&self.entries) {
            let is_left_out = usize::try_from(n).ok().and_then(|n: usize| left_out.get(n)).copied().unwrap_or(false);
            if let (Some(room), false) = (usize::try_from(entry.room).ok().and_then(|r| rooms.get_mut(r)), is_left_out)
            {
                room.push(n);
            }
        }
        for room in &mut rooms {
            room.sort_by_key(|n| {
                let at = usize::try_from(*n).unwrap_or(usize::MAX);
                let place = self.entry(*n).and_then(|entry| entry.place);
                let (time, within, depth) = keys.get(at).copied().flatten().unwrap_or_default();
                (place.is_none(), place.unwrap_or(time), within, depth, *n)
            });
        }
        rooms
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Comments of one room: when, what they answer, whether they are deleted.
    fn index(comments: &[(i64, Option<u128>, bool)]) -> Index {
        let mut index = Index::default();
        let room = index.room(&RoomId::parse("room").expect("a room id"));
        for (n, (at, parent, is_deleted)) in (0..).zip(comments) {
            let parent = parent.map(Uuid::from_u128);
            let spot = Spot::default();
            index.add(
                Entry { spot, room, at: *at, place: None, parent, is_deleted: *is_deleted },
                Some(Uuid::from_u128(n)),
            );
        }
        index
    }

    #[test]
    fn the_deleted_stay_where_somebody_has_answered() {
        let index =
            index(&[(1, None, true), (2, Some(0), true), (3, Some(1), false), (4, Some(2), true), (5, None, true)]);
        let parents = index.parents();
        assert_eq!(parents, [None, Some(0), Some(1), Some(2), None]);
        assert_eq!(index.forsaken(&parents), [false, false, false, true, true]);
    }

    #[test]
    fn circles_and_strangers_are_no_parents() {
        let index = index(&[(1, Some(1), false), (2, Some(0), false), (3, Some(2), false), (4, Some(99), false)]);
        let parents = index.parents();
        assert_eq!(parents.iter().filter(|parent| parent.is_some()).count(), 1, "{parents:?}");
        assert_eq!(index.order(&parents, &[false; 4])[0].len(), 4);
    }

    proptest! {
        #[test]
        fn what_is_answered_comes_before_the_answer(
            comments in prop::collection::vec((0..50_i64, prop::option::of(0..40_u128), any::<bool>()), 0..40)
        ) {
            let index = index(&comments);
            let parents = index.parents();
            let forsaken = index.forsaken(&parents);
            let order = index.order(&parents, &forsaken).into_iter().next().unwrap_or_default();
            prop_assert_eq!(order.len(), forsaken.iter().filter(|left| !**left).count());
            let mut seen = HashSet::new();
            for n in &order {
                if let Some(parent) = parents[usize::try_from(*n).expect("a place")] {
                    prop_assert!(seen.contains(&parent), "{} before {} in {:?}", n, parent, order);
                }
                seen.insert(*n);
            }
        }
    }
}
