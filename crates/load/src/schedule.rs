use std::{collections::VecDeque, time::Duration};

use super::numbers::{count, float, micros, size, whole};

/// A stretch of messages at one even rate. Times are microseconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Number of the first message.
    pub n_first: u64,
    pub n: u64,
    /// When the first is due.
    pub start_us: u64,
    /// Messages a second.
    pub per_second: f64,
}

impl Segment {
    /// When message `n` is due.
    pub fn due_us(&self, n: u64) -> u64 {
        self.start_us + whole(float(n.saturating_sub(self.n_first)) * 1e6 / self.per_second)
    }

    /// The number after its last one.
    pub fn n_end(&self) -> u64 {
        self.n_first + self.n
    }
}

/// Rates one after the other, from `start_us` on, as segments; a rate of 0 is a pause.
pub fn segments(n_first: u64, start_us: u64, rates: &[(f64, Duration)]) -> Vec<Segment> {
    let (mut n_first, mut start_us) = (n_first, start_us);
    let mut segments = Vec::new();
    for &(per_second, duration) in rates {
        let n = whole((per_second * duration.as_secs_f64()).round());
        if n > 0 {
            segments.push(Segment { n_first, n, start_us, per_second });
            n_first += n;
        }
        start_us += micros(duration);
    }
    segments
}

/// The messages that one thread sends: those whose writer it has. Message `n` is written by writer `n % n_writers`.
#[derive(Debug)]
pub struct Sendings {
    n_writers: u64,
    /// The writers of this thread, ascending.
    mine: Vec<u64>,
    segments: VecDeque<Segment>,
    /// Nothing below this number is left to send.
    next: u64,
}

/// A message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its number.
    pub n: u64,
    /// The session that writes it.
    pub writer: u64,
    /// When, in microseconds since the run began.
    pub at_us: u64,
}

impl Sendings {
    pub fn new(n_writers: usize, mine: Vec<u64>) -> Self {
        Self { n_writers: count(n_writers).max(1), mine, segments: VecDeque::new(), next: 0 }
    }

    /// More to send, behind all that was there.
    pub fn extend(&mut self, segments: &[Segment]) {
        self.segments.extend(segments);
    }

    /// The next message of this thread.
    pub fn peek(&mut self) -> Option<Due> {
        loop {
            let segment = self.segments.front()?;
            let n = self.mine_from(self.next.max(segment.n_first))?;
            if n < segment.n_end() {
                return Some(Due { n, writer: n % self.n_writers, at_us: segment.due_us(n) });
            }
            self.segments.pop_front();
        }
    }

    /// The one that was peeked at is done.
    pub fn advance(&mut self, done: Due) {
        self.next = done.n + 1;
    }

    /// The first number from `n` on whose writer is here.
    fn mine_from(&self, n: u64) -> Option<u64> {
        let (round, place) = (n / self.n_writers, n % self.n_writers);
        match self.mine.get(self.mine.partition_point(|w| *w < place)) {
            Some(writer) => Some(round * self.n_writers + writer),
            None => Some((round + 1) * self.n_writers + self.mine.first()?),
        }
    }
}

pub fn n_messages(segments: &[Segment]) -> u64 {
    segments.iter().map(|s| s.n).sum()
}

/// How sessions are spread: session `i` is in room `i % n_rooms`, and a room is on one thread where there are
/// enough of them, so that what it says is read once. The people of a room are on the servers in turn, and the first of
/// each room on another one than the first of the room before: so servers have as many as each other where rooms are
/// small, too.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub n_rooms: usize,
    pub n_threads: usize,
    pub n_servers: usize,
}

impl Spread {
    pub fn room(self, session: u64) -> usize {
        size(session % count(self.n_rooms).max(1))
    }

    pub fn server(self, session: u64) -> usize {
        let rooms = count(self.n_rooms).max(1);
        size((session / rooms + session % rooms) % count(self.n_servers).max(1))
    }

    pub fn thread(self, session: u64) -> usize {
        let threads = count(self.n_threads).max(1);
        if self.n_rooms >= self.n_threads {
            size(count(self.room(session)) % threads)
        } else {
            size((session / count(self.n_rooms).max(1)) % threads)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(sendings: &mut Sendings) -> Vec<Due> {
        let mut dues = Vec::new();
        while let Some(due) = sendings.peek() {
            dues.push(due);
            sendings.advance(due);
        }
        dues
    }

    #[test]
    fn a_rate_is_even_and_a_pause_is_silent() {
        let second = Duration::from_secs(1);
        let plan = segments(0, 100, &[(2.0, second), (0.0, second), (4.0, second)]);
        assert_eq!(n_messages(&plan), 6);
        let mut sendings = Sendings::new(1, vec![0]);
        sendings.extend(&plan);
        let at: Vec<u64> = all(&mut sendings).iter().map(|d| d.at_us).collect();
        assert_eq!(at, [100, 500_100, 2_000_100, 2_250_100, 2_500_100, 2_750_100]);
    }

    proptest! {
        /// Whatever the threads, each message is sent once, in order, by its writer's thread.
        #[test]
        fn threads_share_the_messages(
            n_sessions in 1_usize..60, n_rooms in 1_usize..9, n_threads in 1_usize..5, writers in 1_usize..60,
            rates in proptest::collection::vec((0.0_f64..90.0, 0_u64..1_500), 1..5),
        ) {
            let n_writers = writers.min(n_sessions);
            let spread = Spread { n_rooms, n_threads, n_servers: 1 };
            let rates: Vec<_> = rates.into_iter().map(|(r, ms)| (r, Duration::from_millis(ms))).collect();
            let plan = segments(7, 1_000, &rates);
            let mut sent = Vec::new();
            for thread in 0..n_threads {
                let mine = (0..count(n_writers)).filter(|w| spread.thread(*w) == thread).collect();
                let mut sendings = Sendings::new(n_writers, mine);
                sendings.extend(&plan);
                let dues = all(&mut sendings);
                prop_assert!(dues.windows(2).all(|w| w[0].n < w[1].n && w[0].at_us <= w[1].at_us));
                prop_assert!(dues.iter().all(|d| spread.thread(d.writer) == thread && spread.thread(d.writer) < n_threads));
                sent.extend(dues);
            }
            sent.sort_by_key(|d| d.n);
            let numbers: Vec<u64> = sent.iter().map(|d| d.n).collect();
            prop_assert_eq!(numbers, (7..7 + n_messages(&plan)).collect::<Vec<_>>());
        }

        /// No server has more than one person of a room more than another, and however small the rooms are, not many
        /// more people in all.
        #[test]
        fn servers_share_the_people_of_each_room(n_sessions in 1_u64..400, n_rooms in 1_usize..30, n_servers in 1_usize..6) {
            let spread = Spread { n_rooms, n_threads: 2, n_servers };
            let differ = |sessions: Vec<u64>| {
                let on = |server| count(sessions.iter().filter(|s| spread.server(**s) == server).count());
                let all: Vec<u64> = (0..n_servers).map(on).collect();
                all.iter().max().zip(all.iter().min()).map_or(0, |(most, least)| most - least)
            };
            for room in 0..n_rooms {
                prop_assert!(differ((0..n_sessions).filter(|s| spread.room(*s) == room).collect()) <= 1);
            }
            prop_assert!(differ((0..n_sessions).collect()) <= count(n_servers));
        }
    }
}
