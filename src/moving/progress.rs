//! How far it is, for somebody at a terminal. Nothing where nobody looks: pipes and logs get no noise.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

/// So often it is drawn anew.
const EACH: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    what: &'static str,
    begun: Instant,
    shown: Option<Instant>,
    is_watched: bool,
}

impl Progress {
    /// Of so many of `what`.
    pub fn new(what: &'static str) -> Self {
        Self { what, begun: Instant::now(), shown: None, is_watched: stderr().is_terminal() }
    }

    /// `done` of them; `part` of a whole, where that is known.
    pub fn show(&mut self, done: u64, part: Option<(u64, u64)>) {
        let now = Instant::now();
        if !self.is_watched || self.shown.is_some_and(|at| now.saturating_duration_since(at) < EACH) {
            return;
        }
        self.shown = Some(now);
        let line = line(done, self.what, part, now.saturating_duration_since(self.begun));
        // Nobody is told where it cannot be drawn.
        let _ = write!(stderr(), "\r\u{1b}[K{line}");
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// A bar, where the whole is known, and how much is done.
fn line(done: u64, what: &str, part: Option<(u64, u64)>, elapsed: Duration) -> String {
    const WIDTH: u64 = 20;

    let seconds = elapsed.as_secs();
    let Some((now, all)) = part.filter(|(_, all)| *all > 0) else { return format!("{done} {what}, {seconds} s") };
    let now = now.min(all);
    let share = |of: u64| now.saturating_mul(of).checked_div(all).unwrap_or(0);
    let n_full = usize::try_from(share(WIDTH)).unwrap_or(0);
    let n_empty = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(n_full);
    format!("[{}{}] {:>3} %  {done} {what}, {seconds} s", "█".repeat(n_full), "░".repeat(n_empty), share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_far_it_is() {
        let secs = Duration::from_secs;
        assert_eq!(line(7, "comments", None, secs(2)), "7 comments, 2 s");
        assert_eq!(line(7, "comments", Some((1, 4)), secs(2)), "[█████░░░░░░░░░░░░░░░]  25 %  7 comments, 2 s");
        assert_eq!(line(7, "comments", Some((9, 4)), secs(0)), format!("[{}] 100 %  7 comments, 0 s", "█".repeat(20)));
        assert_eq!(line(0, "comments", Some((0, 0)), secs(0)), "0 comments, 0 s");
    }
}
