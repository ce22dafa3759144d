//! What is measured, and what it must be in the end.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Instant,
};

use crate::support::{Server, get_raw};

/// What a server holds at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub sessions: u64,
    pub rooms: u64,
    pub sockets: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub outbox_bytes: u64,
    /// Resident, in KiB.
    pub memory: u64,
}

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
        Self {
            sessions: metric("chat_sessions_live"),
            rooms: metric("chat_rooms_live"),
            sockets: links.iter().filter(|l| l.to_string_lossy().starts_with("socket:")).count() as u64,
            descriptors: links.len() as u64,
            threads: line("Threads:"),
            outbox_bytes: metric("chat_outbox_bytes"),
            memory: line("VmRSS:"),
        }
    }

    /// Everything that is counted rather than measured.
    pub fn counts(&self) -> [u64; 6] {
        [self.sessions, self.rooms, self.sockets, self.descriptors, self.threads, self.outbox_bytes]
    }

    /// What is not as it was before. Counts must be the same, threads no more, memory within a bound.
    pub fn wrong(&self, before: &Self, memory_more: u64) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, was, is) in [
            ("sessions", before.sessions, self.sessions),
            ("rooms", before.rooms, self.rooms),
            ("sockets", before.sockets, self.sockets),
            ("descriptors", before.descriptors, self.descriptors),
            ("bytes in outboxes", before.outbox_bytes, self.outbox_bytes),
        ] {
            if was != is {
                wrong.push(format!("{name}: {was} before, {is} after"));
            }
        }
        if self.threads > before.threads {
            wrong.push(format!("threads: {} before, {} after", before.threads, self.threads));
        }
        if self.memory > before.memory + memory_more {
            wrong.push(format!("memory: {} KiB before, {} KiB after", before.memory, self.memory));
        }
        wrong
    }

    fn highest(&self, other: &Self) -> Self {
        Self {
            sessions: self.sessions.max(other.sessions),
            rooms: self.rooms.max(other.rooms),
            sockets: self.sockets.max(other.sockets),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            outbox_bytes: self.outbox_bytes.max(other.outbox_bytes),
            memory: self.memory.max(other.memory),
        }
    }

    pub fn table(before: &Self, peak: &Self, after: &Self, memory_more: u64) -> String {
        let memory = format!("at most {} MiB more", memory_more / 1_024);
        let rows = [
            ("sessions", "the same", [before, peak, after].map(|f| f.sessions)),
            ("rooms", "the same", [before, peak, after].map(|f| f.rooms)),
            ("sockets", "the same", [before, peak, after].map(|f| f.sockets)),
            ("descriptors", "the same", [before, peak, after].map(|f| f.descriptors)),
            ("bytes in outboxes", "the same", [before, peak, after].map(|f| f.outbox_bytes)),
            ("threads", "no more", [before, peak, after].map(|f| f.threads)),
            ("memory, KiB", &memory, [before, peak, after].map(|f| f.memory)),
        ];
        let mut text = format!("{:<18} {:>10} {:>10} {:>10}  must be\n", "", "before", "peak", "after");
        for (name, must, [before, peak, after]) in rows {
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
        writeln!(file, "second,phase,sessions,rooms,sockets,descriptors,threads,outbox_bytes,memory_kib")
            .expect("a line");
        Self { file, began: Instant::now(), peak: Figures::default() }
    }

    pub fn add(&mut self, phase: &str, figures: &Figures) {
        let counts = figures.counts().map(|n| n.to_string()).join(",");
        writeln!(self.file, "{},{phase},{counts},{}", self.began.elapsed().as_secs(), figures.memory).expect("a line");
        self.peak = self.peak.highest(figures);
    }
}
