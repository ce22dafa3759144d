use std::{num::NonZeroU32, time::Duration};

use actix::clock::Instant;

/// A rate: how much a [`Bucket`] holds when it is full, and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// At once.
    pub burst: u32,
    /// A second after that.
    pub per_second: NonZeroU32,
}

/// A token bucket. All that is kept is the moment at which it will be full again, or nothing where it is full. Pure.
///
/// The governor crate counts where one bucket decides. Here several decide together: each is asked first, and only
/// where none refuses something is taken, which governor's buckets cannot do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket(Option<Instant>);

impl Budget {
    /// This rate times `factor`.
    pub fn times(self, factor: u32) -> Self {
        Self { burst: self.burst.saturating_mul(factor), per_second: self.per_second.saturating_mul(nonzero(factor)) }
    }

    /// The part that is kept for people who have been here for a while and write little.
    pub fn reserve(self) -> u32 {
        self.burst / 3
    }

    /// How long it takes until `n` tokens have come.
    fn time_for(self, n: u32) -> Duration {
        Duration::from_nanos(u64::from(n) * 1_000_000_000 / u64::from(self.per_second.get()))
    }
}

impl Bucket {
    /// A bucket that holds `n` tokens.
    pub fn holding(n: u32, budget: Budget, now: Instant) -> Self {
        Self(Some(now + budget.time_for(budget.burst.saturating_sub(n))))
    }

    /// How long until `n` tokens can be taken and `kept` are left; zero where they can be taken now. More than the bucket
    /// ever holds can be taken when it is full: the debt is paid off afterwards.
    pub fn wait(self, n: u32, kept: u32, budget: Budget, now: Instant) -> Duration {
        let most = budget.burst.saturating_sub(kept).max(1);
        let missing = self.missing(now) + budget.time_for(n.min(most));
        missing.saturating_sub(budget.time_for(most))
    }

    /// Takes `n` tokens, even into debt.
    pub fn take(&mut self, n: u32, budget: Budget, now: Instant) {
        self.0 = Some(now + self.missing(now) + budget.time_for(n));
    }

    /// Whether it is full: a new bucket would be the same, so it may be forgotten.
    pub fn is_full(self, now: Instant) -> bool {
        self.missing(now).is_zero()
    }

    /// How long until it is full.
    fn missing(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now))
    }
}

fn nonzero(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(burst: u32, per_second: u32) -> Budget {
        Budget { burst, per_second: nonzero(per_second) }
    }

    #[test]
    fn a_burst_then_a_rate() {
        let (start, ten) = (Instant::now(), budget(10, 2));
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            assert!(bucket.is_full(start) || bucket.wait(1, 0, ten, start).is_zero());
            bucket.take(1, ten, start);
        }
        assert_eq!(bucket.wait(1, 0, ten, start), Duration::from_millis(500));
        assert_eq!(bucket.wait(1, 3, ten, start), Duration::from_secs(2), "three are to stay");
        assert!(bucket.wait(1, 0, ten, start + Duration::from_millis(500)).is_zero());
        assert!(!bucket.is_full(start + Duration::from_millis(4_999)));
        assert!(bucket.is_full(start + Duration::from_secs(5)));
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_once_it_is_full_and_is_paid_for() {
        let (start, small) = (Instant::now(), budget(10, 10));
        let mut bucket = Bucket::default();
        assert!(bucket.wait(25, 0, small, start).is_zero());
        bucket.take(25, small, start);
        assert_eq!(bucket.wait(1, 0, small, start), Duration::from_millis(1_600));
    }

    #[test]
    fn a_bucket_may_begin_with_less() {
        let (start, ten) = (Instant::now(), budget(10, 1));
        let mut bucket = Bucket::holding(3, ten, start);
        for _ in 0..3 {
            assert!(bucket.wait(1, 0, ten, start).is_zero());
            bucket.take(1, ten, start);
        }
        assert_eq!(bucket.wait(1, 0, ten, start), Duration::from_secs(1));
        assert!(Bucket::holding(20, ten, start).is_full(start));
    }

    proptest! {
        /// However it is asked, no more than the burst and what came since is given, and a wait is exact.
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            burst in 1_u32..50, per_second in 1_u32..50, kept in 0_u32..20,
            steps in proptest::collection::vec((0_u64..400, 1_u32..5), 1..200),
        ) {
            let (start, of) = (Instant::now(), budget(burst, per_second));
            let (mut now, mut bucket, mut n_taken) = (start, Bucket::default(), 0_u32);
            let mut n_largest = 0;
            for (millis, n) in steps {
                now += Duration::from_millis(millis);
                let wait = bucket.wait(n, kept, of, now);
                if wait.is_zero() {
                    bucket.take(n, of, now);
                    n_taken += n;
                    n_largest = n_largest.max(n);
                } else {
                    prop_assert!(bucket.wait(n, kept, of, now + wait).is_zero());
                    prop_assert!(!bucket.wait(n, kept, of, now + wait - Duration::from_nanos(1)).is_zero());
                }
            }
            let came = f64::from(per_second) * (now - start).as_secs_f64();
            prop_assert!(f64::from(n_taken) <= f64::from(burst + n_largest) + came + 0.001);
        }
    }
}
