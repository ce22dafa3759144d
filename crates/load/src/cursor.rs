use std::{
    collections::{BTreeMap, VecDeque},
    ops::AddAssign,
};

use serde::Serialize;

/// Ranges of missing changes that are remembered; the oldest beyond stay lost.
const GAPS_MAX: usize = 256;
/// Longest range whose values may be explained by later states.
const COVERED_MAX: i64 = 2_048;

/// What went wrong with changes, by the room's counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Changes that a session should have got and did not.
    pub lost: u64,
    /// Changes that a session got again.
    pub duplicated: u64,
    /// Changes that came behind a later one.
    pub reordered: u64,
}

impl Tally {
    /// Whether nothing went wrong.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

/// How far one session is in its room, by the rules of the protocol ("The cursor"). Pure.
///
/// The server gives each change of a room the next value of one counter, so a jump is a change left out. One that turns
/// up later was not lost but out of order. And one of a message that comes with a later state soon was not lost but
/// is part of that: a server that catches up, for itself or for who resumes, tells only the last state.
#[derive(Debug, Default)]
pub struct Cursor {
    at: i64,
    /// What was jumped over; about as old as they stand.
    gaps: VecDeque<Gap>,
}

/// Values that were jumped over.
#[derive(Debug, Clone, Copy)]
struct Gap {
    from: i64,
    /// The last one.
    to: i64,
    /// When the later states must be there that would explain it, in microseconds since the run began.
    covered_by_us: u64,
}

impl Cursor {
    /// The counter's value of the last change.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// A WELCOME that does not resume: the room is here, and what was missing before stays so.
    pub fn start(&mut self, rev: i64) {
        self.at = rev;
        self.gaps = VecDeque::new();
    }

    /// The end of what is known to exist: what is missing up to here is missing.
    pub fn must_be_at(&mut self, rev: i64, tally: &mut Tally) {
        if rev > self.at {
            self.skip(rev, 0, tally);
            self.at = rev;
        }
    }

    /// Takes changes `first` to `last`, all of them, where they are just the next ones.
    pub fn take_next(&mut self, first: i64, last: i64) -> bool {
        let fits = first == self.at + 1;
        if fits {
            self.at = last;
        }
        fits
    }

    /// Takes one change; gives whether it came for the first time. What it jumps over may be covered until then.
    pub fn take(&mut self, rev: i64, covered_by_us: u64, tally: &mut Tally) -> bool {
        if rev > self.at {
            self.skip(rev - 1, covered_by_us, tally);
            self.at = rev;
            return true;
        }
        let is_late = self.fill(rev);
        if is_late {
            tally.reordered += 1;
            tally.lost = tally.lost.saturating_sub(1);
        } else {
            tally.duplicated += 1;
        }
        is_late
    }

    /// A message has come in a later state, for the first time: what was jumped over and was about it is no loss.
    /// `about` says which message a value is about; where it does not, any older message might be it.
    /// Gives whether the message's creation was among them.
    pub fn cover(&mut self, seq: i64, rev: i64, now_us: u64, about: &BTreeMap<i64, i64>, tally: &mut Tally) -> bool {
        let mut is_new = false;
        for gap in std::mem::take(&mut self.gaps) {
            if gap.from >= rev || now_us > gap.covered_by_us || gap.to - gap.from >= COVERED_MAX {
                self.gaps.push_back(gap);
                continue;
            }
            let mut left: Option<Gap> = None;
            for value in gap.from..=gap.to {
                if value < rev && about.get(&value).map_or(seq <= value, |of| *of == seq) {
                    tally.lost = tally.lost.saturating_sub(1);
                    is_new |= value == seq;
                    self.gaps.extend(left.take());
                } else {
                    left = Some(Gap { to: value, ..left.unwrap_or(Gap { from: value, ..gap }) });
                }
            }
            self.gaps.extend(left);
        }
        is_new
    }

    /// Whether something was jumped over.
    pub fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    fn skip(&mut self, to: i64, covered_by_us: u64, tally: &mut Tally) {
        let from = self.at + 1;
        if from > to {
            return;
        }
        tally.lost += u64::try_from(to - from + 1).unwrap_or_default();
        if self.gaps.len() == GAPS_MAX {
            self.gaps.pop_front();
        }
        self.gaps.push_back(Gap { from, to, covered_by_us });
    }

    /// Takes `rev` out of the gaps, if it is in one.
    fn fill(&mut self, rev: i64) -> bool {
        let Some(at) = self.gaps.iter().position(|gap| (gap.from..=gap.to).contains(&rev)) else { return false };
        if let Some(gap) = self.gaps.remove(at) {
            let rest = [Gap { to: rev - 1, ..gap }, Gap { from: rev + 1, ..gap }];
            self.gaps.extend(rest.into_iter().filter(|gap| gap.from <= gap.to));
        }
        if self.gaps.is_empty() {
            self.gaps = VecDeque::new();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn run(revs: &[i64]) -> Tally {
        let (mut cursor, mut tally) = (Cursor::default(), Tally::default());
        for rev in revs {
            cursor.take(*rev, 0, &mut tally);
        }
        tally
    }

    #[test]
    fn tells_lost_from_late_from_again() {
        for (revs, lost, duplicated, reordered) in [
            (&[1, 2, 3][..], 0, 0, 0),
            (&[1, 3], 1, 0, 0),
            (&[1, 2, 2, 3], 0, 1, 0),
            (&[1, 3, 2, 4], 0, 0, 1),
            (&[5, 1, 2, 4, 3, 3], 0, 1, 4),
            (&[3, 2, 2], 1, 1, 1),
        ] {
            assert_eq!(run(revs), Tally { lost, duplicated, reordered }, "{revs:?}");
        }
    }

    #[test]
    fn the_last_ones_can_be_lost_too() {
        let (mut cursor, mut tally) = (Cursor::default(), Tally::default());
        assert!(cursor.take_next(1, 4) && !cursor.take_next(6, 7));
        cursor.must_be_at(6, &mut tally);
        cursor.must_be_at(6, &mut tally);
        assert_eq!((tally.lost, cursor.at()), (2, 6));
    }

    #[test]
    fn a_later_state_explains_what_it_replaces() {
        let known = BTreeMap::from([(4, 1), (5, 2), (6, 6)]);
        for (about, covers, lost, is_new) in [
            // 4 to 8 were jumped over; 9 is a later state of message 1, which is known to be what 4 is about.
            (&known, &[(1, 9, 10)][..], 2, false),
            (&known, &[(2, 9, 10)], 2, false),
            (&known, &[(6, 9, 10)], 2, true),
            (&known, &[(6, 9, 10), (1, 10, 10), (2, 11, 10)], 0, true),
            // Nothing is known: any message that was there may be it.
            (&BTreeMap::new(), &[(1, 9, 10)], 0, false),
            (&BTreeMap::new(), &[(6, 9, 10)], 2, true),
            // Too late, and of a state that is no later one.
            (&known, &[(1, 9, 11)], 5, false),
            (&known, &[(1, 3, 10)], 5, false),
        ] {
            let (mut cursor, mut tally) = (Cursor::default(), Tally::default());
            cursor.start(3);
            cursor.take(9, 10, &mut tally);
            let mut was_new = false;
            for (seq, rev, now_us) in covers {
                was_new |= cursor.cover(*seq, *rev, *now_us, about, &mut tally);
            }
            assert_eq!((tally.lost, was_new, cursor.has_gaps()), (lost, is_new, lost > 0), "{covers:?}");
            assert!(tally.duplicated == 0 && tally.reordered == 0);
        }
    }

    proptest! {
        /// Against a count by sets: lost is what never came, duplicated what came again, reordered what came late.
        #[test]
        fn agrees_with_counting(revs in proptest::collection::vec(1_i64..60, 0..150)) {
            let tally = run(&revs);
            let mut seen = BTreeSet::new();
            let mut expected = Tally::default();
            for rev in &revs {
                if seen.contains(rev) {
                    expected.duplicated += 1;
                } else if seen.last().is_some_and(|last| rev < last) {
                    expected.reordered += 1;
                }
                seen.insert(*rev);
            }
            expected.lost = u64::try_from(seen.last().copied().unwrap_or(0)).unwrap_or(0) - u64::try_from(seen.len()).unwrap_or(0);
            prop_assert_eq!(tally, expected);
        }

        /// The quick way and the slow way come to the same place.
        #[test]
        fn runs_are_single_changes(lengths in proptest::collection::vec(1_i64..20, 0..20)) {
            let (mut quick, mut slow, mut tally) = (Cursor::default(), Cursor::default(), Tally::default());
            for n in lengths {
                let first = quick.at() + 1;
                prop_assert!(quick.take_next(first, first + n - 1));
                (first..first + n).for_each(|rev| assert!(slow.take(rev, 0, &mut tally)));
            }
            prop_assert_eq!(quick.at(), slow.at());
            prop_assert!(tally.is_clean());
        }
    }
}
