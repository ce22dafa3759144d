use std::collections::BTreeMap;

use chat_domain::Change;

/// Applies a room's changes in counter order (P2) and knows when something is missing. Pure.
///
/// Changes come from two sides: commits of this server ([`Timeline::offer`]), whose values show a gap where
/// another server committed in between, and complete reads of the database ([`Timeline::fill`]), whose
/// values may jump without anything missing.
#[derive(Debug)]
pub struct Timeline {
    rev: i64,
    ahead: BTreeMap<i64, Change>,
}

/// What an offered change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It, and perhaps more, can be taken by [`Timeline::take`].
    Next,
    /// It was applied before.
    Old,
    /// Something before it is missing: the database must be read.
    Ahead,
    /// A change of another message waits with its value: one of the two is of another history.
    Clash,
}

impl Timeline {
    /// A timeline that has applied everything up to `rev`.
    pub fn new(rev: i64) -> Self {
        Self { rev, ahead: BTreeMap::new() }
    }

    /// The counter's value up to which everything is applied.
    pub fn rev(&self) -> i64 {
        self.rev
    }

    /// Whether changes wait for something that is missing before them.
    pub fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// How many changes wait for something that is missing before them.
    pub fn n_ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Takes in one committed change, in any order.
    pub fn offer(&mut self, change: Change) -> Offered {
        let rev = change.rev();
        if rev <= self.rev {
            return Offered::Old;
        }
        let clashes = self.ahead.get(&rev).is_some_and(|waiting| !waiting.message.is_same(&change.message));
        self.ahead.insert(rev, change);
        match rev == self.rev + 1 {
            _ if clashes => Offered::Clash,
            true => Offered::Next,
            false => Offered::Ahead,
        }
    }

    /// Takes out a change that waits, where nobody knows of it but who said so.
    pub fn discard(&mut self, rev: i64) {
        self.ahead.remove(&rev);
    }

    /// Takes in a read that is complete above this timeline's `rev` and up to `upto`.
    pub fn fill(&mut self, upto: i64, changes: impl IntoIterator<Item = Change>) -> Vec<Change> {
        for change in changes {
            if change.rev() > self.rev && change.rev() <= upto {
                self.ahead.insert(change.rev(), change);
            }
        }
        let mut applied = Vec::new();
        while let Some(entry) = self.ahead.first_entry().filter(|e| *e.key() <= upto) {
            applied.push(entry.remove());
        }
        self.rev = self.rev.max(upto);
        applied.extend(self.take());
        applied
    }

    /// Applies what follows without a gap, in order.
    pub fn take(&mut self) -> Vec<Change> {
        let mut applied = Vec::new();
        while let Some(entry) = self.ahead.first_entry().filter(|e| *e.key() == self.rev + 1) {
            self.rev += 1;
            applied.push(entry.remove());
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{test_change as change, test_message_by};

    fn revs(changes: &[Change]) -> Vec<i64> {
        changes.iter().map(Change::rev).collect()
    }

    #[test]
    fn holds_back_what_is_ahead_until_the_gap_is_filled() {
        let mut timeline = Timeline::new(5);
        assert_eq!(timeline.offer(change(8)), Offered::Ahead);
        assert!(timeline.take().is_empty() && timeline.has_gap());
        assert_eq!(timeline.offer(change(5)), Offered::Old);
        let applied = timeline.fill(7, [change(6), change(7)]);
        assert_eq!(revs(&applied), [6, 7, 8]);
        assert!(!timeline.has_gap());
    }

    #[test]
    fn two_messages_with_one_value_are_of_two_histories() {
        let mut timeline = Timeline::new(5);
        assert_eq!(timeline.offer(change(8)), Offered::Ahead);
        assert_eq!(timeline.offer(change(8)), Offered::Ahead, "the same one again");
        assert_eq!(timeline.offer(test_message_by(8, 2).into()), Offered::Clash);
    }

    #[test]
    fn a_complete_read_may_jump() {
        let mut timeline = Timeline::new(5);
        assert_eq!(revs(&timeline.fill(12, [change(9)])), [9]);
        assert_eq!(timeline.rev(), 12);
    }

    #[test]
    fn a_late_read_repeats_nothing() {
        let mut timeline = Timeline::new(0);
        timeline.offer(change(1));
        assert_eq!(revs(&timeline.take()), [1]);
        assert!(timeline.fill(1, [change(1)]).is_empty());
    }

    proptest! {
        /// P2: whatever order commits come in, and whenever a read comes between, each change is applied
        /// once and in order.
        #[test]
        fn applies_each_change_once_and_in_order(
            order in Just((1..=60_i64).collect::<Vec<_>>()).prop_shuffle(),
            foreign in proptest::collection::hash_set(1..=60_i64, 0..30),
            reads in proptest::collection::vec(0_usize..60, 0..10),
        ) {
            let mut timeline = Timeline::new(0);
            let mut seen = Vec::new();
            for (i, rev) in order.iter().enumerate() {
                if !foreign.contains(rev) {
                    timeline.offer(change(*rev));
                    seen.extend(revs(&timeline.take()));
                }
                if reads.contains(&i) {
                    let upto = *order.iter().take(i + 1).max().expect("not empty");
                    seen.extend(revs(&timeline.fill(upto, (timeline.rev() + 1..=upto).map(change))));
                }
            }
            seen.extend(revs(&timeline.fill(60, (1..=60).map(change))));
            prop_assert_eq!(seen, (1..=60).collect::<Vec<_>>());
            prop_assert_eq!(timeline.rev(), 60);
        }
    }
}
