use std::io::{IsTerminal, Write, stderr};

use super::{
    report::{count, latency},
    stats::Point,
};

/// Seconds between two lines where nobody watches.
const PLAIN_EVERY: u64 = 5;

/// The line that says how a run is going: one that is rewritten on a terminal, else a new one now and then.
pub struct Progress {
    is_terminal: bool,
    is_open: bool,
    last: Option<u64>,
}

impl Progress {
    /// On standard error, so that the table can be piped.
    pub fn new() -> Self {
        Self { is_terminal: stderr().is_terminal(), is_open: false, last: None }
    }

    /// Says how the last second was.
    pub fn show(&mut self, what: &str, n_sessions: usize, point: &Point) {
        if !self.is_terminal && self.last.is_some_and(|last| point.second < last + PLAIN_EVERY) {
            return;
        }
        self.last = Some(point.second);
        let line = line(what, n_sessions, point);
        let mut out = stderr().lock();
        // Nothing depends on whether somebody could read it.
        let _ = if self.is_terminal { write!(out, "\r\x1b[2K{line}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
        self.is_open = self.is_terminal;
    }

    /// A line that stays.
    pub fn say(&mut self, line: &str) {
        self.end();
        eprintln!("{line}");
    }

    /// What follows begins on a new line.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.is_open) {
            eprint!("\r\x1b[2K");
        }
    }
}

fn line(what: &str, n_sessions: usize, point: &Point) -> String {
    let times = match (point.p50, point.p99) {
        (Some(p50), Some(p99)) => format!(" · p50 {} · p99 {}", latency(p50), latency(p99)),
        _ => String::new(),
    };
    let wrong = [
        ("lost", point.tally.lost),
        ("duplicated", point.tally.duplicated),
        ("reordered", point.tally.reordered),
        ("errors", point.errors),
    ];
    let wrong: String =
        wrong.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!(" · {} {name}", count(*n))).collect();
    format!(
        "{:>4} s {what} · {}/{} sessions · {} sent/s · {} deliveries/s{times}{wrong}",
        point.second,
        count(point.sessions),
        count(super::numbers::count(n_sessions)),
        count(point.sent),
        count(point.deliveries),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_wrong_and_only_that() {
        let mut point = Point { second: 7, sessions: 1_000, sent: 20, deliveries: 20_000, ..Point::default() };
        assert_eq!(
            line("steady", 1_000, &point),
            "   7 s steady · 1,000/1,000 sessions · 20 sent/s · 20,000 deliveries/s"
        );
        (point.p50, point.p99, point.tally.lost) = (Some(1_500), Some(12_000), 3);
        assert!(line("steady", 1_000, &point).ends_with(" · p50 1.50 ms · p99 12.0 ms · 3 lost"));
    }
}
