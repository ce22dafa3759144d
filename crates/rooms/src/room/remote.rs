//! Changes of this room that other servers have committed, as they come over the bus.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{Context, clock::Instant};
use bytes::Bytes;

use super::{Room, live::Arrived};
use crate::event::{Codec, Event};
use chat_domain::{Change, Epoch};

/// Changes of other servers that are held while what is missing before them is read.
const HELD_MAX: usize = 500;
/// A hint leads to a look into the database at most once in this time; the poll comes anyway.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a room holds of what other servers sent, until it is shown. Pure.
#[derive(Debug, Default)]
pub(super) struct Remote {
    /// By their values of the counter.
    held: BTreeMap<i64, Held>,
    looked_at: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    /// What the change came with.
    bytes: Option<Bytes>,
    /// A read of the database has begun since, which sees it where it is committed.
    is_asked: bool,
}

impl Remote {
    /// A change of another server waits for what is missing before it.
    fn hold(&mut self, rev: i64, bytes: Option<Bytes>) {
        self.held.insert(rev, Held { bytes, is_asked: false });
    }

    /// A read of the database begins.
    pub(super) fn asks(&mut self) {
        for held in self.held.values_mut() {
            held.is_asked = true;
        }
    }

    /// The database was read up to `upto`: takes out the values of changes of which it has said how they are, and where
    /// it was read to its end, of those that it should have had, and had not. Nobody has committed them, whatever was said.
    pub(super) fn settle(&mut self, upto: i64, is_complete: bool) -> Vec<i64> {
        let is_settled = |rev: i64, held: &Held| rev <= upto || is_complete && held.is_asked;
        let settled = self.held.iter().filter(|(rev, held)| is_settled(**rev, held)).map(|(rev, _)| *rev).collect();
        self.held.retain(|rev, held| !is_settled(*rev, held));
        settled
    }

    /// A change is shown: where it came with its bytes nobody has to make them again.
    pub(super) fn lend_bytes(&mut self, rev: i64, event: &Event) {
        if self.held.is_empty() {
            return;
        }
        if let (Some(Held { bytes: Some(bytes), .. }), Event::Message(message)) = (self.held.remove(&rev), event) {
            message.encoded(Codec::V1, |_| bytes);
        }
    }

    /// Whether a hint may lead to a look into the database now.
    fn may_look(&mut self, now: Instant) -> bool {
        let may = self.looked_at.is_none_or(|at| now.saturating_duration_since(at) >= LOOK_EVERY);
        if may {
            self.looked_at = Some(now);
        }
        may
    }
}

impl Room {
    /// Takes in what another server has committed: shown where it is next, held where something before it is missing.
    pub(super) fn hear_changes(
        &mut self,
        epoch: Epoch,
        changes: Vec<(Change, Option<Bytes>)>,
        ctx: &mut Context<Self>,
    ) {
        let Some(upto) = changes.last().map(|(change, _)| change.rev()) else { return };
        let Some(live) = self.live.as_mut().filter(|live| live.epoch == epoch) else {
            return self.hear_of(epoch, upto, ctx);
        };
        let above = live.timeline.rev();
        if upto <= above {
            self.metrics.bus_dropped.inc("known");
            // Another message under a value that was shown: one of the two is in no database.
            let shown = |change: &Change| live.backlog.at_rev(change.rev());
            let is_other = |change: &Change| shown(change).is_some_and(|shown| !shown.is_same(&change.message));
            if changes.iter().any(|(change, _)| is_other(change)) {
                self.doubt(ctx);
            }
            return;
        }
        if changes.first().is_some_and(|(change, _)| change.rev() > above + 1) {
            self.metrics.bus_gaps.inc();
            if live.timeline.n_ahead() + changes.len() > HELD_MAX {
                return self.hear_of(epoch, upto, ctx);
            }
        }
        let mut may_be_wrong = false;
        for (change, bytes) in changes {
            let rev = change.rev();
            if rev <= above {
                continue;
            }
            // Of two with one value the database says which it has.
            may_be_wrong |= live.offer(change) == Arrived::Doubtful;
            self.remote.hold(rev, bytes);
        }
        let applied = live.timeline.take();
        let is_missing_some = live.timeline.has_gap();
        self.show(above, applied, |_, _: &Arc<Event>| {});
        if is_missing_some || may_be_wrong {
            self.read(ctx);
        }
    }

    /// Another server says where the room is in the database. It may be wrong: the database is asked, and nothing else
    /// comes of it.
    pub(super) fn hear_of(&mut self, epoch: Epoch, rev: i64, ctx: &mut Context<Self>) {
        let Some(live) = &self.live else {
            // The read under way may have come before that commit.
            return self.catch_up.want(rev);
        };
        let shown = live.timeline.rev();
        let is_news = live.epoch != epoch || rev > shown;
        if is_news && self.remote.may_look(Instant::now()) {
            self.catch_up.want(rev.max(shown + 1));
            self.read(ctx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessageEvent, test_message};

    #[test]
    fn bytes_go_to_the_event_of_their_change_once() {
        let mut remote = Remote::default();
        remote.hold(5, Some(Bytes::from_static(b"five")));
        remote.hold(6, None);
        let event = |rev| Event::Message(MessageEvent::new(test_message(rev)));
        let bytes_of = |event: &Event| match event {
            Event::Message(message) => message.encoded(Codec::V1, |_| Bytes::from_static(b"anew")),
            _ => Bytes::new(),
        };
        let (five, six) = (event(5), event(6));
        remote.lend_bytes(5, &five);
        remote.lend_bytes(6, &six);
        assert_eq!((bytes_of(&five), bytes_of(&six)), (Bytes::from_static(b"five"), Bytes::from_static(b"anew")));
        assert!(remote.held.is_empty());
    }

    #[test]
    fn what_a_complete_read_has_not_was_never_committed() {
        let mut remote = Remote::default();
        (5..=8).for_each(|rev| remote.hold(rev, None));
        remote.asks();
        remote.hold(9, None);
        assert_eq!(remote.settle(6, false), [5, 6], "there is more to read");
        assert_eq!(remote.settle(6, true), [7, 8], "9 came while the read was under way");
        remote.asks();
        assert_eq!(remote.settle(9, true), [9], "it was read");
        assert!(remote.held.is_empty());
    }
}
