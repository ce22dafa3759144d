use std::{collections::VecDeque, time::Duration};

use actix::clock::Instant;

/// The times at which something happened within the last minute: at most as many as are allowed.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Instant>);

/// After this many BAD_FRAMEs, or frames beyond the rate, within a minute a session is closed with 4102.
pub const BAD_FRAMES_MAX: usize = 50;
/// How far back [`Recent`] looks.
pub const MINUTE: Duration = Duration::from_secs(60);

impl Recent {
    /// Notes that it happens once more.
    ///
    /// # Errors
    /// Where it has happened `max` times within the last minute: the time until it may happen again.
    pub fn add(&mut self, now: Instant, max: usize) -> Result<(), Duration> {
        self.forget(now);
        if self.0.len() >= max {
            return Err(self.0.front().map_or(MINUTE, |at| *at + MINUTE - now));
        }
        self.0.push_back(now);
        Ok(())
    }

    /// Whether it did not happen within the last minute.
    pub fn is_empty(&mut self, now: Instant) -> bool {
        self.forget(now);
        self.0.is_empty()
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|at| *at + MINUTE <= now) {
            self.0.pop_front();
        }
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
        assert!(!recent.is_empty(start + 61 * second));
        assert!(recent.is_empty(start + 120 * second));
    }
}
