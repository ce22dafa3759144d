use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use super::{
    changes::{Acknowledged, RoomChanges, report_after_deletion},
    cursor::{Cursor, Tally},
    frame_cache::{FrameCache, Shared},
    numbers::{count, float, whole},
    pairs::Reader,
    parse::{Change, What},
    plan::{Board, Plan},
    stats::{Counts, Window},
};

/// How long a later state may take to come that explains why a value was left out: a server that catches up tells all
/// that it read at once.
const COVER_US: u64 = 1_000_000;
/// The same for who resumes, whose line may be slow.
const COVER_RESUME_US: u64 = 30_000_000;

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
    /// Commands that are neither acknowledged nor refused.
    pub n_pending: u64,
}

/// What one thread knows of a room.
#[derive(Debug, Default)]
pub struct RoomState {
    /// Its epochs that sessions of this thread have met.
    pub epochs: Vec<String>,
    /// What each server sends: the same changes, but not in the same frames.
    frames: Vec<FrameCache>,
    /// What becomes of its messages.
    pub changes: RoomChanges,
    /// What went wrong with its changes.
    pub tally: Tally,
}

impl RoomState {
    /// What a server has sent, and beside it what a delivery changes: all of it is needed at once.
    pub fn frames(&mut self, server: usize) -> (Option<&mut FrameCache>, &mut RoomChanges, &mut Tally) {
        if self.frames.len() <= server {
            self.frames.resize_with(server + 1, FrameCache::default);
        }
        (self.frames.get_mut(server), &mut self.changes, &mut self.tally)
    }

    /// The index of an epoch in the list.
    pub fn epoch(&mut self, epoch: &str) -> usize {
        match self.epochs.iter().position(|known| known == epoch) {
            Some(at) => at,
            None => {
                self.epochs.push(epoch.to_owned());
                self.changes.clear();
                self.epochs.len() - 1
            }
        }
    }
}

impl WorkerState {
    pub fn new(plan: Arc<Plan>, board: Arc<Board>, thread: u64) -> Self {
        let is_mixed = plan.mix.is_some();
        let room = || RoomState { changes: RoomChanges::new(is_mixed), ..RoomState::default() };
        Self {
            rooms: std::iter::repeat_with(room).take(plan.spread.n_rooms).collect(),
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

    /// Takes in what other threads learned from ACKs.
    pub fn take_acknowledged(&mut self, acks: &[Acknowledged], now_us: u64) {
        for ack in acks {
            if let Some(room) = self.rooms.get_mut(ack.room) {
                room.changes.acknowledged(ack, now_us, &mut self.window);
            }
        }
    }

    /// What went wrong with changes, in all rooms.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.rooms.iter().for_each(|room| sum += room.tally);
        sum
    }
}

/// `reader` got a frame that its room shares.
pub fn deliver(
    shared: &Shared,
    cursor: &mut Cursor,
    changes: &mut RoomChanges,
    tally: &mut Tally,
    window: &mut Window,
    (now_us, reader): (u64, Reader),
) {
    report_after_deletion(shared.n_after_deletion, window);
    // What was jumped over may be explained by what is in this one.
    let is_plain = !shared.has_changed || !cursor.has_gaps();
    if let Some((first, last)) = shared.run
        && is_plain
        && cursor.take_next(first, last)
    {
        for change in &shared.changes {
            if matches!(change.what, What::New | What::Unknown) {
                if let Some(mark) = change.mark {
                    window.delivered(mark, now_us, reader);
                }
            } else {
                changes.arrived(change, now_us, window);
            }
        }
        let n_new = shared.changes.iter().filter(|c| matches!(c.what, What::New | What::Unknown)).count();
        window.counts.deliveries += shared.n_own;
        window.counts.other_changes += count(n_new) - shared.n_own;
        return;
    }
    for change in &shared.changes {
        if !take(change, cursor, changes, tally, (now_us, COVER_US)) {
            continue;
        }
        match (change.what, change.mark) {
            (What::New | What::Unknown, Some(mark)) => {
                window.delivered(mark, now_us, reader);
                window.counts.deliveries += 1;
            }
            (What::New | What::Unknown, None) => window.counts.other_changes += 1,
            _ => changes.arrived(change, now_us, window),
        }
    }
}

/// What a session had missed since its cursor was at `since`, and has got in its WELCOME or in pieces behind it. It has
/// no latency.
pub fn deliver_missed(
    missed: &[Change],
    since: i64,
    cursor: &mut Cursor,
    changes: &RoomChanges,
    tally: &mut Tally,
    counts: &mut Counts,
    now_us: u64,
) {
    for change in missed {
        if !take(change, cursor, changes, tally, (now_us, COVER_RESUME_US)) {
            continue;
        }
        // A message that is new to the session, or what has become of one.
        let is_own = change.mark.is_some() && (change.what == What::New || change.seq > since);
        counts.resumed_deliveries += u64::from(is_own);
        counts.other_changes += u64::from(!is_own && (change.what == What::New || !changes.is_mixed));
    }
}

/// A session got one change, and later states come within `cover_us`. Gives whether it came for the first time.
fn take(
    change: &Change,
    cursor: &mut Cursor,
    changes: &RoomChanges,
    tally: &mut Tally,
    (now_us, cover_us): (u64, u64),
) -> bool {
    let is_first = cursor.take(change.rev, now_us + cover_us, tally);
    if is_first && matches!(change.what, What::Text | What::Gone) && cursor.has_gaps() {
        cursor.cover(change.seq, change.rev, now_us, changes.about(), tally);
    }
    is_first
}

/// SplitMix64: small, quick, and good enough to spread things (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014). The seed is printed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

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
    use crate::{parse::Event, text::Mark};

    fn change(what: What, seq: i64, rev: i64) -> Change {
        let mark = (rev > 1 && what == What::New).then_some(Mark { n: 0, due_us: 100 });
        Change { rev, seq, what, mark, id: None }
    }

    fn shared(changes: &[Change]) -> Shared {
        Shared::of(&changes.iter().cloned().map(Event::Change).collect::<Vec<_>>()).expect("changes")
    }

    fn frame(revs: &[i64]) -> Shared {
        shared(&revs.iter().map(|rev| change(What::New, *rev, *rev)).collect::<Vec<_>>())
    }

    /// What a session makes of these frames, in a thread where another one got this.
    fn run(frames: &[Shared], known: &[Change], is_mixed: bool) -> (Tally, Window) {
        let (mut cursor, mut tally, mut window) = (Cursor::default(), Tally::default(), Window::default());
        let mut changes = RoomChanges::new(is_mixed);
        changes.learn(known);
        for frame in frames {
            changes.learn(&frame.changes);
            deliver(frame, &mut cursor, &mut changes, &mut tally, &mut window, (150, Reader::alone()));
        }
        (tally, window)
    }

    #[test]
    fn only_the_first_time_is_a_delivery() {
        let (tally, window) = run(&[&[1, 2, 3][..], &[3], &[6, 7], &[5], &[]].map(frame), &[], false);
        assert_eq!((window.counts.deliveries, window.counts.other_changes, window.delivery.n()), (5, 1, 5));
        assert_eq!(tally, Tally { lost: 1, duplicated: 1, reordered: 1 });
        assert_eq!(window.delivery.quantile(1.0), Some(50));
    }

    #[test]
    fn changes_of_messages_are_followed_as_messages_are() {
        use What::{Gone, New, Reactions, Text};
        for (name, frames, expected) in [
            ("in order", &[(Text, 1, 4), (Reactions, 2, 5), (Gone, 3, 6)][..], (0, 0, 0)),
            ("one is missing", &[(Text, 1, 4), (Gone, 3, 6)], (1, 0, 0)),
            ("two are swapped", &[(Reactions, 2, 5), (Text, 1, 4), (Gone, 3, 6)], (0, 0, 1)),
            ("one comes twice", &[(Text, 1, 4), (Reactions, 2, 5), (Reactions, 2, 5)], (0, 1, 0)),
            ("at the cursor", &[(Text, 1, 3)], (0, 1, 0)),
            ("only the last state", &[(Text, 1, 4), (Text, 2, 6), (New, 7, 7)], (0, 0, 0)),
            ("reactions are no state", &[(Text, 1, 4), (Reactions, 2, 6), (New, 7, 7)], (1, 0, 0)),
        ] {
            let behind = frames.iter().map(|(what, seq, rev)| shared(&[change(*what, *seq, *rev)]));
            let frames: Vec<_> = [frame(&[1, 2, 3])].into_iter().chain(behind).collect();
            let (tally, _) = run(&frames, &[change(Reactions, 2, 5)], true);
            assert_eq!((tally.lost, tally.duplicated, tally.reordered), expected, "{name}");
        }
    }

    #[test]
    fn a_resume_has_the_last_states() {
        let (mut cursor, mut tally, mut counts) = (Cursor::default(), Tally::default(), Counts::default());
        cursor.start(3);
        let changes = RoomChanges::new(true);
        // Messages 4 and 5 were edited at 6 and 9, and 1 was deleted at 8.
        let mut edited = change(What::Text, 4, 6);
        edited.mark = Some(Mark { n: 3, due_us: 1 });
        let last = Change { seq: 5, rev: 9, ..edited.clone() };
        let missed = [edited, change(What::New, 7, 7), change(What::Gone, 1, 8), last];
        deliver_missed(&missed, 3, &mut cursor, &changes, &mut tally, &mut counts, 150);
        assert!(tally.is_clean(), "{tally:?}");
        assert_eq!((cursor.at(), counts.resumed_deliveries), (9, 3));
        // And one whose last state is not there.
        let missed = [change(What::New, 11, 11)];
        deliver_missed(&missed, 3, &mut cursor, &changes, &mut tally, &mut counts, 150);
        assert_eq!(tally.lost, 1);
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
