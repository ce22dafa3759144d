use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use chat_domain::{Change, ChatMessage};

use crate::event::{Batch, Event, FRAME_BYTES, Held, MessageEvent, Messages, ReactionsEvent};

/// How many messages a page has (FR-401).
pub const PAGE_MESSAGES: usize = 50;
/// Most changes that a resume replays (docs/ARCHITECTURE.md).
pub const RESUME_CHANGES_MAX: usize = 500;
/// Most bytes of messages, as JSON, in a WELCOME: 512 KiB less room for the rest of the frame, of which 50 people
/// with long nicknames are the largest part.
pub const WELCOME_BYTES_MAX: usize = 480 * 1024;
/// A resume of more bytes than this comes in pieces behind its WELCOME.
const RESUME_WHOLE_BYTES_MAX: usize = 64 * 1024;
/// Largest of those pieces: what a line of 25,000 bytes a second brings in less than a second.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// About what a message takes beside its text: its ids and times, its place in the list, what the allocator adds.
const MESSAGE_BYTES: usize = 400;

/// The recent messages of a room, as the events that they are: two views of one store. Pure.
///
/// The page has the newest messages by `seq`, each in its last state, without a hole. The log has the last changes by
/// `rev`: every message whose last change is above a value of the counter, once. Where nothing is changed after it was
/// written the two are the same. Both are bounded by what a WELCOME may carry, since nothing beyond that is ever asked.
#[derive(Debug)]
pub struct Backlog {
    page: View,
    log: View,
    /// The log has every change above this.
    complete_above: i64,
    /// Above this value, and every lower one, there are more changes than a resume may replay.
    too_much_up_to: i64,
    /// The room has messages older than the first of the page.
    has_older: bool,
    /// It was made to hold less than a page.
    is_trimmed: bool,
    /// Some message here was changed after it was written: the two views differ.
    has_changed: bool,
    /// Messages below this are gone.
    first_seq: i64,
}

/// Messages in one of the two orders.
#[derive(Debug, Default)]
struct View {
    entries: VecDeque<Entry>,
    n_bytes: usize,
    /// All that is held: every page and every replay is the end of it. Made when first asked for after a change, so
    /// that a storm of joins shares it.
    shared: Option<Arc<Held>>,
    /// The same cut into pieces, each with the index of its first message.
    pieces: Option<Vec<(usize, Arc<Batch>)>>,
}

#[derive(Debug, Clone)]
struct Entry {
    message: Arc<ChatMessage>,
    event: Arc<Event>,
    /// As JSON, and what separates it from the next one.
    n_bytes: usize,
}

/// What a client gets that was here before.
#[derive(Debug)]
pub enum Replay {
    /// What it missed, in its WELCOME.
    Whole(Messages),
    /// What it missed, behind its WELCOME: a slow line makes progress with each.
    Pieces(Vec<Arc<Batch>>),
}

/// Why a resume cannot be answered from the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHere {
    /// The database may have it: [`Backlog::extend_log`].
    Older,
    /// It is more than a resume may replay.
    TooMuch,
}

impl View {
    fn changed(&mut self) {
        self.shared = None;
        self.pieces = None;
    }

    fn push(&mut self, entry: Entry) {
        self.changed();
        self.n_bytes += entry.n_bytes;
        self.entries.push_back(entry);
    }

    fn push_front(&mut self, entry: Entry) {
        self.changed();
        self.n_bytes += entry.n_bytes;
        self.entries.push_front(entry);
    }

    fn pop_front(&mut self) -> Option<Entry> {
        self.changed();
        let entry = self.entries.pop_front()?;
        self.n_bytes -= entry.n_bytes;
        Some(entry)
    }

    fn remove(&mut self, index: usize) {
        if let Some(entry) = self.entries.remove(index) {
            self.changed();
            self.n_bytes -= entry.n_bytes;
        }
    }

    /// Takes out what is more than may be held, oldest first, and gives the last one of it.
    fn cut(&mut self) -> Option<Entry> {
        let mut last = None;
        while self.entries.len() > RESUME_CHANGES_MAX || self.n_bytes > WELCOME_BYTES_MAX {
            last = self.pop_front();
        }
        last
    }

    /// From the message at this index to the last one.
    fn shared_from(&mut self, index: usize) -> Messages {
        let entries = &self.entries;
        self.shared.get_or_insert_with(|| Held::new(entries.iter().map(|e| e.event.clone()).collect())).from(index)
    }

    /// From the message at this index to the last one, in pieces. All but the first are shared by all who get them.
    fn pieces_from(&mut self, index: usize) -> Vec<Arc<Batch>> {
        let entries = &self.entries;
        let pieces = self.pieces.get_or_insert_with(|| in_pieces(entries));
        let next = pieces.partition_point(|(first, _)| *first < index);
        let until = pieces.get(next).map_or(entries.len(), |(first, _)| *first);
        let events: Vec<_> = entries.iter().take(until).skip(index).map(|e| e.event.clone()).collect();
        let partial = (!events.is_empty()).then(|| Arc::new(Batch::new(events)));
        partial.into_iter().chain(pieces.iter().skip(next).map(|(_, piece)| piece.clone())).collect()
    }

    fn first(&self) -> Option<&Arc<ChatMessage>> {
        self.entries.front().map(|e| &e.message)
    }
}

/// All of these as batches that are not too large for a slow line, each with the index of its first one.
fn in_pieces(entries: &VecDeque<Entry>) -> Vec<(usize, Arc<Batch>)> {
    let (mut pieces, mut events, mut n_bytes) = (Vec::new(), Vec::new(), 0);
    for (index, entry) in entries.iter().enumerate() {
        let n_more = entry.n_bytes + FRAME_BYTES;
        if !events.is_empty() && n_bytes + n_more > PIECE_BYTES_MAX {
            let first = index - events.len();
            pieces.push((first, Arc::new(Batch::new(std::mem::take(&mut events)))));
            n_bytes = 0;
        }
        n_bytes += n_more;
        events.push(entry.event.clone());
    }
    let first = entries.len() - events.len();
    if !events.is_empty() {
        pieces.push((first, Arc::new(Batch::new(events))));
    }
    pieces
}

impl Backlog {
    /// A backlog of the newest messages by `seq`, oldest first; `has_older` where the room has more before them. They
    /// have every change above `complete_above`.
    pub fn new(messages: Vec<Arc<ChatMessage>>, has_older: bool, complete_above: i64) -> Self {
        let mut backlog = Self {
            page: View::default(),
            log: View::default(),
            complete_above,
            too_much_up_to: -1,
            has_older,
            is_trimmed: false,
            has_changed: false,
            first_seq: 0,
        };
        let entries: Vec<Entry> = messages.into_iter().map(Entry::new).collect();
        let mut log: Vec<Entry> = entries.iter().filter(|e| e.message.rev > complete_above).cloned().collect();
        log.sort_by_key(|e| e.message.rev);
        backlog.has_changed = entries.iter().any(Entry::is_changed);
        entries.into_iter().for_each(|entry| backlog.page.push(entry));
        log.into_iter().for_each(|entry| backlog.log.push(entry));
        backlog.cut();
        backlog
    }

    /// Takes in a change, and gives the event that members get of it and how many bytes that has as JSON.
    pub fn push(&mut self, change: Change) -> (Arc<Event>, usize) {
        let Change { message, reactions } = change;
        let entry = Entry::new(message.clone());
        let emitted = match reactions {
            None => (entry.event.clone(), entry.n_bytes),
            Some(reactions) => {
                let event = ReactionsEvent { message, reactions };
                let n_bytes = event.n_bytes_as_json();
                (Arc::new(Event::Reactions(event)), n_bytes)
            }
        };
        // Its message went while it was on its way: it moves cursors, and nobody gets its text any more.
        if entry.message.seq < self.first_seq {
            let event = ReactionsEvent { message: entry.message, reactions: Box::default() };
            let n_bytes = event.n_bytes_as_json();
            return (Arc::new(Event::Reactions(event)), n_bytes);
        }
        if entry.is_changed() {
            self.replace(&entry);
        } else {
            self.page.push(entry.clone());
        }
        self.log.push(entry);
        self.cut();
        emitted
    }

    /// A message that was here in another state, or is older than the page.
    fn replace(&mut self, entry: &Entry) {
        self.has_changed = true;
        let Entry { message, .. } = entry;
        match self.page.entries.binary_search_by_key(&message.seq, |e| e.message.seq) {
            Ok(index) => {
                if let Some(held) = self.page.entries.get_mut(index) {
                    self.page.n_bytes = self.page.n_bytes - held.n_bytes + entry.n_bytes;
                    *held = entry.clone();
                    self.page.changed();
                }
            }
            // A read may bring a message that was written and changed since.
            Err(index) if index == self.page.entries.len() && (index > 0 || !self.has_older) => {
                self.page.push(entry.clone());
            }
            Err(_) => {}
        }
        if let Some(index) = self.log.entries.iter().rposition(|e| e.message.seq == message.seq) {
            self.log.remove(index);
        }
    }

    fn cut(&mut self) {
        if self.page.cut().is_some() {
            self.has_older = true;
        }
        if let Some(last) = self.log.cut() {
            self.complete_above = last.message.rev;
        }
    }

    /// Messages below this are gone: nothing of them is kept, or taken in again. Who comes back drops them as well, so that
    /// a replay is as complete without them.
    pub fn keep_from(&mut self, first_seq: i64) {
        self.first_seq = self.first_seq.max(first_seq);
        while self.page.first().is_some_and(|m| m.seq < self.first_seq) {
            self.page.pop_front();
            self.has_older = false;
        }
        self.has_older &= self.first_seq() > self.first_seq;
        self.log.entries.retain(|e| e.message.seq >= self.first_seq);
        self.log.n_bytes = self.log.entries.iter().map(|e| e.n_bytes).sum();
        self.log.changed();
    }

    /// Keeps the last message alone: the place where a read of what is older begins. All else is in the database.
    pub fn trim(&mut self) {
        while self.page.entries.len() > 1 {
            self.is_trimmed = true;
            self.has_older = true;
            self.page.pop_front();
        }
        while self.log.entries.len() > 1
            && let Some(dropped) = self.log.pop_front()
        {
            self.complete_above = dropped.message.rev;
        }
        self.page.entries.shrink_to_fit();
        self.log.entries.shrink_to_fit();
        self.page.changed();
        self.log.changed();
    }

    /// Whether it holds less than the latest page, though the room has more: [`Backlog::extend_back`].
    pub fn is_short(&self) -> bool {
        self.is_trimmed && self.has_older && self.page.entries.len() < PAGE_MESSAGES
    }

    /// Whether the two views hold the same in the same order.
    fn is_plain(&self) -> bool {
        !self.has_changed && self.page.entries.len() == self.log.entries.len()
    }

    /// About how much memory it takes at most: each message as it is and encoded, and all together where they are
    /// shared, compressed as well.
    pub fn n_bytes_held(&self) -> usize {
        let of = |view: &View| {
            let n_shared = usize::from(view.shared.is_some()) + usize::from(view.pieces.is_some());
            (2 + 2 * n_shared) * view.n_bytes + MESSAGE_BYTES * view.entries.len()
        };
        // Not what the log alone holds: what is changed is mostly of the page as well.
        if self.has_changed { of(&self.page) + of(&self.log) } else { of(&self.page).max(of(&self.log)) }
    }

    /// The place of the first message of the page, where a longer read ends: [`Backlog::extend_back`].
    pub fn first_seq(&self) -> i64 {
        self.page.first().map_or(i64::MAX, |m| m.seq)
    }

    /// Adds older messages to the page: a read of what is right before `before`; `has_older` where even that is not all.
    /// Ignored where the front was dropped since the read began: there would be a hole, and what is held is the
    /// most that may be held anyway. So is a message that was changed above `upto`, which the read may not know: what is
    /// here of it is newer.
    pub fn extend_back(&mut self, before: i64, mut messages: Vec<Arc<ChatMessage>>, has_older: bool) {
        if self.first_seq() != before {
            return;
        }
        self.has_older = has_older;
        let newer = |seq: i64, rev: i64| {
            let is_it = |e: &&Entry| e.message.seq == seq && e.message.rev > rev;
            self.log.entries.iter().rev().find(is_it).cloned()
        };
        // A read may have begun before they went.
        let n_read = messages.len();
        messages.retain(|m| m.seq >= self.first_seq);
        self.has_older &= messages.len() == n_read;
        let older: Vec<Entry> = messages
            .into_iter()
            .map(|message| newer(message.seq, message.rev).unwrap_or_else(|| Entry::new(message)))
            .collect();
        for entry in older.into_iter().rev() {
            self.has_changed |= entry.is_changed();
            self.page.push_front(entry);
        }
        self.cut();
    }

    /// Adds older changes to the log: a read that has every change above `above`, by `rev`; `truncated` where there are
    /// more than a resume may replay. Those above the log's first one are here already.
    pub fn extend_log(&mut self, above: i64, mut messages: Vec<Arc<ChatMessage>>, truncated: bool) {
        if above >= self.complete_above {
            return;
        }
        if truncated {
            self.too_much_up_to = self.too_much_up_to.max(above);
            return;
        }
        messages.retain(|m| m.seq >= self.first_seq);
        let here: HashSet<i64> = self.log.entries.iter().map(|e| e.message.seq).collect();
        let is_missing = |m: &Arc<ChatMessage>| m.rev <= self.complete_above && !here.contains(&m.seq);
        let missing: Vec<Entry> = messages.into_iter().filter(is_missing).map(Entry::new).collect();
        for entry in missing.into_iter().rev() {
            self.has_changed |= entry.is_changed();
            self.log.push_front(entry);
        }
        self.complete_above = above;
        self.cut();
    }

    /// The messages of the page, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Arc<ChatMessage>> + ExactSizeIterator {
        self.page.entries.iter().map(|e| &e.message)
    }

    /// A message of the page, in its last state.
    pub fn find(&self, id: i64) -> Option<&Arc<ChatMessage>> {
        self.messages().rev().chain(self.log.entries.iter().map(|e| &e.message)).find(|m| m.id == id)
    }

    /// The message whose last change has this value of the counter, as far as it is here.
    pub fn at_rev(&self, rev: i64) -> Option<&Arc<ChatMessage>> {
        let index = self.log.entries.binary_search_by_key(&rev, |e| e.message.rev).ok()?;
        self.log.entries.get(index).map(|e| &e.message)
    }

    /// The last state that is here of the message in this place.
    pub fn at_seq(&self, seq: i64) -> Option<&Arc<ChatMessage>> {
        let index = self.page.entries.binary_search_by_key(&seq, |e| e.message.seq).ok();
        let of_page = index.and_then(|index| self.page.entries.get(index));
        of_page.or_else(|| self.log.entries.iter().rev().find(|e| e.message.seq == seq)).map(|e| &e.message)
    }

    /// Whether the room has messages older than the first of the latest `n`.
    pub fn has_more_than(&self, n: usize) -> bool {
        self.has_older || self.page.entries.len() > n
    }

    /// The latest page, less what does not fit beside `n_bytes_else` in a WELCOME, and whether older messages exist.
    pub fn latest_page(&mut self, n_bytes_else: usize) -> (Messages, bool) {
        let entries = &self.page.entries;
        let mut skipped = entries.len().saturating_sub(PAGE_MESSAGES);
        if n_bytes_else > 0 {
            let mut n_bytes = entries.iter().skip(skipped).map(|e| e.n_bytes).sum::<usize>() + n_bytes_else;
            while n_bytes > WELCOME_BYTES_MAX
                && let Some(entry) = entries.get(skipped)
            {
                n_bytes -= entry.n_bytes;
                skipped += 1;
            }
        }
        (self.page.shared_from(skipped), self.has_older || skipped > 0)
    }

    /// Why the changes after `rev` cannot be given, where they cannot.
    pub fn lacks(&self, rev: i64) -> Option<NotHere> {
        // Full: what is held here is already the most that may be replayed.
        let is_full = self.log.entries.len() >= RESUME_CHANGES_MAX || self.has_dropped_for_bytes();
        match rev < self.complete_above {
            true if is_full || rev <= self.too_much_up_to => Some(NotHere::TooMuch),
            true => Some(NotHere::Older),
            false => None,
        }
    }

    /// The changes after `rev`, each message once, in the order of their last changes.
    ///
    /// # Errors
    /// [`NotHere`] where they are not all here.
    pub fn after(&mut self, rev: i64) -> Result<Replay, NotHere> {
        if let Some(why) = self.lacks(rev) {
            return Err(why);
        }
        let from = self.log.entries.partition_point(|e| e.message.rev <= rev);
        let n_bytes = self.log.entries.iter().skip(from).map(|e| e.n_bytes).sum::<usize>();
        if n_bytes > RESUME_WHOLE_BYTES_MAX {
            return Ok(Replay::Pieces(self.log.pieces_from(from)));
        }
        let view = if self.is_plain() { &mut self.page } else { &mut self.log };
        Ok(Replay::Whole(view.shared_from(from)))
    }

    fn has_dropped_for_bytes(&self) -> bool {
        // One message takes at most a few kilobytes, so within 16 KiB of the bound the next one was dropped.
        self.complete_above > 0 && self.log.n_bytes + 16 * 1024 > WELCOME_BYTES_MAX
    }
}

impl Entry {
    fn new(message: Arc<ChatMessage>) -> Self {
        let event = Arc::new(Event::Message(MessageEvent::new(message.clone())));
        Self { n_bytes: message.n_bytes_as_json() + 1, message, event }
    }

    fn is_changed(&self) -> bool {
        self.message.rev != self.message.seq
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{test_change, test_message, test_message_of};
    use chat_domain::{Annotations, Emoji, Reaction};

    fn of_batch(batch: &Batch) -> impl Iterator<Item = i64> {
        batch.events().iter().map(|event| if let Event::Message(m) = &**event { m.message().rev } else { 0 })
    }

    fn revs(messages: &Messages) -> Vec<i64> {
        messages.iter().map(|m| m.message().rev).collect()
    }

    /// What is replayed, whole or in pieces.
    fn after(backlog: &mut Backlog, rev: i64) -> Result<Vec<i64>, NotHere> {
        backlog.after(rev).map(|replay| match replay {
            Replay::Whole(messages) => revs(&messages),
            Replay::Pieces(pieces) => pieces.iter().flat_map(|piece| of_batch(piece)).collect(),
        })
    }

    fn latest(backlog: &mut Backlog) -> (Vec<i64>, bool) {
        let (messages, has_more) = backlog.latest_page(0);
        (revs(&messages), has_more)
    }

    fn range(revs: std::ops::RangeInclusive<i64>) -> Vec<Arc<ChatMessage>> {
        revs.map(test_message).collect()
    }

    /// Messages that nobody changed, the first of which is the room's first unless `has_older`.
    fn held(revs: std::ops::RangeInclusive<i64>, has_older: bool) -> Backlog {
        let complete_above = if has_older { revs.start() - 1 } else { 0 };
        Backlog::new(range(revs), has_older, complete_above)
    }

    #[test]
    fn the_latest_page_is_cut_and_says_whether_there_is_more() {
        let mut small = held(1..=3, false);
        assert_eq!(latest(&mut small), (vec![1, 2, 3], false));
        for rev in 4..=51 {
            small.push(test_change(rev));
        }
        assert_eq!(latest(&mut small), ((2..=51).collect(), true));
        assert!(latest(&mut held(7..=9, true)).1);
        // Pinned messages take their part of a WELCOME.
        assert_eq!(revs(&small.latest_page(WELCOME_BYTES_MAX - 1_000).0).last(), Some(&51));
        assert!(revs(&small.latest_page(WELCOME_BYTES_MAX - 1_000).0).len() < 10);
        assert_eq!(small.latest_page(WELCOME_BYTES_MAX).0.iter().count(), 0);
    }

    #[test]
    fn tells_what_the_database_must_be_asked() {
        let mut backlog = held(101..=150, true);
        assert_eq!(after(&mut backlog, 99), Err(NotHere::Older));
        assert_eq!(after(&mut backlog, 100), Ok((101..=150).collect()));
        assert_eq!(after(&mut backlog, 150), Ok(vec![]));
        backlog.push(test_change(151));
        backlog.extend_log(0, range(1..=151), false);
        assert_eq!(after(&mut backlog, 0), Ok((1..=151).collect()));
        assert_eq!(backlog.first_seq(), 101, "the page is as it was");
        backlog.extend_back(101, range(51..=100), true);
        assert_eq!(backlog.first_seq(), 51);
    }

    #[test]
    fn what_is_more_than_a_resume_may_replay_is_not_asked_again() {
        let mut backlog = held(951..=1_000, true);
        assert_eq!(after(&mut backlog, 10), Err(NotHere::Older));
        backlog.extend_log(10, range(11..=510), true);
        assert_eq!(after(&mut backlog, 10), Err(NotHere::TooMuch));
        assert_eq!(after(&mut backlog, 11), Err(NotHere::Older));
        let mut full = held(1..=501, false);
        assert_eq!(after(&mut full, 0), Err(NotHere::TooMuch));
        assert_eq!(after(&mut full, 1).map(|revs| revs.len()), Ok(500));
        let large: Vec<_> = (1..=300).map(|rev| test_message_of(rev, &"가".repeat(2_000))).collect();
        let mut large = Backlog::new(large, false, 0);
        let n_bytes = |m: &MessageEvent| m.message().n_bytes_as_json() + 1;
        assert!(large.latest_page(0).0.iter().map(n_bytes).sum::<usize>() <= WELCOME_BYTES_MAX);
        assert_eq!(after(&mut large, 0), Err(NotHere::TooMuch));
        assert!(latest(&mut large).1);
    }

    #[test]
    fn a_read_that_was_overtaken_leaves_no_hole() {
        let mut backlog = held(101..=599, true);
        let before = backlog.first_seq();
        for rev in 600..=605 {
            backlog.push(test_change(rev));
        }
        backlog.extend_back(before, range(51..=100), false);
        assert!(backlog.first_seq() > 101, "the front went meanwhile");
        assert_eq!(after(&mut backlog, 105).map(|revs| revs.len()), Ok(500));
    }

    #[test]
    fn what_was_trimmed_is_asked_of_the_database() {
        let mut backlog = held(1..=100, false);
        let before = backlog.n_bytes_held();
        backlog.trim();
        assert!(backlog.n_bytes_held() < before / 50 && backlog.is_short());
        assert_eq!(backlog.first_seq(), 100);
        assert_eq!(after(&mut backlog, 99), Ok(vec![100]));
        assert_eq!(after(&mut backlog, 98), Err(NotHere::Older));
        backlog.push(test_change(101));
        assert_eq!(after(&mut backlog, 99), Ok(vec![100, 101]));
        backlog.extend_back(100, range(50..=99), true);
        assert!(!backlog.is_short());
        assert_eq!(latest(&mut backlog).0, (52..=101).collect::<Vec<_>>());
        // A room that never had more than that is whole.
        let mut small = held(1..=1, false);
        small.trim();
        assert!(!small.is_short());
        assert_eq!(after(&mut small, 0), Ok(vec![1]));
    }

    #[test]
    fn much_that_was_missed_comes_in_pieces_that_all_share() {
        let large: Vec<_> = (1..=100).map(|rev| test_message_of(rev, &"x".repeat(1_500))).collect();
        let mut backlog = Backlog::new(large, false, 0);
        let Ok(Replay::Pieces(all)) = backlog.after(0) else { panic!("150 KB are many") };
        let Ok(Replay::Pieces(some)) = backlog.after(33) else { panic!("100 KB are many") };
        assert_eq!(all.iter().flat_map(|p| of_batch(p)).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
        assert_eq!(some.iter().flat_map(|p| of_batch(p)).collect::<Vec<_>>(), (34..=100).collect::<Vec<_>>());
        let n_shared = some.iter().filter(|piece| all.iter().any(|other| Arc::ptr_eq(piece, other))).count();
        assert!(n_shared + 1 >= some.len(), "{n_shared} of {}", some.len());
        let n_bytes = |piece: &Batch| -> usize {
            let of = |event: &Arc<Event>| match &**event {
                Event::Message(m) => m.message().n_bytes_as_json() + FRAME_BYTES,
                _ => 0,
            };
            piece.events().iter().map(of).sum()
        };
        assert!(all.iter().all(|piece| n_bytes(piece) <= PIECE_BYTES_MAX));
        assert!(matches!(backlog.after(70), Ok(Replay::Whole(messages)) if messages.iter().count() == 30));
    }

    #[test]
    fn members_get_reactions_alone_and_whoever_joins_the_message_with_them() {
        let mut backlog = held(1..=3, false);
        let reaction = Reaction { emoji: Emoji::parse("👍").expect("an emoji"), count: 1, authors: vec![] };
        let annotations = Annotations { reactions: vec![reaction.clone()], ..Annotations::default() };
        let mut message = (*test_message(2)).clone();
        (message.rev, message.annotations) = (4, Some(Box::new(annotations)));
        let message = Arc::new(message);
        let change = Change { message: message.clone(), reactions: Some(Box::new([reaction])) };
        let (event, _) = backlog.push(change);
        assert!(matches!(&*event, Event::Reactions(r) if r.message == message && r.reactions.len() == 1));
        assert_eq!(backlog.messages().nth(1), Some(&message));
        assert_eq!((after(&mut backlog, 3), after(&mut backlog, 1)), (Ok(vec![4]), Ok(vec![3, 4])));
        assert_eq!(
            (backlog.at_rev(4), backlog.at_seq(2), backlog.find(2)),
            (Some(&message), Some(&message), Some(&message))
        );
        assert_eq!(backlog.at_rev(2), None, "that state is gone");
    }

    /// The room as the database has it: the counter at each message's last change, by place.
    #[derive(Default)]
    struct Stored {
        messages: Vec<Arc<ChatMessage>>,
        rev: i64,
        first_seq: i64,
    }

    impl Stored {
        fn write(&mut self) -> Change {
            self.rev += 1;
            self.messages.push(test_message(self.rev));
            test_change(self.rev)
        }

        /// Removes so many of the oldest messages for good.
        fn remove(&mut self, n: usize) {
            self.first_seq = self
                .messages
                .get(..n.min(self.messages.len()))
                .and_then(<[_]>::last)
                .map_or(self.first_seq, |last| last.seq + 1);
            self.messages.retain(|m| m.seq >= self.first_seq);
        }

        /// Changes one of the messages.
        fn change(&mut self, which: usize) -> Option<Change> {
            let n = self.messages.len().max(1);
            let message = self.messages.get_mut(which % n)?;
            self.rev += 1;
            let rev = self.rev;
            *message = Arc::new(ChatMessage { rev, ..(**message).clone() });
            Some(message.clone().into())
        }

        /// The changes above this value, by value.
        fn above(&self, rev: i64) -> Vec<Arc<ChatMessage>> {
            let mut changes: Vec<_> = self.messages.iter().filter(|m| m.rev > rev).cloned().collect();
            changes.sort_by_key(|m| m.rev);
            changes
        }

        /// The last messages before this place, and whether there are more.
        fn before(&self, seq: i64, n: usize) -> (Vec<Arc<ChatMessage>>, bool) {
            let older: Vec<_> = self.messages.iter().filter(|m| m.seq < seq).cloned().collect();
            let skipped = older.len().saturating_sub(n);
            (older.into_iter().skip(skipped).collect(), skipped > 0)
        }

        fn load(&self) -> Backlog {
            let (page, has_older) = self.before(i64::MAX, PAGE_MESSAGES);
            let first = page.first().map_or(0, |m| m.seq);
            let changed = self.messages.iter().filter(|m| m.seq < first && m.rev != m.seq).map(|m| m.rev).max();
            let changed = changed.unwrap_or(0);
            let complete_above = if has_older { changed.max(first - 1) } else { 0 };
            let mut backlog = Backlog::new(page, has_older, complete_above);
            backlog.keep_from(self.first_seq);
            backlog
        }
    }

    proptest! {
        /// P3: whatever is written, changed, trimmed and read again, a replay is exactly each message that changed, once,
        /// in its last state; and the page has the last messages as they are. What was removed is in neither, also where
        /// a change or a page of it comes late.
        #[test]
        fn both_views_are_what_the_database_has(
            n_before in 0_usize..120,
            steps in proptest::collection::vec((0_u8..8, 0_usize..700, 0_i64..400), 1..120),
        ) {
            let mut stored = Stored::default();
            (0..n_before).for_each(|_| drop(stored.write()));
            let mut backlog = stored.load();
            for (step, n, ask) in steps {
                match step {
                    0 => { backlog.push(stored.write()); }
                    1 | 2 => if let Some(change) = stored.change(n) { backlog.push(change); },
                    3 => backlog.trim(),
                    7 => {
                        let (page, has_older) = stored.before(backlog.first_seq(), n % 60);
                        let late = stored.change(n % 10);
                        stored.remove(n % 30);
                        backlog.keep_from(stored.first_seq);
                        if let Some(change) = late {
                            backlog.push(change);
                        }
                        backlog.extend_back(backlog.first_seq(), page, has_older);
                    }
                    4 => backlog = stored.load(),
                    5 => {
                        let before = backlog.first_seq();
                        let (messages, has_older) = stored.before(before, n % 60);
                        backlog.extend_back(before, messages, has_older);
                    }
                    _ => {
                        let above = stored.above(ask);
                        let truncated = above.len() > RESUME_CHANGES_MAX;
                        backlog.extend_log(ask, above, truncated);
                        prop_assert!(backlog.lacks(ask) != Some(NotHere::Older), "asked in vain");
                    }
                }
                let expected: Vec<i64> = stored.above(ask).iter().map(|m| m.rev).collect();
                match after(&mut backlog, ask) {
                    Ok(revs) => prop_assert_eq!(revs, expected),
                    Err(NotHere::Older) => prop_assert!(ask < backlog.complete_above),
                    Err(NotHere::TooMuch) => prop_assert!(false, "{} are not too much", expected.len()),
                }
                prop_assert!(!backlog.is_short() || backlog.first_seq() > 1);
                let page: Vec<_> = backlog.messages().cloned().collect();
                let (last, has_older) = stored.before(i64::MAX, page.len());
                prop_assert_eq!(&page, &last);
                // Values of the counter that are no message's may stand between the page and where the room begins.
                prop_assert!(backlog.has_older == has_older || (backlog.has_older && stored.first_seq > 0));
                for message in page.iter().rev().take(3) {
                    prop_assert_eq!(backlog.at_seq(message.seq), Some(message));
                    prop_assert_eq!(backlog.find(message.id), Some(message));
                }
            }
        }
    }
}
