use std::{collections::VecDeque, time::Duration};

use actix::clock::Instant;

use crate::backlog::PAGE_MESSAGES;

/// What a room must read from the database, and the joins that wait for it. One read at a time, whoever waits for it
/// (single flight). Pure; `J` is a join.
#[derive(Debug)]
pub(super) struct CatchUp<J> {
    /// In the order of their times. Bounded like the members.
    waiting: VecDeque<Waiting<J>>,
    /// A timer will refuse the join that waits longest.
    is_timed: bool,
    is_reading: bool,
    /// More was wanted since the read under way began, which it may not have seen.
    is_wanted_since: bool,
    /// How many reads were begun.
    n_reads: u64,
    /// A timer will read again what could not be read.
    is_pausing: bool,
    /// The database is known to have changes up to here, whether a join asks for them or not: read until they are here.
    upto: i64,
}

/// A join that waits for a read.
#[derive(Debug)]
pub(super) struct Waiting<J> {
    pub(super) join: J,
    /// Until when it waits.
    by: Instant,
    /// How many reads had begun when it came: a later one sees all that the client may have seen.
    n_reads: u64,
    /// Such a read was complete: what the client has seen beyond that is not in the database.
    pub(super) saw_all: bool,
}

/// How far a loaded room is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// The counter's value up to which all was shown.
    pub(super) rev: i64,
    /// Changes wait for something that is missing before them.
    pub(super) has_gap: bool,
    /// `seq` of the oldest message held.
    pub(super) first_seq: i64,
}

/// What to read from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextRead {
    /// The room.
    Load,
    /// The changes above the room's counter. `claimed` is the highest counter that a waiting client says it has seen.
    Changes { above: i64, claimed: Option<i64> },
    /// So many messages before this `seq`.
    OlderPage { before: i64, n_older: usize },
    /// The changes above a value of the counter that is below those that are held.
    OlderChanges { above: i64 },
}

/// What a join waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its client says that it has seen this value of the counter, which is above the room's.
    Ahead(i64),
    /// The changes above this value.
    Changes(i64),
    /// The latest page.
    Page,
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The room, or what is older than the backlog.
    State,
    /// Changes: all there are, or the first part of them.
    Changes { truncated: bool },
    /// Changes that contradict what was shown. None of them was taken in.
    Contradiction { truncated: bool },
}

impl<J> CatchUp<J> {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            is_timed: false,
            is_reading: false,
            is_wanted_since: false,
            n_reads: 0,
            is_pausing: false,
            upto: 0,
        }
    }

    /// How many joins wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// A join that came just now and may wait until `by`.
    pub(super) fn arrived(&self, join: J, by: Instant) -> Waiting<J> {
        Waiting { join, by, n_reads: self.n_reads, saw_all: false }
    }

    /// It waits for the next read. Those that [`CatchUp::end`] gave out wait on in that order.
    pub(super) fn wait(&mut self, waiting: Waiting<J>) {
        self.waiting.push_back(waiting);
    }

    /// One timer, for the join that waits longest: how long until [`CatchUp::expire`], where it must be set.
    pub(super) fn set_timer(&mut self, now: Instant) -> Option<Duration> {
        let by = self.waiting.front()?.by;
        (!std::mem::replace(&mut self.is_timed, true)).then(|| by.saturating_duration_since(now))
    }

    /// The timer has run: takes out the joins that have waited long enough. Their read may be the second one.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<J> {
        self.is_timed = false;
        std::iter::from_fn(|| self.waiting.pop_front_if(|w| w.by <= now)).map(|w| w.join).collect()
    }

    /// Takes out all joins that wait.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = J> + use<J> {
        std::mem::take(&mut self.waiting).into_iter().map(|w| w.join)
    }

    /// The database has changes up to `rev`.
    pub(super) fn want(&mut self, rev: i64) {
        self.upto = self.upto.max(rev);
        self.is_wanted_since = true;
    }

    /// Another life of the room begins: what was wanted of the old one counts no more.
    pub(super) fn start_over(&mut self) {
        self.upto = 0;
    }

    /// Whether something is missing that is known to be stored.
    fn is_behind(&self, shown: Option<Shown>) -> bool {
        shown.is_some_and(|s| self.upto > s.rev || s.has_gap)
    }

    /// Begins the next read, if one is due and none is under way. `wanted` is what a join waits for in this life of the
    /// room. Behind a contradiction changes are not read again at once: `may_be_changes`.
    pub(super) fn begin(
        &mut self,
        shown: Option<Shown>,
        wanted: impl Fn(&J) -> Wanted,
        may_be_changes: bool,
    ) -> Option<NextRead> {
        if self.is_reading() {
            return None;
        }
        let all = || self.waiting.iter().map(|w| wanted(&w.join));
        let next = match shown {
            None if self.waiting.is_empty() => return None,
            None => NextRead::Load,
            Some(s) => {
                let claimed = all().filter_map(|w| if let Wanted::Ahead(seen) = w { Some(seen) } else { None }).max();
                let oldest =
                    all().filter_map(|w| if let Wanted::Changes(above) = w { Some(above) } else { None }).min();
                if may_be_changes && (self.is_behind(shown) || claimed.is_some()) {
                    NextRead::Changes { above: s.rev, claimed }
                } else if let Some(above) = oldest {
                    NextRead::OlderChanges { above }
                } else if all().any(|w| w == Wanted::Page) {
                    NextRead::OlderPage { before: s.first_seq, n_older: PAGE_MESSAGES }
                } else {
                    return None;
                }
            }
        };
        (self.is_reading, self.is_wanted_since) = (true, false);
        self.n_reads += 1;
        Some(next)
    }

    /// The read under way is over. Gives out the joins that waited, to be answered or to [wait](CatchUp::wait) on.
    pub(super) fn end(&mut self, found: Found) -> VecDeque<Waiting<J>> {
        self.is_reading = false;
        if found == (Found::Changes { truncated: false }) && !self.is_wanted_since {
            // If it is not here, it does not exist in this database; asking again would not end. What was wanted since
            // is for the next read.
            self.upto = 0;
        }
        let is_complete =
            matches!(found, Found::Changes { truncated } | Found::Contradiction { truncated } if !truncated);
        let mut waiting = std::mem::take(&mut self.waiting);
        for w in &mut waiting {
            w.saw_all = is_complete && w.n_reads < self.n_reads;
        }
        waiting
    }

    /// The read under way failed. Gives out the joins that waited, to be refused.
    pub(super) fn fail(&mut self) -> impl Iterator<Item = J> + use<J> {
        self.is_reading = false;
        self.give_up()
    }

    /// What could not be read is read again in a moment. Tells whether a timer is to be set.
    pub(super) fn pause(&mut self, shown: Option<Shown>) -> bool {
        (self.is_behind(shown) || !self.waiting.is_empty()) && !std::mem::replace(&mut self.is_pausing, true)
    }

    /// The moment is over.
    pub(super) fn paused(&mut self) {
        self.is_pausing = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{test_change, timeline::Timeline};

    /// A room and its database, of which only the counters matter here. Joins are numbers.
    struct World {
        /// Until when the last join waits.
        by: Instant,
        /// The database's counter, and own commits whose answers have not come yet.
        stored: i64,
        under_way: VecDeque<i64>,
        /// What the room shows, and above which value it holds every change.
        live: Option<(Timeline, i64)>,
        /// A resume from there on is more than may be replayed.
        too_much_up_to: i64,
        /// The counter that the room knows of in this life of its.
        known: i64,
        catch_up: CatchUp<usize>,
        /// What each join's client has seen, and how often it was answered.
        joins: Vec<(Option<i64>, u32)>,
        /// The read under way, and the counter as of its moment.
        read: Option<(NextRead, i64)>,
        is_timed: bool,
    }

    impl World {
        fn new(stored: i64) -> Self {
            Self {
                by: Instant::now() + Duration::from_secs(3_600),
                stored,
                under_way: VecDeque::new(),
                live: None,
                too_much_up_to: 0,
                known: 0,
                catch_up: CatchUp::new(),
                joins: Vec::new(),
                read: None,
                is_timed: false,
            }
        }

        fn shown(&self) -> Option<Shown> {
            let (timeline, above) = self.live.as_ref()?;
            Some(Shown { rev: timeline.rev(), has_gap: timeline.has_gap(), first_seq: *above + 1 })
        }

        fn begin(&mut self, may_be_changes: bool) {
            let (shown, joins) = (self.shown(), &self.joins);
            let wanted = |join: &usize| match (joins[*join].0, shown) {
                (Some(seen), Some(shown)) if seen > shown.rev => Wanted::Ahead(seen),
                (Some(seen), _) => Wanted::Changes(seen),
                (None, _) => Wanted::Page,
            };
            if let Some(read) = self.catch_up.begin(shown, wanted, may_be_changes) {
                assert!(self.read.replace((read, self.stored)).is_none(), "one read at a time");
            }
        }

        fn answer(&mut self, waiting: Waiting<usize>) {
            let (seen, n_answers) = &mut self.joins[waiting.join];
            let is_answered = match (&self.live, *seen) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some((timeline, _)), Some(seen)) if seen > timeline.rev() => waiting.saw_all,
                (Some((_, above)), Some(seen)) => seen >= *above || seen <= self.too_much_up_to,
            };
            if is_answered { *n_answers += 1 } else { self.catch_up.wait(waiting) }
        }

        fn join(&mut self, seen: Option<i64>) {
            self.joins.push((seen, 0));
            self.by += Duration::from_secs(1);
            let arrived = self.catch_up.arrived(self.joins.len() - 1, self.by);
            self.answer(arrived);
            self.begin(true);
        }

        fn want(&mut self, rev: i64) {
            if self.shown().is_none_or(|s| rev > s.rev) {
                self.catch_up.want(rev);
                if self.live.is_some() {
                    self.begin(true);
                }
            }
        }

        /// The answer to this server's oldest commit under way.
        fn committed(&mut self) {
            let Some(rev) = self.under_way.pop_front() else { return };
            self.known = self.known.max(rev);
            let Some((timeline, _)) = &mut self.live else { return self.catch_up.want(rev) };
            timeline.offer(test_change(rev));
            timeline.take();
            self.begin(true);
        }

        /// The read under way ends: with all, with the first part of it, or with what contradicts the room.
        fn end(&mut self, part: Option<i64>, contradicts: bool) {
            let Some((read, at)) = self.read.take() else { return };
            let found = match read {
                NextRead::Load => {
                    self.live = Some((Timeline::new(at), (at - 50).max(0)));
                    Found::State
                }
                NextRead::OlderPage { .. } => panic!("no join waits for a page in a room that was loaded"),
                NextRead::OlderChanges { above } => {
                    match (&mut self.live, part) {
                        (Some((_, complete_above)), None) => *complete_above = above.min(*complete_above),
                        (_, Some(_)) => self.too_much_up_to = self.too_much_up_to.max(above),
                        (None, None) => {}
                    }
                    Found::State
                }
                NextRead::Changes { above, .. } => {
                    let upto = part.map_or(at, |n| (above + n).min(at));
                    let truncated = upto < at;
                    match &mut self.live {
                        Some(_) if contradicts => Found::Contradiction { truncated },
                        Some((timeline, _)) => {
                            timeline.fill(upto, (above + 1..=upto).map(test_change));
                            Found::Changes { truncated }
                        }
                        None => Found::Changes { truncated },
                    }
                }
            };
            for waiting in self.catch_up.end(found) {
                self.answer(waiting);
            }
            let contradicted = matches!(found, Found::Contradiction { .. });
            if contradicted {
                self.pause();
            }
            self.begin(!contradicted);
        }

        fn pause(&mut self) {
            let shown = self.shown();
            if self.catch_up.pause(shown) {
                assert!(!std::mem::replace(&mut self.is_timed, true), "one timer at a time");
            }
        }

        fn refuse(&mut self, joins: impl IntoIterator<Item = usize>) {
            joins.into_iter().for_each(|join| self.joins[join].1 += 1);
        }

        fn step(&mut self, step: u8, n: i64) {
            match step {
                0 => self.join(None),
                1 => self.join(Some((self.stored - n).max(0))),
                2 => self.join(Some(self.stored + n)),
                3 | 4 => {
                    self.stored += 1;
                    self.under_way.extend((step == 3).then_some(self.stored));
                }
                5 => self.committed(),
                6 => {
                    self.known = self.known.max(self.stored);
                    self.want(self.stored);
                }
                7 => self.want(self.stored + n),
                8 => self.end(None, false),
                9 => self.end(Some(n + 1), false),
                10 => self.end((n % 2 == 0).then_some(1), true),
                11 if self.read.take().is_some() => {
                    let joins = self.catch_up.fail();
                    self.refuse(joins);
                    self.pause();
                }
                12 if std::mem::take(&mut self.is_timed) => {
                    self.catch_up.paused();
                    self.begin(true);
                }
                13 => {
                    let late = self.catch_up.expire(self.by - Duration::from_secs(n.unsigned_abs()));
                    self.refuse(late);
                }
                14 if n < 40 && self.live.take().is_some() => {
                    // The counter begins anew.
                    (self.stored, self.known, self.too_much_up_to) = (0, 0, 0);
                    self.under_way.clear();
                    self.catch_up.start_over();
                }
                _ => {}
            }
        }
    }

    proptest! {
        /// Whatever comes in whatever order: each join is answered once, one read is under way at a time, nothing that
        /// is known to be stored stays unread, and what does not exist is not read for without end.
        #[test]
        fn each_join_is_answered_once_and_nothing_known_stays_unread(
            stored in 0_i64..200,
            steps in proptest::collection::vec((0_u8..15, 0_i64..120), 0..120),
        ) {
            let mut world = World::new(stored);
            for (step, n) in steps {
                world.step(step, n);
            }
            while !world.under_way.is_empty() {
                world.committed();
            }
            let mut n_reads = 0;
            while world.read.is_some() || world.is_timed {
                world.step(8, 0);
                world.step(12, 0);
                n_reads += 1;
                prop_assert!(n_reads < 8, "reads without end: {:?}", world.catch_up);
            }
            prop_assert!(world.joins.iter().all(|(_, n_answers)| *n_answers == 1), "{:?}", world.joins);
            if let Some(shown) = world.shown() {
                prop_assert!(shown.rev >= world.known && !shown.has_gap, "{} of {}", shown.rev, world.known);
            }
        }
    }
}
