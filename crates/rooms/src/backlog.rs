use std::{collections::VecDeque, sync::Arc};

use chat_domain::ChatMessage;

use crate::event::{Event, Held, MessageEvent, Messages};

/// How many messages a page has (FR-401).
pub const PAGE_MESSAGES: usize = 50;
/// Most changes that a resume replays (docs/ARCHITECTURE.md).
pub const RESUME_CHANGES_MAX: usize = 500;
/// Most bytes of messages, as JSON, in a WELCOME: 512 KiB less room for the rest of the frame, of which 50 people
/// with long nicknames are the largest part.
pub const WELCOME_BYTES_MAX: usize = 480 * 1024;

/// About what a message takes beside its text: its ids and times, its place in the list, what the allocator adds.
const MESSAGE_BYTES: usize = 400;

/// The recent messages of a room, as the events that they are. Pure.
///
/// Complete above a value of the counter: every change with a higher one is here. Bounded by
/// what a WELCOME may carry, since nothing beyond that is ever asked of it.
#[derive(Debug)]
pub struct Backlog {
    entries: VecDeque<Entry>,
    n_bytes: usize,
    complete_above: i64,
    has_older: bool,
    /// It was made to hold less than a page.
    is_trimmed: bool,
    /// All that is held: every page and every replay is the end of it. Made when first asked for after a change, so
    /// that a storm of joins shares it.
    shared: Option<Arc<Held>>,
}

#[derive(Debug)]
struct Entry {
    message: Arc<ChatMessage>,
    event: Arc<Event>,
    /// As JSON, and what separates it from the next one.
    n_bytes: usize,
}

/// Why a resume cannot be answered from the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHere {
    /// The database may have it: [`Backlog::extend_back`].
    Older,
    /// It is more than a resume may replay.
    TooMuch,
}

impl Backlog {
    /// A backlog of the newest messages, oldest first; `has_older` where the room has more before them.
    pub fn new(messages: Vec<Arc<ChatMessage>>, has_older: bool) -> Self {
        let mut backlog = Self {
            entries: VecDeque::new(),
            n_bytes: 0,
            complete_above: 0,
            has_older: false,
            is_trimmed: false,
            shared: None,
        };
        for message in messages {
            backlog.push_entry(Entry::new(message));
        }
        backlog.set_has_older(has_older);
        backlog
    }

    fn set_has_older(&mut self, has_older: bool) {
        if has_older && !self.has_older {
            self.has_older = true;
            self.complete_above = self.entries.front().map_or(0, |e| e.message.rev - 1);
        }
    }

    /// Appends a change, and gives the event that it is and how many bytes it has as JSON.
    pub fn push(&mut self, message: Arc<ChatMessage>) -> (Arc<Event>, usize) {
        let entry = Entry::new(message);
        let emitted = (entry.event.clone(), entry.n_bytes);
        self.push_entry(entry);
        emitted
    }

    fn push_entry(&mut self, entry: Entry) {
        self.shared = None;
        self.n_bytes += entry.n_bytes;
        self.entries.push_back(entry);
        while self.entries.len() > RESUME_CHANGES_MAX || self.n_bytes > WELCOME_BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(dropped) = self.entries.pop_front() else { return };
        self.n_bytes -= dropped.n_bytes;
        self.complete_above = dropped.message.rev;
        self.has_older = true;
    }

    /// Keeps the last message alone: the place where a read of what is older begins. All else is in the database.
    pub fn trim(&mut self) {
        while self.entries.len() > 1 {
            self.is_trimmed = true;
            self.drop_oldest();
        }
        self.entries.shrink_to_fit();
        self.shared = None;
    }

    /// Whether it holds less than the latest page, though the room has more: [`Backlog::extend_back`].
    pub fn is_short(&self) -> bool {
        self.is_trimmed && self.has_older && self.entries.len() < PAGE_MESSAGES
    }

    /// About how much memory it takes at most: each message as it is and encoded, and all together where they are
    /// shared.
    pub fn n_bytes_held(&self) -> usize {
        let n_shared = self.shared.as_ref().map_or(0, |_| self.n_bytes);
        2 * self.n_bytes + MESSAGE_BYTES * self.entries.len() + n_shared
    }

    /// The place of the first message held, where a longer read ends: [`Backlog::extend_back`].
    pub fn first_seq(&self) -> i64 {
        self.entries.front().map_or(i64::MAX, |e| e.message.seq)
    }

    /// Adds older messages: a read of what is right before `before`; `has_older` where even that is not all.
    /// Ignored where the front was dropped since the read began: there would be a hole, and what is held is the
    /// most that may be held anyway.
    pub fn extend_back(&mut self, before: i64, messages: Vec<Arc<ChatMessage>>, has_older: bool) {
        if self.first_seq() != before {
            return;
        }
        let held = std::mem::replace(self, Self::new(messages, false));
        for entry in held.entries {
            self.push_entry(entry);
        }
        self.set_has_older(has_older);
    }

    /// The messages held, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Arc<ChatMessage>> + ExactSizeIterator {
        self.entries.iter().map(|e| &e.message)
    }

    /// Whether the room has messages older than the first of the latest `n`.
    pub fn has_more_than(&self, n: usize) -> bool {
        self.has_older || self.entries.len() > n
    }

    /// The latest page, and whether older messages exist.
    pub fn latest_page(&mut self) -> (Messages, bool) {
        let skipped = self.entries.len().saturating_sub(PAGE_MESSAGES);
        (self.shared_from(skipped), self.has_older || skipped > 0)
    }

    /// The changes after `rev`.
    ///
    /// # Errors
    /// [`NotHere`] where they are not all here.
    pub fn after(&mut self, rev: i64) -> Result<Messages, NotHere> {
        if rev >= self.complete_above {
            let from = self.entries.partition_point(|e| e.message.rev <= rev);
            return Ok(self.shared_from(from));
        }
        // Full: what is held here is already the most that may be replayed.
        let is_full = self.entries.len() >= RESUME_CHANGES_MAX || self.has_dropped_for_bytes();
        Err(if is_full { NotHere::TooMuch } else { NotHere::Older })
    }

    /// From the message at this index to the last one.
    fn shared_from(&mut self, index: usize) -> Messages {
        let entries = &self.entries;
        self.shared.get_or_insert_with(|| Held::new(entries.iter().map(|e| e.event.clone()).collect())).from(index)
    }

    fn has_dropped_for_bytes(&self) -> bool {
        // One message takes at most a few kilobytes, so within 16 KiB of the bound the next one was dropped.
        self.has_older && self.n_bytes + 16 * 1024 > WELCOME_BYTES_MAX
    }
}

impl Entry {
    fn new(message: Arc<ChatMessage>) -> Self {
        let event = Arc::new(Event::Message(MessageEvent::new(message.clone())));
        Self { n_bytes: message.n_bytes_as_json() + 1, message, event }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{test_message, test_message_of};

    fn revs(messages: &Messages) -> Vec<i64> {
        messages.iter().map(|m| m.message().rev).collect()
    }

    fn range(revs: std::ops::RangeInclusive<i64>) -> Vec<Arc<ChatMessage>> {
        revs.map(test_message).collect()
    }

    #[test]
    fn the_latest_page_is_cut_and_says_whether_there_is_more() {
        let mut backlog = Backlog::new(range(1..=3), false);
        assert_eq!(revs(&backlog.latest_page().0), [1, 2, 3]);
        assert!(!backlog.latest_page().1);
        for rev in 4..=51 {
            backlog.push(test_message(rev));
        }
        let (page, has_more) = backlog.latest_page();
        assert_eq!((revs(&page).len(), has_more), (50, true));
        assert!(Backlog::new(range(7..=9), true).latest_page().1);
    }

    #[test]
    fn tells_what_the_database_must_be_asked() {
        let mut backlog = Backlog::new(range(101..=150), true);
        assert_eq!(backlog.after(99).err(), Some(NotHere::Older));
        assert_eq!(backlog.after(100).map(|b| revs(&b).len()), Ok(50));
        assert_eq!(backlog.after(150).map(|b| revs(&b)), Ok(vec![]));
        backlog.push(test_message(151));
        backlog.extend_back(101, range(1..=100), false);
        assert_eq!(backlog.after(0).map(|b| revs(&b)), Ok((1..=151).collect()));
        backlog.extend_back(1, vec![], false);
        assert_eq!(backlog.after(0).map(|b| revs(&b)), Ok((1..=151).collect()));
    }

    #[test]
    fn a_read_that_was_overtaken_leaves_no_hole() {
        let mut backlog = Backlog::new(range(101..=599), true);
        let before = backlog.first_seq();
        for rev in 600..=605 {
            backlog.push(test_message(rev));
        }
        backlog.extend_back(before, range(1..=100), false);
        assert_eq!(backlog.after(100).err(), Some(NotHere::TooMuch));
        assert_eq!(backlog.after(105).map(|b| revs(&b).len()), Ok(500));
    }

    #[test]
    fn what_was_trimmed_is_asked_of_the_database() {
        let mut backlog = Backlog::new(range(1..=100), false);
        let before = backlog.n_bytes_held();
        backlog.trim();
        assert!(backlog.n_bytes_held() < before / 50 && backlog.is_short());
        assert_eq!(backlog.first_seq(), 100);
        assert_eq!(backlog.after(100).map(|b| revs(&b)), Ok(vec![]));
        assert_eq!(backlog.after(99).map(|b| revs(&b)), Ok(vec![100]));
        assert_eq!(backlog.after(98).err(), Some(NotHere::Older));
        backlog.push(test_message(101));
        assert_eq!(backlog.after(99).map(|b| revs(&b)), Ok(vec![100, 101]));
        backlog.extend_back(100, range(50..=99), true);
        assert!(!backlog.is_short());
        assert_eq!(revs(&backlog.latest_page().0), (52..=101).collect::<Vec<_>>());
        assert_eq!(backlog.after(49).map(|b| revs(&b)), Ok((50..=101).collect()));
        assert_eq!(backlog.after(48).err(), Some(NotHere::Older));
        // A room that never had more than that is whole.
        let mut small = Backlog::new(range(1..=1), false);
        small.trim();
        assert!(!small.is_short());
        assert_eq!(small.after(0).map(|b| revs(&b)), Ok(vec![1]));
    }

    #[test]
    fn never_replays_more_than_a_resume_may() {
        let mut backlog = Backlog::new(range(1..=501), false);
        assert_eq!(backlog.after(0).err(), Some(NotHere::TooMuch));
        assert_eq!(backlog.after(1).map(|b| revs(&b).len()), Ok(500));
        let large: Vec<_> = (1..=300).map(|rev| test_message_of(rev, &"가".repeat(2_000))).collect();
        let mut backlog = Backlog::new(large, false);
        let n_bytes = |m: &MessageEvent| m.message().n_bytes_as_json() + 1;
        assert!(backlog.latest_page().0.iter().map(n_bytes).sum::<usize>() <= WELCOME_BYTES_MAX);
        assert_eq!(backlog.after(0).err(), Some(NotHere::TooMuch));
        assert!(backlog.latest_page().1);
    }

    proptest! {
        /// P3: however often it is trimmed and read again, whatever is replayed is exactly what follows.
        #[test]
        fn trims_leave_no_hole(steps in proptest::collection::vec((0_u8..3, 0_i64..120), 1..60)) {
            let mut last = 60;
            let mut backlog = Backlog::new(range(11..=last), true);
            for (step, ask) in steps {
                match step {
                    0 => backlog.trim(),
                    1 => {
                        last += 1;
                        backlog.push(test_message(last));
                    }
                    _ => {
                        let before = backlog.first_seq();
                        let from = (before - ask).max(1);
                        backlog.extend_back(before, range(from..=before - 1), from > 1);
                    }
                }
                match backlog.after(ask) {
                    Ok(messages) => prop_assert_eq!(revs(&messages), (ask + 1..=last).collect::<Vec<_>>()),
                    Err(_) => prop_assert!(ask < backlog.complete_above),
                }
                prop_assert!(!backlog.is_short() || backlog.first_seq() > 1);
            }
        }

        /// P3: whatever is replayed is exactly what follows the asked position.
        #[test]
        fn a_replay_is_exact_or_refused(first in 1_i64..600, n in 0_i64..700, ask in 0_i64..1_400) {
            let last = first + n - 1;
            let mut backlog = Backlog::new(range(first..=last), first > 1);
            match backlog.after(ask) {
                Ok(messages) => prop_assert_eq!(revs(&messages), (ask.max(first - 1) + 1..=last).collect::<Vec<_>>()),
                Err(_) => prop_assert!(ask < backlog.complete_above),
            }
            if ask >= first - 1 && last - ask <= 500 {
                prop_assert!(backlog.after(ask).is_ok());
            }
        }
    }
}
