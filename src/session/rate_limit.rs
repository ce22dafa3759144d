use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix::clock::Instant;
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use crate::domain::AuthorId;

/// What one identity may do in a time, over all its sessions: messages by a token bucket (the governor crate),
/// profile changes by counting those of the last minute, which a bucket would only do on average.
pub struct RateLimits {
    messages: DefaultKeyedRateLimiter<AuthorId>,
    profiles: Mutex<HashMap<AuthorId, Recent>>,
    profiles_per_minute: usize,
    clock: DefaultClock,
    is_on: bool,
}

/// How much an identity may do.
#[derive(Debug, Clone)]
pub struct RateSettings {
    /// False lifts these limits, for load tests.
    pub is_on: bool,
    /// Messages at once.
    pub message_burst: NonZeroU32,
    /// Messages a second after that.
    pub messages_per_second: NonZeroU32,
    /// Profile changes a minute.
    pub profiles_per_minute: NonZeroU32,
}

impl RateLimits {
    /// Full buckets for everybody.
    pub fn new(settings: &RateSettings) -> Self {
        let messages = Quota::per_second(settings.messages_per_second).allow_burst(settings.message_burst);
        Self {
            messages: DefaultKeyedRateLimiter::keyed(messages),
            profiles: Mutex::default(),
            profiles_per_minute: usize::try_from(settings.profiles_per_minute.get()).unwrap_or(usize::MAX),
            clock: DefaultClock::default(),
            is_on: settings.is_on,
        }
    }

    /// One message of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn message(&self, author: &AuthorId) -> Result<(), Duration> {
        if !self.is_on {
            return Ok(());
        }
        self.messages.check_key(author).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// One profile change of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn profile(&self, author: &AuthorId) -> Result<(), Duration> {
        if !self.is_on {
            return Ok(());
        }
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        profiles.entry(author.clone()).or_default().add(Instant::now(), self.profiles_per_minute)
    }

    /// Forgets identities whose buckets are full again. To be called now and then, so that memory follows
    /// who is active, not who ever was.
    pub fn forget_idle(&self) {
        self.messages.retain_recent();
        self.messages.shrink_to_fit();
        let now = Instant::now();
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        profiles.retain(|_, recent| !recent.is_empty(now));
        profiles.shrink_to_fit();
    }
}

/// When something happened in the last minute. Holds no more than it may happen.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Instant>);

/// After this many BAD_FRAMEs within a minute a session is closed with 4102.
pub const BAD_FRAMES_MAX: usize = 50;
const MINUTE: Duration = Duration::from_secs(60);

impl Recent {
    /// It happens once more.
    ///
    /// # Errors
    /// Where it has happened `max` times in the last minute: the time until it may again.
    pub fn add(&mut self, now: Instant, max: usize) -> Result<(), Duration> {
        self.forget(now);
        if self.0.len() >= max {
            return Err(self.0.front().map_or(MINUTE, |at| *at + MINUTE - now));
        }
        self.0.push_back(now);
        Ok(())
    }

    fn is_empty(&mut self, now: Instant) -> bool {
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

    fn limits(is_on: bool) -> RateLimits {
        let n = |n| NonZeroU32::new(n).expect("not zero");
        RateLimits::new(&RateSettings {
            is_on,
            message_burst: n(10),
            messages_per_second: n(1),
            profiles_per_minute: n(3),
        })
    }

    #[test]
    fn a_burst_then_a_wait_for_each_identity() {
        let limits = limits(true);
        let (one, two) = (AuthorId::from_stored("one"), AuthorId::from_stored("two"));
        let n_passed = (0..20).filter(|_| limits.message(&one).is_ok()).count();
        assert!((10..=11).contains(&n_passed), "{n_passed}");
        assert!(limits.message(&one).is_err_and(|wait| wait <= Duration::from_secs(1) && !wait.is_zero()));
        assert_eq!(limits.message(&two), Ok(()));
        assert_eq!((0..5).filter(|_| limits.profile(&one).is_ok()).count(), 3);
        limits.forget_idle();
        assert!(limits.message(&one).is_err(), "who is not idle is not forgotten");
    }

    #[test]
    fn off_is_off() {
        let limits = limits(false);
        assert!((0..1_000).all(|_| limits.message(&AuthorId::from_stored("one")).is_ok()));
    }

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
