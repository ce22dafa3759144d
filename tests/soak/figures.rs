//! What is measured, and what it must be in the end.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Instant,
};

use crate::support::{Server, get_raw};

/// What a figure must be in the end, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Must {
    BeTheSame,
    /// A few more at most: [`THREADS_MORE`].
    BeHardlyMore,
    /// No more than this and so much: [`MEMORY_MORE`].
    StayNear,
}
use Must::{BeHardlyMore, BeTheSame, StayNear};

/// Each figure: its column in the samples, its name in the report, and what it must be.
const ALL: [(&str, &str, Must); 7] = [
    ("sessions", "sessions", BeTheSame),
    ("rooms", "rooms", BeTheSame),
    ("sockets", "sockets", BeTheSame),
    ("descriptors", "descriptors", BeTheSame),
    ("threads", "threads", BeHardlyMore),
    ("outbox_bytes", "bytes in outboxes", BeTheSame),
    // Resident.
    ("memory_kib", "memory, KiB", StayNear),
];

/// What a server holds at one moment, in the order of [`ALL`].
#[derive(Clone, Copy, Default)]
pub struct Figures([u64; ALL.len()]);

/// How many more threads there may be in the end: those for calls that block, as SQLite's, are as many as there were such
/// calls at once, and what is done each second keeps them. Sessions that leave a thread behind, even one in ten of them,
/// leave more.
const THREADS_MORE: u64 = 16;
/// How much more memory it may hold in the end, in KiB: an allocator does not give back all that it took. A leak of 1 KiB
/// for each of the sessions of ten minutes would be more.
pub const MEMORY_MORE: u64 = 24 * 1024;
/// The same after a warm-up of seconds, which does not take the allocator to where it stays.
pub const MEMORY_MORE_SHORT: u64 = 96 * 1024;

impl Figures {
    /// As the kernel and the server's own metrics have it.
    pub async fn of(server: &Server) -> Self {
        let process = format!("/proc/{}", server.pid());
        let links = fs::read_dir(format!("{process}/fd")).expect("a process");
        let links = links.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect::<Vec<_>>();
        let status = fs::read_to_string(format!("{process}/status")).expect("a process");
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.split_whitespace().next().and_then(|n| n.parse().ok()).expect(name)
        };
        // After the kernel was asked: this connection would count.
        let metrics = get_raw(server, "/metrics", "").await.body;
        let metric = |name: &str| {
            let value =
                metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
            value.unwrap_or_else(|| panic!("no {name}")) as u64
        };
        let n_sockets = links.iter().filter(|l| l.to_string_lossy().starts_with("socket:")).count() as u64;
        let (sessions, rooms) = (metric("chat_sessions_live"), metric("chat_rooms_live"));
        let (threads, outbox_bytes) = (line("Threads:"), metric("chat_outbox_bytes"));
        Self([sessions, rooms, n_sockets, links.len() as u64, threads, outbox_bytes, line("VmRSS:")])
    }

    pub fn sessions_and_rooms(&self) -> [u64; 2] {
        [self.0[0], self.0[1]]
    }

    /// Whether everything that is counted rather than measured is the same.
    pub fn counts_as(&self, other: &Self) -> bool {
        (0..ALL.len()).all(|n| ALL[n].2 == StayNear || self.0[n] == other.0[n])
    }

    /// Name, what it must be, and the values of some, in the order of the report.
    fn rows<const N: usize>(all: [&Self; N]) -> Vec<(&'static str, Must, [u64; N])> {
        let mut rows: Vec<_> = (0..).zip(ALL).map(|(n, (_, name, must))| (name, must, all.map(|f| f.0[n]))).collect();
        rows.sort_by_key(|(_, must, _)| *must);
        rows
    }

    /// What is not as it was before.
    pub fn wrong(&self, before: &Self, memory_more: u64) -> Vec<String> {
        let wrong = |(name, must, [was, is]): (&str, Must, [u64; 2])| match must {
            BeTheSame => (was != is).then(|| format!("{name}: {was} before, {is} after")),
            BeHardlyMore => (is > was + THREADS_MORE).then(|| format!("{name}: {was} before, {is} after")),
            StayNear => (is > was + memory_more).then(|| format!("memory: {was} KiB before, {is} KiB after")),
        };
        Self::rows([before, self]).into_iter().filter_map(wrong).collect()
    }

    pub fn table(before: &Self, peak: &Self, after: &Self, memory_more: u64) -> String {
        let mut text = format!("{:<18} {:>10} {:>10} {:>10}  must be\n", "", "before", "peak", "after");
        for (name, must, [before, peak, after]) in Self::rows([before, peak, after]) {
            let must = match must {
                BeTheSame => "the same".to_owned(),
                BeHardlyMore => format!("at most {THREADS_MORE} more"),
                StayNear => format!("at most {} MiB more", memory_more / 1_024),
            };
            text.push_str(&format!("{name:<18} {before:>10} {peak:>10} {after:>10}  {must}\n"));
        }
        text
    }
}

/// Keeps every sample, as CSV, and the highest of each figure.
pub struct Recorder {
    file: File,
    began: Instant,
    pub peak: Figures,
}

impl Recorder {
    pub fn new(path: &Path) -> Self {
        let mut file = File::create(path).expect("a file for the figures");
        writeln!(file, "second,phase,{}", ALL.map(|(column, ..)| column).join(",")).expect("a line");
        Self { file, began: Instant::now(), peak: Figures::default() }
    }

    pub fn add(&mut self, phase: &str, figures: &Figures) {
        let values = figures.0.map(|n| n.to_string()).join(",");
        writeln!(self.file, "{},{phase},{values}", self.began.elapsed().as_secs()).expect("a line");
        self.peak = Figures(std::array::from_fn(|n| self.peak.0[n].max(figures.0[n])));
    }
}
