use std::{
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{
    changes::Acknowledged,
    mix::Mix,
    numbers::{count, micros, size},
    options::{Choice, LoadOptions},
    pairs::Reader,
    schedule::Spread,
    target::Target,
    text::RunId,
};

/// All that is known before a run begins; the same for every thread.
#[derive(Debug)]
pub struct Plan {
    /// The servers; one, unless several are one chat.
    pub targets: Vec<Target>,
    /// Marks the messages of this run.
    pub run: RunId,
    pub seed: u64,
    /// What the rooms' names begin with.
    rooms: String,
    /// Where sessions are.
    pub spread: Spread,
    pub n_sessions: usize,
    /// The first so many of them write.
    pub n_writers: usize,
    /// Bytes of a message's text.
    pub payload: usize,
    /// What writers send besides messages.
    pub mix: Option<Mix>,
    /// Whether who comes back resumes.
    pub resume: bool,
    /// Whether sessions offer compression.
    pub compresses: bool,
    /// Addresses that sessions come from, in turn.
    pub sources: Vec<IpAddr>,
    /// churn: how long sessions stay and are away on average, in microseconds.
    pub churn_us: (f64, f64),
    /// When the run began: all times count from here.
    pub began: Instant,
}

impl Plan {
    pub fn new(options: &LoadOptions, targets: Vec<Target>, n_threads: usize, seed: u64, run: RunId) -> Self {
        Self {
            run,
            seed,
            rooms: options.room.clone().unwrap_or_else(|| format!("load-{run}")),
            spread: Spread { n_rooms: options.rooms, n_threads, n_servers: targets.len() },
            n_sessions: options.sessions,
            n_writers: options.n_writers(),
            payload: options.payload_or_default(),
            mix: options.mix,
            resume: options.resume == Choice::On,
            compresses: options.compression == Choice::On,
            sources: options.sources(targets.iter().map(|target| target.address)),
            churn_us: (options.stay.as_secs_f64() * 1e6, options.away.as_secs_f64() * 1e6),
            targets,
            began: Instant::now(),
        }
    }

    /// Somebody who reads at this server.
    pub fn reader(&self, server: usize) -> Reader {
        Reader::new(self.spread, self.n_writers, server)
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        micros(self.began.elapsed())
    }

    pub fn sessions_of(&self, thread: usize) -> Vec<u64> {
        (0..count(self.n_sessions)).filter(|session| self.spread.thread(*session) == thread).collect()
    }

    pub fn room(&self, room: usize) -> String {
        format!("{}-{room}", self.rooms)
    }

    pub fn source(&self, session: u64) -> Option<IpAddr> {
        self.sources.get(size(session % count(self.sources.len()).max(1))).copied()
    }
}

/// What threads let each other know while they run. Only numbers that may be a moment old.
#[derive(Debug)]
pub struct Board {
    /// For each room, the highest counter value that anybody heard of.
    heads: Vec<AtomicI64>,
    pub threads: Vec<Gauges>,
}

/// Where the sessions of one thread are.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Joined.
    pub live: AtomicU64,
    /// Not joined, and will not try again.
    pub out: AtomicU64,
    /// Commands that are neither acknowledged nor refused.
    pub pending: AtomicU64,
    /// 1 while the schedule has messages left.
    pub unsent: AtomicU64,
    /// Sessions that have not got all that their room has. Only kept up while somebody watches it.
    pub behind: AtomicU64,
    /// How often the above was looked at.
    pub looks: AtomicU64,
    /// What other threads learned from ACKs since this one looked, which it does at least as often as above.
    acknowledged: Mutex<Vec<Acknowledged>>,
}

impl Board {
    pub fn new(n_rooms: usize, n_threads: usize) -> Self {
        Self {
            heads: std::iter::repeat_with(AtomicI64::default).take(n_rooms).collect(),
            threads: std::iter::repeat_with(Gauges::default).take(n_threads).collect(),
        }
    }

    /// The room has reached this counter value.
    pub fn heard(&self, room: usize, rev: i64) {
        if let Some(head) = self.heads.get(room) {
            head.fetch_max(rev, Relaxed);
        }
    }

    /// The highest counter value that anybody heard of.
    pub fn head(&self, room: usize) -> i64 {
        self.heads.get(room).map_or(0, |head| head.load(Relaxed))
    }

    /// A command took a counter value: those of all threads that have sessions in its room need to know.
    pub fn acknowledged(&self, ack: Acknowledged) {
        for gauges in &self.threads {
            gauges.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
        }
    }

    /// What was acknowledged since the last time.
    pub fn take_acknowledged(&self, thread: usize) -> Vec<Acknowledged> {
        let gauges = self.threads.get(thread);
        gauges
            .map(|g| std::mem::take(&mut *g.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    pub fn sum(&self, gauge: impl Fn(&Gauges) -> &AtomicU64) -> u64 {
        self.threads.iter().map(|gauges| gauge(gauges).load(Relaxed)).sum()
    }
}
