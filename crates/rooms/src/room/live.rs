use std::{cmp::Reverse, sync::Arc};

use chrono::{DateTime, Utc};

use super::{catch_up::Wanted, membership::Join, truth::Doubt};
use crate::{
    backlog::{Backlog, NotHere, Replay},
    event::Messages,
    timeline::{Offered, Timeline},
};
use chat_domain::{Change, ChatMessage, Epoch};
use chat_store::{Changes, Head, Loaded, RoomSettings};

/// What a loaded room knows.
pub(super) struct Live {
    pub(super) epoch: Epoch,
    pub(super) timeline: Timeline,
    pub(super) backlog: Backlog,
    pub(super) message_count: i64,
    pub(super) last_message_at: Option<DateTime<Utc>>,
    /// What commands are checked against.
    pub(super) guard_rev: i64,
    pub(super) settings: RoomSettings,
    /// How many messages wait for whoever keeps order: a repeat of one must not be stored beside it.
    pub(super) held_count: i64,
    /// The same of messages that were decided against.
    pub(super) rejected_until: Option<DateTime<Utc>>,
    /// The pinned messages, the newest pin first.
    pub(super) pinned: Vec<Arc<ChatMessage>>,
    /// Messages below this are gone.
    pub(super) first_seq: i64,
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
    /// With what it missed.
    Resumed(Replay),
    /// With the latest messages, and whether there are more before them.
    Latest(Messages, bool),
    /// Once something was read: [`Live::wanted`].
    Later,
}

impl Live {
    pub(super) fn new(Loaded { head, page, complete_above, pinned }: Loaded) -> Self {
        let Head { epoch, rev, message_count, last_message_at, .. } = head;
        let Head { guard_rev, settings, held_count, rejected_until, first_seq, .. } = head;
        let messages = page.messages.into_iter().map(Arc::new).collect();
        let mut backlog = Backlog::new(messages, page.has_more, complete_above);
        backlog.keep_from(first_seq);
        Self {
            epoch,
            timeline: Timeline::new(rev),
            backlog,
            message_count,
            last_message_at,
            guard_rev,
            settings,
            held_count,
            rejected_until,
            pinned: pinned.into_iter().map(Arc::new).collect(),
            first_seq,
            doubt: Doubt::default(),
        }
    }

    /// The room's messages below this are gone, and nobody is told of any of them any more. Tells whether that is news.
    pub(super) fn keep_from(&mut self, first_seq: i64) -> bool {
        if first_seq <= self.first_seq {
            return false;
        }
        self.first_seq = first_seq;
        self.backlog.keep_from(first_seq);
        self.pinned.retain(|message| message.seq >= first_seq);
        true
    }

    /// Whether a message may be a repeat of one that waits, or was decided against.
    pub(super) fn may_wait(&self) -> bool {
        self.held_count > 0 || self.rejected_until.is_some_and(|until| until > Utc::now())
    }

    /// Takes in a change that was stored just now.
    pub(super) fn offer(&mut self, change: Change) -> Arrived {
        match self.timeline.offer(change.clone()) {
            Offered::Next => Arrived::Next,
            Offered::Ahead => Arrived::Ahead,
            Offered::Clash => Arrived::Doubtful,
            // What the backlog has no more is for the database to say.
            Offered::Old if self.knows(&change) => Arrived::Known,
            Offered::Old => Arrived::Doubtful,
        }
    }

    /// Whether a read has brought this change, or the message in a later state.
    fn knows(&self, change: &Change) -> bool {
        let has = |known: &Arc<ChatMessage>| known.rev >= change.rev() && known.is_same(&change.message);
        match self.backlog.at_rev(change.rev()) {
            Some(known) => has(known),
            None => self.backlog.at_seq(change.message.seq).is_some_and(has),
        }
    }

    /// Whether a read of the changes above `above` speaks of another history: it is as of a moment when all up to there
    /// was shown, and has a lower counter, or another message in that place.
    pub(super) fn is_contradicted(&self, above: i64, changes: &Changes) -> bool {
        let is_other = |read: &ChatMessage| {
            let in_its_place = self.backlog.at_seq(read.seq).filter(|_| read.seq <= above);
            let at_its_value = self.backlog.at_rev(read.rev).filter(|_| read.rev <= above);
            in_its_place.into_iter().chain(at_its_value).any(|shown| !shown.is_same(read))
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

    /// What a join waits for that cannot be answered now.
    pub(super) fn wanted(&self, join: &Join) -> Wanted {
        match self.resume_rev(join) {
            Some(rev) if rev > self.timeline.rev() => Wanted::Ahead(rev),
            Some(rev) if self.backlog.lacks(rev) == Some(NotHere::Older) => Wanted::Changes(rev),
            _ => Wanted::Page,
        }
    }

    pub(super) fn answer(&mut self, join: &Join) -> Answer {
        let replay = match self.resume_rev(join) {
            Some(rev) if rev > self.timeline.rev() => return Answer::Later,
            Some(rev) => self.backlog.after(rev),
            None => Err(NotHere::TooMuch),
        };
        match replay {
            Ok(replay) => Answer::Resumed(replay),
            Err(NotHere::Older) => Answer::Later,
            // Less than a page is held, and more than that is there.
            Err(NotHere::TooMuch) if self.backlog.is_short() => Answer::Later,
            Err(NotHere::TooMuch) => {
                let n_bytes_pinned = self.pinned.iter().map(|m| m.n_bytes_as_json() + 1).sum();
                let (messages, has_more) = self.backlog.latest_page(n_bytes_pinned);
                Answer::Latest(messages, has_more)
            }
        }
    }

    /// A change was shown: what else is known of the room follows it. `was_new`: no state of the message was shown.
    pub(super) fn follow(&mut self, message: &Arc<ChatMessage>, was_new: bool) {
        // A change that was on its way while its message went: the figures come with the read that says so.
        if message.seq < self.first_seq {
            return;
        }
        match (was_new, message.is_deleted()) {
            (true, false) => self.message_count += 1,
            // A deletion is the last change of a message.
            (false, true) => self.message_count -= 1,
            _ => {}
        }
        self.last_message_at = self.last_message_at.max(Some(message.created_at));
        let pinned_at = |m: &ChatMessage| m.annotations.as_ref().and_then(|a| a.pinned_at);
        let is_pinned = pinned_at(message).is_some();
        if is_pinned || !self.pinned.is_empty() {
            self.pinned.retain(|pinned| pinned.id != message.id);
            if is_pinned {
                self.pinned.push(message.clone());
                self.pinned.sort_by_key(|m| Reverse((pinned_at(m), m.seq)));
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
    use chat_store::{Page, Position};

    /// The database: what is stored, whose counter is as long as that.
    type Stored = Vec<Arc<ChatMessage>>;

    fn live_of(stored: &Stored) -> Live {
        let rev = i64::try_from(stored.len()).unwrap_or(0);
        let messages = stored.iter().rev().take(50).rev().map(|m| (**m).clone()).collect();
        let position = Position { epoch: head_at(rev).epoch, rev };
        let page = Page { messages, has_more: stored.len() > 50, has_newer: false, position };
        Live::new(Loaded { head: head_at(rev), page, complete_above: (rev - 50).max(0), pinned: Vec::new() })
    }

    fn head_at(rev: i64) -> Head {
        Head {
            epoch: Epoch::from_uuid(uuid::Uuid::nil()),
            rev,
            message_count: rev,
            last_message_at: None,
            guard_rev: 0,
            settings: RoomSettings::default(),
            held_count: 0,
            rejected_until: None,
            first_seq: 0,
        }
    }

    fn shown(live: &mut Live, applied: Vec<Change>) {
        for change in applied {
            live.backlog.push(change);
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
                    2 if let Some(answered) = under_way.pop_front() => match live.offer(answered.into()) {
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
                        let head = head_at(upto);
                        let read: Vec<_> = stored.iter().filter(|m| m.rev >= above).collect();
                        let messages = read.iter().map(|m| (***m).clone()).collect();
                        if live.is_contradicted(above, &Changes { head, messages, truncated: false }) {
                            is_doubted = true;
                        } else {
                            let applied = live.timeline.fill(upto, read.into_iter().cloned().map(Change::from));
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
        assert_eq!(live.offer(test_message_by(51, 2).into()), Arrived::Doubtful);
        assert_eq!(live.offer(test_message_by(100, 2).into()), Arrived::Doubtful);
        assert_eq!(live.offer(test_message_by(100, 1).into()), Arrived::Known, "a read was faster");
        assert_eq!(
            live.offer(test_message_by(30, 1).into()),
            Arrived::Doubtful,
            "the backlog does not know; the database does"
        );
        assert_eq!(live.offer(test_message_by(101, 2).into()), Arrived::Next);
    }
}
