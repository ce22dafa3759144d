use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use actix::clock::Instant;
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock, DefaultClock},
};

use crate::domain::AuthorId;

/// What one identity may do in a time, over all its sessions (token buckets by the governor crate).
pub struct RateLimits {
    messages: DefaultKeyedRateLimiter<AuthorId>,
    profiles: DefaultKeyedRateLimiter<AuthorId>,
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
            profiles: DefaultKeyedRateLimiter::keyed(Quota::per_minute(settings.profiles_per_minute)),
            clock: DefaultClock::default(),
            is_on: settings.is_on,
        }
    }

    /// One message of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn message(&self, author: &AuthorId) -> Result<(), Duration> {
        self.check(&self.messages, author)
    }

    /// One profile change of `author`.
    ///
    /// # Errors
    /// The time until the next one may come.
    pub fn profile(&self, author: &AuthorId) -> Result<(), Duration> {
        self.check(&self.profiles, author)
    }

    fn check(&self, limiter: &DefaultKeyedRateLimiter<AuthorId>, author: &AuthorId) -> Result<(), Duration> {
        if !self.is_on {
            return Ok(());
        }
        limiter.check_key(author).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets identities whose buckets are full again. To be called now and then, so that memory follows
    /// who is active, not who ever was.
    pub fn forget_idle(&self) {
        for limiter in [&self.messages, &self.profiles] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// The BAD_FRAMEs of one session in the last minute.
#[derive(Debug, Default)]
pub struct Strikes(VecDeque<Instant>);

/// After this many BAD_FRAMEs within [`STRIKE_WINDOW`] a session is closed with 4102.
pub const STRIKES_MAX: usize = 50;
/// See [`STRIKES_MAX`].
pub const STRIKE_WINDOW: Duration = Duration::from_secs(60);

impl Strikes {
    /// One more. True where it is one too many.
    pub fn add(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|at| *at + STRIKE_WINDOW <= now) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() >= STRIKES_MAX
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
    fn fifty_strikes_within_a_minute() {
        let start = Instant::now();
        let mut strikes = Strikes::default();
        for n in 0..49 {
            assert!(!strikes.add(start + Duration::from_secs(n)));
        }
        assert!(!strikes.add(start + Duration::from_secs(60)), "the first one is forgotten");
        assert!(strikes.add(start + Duration::from_secs(60)));
    }
}
