use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often a server says that it lives, and listens for its own voice.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// So long without its own voice, and the bus is taken for broken.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Beats that may be under way.
const SENT_MAX: usize = 16;

/// Whether what this server says comes back to it. Shared by who sends and who listens.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Beats>);

#[derive(Debug, Default)]
struct Beats {
    last: i64,
    sent: VecDeque<(i64, Instant)>,
    heard_at: Option<Instant>,
}

impl Pulse {
    fn lock(&self) -> MutexGuard<'_, Beats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A beat is sent now. Gives its number.
    pub fn sends(&self, now: Instant) -> i64 {
        let mut beats = self.lock();
        beats.last = beats.last.saturating_add(1);
        let n = beats.last;
        beats.sent.push_back((n, now));
        while beats.sent.len() > SENT_MAX {
            beats.sent.pop_front();
        }
        n
    }

    /// This server's beat of that number came back. Gives how long it took; none where it was not sent lately, as one of
    /// a process before this one.
    pub fn heard(&self, n: i64, now: Instant) -> Option<Duration> {
        let mut beats = self.lock();
        let (_, sent_at) = *beats.sent.iter().find(|(of, _)| *of == n)?;
        beats.sent.retain(|(of, _)| *of > n);
        beats.heard_at = Some(now);
        Some(now.saturating_duration_since(sent_at))
    }

    /// Whether one came back since `since`, and lately enough.
    pub fn is_heard(&self, since: Instant, now: Instant) -> bool {
        let is_late = |at: Instant| now.saturating_duration_since(at) >= SILENCE_MAX;
        self.lock().heard_at.is_some_and(|at| at >= since && !is_late(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_while_beats_come_back() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let pulse = Pulse::default();
        assert!(!pulse.is_heard(start, at(0)));
        let n = pulse.sends(at(0));
        assert_eq!(pulse.heard(n + 1, at(2)), None, "of another process");
        assert_eq!(pulse.heard(n, at(5)), Some(Duration::from_millis(5)));
        assert_eq!(pulse.heard(n, at(6)), None, "the same one again");
        assert!(pulse.is_heard(start, at(3_000)) && !pulse.is_heard(start, at(3_005)));
        assert!(!pulse.is_heard(at(100), at(200)), "that was over the connection before");
    }

    #[test]
    fn beats_that_are_lost_do_not_pile_up() {
        let (start, pulse) = (Instant::now(), Pulse::default());
        for n in 1..=1_000 {
            assert_eq!(pulse.sends(start), n);
        }
        assert_eq!(pulse.lock().sent.len(), SENT_MAX);
        assert!(pulse.heard(1_000, start).is_some(), "the last one counts");
    }
}
