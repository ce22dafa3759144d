use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use chat_domain::AuthorId;

use super::recent::Recent;

/// How many authors or texts of a room are remembered. At the message rates of docs/LIMITS.md no room has more within
/// an hour that are worth refusing; at the limit the oldest is forgotten.
pub const PACE_ENTRIES_MAX: usize = 10_000;

/// Slow mode of one room: each author writes once in so long.
///
/// Best effort: it knows what went through this server, and nothing of before its start.
/// Ask it last, when nothing else refuses the message, and not for one that is sent again under the same `clientId`.
#[derive(Debug)]
pub struct SlowMode {
    authors: Recent<AuthorId>,
}

impl SlowMode {
    /// With a bound on the authors it remembers; [`PACE_ENTRIES_MAX`] is what servers use.
    pub fn new(n_authors_max: usize) -> Self {
        Self { authors: Recent::new(n_authors_max) }
    }

    /// Lets a message through and notes its time.
    ///
    /// # Errors
    /// How long the author must wait; this does not make the time longer.
    pub fn take(&mut self, author: &AuthorId, now: Instant, slow: Duration) -> Result<(), Duration> {
        self.authors.take(author, now, slow)
    }

    /// How many authors are remembered.
    pub fn n_remembered(&self) -> usize {
        self.authors.len()
    }
}

impl Default for SlowMode {
    fn default() -> Self {
        Self::new(PACE_ENTRIES_MAX)
    }
}

/// The texts of a room that may not be said again yet, whoever said them.
#[derive(Debug)]
pub struct Repeats {
    /// By a hash with a key of its own, so that nobody can make two texts that stand for each other.
    texts: Recent<u64>,
    key: RandomState,
}

impl Repeats {
    /// With a bound on the texts it remembers; [`PACE_ENTRIES_MAX`] is what servers use.
    pub fn new(n_texts_max: usize) -> Self {
        Self { texts: Recent::new(n_texts_max), key: RandomState::new() }
    }

    /// Lets a text through and notes its time. It takes the folded text ([`folded`](super::folded)), so that another
    /// case or a look-alike letter is the same.
    ///
    /// # Errors
    /// How long this text must wait; this does not make the time longer.
    pub fn take(&mut self, folded: &str, now: Instant, unique: Duration) -> Result<(), Duration> {
        self.texts.take(&self.key.hash_one(folded), now, unique)
    }

    /// How many texts are remembered.
    pub fn n_remembered(&self) -> usize {
        self.texts.len()
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self::new(PACE_ENTRIES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::folded;

    fn author(n: usize) -> AuthorId {
        AuthorId::from_stored(&format!("author-{n}"))
    }

    #[test]
    fn one_message_in_its_time_and_the_wait_is_exact() {
        let (mut slow, start, ten) = (SlowMode::default(), Instant::now(), Duration::from_secs(10));
        assert_eq!(slow.take(&author(1), start, ten), Ok(()));
        assert_eq!(slow.take(&author(1), start + Duration::from_secs(4), ten), Err(Duration::from_secs(6)));
        assert_eq!(slow.take(&author(2), start + Duration::from_secs(4), ten), Ok(()), "others are free");
        assert_eq!(slow.take(&author(1), start + ten, ten), Ok(()), "a refusal did not make it longer");
        assert_eq!(slow.take(&author(1), start + ten, Duration::ZERO), Ok(()), "off");
    }

    #[test]
    fn the_same_text_by_anybody_is_a_repeat() {
        let (mut repeats, now, minute) = (Repeats::default(), Instant::now(), Duration::from_secs(60));
        assert_eq!(repeats.take(&folded("Buy now!"), now, minute), Ok(()));
        assert!(repeats.take(&folded("BUY  n\u{200b}ow!"), now, minute).is_err());
        assert_eq!(repeats.take(&folded("buy it now!"), now, minute), Ok(()));
        assert_eq!(repeats.take(&folded("buy now!"), now + minute, minute), Ok(()));
    }

    #[test]
    fn at_the_bound_the_oldest_is_forgotten() {
        let (mut slow, now, hour) = (SlowMode::new(3), Instant::now(), Duration::from_secs(3_600));
        for n in 0..4 {
            assert_eq!(slow.take(&author(n), now + Duration::from_secs(u64::try_from(n).unwrap()), hour), Ok(()));
        }
        assert_eq!(slow.n_remembered(), 3);
        assert!(slow.take(&author(3), now, hour).is_err());
        assert_eq!(slow.take(&author(0), now + Duration::from_secs(9), hour), Ok(()));
    }

    proptest! {
        #[test]
        fn slow_mode_lets_at_most_one_through_in_its_time(
            steps in prop::collection::vec((0_usize..5, 0_u64..8_000), 1..200), slow in 1_u64..20_000,
        ) {
            let (mut mode, mut now, slow) = (SlowMode::new(5), Instant::now(), Duration::from_millis(slow));
            let mut passed = vec![Vec::<Instant>::new(); 5];
            for (who, later) in steps {
                now += Duration::from_millis(later);
                match mode.take(&author(who), now, slow) {
                    Ok(()) => {
                        prop_assert!(passed[who].last().is_none_or(|last| now - *last >= slow));
                        passed[who].push(now);
                    }
                    Err(wait) => {
                        let last = *passed[who].last().expect("one before");
                        prop_assert_eq!(now + wait, last + slow);
                    }
                }
            }
        }

        #[test]
        fn the_maps_stay_bounded_whatever_the_times(
            steps in prop::collection::vec((0_usize..100, 0_u64..90_000, 0_u64..4_000), 1..300), n_max in 0_usize..20,
        ) {
            let (mut slow, mut repeats, start) = (SlowMode::new(n_max), Repeats::new(n_max), Instant::now());
            for (who, at, apart) in steps {
                // Times go back and forth here, as those of several threads may.
                let (now, apart) = (start + Duration::from_secs(at), Duration::from_secs(apart));
                let _ = (slow.take(&author(who), now, apart), repeats.take(&who.to_string(), now, apart));
                prop_assert!(slow.n_remembered() <= n_max.max(1) && repeats.n_remembered() <= n_max.max(1));
            }
        }
    }
}
