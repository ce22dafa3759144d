use std::{collections::VecDeque, ops::AddAssign};

use serde::Serialize;

/// Ranges of missing changes that are remembered; the oldest beyond stay lost.
const GAPS_MAX: usize = 256;

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
/// The server gives each change of a room the next value of one counter, and nothing but messages are changes so far,
/// so a jump is a change left out. One that turns up later was not lost but out of order.
#[derive(Debug, Default)]
pub struct Cursor {
    at: i64,
    /// What was jumped over, first and last of each range; about as old as they stand.
    gaps: VecDeque<(i64, i64)>,
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
            self.skip(rev, tally);
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

    /// Takes one change; gives whether it came for the first time.
    pub fn take(&mut self, rev: i64, tally: &mut Tally) -> bool {
        if rev > self.at {
            self.skip(rev - 1, tally);
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

    fn skip(&mut self, to: i64, tally: &mut Tally) {
        let from = self.at + 1;
        if from > to {
            return;
        }
        tally.lost += u64::try_from(to - from + 1).unwrap_or_default();
        if self.gaps.len() == GAPS_MAX {
            self.gaps.pop_front();
        }
        self.gaps.push_back((from, to));
    }

    /// Takes `rev` out of the gaps, if it is in one.
    fn fill(&mut self, rev: i64) -> bool {
        let Some(at) = self.gaps.iter().position(|(from, to)| (*from..=*to).contains(&rev)) else { return false };
        if let Some((from, to)) = self.gaps.remove(at) {
            let rest = [(from, rev - 1), (rev + 1, to)].into_iter().filter(|(from, to)| from <= to);
            self.gaps.extend(rest);
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
            cursor.take(*rev, &mut tally);
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
                (first..first + n).for_each(|rev| assert!(slow.take(rev, &mut tally)));
            }
            prop_assert_eq!(quick.at(), slow.at());
            prop_assert!(tally.is_clean());
        }
    }
}
