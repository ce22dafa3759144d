use std::{collections::VecDeque, time::Duration};

use actix::clock::Instant;

use crate::backlog::{PAGE_MESSAGES, RESUME_CHANGES_MAX};

/// What a room must read from the database, and the joins that wait for it. One read at a time, whoever waits for it
/// (single flight). Pure; `J` is a join.
#[derive(Debug)]
pub(super) struct CatchUp<J> {
    /// In the order of their times. Bounded like the members.
    waiting: VecDeque<Waiting<J>>,
    /// A timer will refuse the join that waits longest.
    is_timed: bool,
    /// While a read is under way: what `upto` was when it began.
    reading: Option<i64>,
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
    Older { before: i64, n_older: usize },
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The room, or what is before the backlog.
    State,
    /// Changes: all there are, or the first part of them.
    Changes { truncated: bool },
    /// Changes that contradict what was shown. None of them was taken in.
    Contradiction { truncated: bool },
}

impl<J> CatchUp<J> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), is_timed: false, reading: None, n_reads: 0, is_pausing: false, upto: 0 }
    }

    /// How many joins wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading.is_some()
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
    }

    /// Another life of the room begins: what was wanted of the old one counts no more.
    pub(super) fn start_over(&mut self) {
        self.upto = 0;
        // The read under way is of the old one.
        self.reading = self.reading.map(|_| i64::MIN);
    }

    /// Whether something is missing that is known to be stored.
    fn is_behind(&self, shown: Option<Shown>) -> bool {
        shown.is_some_and(|s| self.upto > s.rev || s.has_gap)
    }

    /// Begins the next read, if one is due and none is under way. `seen` is the counter that a join's client says it has
    /// seen in this life of the room.
    pub(super) fn begin(&mut self, shown: Option<Shown>, seen: impl Fn(&J) -> Option<i64>) -> Option<NextRead> {
        self.begin_one(shown, seen, true)
    }

    /// As [`CatchUp::begin`] behind a contradiction: changes are not read again at once.
    pub(super) fn begin_older(&mut self, shown: Option<Shown>, seen: impl Fn(&J) -> Option<i64>) -> Option<NextRead> {
        self.begin_one(shown, seen, false)
    }

    fn begin_one(
        &mut self,
        shown: Option<Shown>,
        seen: impl Fn(&J) -> Option<i64>,
        may_be_changes: bool,
    ) -> Option<NextRead> {
        if self.is_reading() {
            return None;
        }
        let claims = || self.waiting.iter().map(|w| seen(&w.join));
        let next = match shown {
            None if self.waiting.is_empty() => return None,
            None => NextRead::Load,
            Some(s) => {
                let is_ahead = |seen: Option<i64>| seen.is_some_and(|seen| seen > s.rev);
                if may_be_changes && (self.is_behind(shown) || claims().any(is_ahead)) {
                    NextRead::Changes { above: s.rev, claimed: claims().flatten().max() }
                } else if claims().any(|seen| !is_ahead(seen)) {
                    let resumes = claims().any(|seen| seen.is_some());
                    let n_older = if resumes { RESUME_CHANGES_MAX } else { PAGE_MESSAGES };
                    NextRead::Older { before: s.first_seq, n_older }
                } else {
                    return None;
                }
            }
        };
        self.reading = Some(self.upto);
        self.n_reads += 1;
        Some(next)
    }

    /// The read under way is over. Gives out the joins that waited, to be answered or to [wait](CatchUp::wait) on.
    pub(super) fn end(&mut self, found: Found) -> VecDeque<Waiting<J>> {
        let wanted = self.reading.take();
        if found == (Found::Changes { truncated: false }) && wanted == Some(self.upto) {
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
        self.reading = None;
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
