use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chat_domain::RoomId;

/// A server of which nothing was heard for so long is gone, and its people with it.
const GONE_AFTER: Duration = Duration::from_secs(5);
/// What is only of a moment is dropped where it is older.
const EPHEMERAL_MAX_MS: u64 = 5_000;

/// The other servers, as they are heard over the bus. Pure.
#[derive(Debug, Default)]
pub struct Others(HashMap<Arc<str>, Other>);

#[derive(Debug)]
struct Other {
    heard_at: Instant,
    /// How far our clock is before theirs, by what took the shortest way: clocks may be wrong by hours. None before it was
    /// heard.
    offset_ms: Option<i64>,
    /// The rooms here of which it has said who is in them.
    rooms: HashSet<RoomId>,
}

impl Others {
    /// A server was heard: `at` by its clock, `now_ms` by ours, both in milliseconds since 1970.
    pub fn heard(&mut self, server: &str, at: u64, now: Instant, now_ms: u64) -> Arc<str> {
        let offset_ms = offset(at, now_ms);
        let Some((name, other)) = self.known(server) else { return self.add(server, Some(offset_ms), now) };
        other.heard_at = now;
        other.offset_ms = Some(match other.offset_ms {
            // A clock that is set must not make all that follows look old for ever.
            Some(known) if known <= offset_ms => known.saturating_add(offset_ms.saturating_sub(known) / 8),
            _ => offset_ms,
        });
        name
    }

    /// Something that a server has left stands in Redis; it may be gone by now.
    pub fn stands(&mut self, server: &str, now: Instant) -> Arc<str> {
        match self.known(server) {
            Some((name, _)) => name,
            None => self.add(server, None, now),
        }
    }

    fn known(&mut self, server: &str) -> Option<(Arc<str>, &mut Other)> {
        let name = self.0.get_key_value(server)?.0.clone();
        Some((name, self.0.get_mut(server)?))
    }

    fn add(&mut self, server: &str, offset_ms: Option<i64>, now: Instant) -> Arc<str> {
        let name: Arc<str> = server.into();
        self.0.insert(name.clone(), Other { heard_at: now, offset_ms, rooms: HashSet::new() });
        name
    }

    /// Whether what this server sent at `at`, by its clock, is too old to be of use.
    pub fn is_late(&self, server: &str, at: u64, now_ms: u64) -> bool {
        let offset_ms = self.0.get(server).and_then(|other| other.offset_ms).unwrap_or_default();
        offset(at, now_ms).saturating_sub(offset_ms) > EPHEMERAL_MAX_MS.cast_signed()
    }

    /// It has said who is in this room.
    pub fn has_people(&mut self, server: &str, room: &RoomId) {
        if let Some(other) = self.0.get_mut(server) {
            other.rooms.insert(room.clone());
        }
    }

    /// A room is not live here any more.
    pub fn forget_room(&mut self, room: &RoomId) {
        self.0.values_mut().for_each(|other| {
            other.rooms.remove(room);
        });
    }

    /// Takes out the servers of which nothing was heard for too long, each with the rooms of which it had people.
    pub fn gone(&mut self, now: Instant) -> Vec<(Arc<str>, HashSet<RoomId>)> {
        let is_gone = |_: &Arc<str>, other: &mut Other| now.saturating_duration_since(other.heard_at) >= GONE_AFTER;
        self.0.extract_if(is_gone).map(|(name, other)| (name, other.rooms)).collect()
    }

    /// While nobody can be heard nobody is gone: they have as long again from now on.
    pub fn excuse_all(&mut self, now: Instant) {
        self.0.values_mut().for_each(|other| other.heard_at = now);
    }

    /// How long ago the one that was silent longest was heard of.
    pub fn age(&self, now: Instant) -> Duration {
        self.0.values().map(|other| now.saturating_duration_since(other.heard_at)).max().unwrap_or_default()
    }
}

fn offset(at: u64, now_ms: u64) -> i64 {
    let whole = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    whole(now_ms).saturating_sub(whole(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: u32) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    #[test]
    fn who_is_silent_is_gone_with_its_people() {
        let start = Instant::now();
        let second = |n: u64| start + Duration::from_secs(n);
        let mut others = Others::default();
        others.heard("a", 0, second(0), 0);
        others.heard("b", 0, second(0), 0);
        others.has_people("a", &room(1));
        others.has_people("a", &room(2));
        others.forget_room(&room(2));
        others.has_people("c", &room(1));
        others.heard("b", 4_000, second(4), 4_000);
        assert_eq!(others.age(second(4)), Duration::from_secs(4));
        let gone = others.gone(second(5));
        assert_eq!(gone, [("a".into(), HashSet::from([room(1)]))]);
        assert!(others.gone(second(8)).is_empty());
        others.excuse_all(second(9));
        assert!(others.gone(second(13)).is_empty() && others.gone(second(14)).len() == 1);
    }

    #[test]
    fn a_wrong_clock_makes_nothing_late() {
        let now = Instant::now();
        let mut others = Others::default();
        let hours = 3_600_000 * 7;
        others.heard("behind", 1_000_000, now, 1_000_000 + hours);
        others.heard("ahead", 1_000_000 + hours, now, 1_000_000);
        assert!(!others.is_late("behind", 1_003_000, 1_003_000 + hours + 4_000));
        assert!(others.is_late("behind", 1_003_000, 1_003_000 + hours + 6_000));
        assert!(!others.is_late("ahead", 1_003_000 + hours, 1_003_000 + 4_000));
        assert!(others.is_late("ahead", 1_003_000 + hours, 1_003_000 + 6_000));
    }

    #[test]
    fn a_clock_that_is_set_is_followed() {
        let now = Instant::now();
        let mut others = Others::default();
        others.heard("a", 1_000_000, now, 1_000_000);
        let set_back = 60_000;
        for n in 0..100 {
            others.heard("a", 1_000_000 - set_back + n * 1_000, now, 1_000_000 + n * 1_000);
        }
        assert!(!others.is_late("a", 1_100_000 - set_back, 1_100_000 + 4_000));
    }
}
