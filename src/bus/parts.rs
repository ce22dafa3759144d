use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use actix::clock::Instant;
use chat_domain::RoomId;
use chat_rooms::{Heard, Summary};
use chat_store::{PresenceFound, SERVER_LEASE};

/// What other servers have said of who is in the rooms that live here, as the table has it. Pure.
#[derive(Debug, Default)]
pub struct Parts {
    /// The rooms that live here.
    rooms: HashSet<RoomId>,
    /// The other servers whose lease lives.
    servers: HashMap<Arc<str>, Server>,
    /// Rooms of which everything is to be read, and whether it was so before: true where they have just come to life.
    wanted: HashMap<RoomId, bool>,
    /// The same, of the read under way.
    asked: HashMap<RoomId, bool>,
    /// The others cannot be heard.
    is_lost: bool,
    /// Until then all is as it was before: while the database was away no lease was renewed, and each server seems to
    /// be gone until it has done so.
    known_until: Option<Instant>,
}

#[derive(Debug)]
struct Server {
    life: String,
    /// The last version of each room of which it has said something.
    versions: HashMap<RoomId, i64>,
}

impl Parts {
    /// A room has come to life, perhaps in the place of another one.
    pub fn came(&mut self, room: &RoomId) {
        self.went(room);
        self.rooms.insert(room.clone());
        self.wanted.insert(room.clone(), true);
    }

    /// A room has gone.
    pub fn went(&mut self, room: &RoomId) {
        self.rooms.remove(room);
        self.wanted.remove(room);
        self.asked.remove(room);
        self.forget(room);
    }

    fn forget(&mut self, room: &RoomId) {
        for server in self.servers.values_mut() {
            server.versions.remove(room);
        }
    }

    /// A room has not heard what it was told: it is told again.
    pub fn missed(&mut self, room: &RoomId) {
        self.forget(room);
        self.wanted.entry(room.clone()).or_insert(false);
    }

    /// Of which rooms everything is to be read now. `is_late`: something that was said may not be recent any more.
    pub fn begin(&mut self, is_late: bool) -> Vec<RoomId> {
        if is_late || self.is_lost {
            self.want_all();
        }
        self.asked = std::mem::take(&mut self.wanted);
        self.asked.keys().cloned().collect()
    }

    fn want_all(&mut self) {
        for room in &self.rooms {
            self.wanted.entry(room.clone()).or_insert(false);
        }
    }

    /// It could not be read.
    pub fn failed(&mut self) {
        self.wanted.extend(std::mem::take(&mut self.asked));
    }

    /// Whether any other server lived when that was last known.
    pub fn has_others(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Whether the others can be heard.
    pub fn is_reachable(&self) -> bool {
        !self.is_lost
    }

    /// The others cannot be heard, where there are any. True where that is news.
    pub fn lose(&mut self) -> bool {
        self.has_others() && !std::mem::replace(&mut self.is_lost, true)
    }

    /// It was read. Gives what rooms are to hear, and how much could not be read.
    pub fn take_in(&mut self, found: PresenceFound, now: Instant) -> (Vec<(RoomId, Heard)>, usize) {
        if std::mem::take(&mut self.is_lost) {
            self.known_until = Some(now + SERVER_LEASE);
        }
        let is_known = self.known_until.is_some_and(|until| now < until);
        let mut told = self.take_in_living(found.living, is_known);
        let asked = std::mem::take(&mut self.asked);
        let (mut stands, mut n_malformed) = (HashSet::new(), 0);
        for (server, part) in found.parts {
            let Some((name, _)) = self.servers.get_key_value(&*server) else { continue };
            let name = name.clone();
            let Some(versions) = self.servers.get_mut(&*server).map(|server| &mut server.versions) else { continue };
            if !self.rooms.contains(&part.room) {
                continue;
            }
            if asked.contains_key(&part.room) {
                stands.insert((name.clone(), part.room.clone()));
            }
            if versions.get(&part.room).is_some_and(|known| *known >= part.version) {
                continue;
            }
            versions.insert(part.room.clone(), part.version);
            let Ok(summary) = Summary::from_json(part.summary.as_bytes()) else {
                n_malformed += 1;
                continue;
            };
            let is_known = is_known || asked.get(&part.room) == Some(&true);
            told.push((part.room, Heard::People { server: name, summary: Some(Arc::new(summary)), is_known }));
        }
        // What does not stand there any more was of a room that is empty.
        for room in asked.keys() {
            for (name, server) in &mut self.servers {
                if !stands.contains(&(name.clone(), room.clone())) && server.versions.remove(room).is_some() {
                    told.push((room.clone(), Heard::People { server: name.clone(), summary: None, is_known }));
                }
            }
        }
        (told, n_malformed)
    }

    /// These live. The people of others are gone; what those have said that are new is to be read.
    fn take_in_living(&mut self, living: Vec<(String, String)>, is_known: bool) -> Vec<(RoomId, Heard)> {
        let living: HashMap<String, String> = living.into_iter().collect();
        let is_gone = |name: &Arc<str>, server: &mut Server| living.get(&**name) != Some(&server.life);
        let gone: Vec<_> = self.servers.extract_if(is_gone).collect();
        let of = |(name, server): (Arc<str>, Server)| {
            let heard = move |room| (room, Heard::People { server: name.clone(), summary: None, is_known });
            server.versions.into_keys().map(heard)
        };
        let told = gone.into_iter().flat_map(of).collect();
        for (name, life) in living {
            if !self.servers.contains_key(&*name) {
                self.servers.insert(name.into(), Server { life, versions: HashMap::new() });
                self.want_all();
                // These are being read.
                self.wanted.retain(|room, _| !self.asked.contains_key(room));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chat_store::PresencePart;

    use super::*;

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    /// What stands in the table: by server and its life, room and version, so many people.
    fn found(living: &[(&str, &str)], parts: &[(&str, usize, i64)]) -> PresenceFound {
        let part = |(server, n, version): &(&str, usize, i64)| {
            let summary = format!(r#"{{"version":{version},"count":3}}"#);
            ((*server).to_owned(), PresencePart { room: room(*n), version: *version, summary })
        };
        PresenceFound {
            living: living.iter().map(|(server, life)| ((*server).to_owned(), (*life).to_owned())).collect(),
            parts: parts.iter().map(part).collect(),
            has_own_row: true,
        }
    }

    /// Room, server, version or that it is gone, and whether it was so before.
    fn told(parts: &mut Parts, found: PresenceFound, now: Instant) -> Vec<(String, String, Option<u64>, bool)> {
        let (told, n_malformed) = parts.take_in(found, now);
        assert_eq!(n_malformed, 0);
        let of = |(room, heard): (RoomId, Heard)| match heard {
            Heard::People { server, summary, is_known } => {
                (room.as_str().to_owned(), server.to_string(), summary.map(|summary| summary.version), is_known)
            }
            other => panic!("{other:?}"),
        };
        let mut told: Vec<_> = told.into_iter().map(of).collect();
        told.sort();
        told
    }

    fn one(n: usize, server: &str, version: Option<u64>, is_known: bool) -> Vec<(String, String, Option<u64>, bool)> {
        vec![(format!("room-{n}"), server.to_owned(), version, is_known)]
    }

    #[test]
    fn a_room_that_came_to_life_hears_how_it_was_and_then_what_is_new() {
        let (mut parts, now) = (Parts::default(), Instant::now());
        parts.came(&room(1));
        assert_eq!(parts.begin(false), [room(1)]);
        let a = [("a", "1")];
        assert_eq!(told(&mut parts, found(&a, &[("a", 1, 5), ("a", 2, 5)]), now), one(1, "a", Some(5), true));
        assert!(parts.begin(false).is_empty());
        assert!(told(&mut parts, found(&a, &[("a", 1, 5), ("a", 1, 4)]), now).is_empty(), "a repeat");
        assert_eq!(told(&mut parts, found(&a, &[("a", 1, 6)]), now), one(1, "a", Some(6), false));
        // Another room of the same id knows nothing.
        parts.came(&room(1));
        assert_eq!(parts.begin(false), [room(1)]);
        assert_eq!(told(&mut parts, found(&a, &[("a", 1, 6)]), now), one(1, "a", Some(6), true));
        parts.missed(&room(1));
        assert_eq!(parts.begin(false), [room(1)]);
        assert_eq!(told(&mut parts, found(&a, &[("a", 1, 6)]), now), one(1, "a", Some(6), false));
        parts.went(&room(1));
        assert!(told(&mut parts, found(&a, &[("a", 1, 7)]), now).is_empty());
    }

    #[test]
    fn the_people_of_a_server_that_is_gone_are_gone_and_those_of_its_next_life_are_read() {
        let (mut parts, now) = (Parts::default(), Instant::now());
        parts.came(&room(1));
        parts.begin(false);
        told(&mut parts, found(&[("a", "1"), ("b", "1")], &[("a", 1, 5), ("b", 1, 5)]), now);
        parts.begin(false);
        assert_eq!(told(&mut parts, found(&[("b", "1")], &[]), now), one(1, "a", None, false));
        parts.begin(false);
        // Of what it has said here nothing is recent.
        assert_eq!(told(&mut parts, found(&[("b", "2")], &[]), now), one(1, "b", None, false));
        assert_eq!(parts.begin(false), [room(1)]);
        assert_eq!(told(&mut parts, found(&[("b", "2")], &[("b", 1, 5)]), now), one(1, "b", Some(5), false));
    }

    #[test]
    fn what_was_missed_is_read_again_and_what_is_not_there_any_more_is_over() {
        let (mut parts, now) = (Parts::default(), Instant::now());
        parts.came(&room(1));
        parts.begin(false);
        parts.failed();
        assert_eq!(parts.begin(false), [room(1)], "it was not read");
        told(&mut parts, found(&[("a", "1")], &[("a", 1, 5)]), now);
        assert_eq!(parts.begin(true), [room(1)]);
        assert_eq!(told(&mut parts, found(&[("a", "1")], &[]), now), one(1, "a", None, false));
    }

    #[test]
    fn after_the_database_was_away_nobody_comes_or_goes() {
        let (mut parts, now) = (Parts::default(), Instant::now());
        assert!(!parts.lose(), "nobody else was there");
        parts.came(&room(1));
        parts.begin(false);
        told(&mut parts, found(&[("a", "1")], &[("a", 1, 5)]), now);
        assert!(parts.lose() && !parts.lose() && !parts.is_reachable());
        assert_eq!(parts.begin(false), [room(1)]);
        // Its lease is renewed a moment later than this.
        assert_eq!(told(&mut parts, found(&[], &[]), now), one(1, "a", None, true));
        assert!(parts.is_reachable());
        parts.begin(false);
        assert!(told(&mut parts, found(&[("a", "1")], &[]), now).is_empty());
        assert_eq!(parts.begin(false), [room(1)], "it is there again");
        assert_eq!(told(&mut parts, found(&[("a", "1")], &[("a", 1, 5)]), now), one(1, "a", Some(5), true));
        parts.begin(false);
        let later = now + Duration::from_secs(6);
        assert_eq!(told(&mut parts, found(&[("a", "1")], &[("a", 1, 6)]), later), one(1, "a", Some(6), false));
    }

    #[test]
    fn what_cannot_be_read_is_counted_once_and_waited_past() {
        let (mut parts, now) = (Parts::default(), Instant::now());
        parts.came(&room(1));
        let mut odd = found(&[("a", "1")], &[("a", 1, 5)]);
        odd.parts[0].1.summary = "{".to_owned();
        assert!(matches!(parts.take_in(odd.clone(), now), (told, 1) if told.is_empty()));
        assert!(matches!(parts.take_in(odd, now), (told, 0) if told.is_empty()));
        assert_eq!(told(&mut parts, found(&[("a", "1")], &[("a", 1, 6)]), now), one(1, "a", Some(6), false));
    }
}
