use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use super::{
    cursor::{Cursor, Tally},
    frame_cache::{FrameCache, Shared},
    numbers::{count, float, whole},
    plan::{Board, Plan},
    stats::Window,
};

/// What a session is to do at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    Connect,
    /// churn: say goodbye for a while.
    Leave,
    /// Give this connection up where it did not join, or did not end, by now. The number says which connection.
    GiveUp(u32),
}

/// What the sessions of one thread share.
#[derive(Debug)]
pub struct WorkerState {
    pub plan: Arc<Plan>,
    pub board: Arc<Board>,
    pub rooms: Vec<RoomState>,
    /// What is counted since the last report.
    pub window: Window,
    /// What is to be done, earliest first.
    pub agenda: BinaryHeap<Reverse<(u64, usize, Task)>>,
    pub random: Random,
    /// For frames on their way out.
    pub scratch: Vec<u8>,
    /// For their text.
    pub text: String,
    /// Whether sessions come and go.
    pub churns: bool,
    /// Messages that are neither acknowledged nor refused.
    pub n_pending: u64,
}

/// What one thread knows of a room.
#[derive(Debug, Default)]
pub struct RoomState {
    /// Its epochs that sessions of this thread have met.
    pub epochs: Vec<String>,
    pub frames: FrameCache,
    /// What went wrong with its changes.
    pub tally: Tally,
}

impl RoomState {
    /// The index of an epoch in the list.
    pub fn epoch(&mut self, epoch: &str) -> usize {
        match self.epochs.iter().position(|known| known == epoch) {
            Some(at) => at,
            None => {
                self.epochs.push(epoch.to_owned());
                self.epochs.len() - 1
            }
        }
    }
}

impl WorkerState {
    pub fn new(plan: Arc<Plan>, board: Arc<Board>, thread: u64) -> Self {
        Self {
            rooms: std::iter::repeat_with(RoomState::default).take(plan.spread.n_rooms).collect(),
            random: Random(plan.seed ^ thread.rotate_right(8)),
            plan,
            board,
            window: Window::default(),
            agenda: BinaryHeap::new(),
            scratch: Vec::new(),
            text: String::new(),
            churns: false,
            n_pending: 0,
        }
    }

    pub fn at(&mut self, us: u64, session: usize, task: Task) {
        self.agenda.push(Reverse((us, session, task)));
    }

    /// What went wrong with changes, in all rooms.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.rooms.iter().for_each(|room| sum += room.tally);
        sum
    }
}

/// A session got a frame that its room shares.
pub fn deliver(shared: &Shared, cursor: &mut Cursor, tally: &mut Tally, window: &mut Window, now_us: u64) {
    if let Some((first, last)) = shared.run
        && cursor.take_next(first, last)
    {
        for change in &shared.changes {
            if let Some(mark) = change.mark {
                window.delivery.record(now_us.saturating_sub(mark.due_us));
            }
        }
        window.counts.deliveries += shared.n_own;
        window.counts.other_changes += count(shared.changes.len()) - shared.n_own;
        return;
    }
    for change in &shared.changes {
        if !cursor.take(change.rev, tally) {
            continue;
        }
        match change.mark {
            Some(mark) => {
                window.delivery.record(now_us.saturating_sub(mark.due_us));
                window.counts.deliveries += 1;
            }
            None => window.counts.other_changes += 1,
        }
    }
}

/// SplitMix64: small, quick, and good enough to spread things (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014). The seed is printed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        float(self.next() >> 11) / float(1 << 53)
    }

    /// A time whose mean is `mean_us`, as independent visits have.
    pub fn exponential_us(&mut self, mean_us: f64) -> u64 {
        whole(-mean_us * (1.0 - self.unit()).max(f64::MIN_POSITIVE).ln())
    }

    pub fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        parse::{Change, Event},
        text::Mark,
    };

    fn frame(revs: &[i64]) -> Shared {
        let event =
            |rev: &i64| Event::Change(Change { rev: *rev, mark: (*rev > 1).then_some(Mark { n: 0, due_us: 100 }) });
        Shared::of(&revs.iter().map(event).collect::<Vec<_>>()).expect("changes")
    }

    #[test]
    fn only_the_first_time_is_a_delivery() {
        let (mut cursor, mut tally, mut window) = (Cursor::default(), Tally::default(), Window::default());
        for revs in [&[1, 2, 3][..], &[3], &[6, 7], &[5], &[]] {
            deliver(&frame(revs), &mut cursor, &mut tally, &mut window, 150);
        }
        assert_eq!((window.counts.deliveries, window.counts.other_changes, window.delivery.n()), (5, 1, 5));
        assert_eq!(tally, Tally { lost: 1, duplicated: 1, reordered: 1 });
        assert_eq!(window.delivery.quantile(1.0), Some(50));
    }

    #[test]
    fn random_times_have_the_mean_asked_for() {
        let mut random = Random(1);
        let n = 20_000;
        let mean = (0..n).map(|_| float(random.exponential_us(1_000.0))).sum::<f64>() / float(n);
        assert!((mean - 1_000.0).abs() < 50.0, "{mean}");
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.unit())));
    }
}
