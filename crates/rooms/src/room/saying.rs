//! What a room says to the same room on other servers: the changes that this server has committed.

use std::sync::Arc;

use super::Room;
use crate::{
    bus::{Outgoing, Said},
    event::Event,
};
use chat_domain::{Change, Epoch};

/// A change, and the event that it was shown as.
type Shown = (Change, Option<Arc<Event>>);

/// Changes that were committed in this turn, in the order in which they were. Pure.
#[derive(Debug, Default)]
pub(super) struct ToSay {
    changes: Vec<(Epoch, Shown)>,
    /// The last one that was said: several answers of the store may be of one change.
    last: Option<(Epoch, i64)>,
}

impl ToSay {
    /// A change was committed.
    fn add(&mut self, epoch: Epoch, change: Change, event: Option<Arc<Event>>) {
        if self.last.is_some_and(|(of, rev)| of == epoch && rev >= change.rev()) {
            return;
        }
        self.last = Some((epoch, change.rev()));
        self.changes.push((epoch, (change, event)));
    }

    /// Takes what was gathered, as runs without a gap.
    fn take(&mut self) -> Vec<Said> {
        let mut runs: Vec<(Epoch, Vec<Shown>)> = Vec::new();
        for (of, shown) in std::mem::take(&mut self.changes) {
            let follows = |last: &Shown| last.0.rev() + 1 == shown.0.rev();
            match runs.last_mut() {
                Some((epoch, run)) if *epoch == of && run.last().is_some_and(follows) => run.push(shown),
                _ => runs.push((of, vec![shown])),
            }
        }
        runs.into_iter().map(|(epoch, changes)| Said::Changes { epoch, changes }).collect()
    }
}

impl Room {
    /// The others are to hear of a change that this server has committed, and of the event that it was shown as.
    pub(super) fn say_change(&mut self, epoch: Epoch, change: Change, event: Option<Arc<Event>>) {
        if self.limits.bus.carries_all() {
            self.to_say.add(epoch, change, event);
        }
    }

    /// Leaves for the others what was committed in this turn.
    pub(super) fn say_changes(&mut self) {
        if self.to_say.changes.is_empty() {
            return;
        }
        for said in self.to_say.take() {
            self.limits.bus.say(Outgoing { room: self.id.clone(), said });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_change;

    fn revs(said: &[Said]) -> Vec<Vec<i64>> {
        let of = |said: &Said| match said {
            Said::Changes { changes, .. } => changes.iter().map(|(change, _)| change.rev()).collect(),
            other => panic!("{other:?}"),
        };
        said.iter().map(of).collect()
    }

    #[test]
    fn what_follows_goes_together_and_what_is_one_change_goes_once() {
        let (epoch, mut to_say) = (Epoch::random(), ToSay::default());
        for rev in [4, 5, 5, 5, 8, 9, 9] {
            to_say.add(epoch, test_change(rev), None);
        }
        assert_eq!(revs(&to_say.take()), [vec![4, 5], vec![8, 9]]);
        to_say.add(epoch, test_change(9), None);
        assert!(to_say.take().is_empty(), "it was said in the turn before");
        to_say.add(Epoch::random(), test_change(1), None);
        assert_eq!(revs(&to_say.take()), [vec![1]], "another life counts anew");
    }
}
