use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::clock::Instant;

use super::summary::{HASHED_MAX, Person, Summary, Who, identity_hash};
use chat_domain::{Author, AuthorId};

/// So long what was last heard stays as it was while the other servers cannot be heard.
const FROZEN_FOR: Duration = Duration::from_secs(10);
/// Servers of which a room keeps who is there. Whoever can write to the bus can make names up.
const SERVERS_MAX: usize = 200;

/// Who is in a room on the other servers, as far as they have said. Pure.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    parts: HashMap<Arc<str>, Arc<Summary>>,
    reach: Reach,
    /// Hashes of all who are told apart: made anew with each change.
    hashes: HashSet<u64>,
    /// How many are in the parts that only give a number.
    n_counted: usize,
    /// Parts that somebody is in, and those of them that only give a number.
    n_parts: usize,
    n_parts_counted: usize,
}

/// Whether the other servers can be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Heard,
    /// Not since then: all stays as it was.
    Frozen(Instant),
    /// Not for so long that what they said counts for nothing.
    Cut,
}

/// What has changed of the people who are named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Who came, or has another profile.
    pub here: Vec<Person>,
    /// Who is on no other server any more.
    pub gone: Vec<AuthorId>,
    /// People came and went. Otherwise more or less is known of who was here anyway.
    pub is_news: bool,
}

impl Elsewhere {
    /// A server says who is there; none where it is gone. None comes of what is not newer than what it said before.
    /// `is_known`: it was so before, nobody comes or goes by it.
    pub fn hear(&mut self, server: &Arc<str>, summary: Option<Arc<Summary>>, is_known: bool) -> Option<Difference> {
        let before = self.parts.get(server);
        let is_older = |summary: &Arc<Summary>| before.is_some_and(|before| before.version >= summary.version);
        if summary.as_ref().is_some_and(is_older) || before.is_none() && self.parts.len() >= SERVERS_MAX {
            return None;
        }
        let is_named = |part: Option<&Arc<Summary>>| part.is_none_or(|part| matches!(part.who, Who::Listed(_)));
        let is_news = !is_known && is_named(before) && is_named(summary.as_ref());
        Some(self.change(is_news, |this| match summary {
            Some(summary) => drop(this.parts.insert(server.clone(), summary)),
            None => drop(this.parts.remove(server)),
        }))
    }

    /// The other servers can be heard again, or cannot any more.
    pub fn set_reachable(&mut self, is_reachable: bool, now: Instant) -> Difference {
        let reach = match (self.reach, is_reachable) {
            (_, true) => Reach::Heard,
            (Reach::Heard, false) => Reach::Frozen(now),
            (reach, false) => reach,
        };
        self.change(false, |this| this.reach = reach)
    }

    /// When what was heard last counts for nothing any more, if the servers stay silent.
    pub fn cut_at(&self) -> Option<Instant> {
        match self.reach {
            Reach::Frozen(since) => Some(since + FROZEN_FOR),
            Reach::Heard | Reach::Cut => None,
        }
    }

    /// They were silent for too long: nobody is elsewhere, as far as is known.
    pub fn cut(&mut self) -> Difference {
        self.change(false, |this| this.reach = Reach::Cut)
    }

    /// How many people are in the room, and whether that is only about right. On every server the same comes of the
    /// same parts. `local`: hashes of the `n_local` people here; not asked for where they are too many to tell apart.
    pub fn count(&self, n_local: usize, local: impl Iterator<Item = u64>) -> (usize, bool) {
        let n_parts = self.n_parts + usize::from(n_local > 0);
        let (n_here, n_parts_counted) = match n_local > HASHED_MAX {
            true => (n_local, self.n_parts_counted + 1),
            false if self.hashes.is_empty() => (n_local, self.n_parts_counted),
            false => (local.filter(|hash| !self.hashes.contains(hash)).count(), self.n_parts_counted),
        };
        let n_people = n_here.saturating_add(self.hashes.len()).saturating_add(self.n_counted);
        // Somebody may be in two parts. In a single one nobody is twice.
        (n_people, self.reach == Reach::Cut || n_parts > 1 && n_parts_counted > 0)
    }

    fn change(&mut self, is_news: bool, change: impl FnOnce(&mut Self)) -> Difference {
        let before = self.named();
        change(self);
        let after = self.named();
        self.recount();
        let is_new = |(id, author): &(&AuthorId, &Option<Author>)| before.get(*id) != Some(*author);
        let person = |(id, author): (&AuthorId, &Option<Author>)| Person { id: id.clone(), author: author.clone() };
        Difference {
            here: after.iter().filter(is_new).map(person).collect(),
            gone: before.into_keys().filter(|id| !after.contains_key(id)).collect(),
            is_news,
        }
    }

    /// The parts that count, in the order in which they were said.
    fn counting(&self) -> Vec<&Summary> {
        if self.reach == Reach::Cut {
            return Vec::new();
        }
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(server, part)| (part.version, *server));
        parts.into_iter().map(|(_, part)| &**part).collect()
    }

    /// Everybody who is named, with the latest profile.
    fn named(&self) -> HashMap<AuthorId, Option<Author>> {
        let mut named = HashMap::new();
        for part in self.counting() {
            let Who::Listed(people) = &part.who else { continue };
            for Person { id, author } in people {
                let known: &mut Option<Author> = named.entry(id.clone()).or_default();
                if author.is_some() {
                    known.clone_from(author);
                }
            }
        }
        named
    }

    fn recount(&mut self) {
        let (mut hashes, mut n_counted, mut n_parts, mut n_parts_counted) = (HashSet::new(), 0_usize, 0, 0);
        for part in self.counting() {
            n_parts += usize::from(part.count > 0);
            match &part.who {
                Who::Listed(people) => hashes.extend(people.iter().map(|person| identity_hash(&person.id))),
                Who::Hashed(hashed) => hashes.extend(hashed),
                Who::Counted => {
                    n_counted = n_counted.saturating_add(part.count);
                    n_parts_counted += usize::from(part.count > 0);
                }
            }
        }
        (self.hashes, self.n_counted, self.n_parts, self.n_parts_counted) =
            (hashes, n_counted, n_parts, n_parts_counted);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::{people::PEOPLE_LISTED_MAX, test_author};

    fn id(n: usize) -> AuthorId {
        test_author(n).id
    }

    fn hash(n: usize) -> u64 {
        identity_hash(&id(n))
    }

    /// As a server says it that these people are on; those with an even number are readers.
    fn part(version: u64, people: &BTreeSet<usize>) -> Arc<Summary> {
        let person = |n: &usize| Person { id: id(*n), author: (n % 2 == 1).then(|| test_author(*n)) };
        let who = match people.len() {
            0..=PEOPLE_LISTED_MAX => Who::Listed(people.iter().map(person).collect()),
            51..=HASHED_MAX => Who::Hashed(people.iter().map(|n| hash(*n)).collect()),
            _ => Who::Counted,
        };
        Arc::new(Summary { version, count: people.len(), who })
    }

    fn count(elsewhere: &Elsewhere, local: &BTreeSet<usize>) -> (usize, bool) {
        elsewhere.count(local.len(), local.iter().map(|n| hash(*n)))
    }

    fn people(range: std::ops::Range<usize>) -> BTreeSet<usize> {
        range.collect()
    }

    #[test]
    fn one_identity_counts_once_up_to_five_hundred_and_then_it_is_a_sum() {
        let (mut elsewhere, a) = (Elsewhere::default(), Arc::<str>::from("a"));
        assert_eq!(count(&elsewhere, &people(0..3)), (3, false));
        assert_eq!(count(&elsewhere, &people(0..900)), (900, false), "alone it is known exactly");
        for (version, n, all, is_approximate) in
            [(1, 10, 12, false), (2, 50, 52, false), (3, 51, 53, false), (4, 500, 502, false), (5, 501, 511, true)]
        {
            elsewhere.hear(&a, Some(part(version, &people(2..2 + n))), false);
            assert_eq!(count(&elsewhere, &people(0..10)), if n < 10 { (12, false) } else { (all, is_approximate) });
        }
        assert_eq!(count(&elsewhere, &people(0..0)), (501, false), "one server has them all");
        assert_eq!(count(&elsewhere, &people(0..501)), (1_002, true));
    }

    #[test]
    fn more_or_less_to_know_is_no_coming_and_no_going() {
        let (mut elsewhere, a) = (Elsewhere::default(), Arc::<str>::from("a"));
        let mut hear = |version, n, is_known| {
            let difference = elsewhere.hear(&a, Some(part(version, &people(0..n))), is_known).expect("it is newer");
            (difference.here.len(), difference.gone.len(), difference.is_news)
        };
        assert_eq!(hear(1, 3, true), (3, 0, false), "they were here before");
        assert_eq!(hear(2, 5, false), (2, 0, true));
        assert_eq!(hear(3, 51, false), (0, 5, false), "too many to name");
        assert_eq!(hear(4, 4, false), (4, 0, false), "named again");
        let difference = elsewhere.hear(&a, None, false).expect("it is gone");
        assert_eq!((difference.gone.len(), difference.is_news), (4, true));
    }

    #[test]
    fn what_cannot_be_heard_any_more_stands_for_ten_seconds() {
        let (mut elsewhere, a, now) = (Elsewhere::default(), Arc::<str>::from("a"), Instant::now());
        elsewhere.hear(&a, Some(part(1, &people(0..3))), false);
        assert_eq!(elsewhere.set_reachable(false, now), Difference::default());
        assert_eq!(elsewhere.set_reachable(false, now + FROZEN_FOR / 2), Difference::default());
        assert_eq!((elsewhere.cut_at(), count(&elsewhere, &people(5..6))), (Some(now + FROZEN_FOR), (4, false)));
        let difference = elsewhere.cut();
        assert_eq!((difference.gone.len(), difference.is_news), (3, false));
        assert_eq!((elsewhere.cut_at(), count(&elsewhere, &people(5..6))), (None, (1, true)));
        let heard = elsewhere.hear(&a, Some(part(2, &people(0..4))), false);
        assert_eq!(heard.map(|d| d.here.len()), Some(0), "it counts once all can be heard again");
        let difference = elsewhere.set_reachable(true, now);
        assert_eq!((difference.here.len(), difference.is_news), (4, false));
        assert_eq!(count(&elsewhere, &people(5..6)), (5, false));
    }

    #[test]
    fn names_that_somebody_makes_up_take_no_room_without_end() {
        let mut elsewhere = Elsewhere::default();
        for n in 0..=SERVERS_MAX {
            elsewhere.hear(&format!("server {n}").into(), Some(part(1, &people(n..n + 1))), false);
        }
        assert_eq!(elsewhere.parts.len(), SERVERS_MAX);
    }

    proptest! {
        /// However what servers say is repeated and reordered: in the end their last words count, the differences add up
        /// to who is named, and the number is right where everybody is told apart.
        #[test]
        fn the_last_words_count(
            said in proptest::collection::vec((0_usize..3, 0_usize..90, 0_usize..60), 1..12),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
            local in (0_usize..90, 0_usize..60),
        ) {
            let servers: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).to_vec();
            let words: Vec<(usize, Arc<Summary>, BTreeSet<usize>)> = said.iter().enumerate().map(|(at, (server, from, n))| {
                let here = people(*from..from + n);
                (*server, part(u64::try_from(at).expect("few") + 1, &here), here)
            }).collect();
            let mut elsewhere = Elsewhere::default();
            let mut named: BTreeMap<String, Option<Author>> = BTreeMap::new();
            // At random, and in the end each once at least, the oldest last.
            let all = order.iter().map(|index| index.get(&words)).chain(words.iter().rev());
            for (server, summary, _) in all {
                let newest = elsewhere.parts.get(&servers[*server]).map_or(0, |part| part.version);
                let difference = elsewhere.hear(&servers[*server], Some(summary.clone()), false);
                prop_assert_eq!(difference.is_some(), summary.version > newest);
                let Some(difference) = difference else { continue };
                for Person { id, author } in difference.here {
                    prop_assert_ne!(named.insert(id.as_str().to_owned(), author.clone()), Some(author), "no news");
                }
                for id in difference.gone {
                    prop_assert!(named.remove(id.as_str()).is_some(), "it was not here");
                }
            }
            let last = |server: usize| words.iter().rev().find(|word| word.0 == server).map(|word| &word.2);
            let here: Vec<_> = (0..3).filter_map(last).collect();
            let expected: BTreeSet<String> = here.iter().filter(|part| part.len() <= 50)
                .flat_map(|part| part.iter().map(|n| id(*n).as_str().to_owned())).collect();
            prop_assert_eq!(named.keys().cloned().collect::<BTreeSet<_>>(), expected);
            let local = people(local.0..local.0 + local.1);
            let union: BTreeSet<usize> = here.into_iter().chain([&local]).flatten().copied().collect();
            prop_assert_eq!(count(&elsewhere, &local), (union.len(), false));
        }
    }
}
