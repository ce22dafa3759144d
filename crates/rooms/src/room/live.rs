use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{membership::Join, truth::Doubt};
use crate::{
    backlog::{Backlog, NotHere},
    event::Messages,
    timeline::{Offered, Timeline},
};
use chat_domain::{ChatMessage, Epoch};
use chat_store::{Changes, Head, Page};

/// What a loaded room knows.
pub(super) struct Live {
    pub(super) epoch: Epoch,
    pub(super) timeline: Timeline,
    pub(super) backlog: Backlog,
    pub(super) message_count: i64,
    pub(super) last_message_at: Option<DateTime<Utc>>,
    pub(super) doubt: Doubt,
}

/// What a message means that was stored just now, and never before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// It, and perhaps more, can be shown.
    Next,
    /// A read has brought it already.
    Known,
    /// Something before it is missing: the database must be read.
    Ahead,
    /// Its number was given out before, to another message as far as is known here: the history may be another one.
    Doubtful,
}

/// How a join can be answered.
pub(super) enum Answer {
    /// With these messages.
    Welcome { resumed: bool, has_more: bool, messages: Messages },
    /// Once the changes above the room's counter were read.
    AfterCatchUp,
    /// Once older changes were read.
    AfterOlder,
}

impl Live {
    pub(super) fn new(head: Head, page: Page) -> Self {
        let messages = page.messages.into_iter().map(Arc::new).collect();
        Self {
            epoch: head.epoch,
            timeline: Timeline::new(head.rev),
            backlog: Backlog::new(messages, page.has_more),
            message_count: head.message_count,
            last_message_at: head.last_message_at,
            doubt: Doubt::default(),
        }
    }

    /// Takes in a message that was stored just now.
    pub(super) fn offer(&mut self, message: Arc<ChatMessage>) -> Arrived {
        match self.timeline.offer(message.clone()) {
            Offered::Next => Arrived::Next,
            Offered::Ahead => Arrived::Ahead,
            Offered::Clash => Arrived::Doubtful,
            Offered::Old => {
                let of_its_number = self.backlog.messages().rev().find(|m| m.seq <= message.seq);
                match of_its_number {
                    Some(known) if known.is_same(&message) => Arrived::Known,
                    // What the backlog has no more is for the database to say.
                    _ => Arrived::Doubtful,
                }
            }
        }
    }

    /// Whether a read of the changes above `above` speaks of another history: it is as of a moment when all up to there
    /// was shown, and has a lower counter, or another message in that place.
    pub(super) fn is_contradicted(&self, above: i64, changes: &Changes) -> bool {
        let is_other = |read: &ChatMessage| {
            let shown = self.backlog.messages().rev().find(|m| m.seq <= read.seq);
            read.seq <= above && shown.is_some_and(|shown| shown.seq == read.seq && !shown.is_same(read))
        };
        changes.head.epoch == self.epoch && (changes.head.rev < above || changes.messages.first().is_some_and(is_other))
    }

    /// The counter value a join says it has seen, where it means this life of the room.
    pub(super) fn resume_rev(&self, join: &Join) -> Option<i64> {
        join.resume.filter(|resume| resume.epoch == Some(self.epoch)).map(|resume| resume.rev)
    }

    /// Whether the client has seen more than this room has.
    pub(super) fn is_behind(&self, join: &Join) -> bool {
        self.resume_rev(join).is_some_and(|rev| rev > self.timeline.rev())
    }

    pub(super) fn answer(&mut self, join: &Join) -> Answer {
        let replay = match self.resume_rev(join) {
            Some(rev) if rev > self.timeline.rev() => return Answer::AfterCatchUp,
            Some(rev) => self.backlog.after(rev),
            None => Err(NotHere::TooMuch),
        };
        match replay {
            Ok(messages) => Answer::Welcome { resumed: true, has_more: false, messages },
            Err(NotHere::Older) => Answer::AfterOlder,
            // Less than a page is held, and more than that is there.
            Err(NotHere::TooMuch) if self.backlog.is_short() => Answer::AfterOlder,
            Err(NotHere::TooMuch) => {
                let (messages, has_more) = self.backlog.latest_page();
                Answer::Welcome { resumed: false, has_more, messages }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::test_message_by;

    /// The database: what is stored, whose counter is as long as that.
    type Stored = Vec<Arc<ChatMessage>>;

    fn live_of(stored: &Stored) -> Live {
        let rev = i64::try_from(stored.len()).unwrap_or(0);
        let head = Head { epoch: Epoch::from_uuid(uuid::Uuid::nil()), rev, message_count: rev, last_message_at: None };
        let messages = stored.iter().rev().take(50).rev().map(|m| (**m).clone()).collect();
        Live::new(head, Page { messages, has_more: stored.len() > 50 })
    }

    fn shown(live: &mut Live, applied: Vec<Arc<ChatMessage>>) {
        for message in applied {
            live.backlog.push(message);
        }
    }

    proptest! {
        /// Commits of this server and of another one, which the poll finds, in any order. A database that keeps its
        /// history is never doubted; one that loses the last changes and goes on is doubted before anything of the
        /// new history is shown behind what was lost.
        #[test]
        fn a_replaced_history_is_doubted_and_no_other(
            before in 0_usize..80,
            n_lost in 0_usize..60,
            steps in proptest::collection::vec(0_u8..4, 1..120),
        ) {
            let mut key = 0_u128;
            let mut message = |stored: &Stored| {
                key += 1;
                test_message_by(i64::try_from(stored.len()).unwrap_or(0) + 1, key)
            };
            let mut stored: Stored = Vec::new();
            for _ in 0..before {
                let next = message(&stored);
                stored.push(next);
            }
            let mut live = live_of(&stored);
            let n_lost = n_lost.min(before);
            stored.truncate(before - n_lost);
            // Own commits whose answers have not come yet.
            let mut under_way: VecDeque<Arc<ChatMessage>> = VecDeque::new();
            let mut is_doubted = false;
            for step in steps {
                if step < 2 {
                    let next = message(&stored);
                    stored.push(next.clone());
                    if step == 0 {
                        under_way.push_back(next);
                    }
                }
                match step {
                    0 => {}
                    2 if let Some(answered) = under_way.pop_front() => match live.offer(answered) {
                        Arrived::Next => {
                            let applied = live.timeline.take();
                            shown(&mut live, applied);
                        }
                        Arrived::Doubtful => is_doubted = true,
                        Arrived::Known | Arrived::Ahead => {}
                    },
                    _ => {
                        let upto = i64::try_from(stored.len()).unwrap_or(0);
                        let above = live.timeline.rev();
                        let head = Head { epoch: live.epoch, rev: upto, message_count: upto, last_message_at: None };
                        let read: Vec<_> = stored.iter().filter(|m| m.rev >= above).collect();
                        let messages = read.iter().map(|m| (***m).clone()).collect();
                        if live.is_contradicted(above, &Changes { head, messages, truncated: false }) {
                            is_doubted = true;
                        } else {
                            let applied = live.timeline.fill(upto, read.into_iter().cloned());
                            shown(&mut live, applied);
                        }
                    }
                }
                if is_doubted {
                    break;
                }
            }
            if n_lost == 0 {
                prop_assert!(!is_doubted);
                prop_assert!(live.backlog.messages().all(|m| stored.iter().any(|s| s.is_same(m))));
            } else if !is_doubted {
                prop_assert_eq!(live.timeline.rev(), i64::try_from(before).unwrap_or(0));
            }
        }
    }

    #[test]
    fn the_first_own_commit_after_changes_were_lost_is_doubted() {
        let stored: Stored = (1..=100).map(|rev| test_message_by(rev, 1)).collect();
        let mut live = live_of(&stored);
        assert_eq!(live.offer(test_message_by(51, 2)), Arrived::Doubtful);
        assert_eq!(live.offer(test_message_by(100, 2)), Arrived::Doubtful);
        assert_eq!(live.offer(test_message_by(100, 1)), Arrived::Known, "a read was faster");
        assert_eq!(
            live.offer(test_message_by(30, 1)),
            Arrived::Doubtful,
            "the backlog does not know; the database does"
        );
        assert_eq!(live.offer(test_message_by(101, 2)), Arrived::Next);
    }
}
