use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::clock::Instant;
use chat_domain::RoomId;
use chat_rooms::Summary;
use chat_store::{PresencePart, PresenceWrite};

/// That nobody is in a room stands in the table for so long: others read what is of the last five seconds.
const EMPTY_FOR: Duration = Duration::from_secs(10);

/// What this server has to say of who is in its rooms, and what of it stands in the table. Pure. As large as what rooms
/// with people in them say.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The last word of each room with people in it, and of those whose emptiness is still to be said.
    words: HashMap<RoomId, Arc<Summary>>,
    /// Rooms whose last word is not in the table.
    unwritten: HashSet<RoomId>,
    /// Rooms of which stands in the table that nobody is there, and since when.
    empty: HashMap<RoomId, Instant>,
    /// Whether the table has what was written.
    is_begun: bool,
    /// What is being written: rooms with the version, and rooms that go.
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    said: Vec<(RoomId, u64)>,
    silent: Vec<RoomId>,
    replaces_all: bool,
    /// The table was found without it meanwhile.
    was_lost: bool,
}

impl Ledger {
    /// A room says who is in it.
    pub fn say(&mut self, room: RoomId, summary: Arc<Summary>) {
        self.empty.remove(&room);
        self.unwritten.insert(room.clone());
        self.words.insert(room, summary);
    }

    /// The table has nothing of this server: all is to be written again.
    pub fn was_lost(&mut self) {
        self.is_begun = false;
        if let Some(under_way) = &mut self.under_way {
            under_way.was_lost = true;
        }
    }

    /// What is to be written now; none where nothing is.
    pub fn begin(&mut self, server: &str, now: Instant) -> Option<PresenceWrite> {
        let replaces_all = !self.is_begun;
        if replaces_all {
            self.unwritten.extend(self.words.keys().cloned());
            self.empty.clear();
        }
        if !replaces_all && self.unwritten.is_empty() && self.empty.is_empty() {
            return None;
        }
        let is_old = |(_, since): &(&RoomId, &Instant)| now.saturating_duration_since(**since) >= EMPTY_FOR;
        let silent: Vec<RoomId> = self.empty.iter().filter(is_old).map(|(room, _)| room.clone()).collect();
        let words = self.unwritten.iter().filter_map(|room| Some((room, self.words.get(room)?)));
        let part = |(room, summary): (&RoomId, &Arc<Summary>)| PresencePart {
            room: room.clone(),
            version: i64::try_from(summary.version).unwrap_or(i64::MAX),
            summary: String::from_utf8_lossy(&summary.to_json()).into_owned(),
        };
        let write = PresenceWrite {
            server: server.to_owned(),
            replaces_all,
            said: words.clone().map(part).collect(),
            silent: silent.clone(),
        };
        if !replaces_all && write.said.is_empty() && silent.is_empty() {
            return None;
        }
        let said = words.map(|(room, summary)| (room.clone(), summary.version)).collect();
        self.under_way = Some(UnderWay { said, silent, replaces_all, was_lost: false });
        Some(write)
    }

    /// It was written, or it is not known whether it was.
    pub fn end(&mut self, is_written: bool, now: Instant) {
        let Some(UnderWay { said, silent, replaces_all, was_lost }) = self.under_way.take() else { return };
        if !is_written {
            return;
        }
        self.is_begun |= replaces_all && !was_lost;
        for (room, version) in said {
            // What was said meanwhile is still to be written.
            if self.words.get(&room).is_some_and(|word| word.version == version) {
                self.unwritten.remove(&room);
                if self.words.get(&room).is_some_and(|word| word.count == 0) {
                    self.words.remove(&room);
                    self.empty.insert(room, now);
                }
            }
        }
        for room in silent {
            self.empty.remove(&room);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_rooms::Who;
    use proptest::prelude::*;

    use super::*;

    fn room(n: usize) -> RoomId {
        RoomId::parse(&format!("room-{n}")).expect("a room id")
    }

    fn summary(version: u64, count: usize) -> Arc<Summary> {
        Arc::new(if count == 0 { Summary::empty(version) } else { Summary { version, count, who: Who::Counted } })
    }

    fn said(write: Option<PresenceWrite>) -> (bool, Vec<i64>, usize) {
        let write = write.expect("something to write");
        let mut versions: Vec<i64> = write.said.iter().map(|part| part.version).collect();
        versions.sort_unstable();
        (write.replaces_all, versions, write.silent.len())
    }

    #[test]
    fn what_changed_is_written_once_and_quiet_rooms_cost_nothing() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        ledger.say(room(1), summary(1, 3));
        ledger.say(room(1), summary(2, 4));
        assert_eq!(said(ledger.begin("a", now)), (true, vec![2], 0), "the first time all goes that stands there");
        ledger.end(true, now);
        assert!(ledger.begin("a", now).is_none());
        ledger.say(room(2), summary(3, 1));
        assert_eq!(said(ledger.begin("a", now)), (false, vec![3], 0));
        ledger.say(room(2), summary(4, 2));
        ledger.end(true, now);
        assert_eq!(said(ledger.begin("a", now)), (false, vec![4], 0), "it was said while the other was written");
        ledger.end(false, now);
        assert_eq!(said(ledger.begin("a", now)), (false, vec![4], 0), "it may not have been written");
        ledger.end(true, now);
        ledger.was_lost();
        assert_eq!(said(ledger.begin("a", now)), (true, vec![2, 4], 0));
        ledger.was_lost();
        ledger.end(true, now);
        assert_eq!(said(ledger.begin("a", now)), (true, vec![2, 4], 0), "lost while it was written");
    }

    #[test]
    fn an_empty_room_leaves_nothing_behind() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        ledger.say(room(1), summary(1, 3));
        ledger.begin("a", now);
        ledger.end(true, now);
        ledger.say(room(1), summary(2, 0));
        assert_eq!(said(ledger.begin("a", now)), (false, vec![2], 0));
        ledger.end(true, now);
        assert!(ledger.begin("a", now + EMPTY_FOR / 2).is_none(), "others read it first");
        assert_eq!(said(ledger.begin("a", now + EMPTY_FOR)), (false, vec![], 1));
        ledger.end(true, now + EMPTY_FOR);
        assert!(ledger.words.is_empty() && ledger.empty.is_empty() && ledger.unwritten.is_empty());
    }

    proptest! {
        /// Whatever fails: once it goes again the table has the last word of each room, and in the end nothing of empty ones.
        #[test]
        fn the_table_ends_up_with_the_last_words(
            steps in proptest::collection::vec((0_usize..4, 0_usize..3, 0_usize..5), 1..60),
        ) {
            let (mut ledger, mut now) = (Ledger::default(), Instant::now());
            let mut table: HashMap<RoomId, i64> = HashMap::from([(room(9), 1)]);
            let mut words: HashMap<RoomId, (i64, usize)> = HashMap::new();
            let apply = |table: &mut HashMap<RoomId, i64>, write: &PresenceWrite| {
                if write.replaces_all { table.clear(); }
                for room in &write.silent { table.remove(room); }
                table.extend(write.said.iter().map(|part| (part.room.clone(), part.version)));
            };
            let exchange = |ledger: &mut Ledger, table: &mut HashMap<RoomId, i64>, now: Instant, how: usize| {
                let Some(write) = ledger.begin("a", now) else { return };
                if how != 1 { apply(table, &write); }
                ledger.end(how == 0, now);
            };
            for (version, (what, n, count)) in (1_u32..).zip(steps) {
                now += Duration::from_secs(1);
                match what {
                    0 | 1 => {
                        ledger.say(room(n), summary(version.into(), count));
                        words.insert(room(n), (version.into(), count));
                    }
                    2 => exchange(&mut ledger, &mut table, now, count % 3),
                    _ => { table.clear(); ledger.was_lost(); }
                }
            }
            exchange(&mut ledger, &mut table, now, 0);
            for (room, (version, count)) in &words {
                prop_assert!(table.get(room) == Some(version) || *count == 0, "{table:?} {words:?}");
            }
            now += EMPTY_FOR;
            exchange(&mut ledger, &mut table, now, 0);
            words.retain(|_, (_, count)| *count > 0);
            prop_assert_eq!(table.len(), words.len());
            prop_assert!(ledger.begin("a", now).is_none());
        }
    }
}
