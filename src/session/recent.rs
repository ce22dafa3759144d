use std::{collections::VecDeque, time::Duration};

use actix::clock::Instant;

/// What happened within the last minute, the oldest first. Pure; the caller passes the time.
#[derive(Debug)]
pub struct Recent<T = ()>(VecDeque<(Instant, T)>);

/// After this many BAD_FRAMEs, or frames beyond the rate, within a minute a session is closed with 4102.
pub const BAD_FRAMES_MAX: usize = 50;
/// How far back [`Recent`] looks.
pub const MINUTE: Duration = Duration::from_secs(60);

impl Recent {
    /// Notes that it happens once more. Fails where it has happened `max` times within the last minute, with the time
    /// until it may happen again.
    pub fn add(&mut self, now: Instant, max: usize) -> Result<(), Duration> {
        self.wait(now, max, |()| true).map_or(Ok(()), Err)?;
        self.note((), now, max);
        Ok(())
    }
}

impl<T> Recent<T> {
    /// Notes what happens. No more than `max` are remembered: the oldest go first.
    pub fn note(&mut self, what: T, now: Instant, max: usize) {
        if self.0.len() >= max {
            self.0.pop_front();
        }
        self.0.push_back((now, what));
    }

    /// How often it happened.
    pub fn n(&mut self, now: Instant) -> usize {
        while self.0.front().is_some_and(|(at, _)| *at + MINUTE <= now) {
            self.0.pop_front();
        }
        self.0.len()
    }

    /// How long until fewer than `max` that are alike are left; nothing where that is so.
    pub fn wait(&mut self, now: Instant, max: usize, is_alike: impl Fn(&T) -> bool) -> Option<Duration> {
        self.n(now);
        let mut alike = self.0.iter().rev().filter(|(_, what)| is_alike(what));
        let (at, _) = alike.nth(max.saturating_sub(1))?;
        Some((*at + MINUTE).saturating_duration_since(now))
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_within_a_minute_and_no_more() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut recent = Recent::default();
        for n in 0..3 {
            assert_eq!(recent.add(start + n * second, 3), Ok(()));
        }
        assert_eq!(recent.add(start + 41 * second, 3), Err(19 * second));
        assert_eq!(recent.add(start + 60 * second, 3), Ok(()), "the first one is forgotten");
        assert_eq!(recent.add(start + 60 * second, 3), Err(second));
        assert_ne!(recent.n(start + 61 * second), 0);
        assert_eq!(recent.n(start + 120 * second), 0);
    }
}
