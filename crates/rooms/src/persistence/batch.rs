use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use actix::clock::Instant;

/// How long a room that was found locked is left out of the batches.
pub const LOCKED_FOR: Duration = Duration::from_millis(200);

/// The queue in front of the store: what waits, what is being committed, what is too old. Pure.
///
/// Bounded: an entry is refused once as many as allowed wait or are being committed. Batching is natural:
/// while one batch is being committed the next one gathers, with no timer.
///
/// Each entry belongs to a room and a sender. A batch has entries of one class, since each class is written by statements
/// of its own; what one person sends into a room is committed in the order it came, whatever its class: all
/// else nobody can have known of each other. A room that is locked in the database waits, and the others go on without it.
#[derive(Debug)]
pub struct BatchQueue<T> {
    waiting: VecDeque<Entry<T>>,
    committing: Vec<Entry<T>>,
    /// The rooms that were locked when they were last tried, and when they are tried again. Each has an entry.
    locked: HashMap<u64, Instant>,
    n_entries_max: usize,
    n_batch_max: usize,
}

/// What an entry is, as far as the queue needs it.
pub trait Queued: Clone {
    /// By which statements it is written.
    type Class: Copy + PartialEq;
    /// Whose it is.
    type Sender: Clone + Eq + std::hash::Hash;

    /// Its class.
    fn class(&self) -> Self::Class;
    /// Its sender.
    fn sender(&self) -> Self::Sender;
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    room: u64,
    /// Until when its sender waits; `None` once it was told not to.
    deadline: Option<Instant>,
}

/// What is to be committed together.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<T> {
    /// In the order they came, within a room; empty where there is nothing to do.
    pub items: Vec<T>,
    /// Some belong to a room that was locked when it was last tried.
    pub was_locked: bool,
}

impl<T: Queued> BatchQueue<T> {
    /// An empty queue that holds at most `n_entries_max` and commits at most `n_batch_max` at once.
    pub fn new(n_entries_max: usize, n_batch_max: usize) -> Self {
        let (waiting, committing, locked) = (VecDeque::new(), Vec::new(), HashMap::new());
        Self { waiting, committing, locked, n_entries_max, n_batch_max }
    }

    /// How many wait or are being committed.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.committing.len()
    }

    /// Whether a batch is being committed.
    pub fn is_committing(&self) -> bool {
        !self.committing.is_empty()
    }

    /// How many rooms wait because they are locked.
    pub fn n_locked(&self) -> usize {
        self.locked.len()
    }

    /// Takes in one entry, or gives it back where the queue is full.
    pub fn push(&mut self, item: T, room: u64, deadline: Instant) -> Result<(), T> {
        if self.len() >= self.n_entries_max {
            return Err(item);
        }
        self.waiting.push_back(Entry { item, room, deadline: Some(deadline) });
        Ok(())
    }

    /// Begins the next batch: empty where there is nothing to commit now, or one is under way. The entry that waits
    /// longest decides the class.
    pub fn begin(&mut self, now: Instant) -> Batch<T> {
        let (mut was_locked, mut skipped) = (false, Vec::new());
        if self.is_committing() {
            return Batch { items: Vec::new(), was_locked };
        }
        let mut class = None;
        // Whose entries of which rooms wait for a later batch.
        let mut held_back: HashSet<(u64, T::Sender)> = HashSet::new();
        while self.committing.len() < self.n_batch_max
            && let Some(entry) = self.waiting.pop_front()
        {
            let tried_at = self.locked.get(&entry.room);
            let is_open = tried_at.is_none_or(|at| *at <= now);
            let is_of_class = is_open && *class.get_or_insert(entry.item.class()) == entry.item.class();
            let is_behind = || !held_back.is_empty() && held_back.contains(&(entry.room, entry.item.sender()));
            if is_of_class && !is_behind() {
                was_locked |= tried_at.is_some();
                self.committing.push(entry);
                continue;
            }
            if is_open {
                held_back.insert((entry.room, entry.item.sender()));
            }
            skipped.push(entry);
        }
        self.put_back(skipped);
        Batch { items: self.committing.iter().map(|e| e.item.clone()).collect(), was_locked }
    }

    /// The database answered for each entry of the batch, `true` where its room is locked. Those wait again, in front,
    /// and their room until later; but those whose senders were told already are given up (second list). The others
    /// are done (first list). Both are in order.
    pub fn committed(&mut self, is_locked: &[bool], now: Instant) -> (Vec<T>, Vec<T>) {
        let (mut done, mut given_up, mut again) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_locked = is_locked.iter().copied();
        for entry in std::mem::take(&mut self.committing) {
            match (is_locked.next().unwrap_or_default(), entry.deadline) {
                (false, _) => {
                    self.locked.remove(&entry.room);
                    done.push(entry.item);
                }
                (true, None) => given_up.push(entry.item),
                (true, Some(_)) => again.push(entry),
            }
        }
        // A room's entries in front may have been done, those behind may not.
        self.locked.extend(again.iter().map(|entry| (entry.room, now + LOCKED_FOR)));
        self.put_back(again);
        self.forget_rooms_without_entries();
        (done, given_up)
    }

    /// The batch failed: its entries wait again, in front, but for those whose senders were told already,
    /// which are given back.
    pub fn failed(&mut self) -> Vec<T> {
        let (again, given_up): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.committing).into_iter().partition(|entry| entry.deadline.is_some());
        self.put_back(again);
        given_up.into_iter().map(|entry| entry.item).collect()
    }

    fn put_back(&mut self, entries: Vec<Entry<T>>) {
        for entry in entries.into_iter().rev() {
            self.waiting.push_front(entry);
        }
    }

    fn forget_rooms_without_entries(&mut self) {
        if !self.locked.is_empty() {
            let waiting: HashSet<u64> = self.waiting.iter().chain(&self.committing).map(|entry| entry.room).collect();
            self.locked.retain(|room, _| waiting.contains(room));
        }
    }

    /// Entries whose senders have waited long enough: those that only waited are given up (first list); of
    /// those being committed nothing is known (second list), and they stay.
    pub fn expire(&mut self, now: Instant) -> (Vec<T>, Vec<T>) {
        let is_late = |e: &Entry<T>| e.deadline.is_some_and(|d| d <= now);
        let mut given_up = Vec::new();
        self.waiting.retain(|entry| {
            let late = is_late(entry);
            if late {
                given_up.push(entry.item.clone());
            }
            !late
        });
        let mut unknown = Vec::new();
        for entry in self.committing.iter_mut().filter(|e| is_late(e)) {
            entry.deadline = None;
            unknown.push(entry.item.clone());
        }
        self.forget_rooms_without_entries();
        (given_up, unknown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One room.
    const ROOM: u64 = 1;

    /// Numbers of one class and one sender.
    impl Queued for i32 {
        type Class = ();
        type Sender = ();

        fn class(&self) {}
        fn sender(&self) {}
    }

    /// Room, sender, class, number.
    type Entry = (u64, u8, bool, u32);

    impl Queued for Entry {
        type Class = bool;
        type Sender = u8;

        fn class(&self) -> bool {
            self.2
        }

        fn sender(&self) -> u8 {
            self.1
        }
    }

    #[test]
    fn a_batch_is_of_one_class_and_nobody_overtakes_themselves() {
        let now = Instant::now();
        let mut queue: BatchQueue<Entry> = BatchQueue::new(20, 20);
        let entries =
            [(1, 1, false, 0), (1, 2, true, 1), (1, 2, false, 2), (1, 1, false, 3), (2, 2, false, 4), (1, 1, true, 5)];
        for entry in entries {
            assert_eq!(queue.push(entry, entry.0, now + LOCKED_FOR), Ok(()));
        }
        let mut numbers = Vec::new();
        while queue.len() > 0 {
            let batch = queue.begin(now).items;
            numbers.push(batch.iter().map(|entry| entry.3).collect::<Vec<_>>());
            queue.committed(&vec![false; batch.len()], now);
        }
        assert_eq!(numbers, [vec![0, 3, 4], vec![1, 5], vec![2]]);
    }

    #[test]
    fn one_batch_at_a_time_while_the_next_gathers() {
        let now = Instant::now();
        let mut queue = BatchQueue::new(10, 3);
        assert!(queue.begin(now).items.is_empty());
        for n in 0..5 {
            assert_eq!(queue.push(n, ROOM, now), Ok(()));
        }
        assert_eq!(queue.begin(now), Batch { items: vec![0, 1, 2], was_locked: false });
        assert!(queue.begin(now).items.is_empty(), "one is under way");
        assert_eq!(queue.committed(&[false; 3], now), (vec![0, 1, 2], vec![]));
        assert_eq!(queue.begin(now).items, [3, 4]);
    }

    #[test]
    fn is_bounded_with_what_is_being_committed() {
        let now = Instant::now();
        let mut queue = BatchQueue::new(2, 1);
        assert_eq!((queue.push(1, ROOM, now), queue.push(2, ROOM, now)), (Ok(()), Ok(())));
        queue.begin(now);
        assert_eq!(queue.push(3, ROOM, now), Err(3));
        queue.committed(&[false], now);
        assert_eq!(queue.push(3, ROOM, now), Ok(()));
    }

    #[test]
    fn a_failed_batch_comes_again_in_order_without_those_who_gave_up() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let mut queue = BatchQueue::new(10, 3);
        for (n, deadline) in [(1, later), (2, now), (3, later), (4, now), (5, later)] {
            assert_eq!(queue.push(n, ROOM, deadline), Ok(()));
        }
        queue.begin(now);
        assert_eq!(queue.expire(now), (vec![4], vec![2]));
        assert_eq!(queue.expire(now), (vec![], vec![]), "nobody is told twice");
        assert_eq!(queue.failed(), [2]);
        assert_eq!(queue.begin(now).items, [1, 3, 5]);
    }

    #[test]
    fn a_locked_room_waits_and_the_others_go_on() {
        let now = Instant::now();
        let late = now + Duration::from_secs(5);
        let mut queue = BatchQueue::new(10, 10);
        for (n, room) in [(1, 7), (2, 8), (3, 7)] {
            assert_eq!(queue.push(n, room, late), Ok(()));
        }
        assert_eq!(queue.begin(now).items, [1, 2, 3]);
        assert_eq!(queue.push(4, 7, late), Ok(()));
        assert_eq!(queue.push(5, 8, late), Ok(()));
        assert_eq!(queue.committed(&[true, false, true], now), (vec![2], vec![]));
        assert_eq!(queue.n_locked(), 1);
        assert_eq!(queue.begin(now), Batch { items: vec![5], was_locked: false });
        assert_eq!(queue.committed(&[false], now), (vec![5], vec![]));
        assert!(queue.begin(now).items.is_empty(), "only the locked room has something to say");

        let then = now + LOCKED_FOR;
        assert_eq!(queue.begin(then), Batch { items: vec![1, 3, 4], was_locked: true });
        assert_eq!(queue.committed(&[true; 3], then), (vec![], vec![]), "still locked");
        assert_eq!(queue.expire(late), (vec![1, 3, 4], vec![]), "its senders are told after the usual time");
        assert_eq!((queue.len(), queue.n_locked()), (0, 0));
    }

    #[test]
    fn a_locked_room_drops_those_whose_senders_were_told_while_it_was_tried() {
        let now = Instant::now();
        let late = now + Duration::from_secs(5);
        let mut queue = BatchQueue::new(10, 10);
        assert_eq!((queue.push(1, 7, now), queue.push(2, 7, late)), (Ok(()), Ok(())));
        queue.begin(now);
        assert_eq!(queue.expire(now), (vec![], vec![1]));
        assert_eq!(queue.committed(&[true, true], now), (vec![], vec![1]));
        assert_eq!(queue.begin(now + LOCKED_FOR).items, [2]);
    }

    proptest! {
        /// Nothing that was taken in is lost or doubled; each batch is of one class; and nothing is overtaken by what the
        /// same person sent into the same room, whatever fails and is locked.
        #[test]
        fn every_entry_leaves_once_and_in_order(
            steps in proptest::collection::vec((0_u8..6, 0_u64..4, 0_u8..3, any::<bool>()), 0..300),
        ) {
            let mut now = Instant::now();
            let far = now + Duration::from_secs(3_600);
            let mut queue: BatchQueue<Entry> = BatchQueue::new(20, 7);
            let (mut taken_in, mut out, mut next) = (Vec::new(), Vec::new(), 0);
            let mut batch: Vec<Entry> = Vec::new();
            for (step, room, sender, class) in steps {
                match step {
                    0 | 1 => {
                        let entry = (room, sender, class, next);
                        if queue.push(entry, room, far).is_ok() { taken_in.push(entry); }
                        next += 1;
                    }
                    2 => {
                        let begun = queue.begin(now).items;
                        if !begun.is_empty() { batch = begun; }
                        prop_assert!(batch.iter().all(|entry| entry.2 == batch[0].2));
                    }
                    3 => { prop_assert!(queue.failed().is_empty()); batch.clear(); }
                    4 => now += LOCKED_FOR / 2,
                    // The room is locked.
                    _ => {
                        let is_locked: Vec<bool> = std::mem::take(&mut batch).into_iter().map(|of| of.0 == room).collect();
                        let (done, given_up) = queue.committed(&is_locked, now);
                        prop_assert!(given_up.is_empty());
                        out.extend(done);
                    }
                }
                prop_assert!(queue.len() <= 20);
                prop_assert!(queue.n_locked() <= 4);
            }
            out.extend(queue.committed(&[], now).0);
            while queue.len() > 0 {
                now += LOCKED_FOR;
                queue.begin(now);
                out.extend(queue.committed(&[], now).0);
            }
            prop_assert_eq!(queue.n_locked(), 0);
            prop_assert_eq!(out.len(), taken_in.len());
            for entry in &taken_in {
                let of = |all: &[Entry], is_it: &dyn Fn(&Entry) -> bool| all.iter().filter(|e| is_it(e)).copied().collect::<Vec<_>>();
                let same_sender = |e: &Entry| (e.0, e.1) == (entry.0, entry.1);
                prop_assert_eq!(of(&out, &same_sender), of(&taken_in, &same_sender));
            }
        }
    }
}
