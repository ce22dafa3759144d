use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// So many failures within [`ATTEMPTS_WITHIN`], of an account and of an address (people.md, section 4).
pub const ATTEMPTS_MAX: u32 = 10;
/// See [`ATTEMPTS_MAX`].
pub const ATTEMPTS_WITHIN: Duration = Duration::from_secs(60);
/// So many are counted; a flood of more has those forgotten that are over, and then all: who guesses from so many places
/// is not stopped by counting.
const COUNTED_MAX: usize = 50_000;

/// How often somebody has failed, or asked for something dear, lately. Pure.
#[derive(Debug)]
pub struct Attempts<K> {
    counted: HashMap<K, (Instant, u32)>,
    max: u32,
    within: Duration,
}

/// Of failures.
impl<K> Default for Attempts<K> {
    fn default() -> Self {
        Self::new(ATTEMPTS_MAX, ATTEMPTS_WITHIN)
    }
}

impl<K> Attempts<K> {
    /// At most so many of each within this time.
    pub fn new(max: u32, within: Duration) -> Self {
        Self { counted: HashMap::new(), max, within }
    }
}

impl<K: Hash + Eq> Attempts<K> {
    /// Counts a try before it is known how it ends, so that many at once are counted as many.
    ///
    /// # Errors
    /// How long until the next one is taken.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        let age = |since: Instant| now.saturating_duration_since(since);
        let Self { counted, max, within } = self;
        if counted.len() >= COUNTED_MAX && !counted.contains_key(&key) {
            counted.retain(|_, (since, _)| age(*since) < *within);
            if counted.len() >= COUNTED_MAX {
                counted.clear();
            }
        }
        let (since, n) = counted.entry(key).or_insert((now, 0));
        if age(*since) >= *within {
            (*since, *n) = (now, 0);
        }
        if *n >= *max {
            return Err(within.saturating_sub(age(*since)));
        }
        *n += 1;
        Ok(())
    }

    /// It was none after all: it succeeded.
    pub fn give_back(&mut self, key: &K) {
        if let Some((_, n)) = self.counted.get_mut(key) {
            *n = n.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_failures_a_minute_and_successes_do_not_count() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(attempts.take("one", start), Ok(()));
            attempts.give_back(&"one");
        }
        for _ in 0..10 {
            assert_eq!(attempts.take("one", start), Ok(()));
        }
        assert_eq!(attempts.take("one", start + Duration::from_secs(20)), Err(Duration::from_secs(40)));
        assert_eq!(attempts.take("other", start), Ok(()));
        assert_eq!(attempts.take("one", start + ATTEMPTS_WITHIN), Ok(()));
    }

    proptest! {
        /// Whatever comes when, nobody fails more than twice ten times in any minute, and the number of counted is bounded.
        #[test]
        fn failures_are_bounded(gaps in proptest::collection::vec(0_u64..30, 1..200)) {
            let (mut attempts, start) = (Attempts::default(), Instant::now());
            let (mut at, mut taken) = (0, Vec::new());
            for gap in gaps {
                at += gap;
                let now = start + Duration::from_secs(at);
                if attempts.take("one", now).is_ok() {
                    taken.push(at);
                }
            }
            for first in &taken {
                let n = taken.iter().filter(|t| (*first..*first + 60).contains(t)).count();
                prop_assert!(n <= 20, "{n}");
            }
        }
    }
}
