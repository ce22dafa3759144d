use std::collections::VecDeque;

use actix::clock::Instant;

/// The queue in front of the store: what waits, what is being committed, what is too old. Pure.
///
/// Bounded: an entry is refused once as many as allowed wait or are being committed. Batching is natural:
/// while one batch is being committed the next one gathers, with no timer.
#[derive(Debug)]
pub struct BatchQueue<T> {
    waiting: VecDeque<Entry<T>>,
    committing: Vec<Entry<T>>,
    n_entries_max: usize,
    n_batch_max: usize,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    /// Until when its sender waits; `None` once it was told not to.
    deadline: Option<Instant>,
}

impl<T: Clone> BatchQueue<T> {
    /// An empty queue that holds at most `n_entries_max` and commits at most `n_batch_max` at once.
    pub fn new(n_entries_max: usize, n_batch_max: usize) -> Self {
        Self { waiting: VecDeque::new(), committing: Vec::new(), n_entries_max, n_batch_max }
    }

    /// How many wait or are being committed.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.committing.len()
    }

    /// Whether a batch is being committed.
    pub fn is_committing(&self) -> bool {
        !self.committing.is_empty()
    }

    /// Takes in one entry, or gives it back where the queue is full.
    pub fn push(&mut self, item: T, deadline: Instant) -> Result<(), T> {
        if self.len() >= self.n_entries_max {
            return Err(item);
        }
        self.waiting.push_back(Entry { item, deadline: Some(deadline) });
        Ok(())
    }

    /// Begins the next batch: empty where there is nothing to commit or one is under way.
    pub fn begin(&mut self) -> Vec<T> {
        if self.committing.is_empty() {
            let n = self.waiting.len().min(self.n_batch_max);
            self.committing.extend(std::iter::from_fn(|| self.waiting.pop_front()).take(n));
            return self.committing.iter().map(|e| e.item.clone()).collect();
        }
        Vec::new()
    }

    /// The batch was committed: its entries, in order.
    pub fn committed(&mut self) -> Vec<T> {
        std::mem::take(&mut self.committing).into_iter().map(|e| e.item).collect()
    }

    /// The batch failed: its entries wait again, in front, but for those whose senders were told already,
    /// which are given back.
    pub fn failed(&mut self) -> Vec<T> {
        let mut given_up = Vec::new();
        for entry in std::mem::take(&mut self.committing).into_iter().rev() {
            match entry.deadline {
                Some(_) => self.waiting.push_front(entry),
                None => given_up.push(entry.item),
            }
        }
        given_up
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
        (given_up, unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_batch_at_a_time_while_the_next_gathers() {
        let now = Instant::now();
        let mut queue = BatchQueue::new(10, 3);
        assert!(queue.begin().is_empty());
        for n in 0..5 {
            assert_eq!(queue.push(n, now), Ok(()));
        }
        assert_eq!(queue.begin(), [0, 1, 2]);
        assert!(queue.begin().is_empty(), "one is under way");
        assert_eq!(queue.committed(), [0, 1, 2]);
        assert_eq!(queue.begin(), [3, 4]);
    }

    #[test]
    fn is_bounded_with_what_is_being_committed() {
        let now = Instant::now();
        let mut queue = BatchQueue::new(2, 1);
        assert_eq!((queue.push(1, now), queue.push(2, now)), (Ok(()), Ok(())));
        queue.begin();
        assert_eq!(queue.push(3, now), Err(3));
        queue.committed();
        assert_eq!(queue.push(3, now), Ok(()));
    }

    #[test]
    fn a_failed_batch_comes_again_in_order_without_those_who_gave_up() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let mut queue = BatchQueue::new(10, 3);
        for (n, deadline) in [(1, later), (2, now), (3, later), (4, now), (5, later)] {
            assert_eq!(queue.push(n, deadline), Ok(()));
        }
        queue.begin();
        assert_eq!(queue.expire(now), (vec![4], vec![2]));
        assert_eq!(queue.expire(now), (vec![], vec![]), "nobody is told twice");
        assert_eq!(queue.failed(), [2]);
        assert_eq!(queue.begin(), [1, 3, 5]);
    }

    proptest! {
        /// Nothing that was taken in is lost, doubled or overtaken.
        #[test]
        fn every_entry_leaves_once_and_in_order(steps in proptest::collection::vec(0_u8..4, 0..200)) {
            let far = Instant::now() + Duration::from_secs(3_600);
            let mut queue = BatchQueue::new(20, 7);
            let (mut taken_in, mut out, mut next) = (Vec::new(), Vec::new(), 0);
            for step in steps {
                match step {
                    0 | 1 => { if queue.push(next, far).is_ok() { taken_in.push(next); } next += 1; }
                    2 => { queue.begin(); }
                    _ if next % 3 == 0 => prop_assert!(queue.failed().is_empty()),
                    _ => out.extend(queue.committed()),
                }
                prop_assert!(queue.len() <= 20);
            }
            while queue.len() > 0 { out.extend(queue.committed()); queue.begin(); }
            out.extend(queue.committed());
            prop_assert_eq!(out, taken_in);
        }
    }
}
