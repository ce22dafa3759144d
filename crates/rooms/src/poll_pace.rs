use std::time::Duration;

/// While others write as well, a poll may take this share of the time at most: one in twenty.
const SHARE: u32 = 20;
/// While others write as well, polls come this many times as often.
const OFTENER: u32 = 4;
/// However long a poll took, the next one comes after this many of the usual intervals.
const INTERVALS_MAX: u32 = 5;

/// How long the registry waits between the end of one poll of the rooms' counters and the next. Pure.
///
/// A server that is alone on its database finds nothing by polling but what somebody changed by hand: it polls at the
/// usual interval. While another server lives, what that one stores shows here with the next poll: it comes four times
/// as often, but no sooner than twenty times the last one's length after it, which bounds what many rooms cost.
#[derive(Debug)]
pub struct PollPace {
    interval: Duration,
    others_live: bool,
}

impl PollPace {
    /// Alone, as far as is known.
    pub fn new(interval: Duration) -> Self {
        Self { interval, others_live: false }
    }

    /// Whether another server lives on this database.
    pub fn set_others_live(&mut self, others_live: bool) {
        self.others_live = others_live;
    }

    /// How long to wait behind a poll that took so long.
    pub fn wait_after(&self, took: Duration) -> Duration {
        if !self.others_live {
            return self.interval.saturating_sub(took);
        }
        let longest = self.interval.saturating_mul(INTERVALS_MAX);
        took.saturating_mul(SHARE).max(self.interval / OFTENER).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(others_live: bool, took_ms: u64) -> u128 {
        let mut pace = PollPace::new(SECOND);
        pace.set_others_live(others_live);
        pace.wait_after(Duration::from_millis(took_ms)).as_millis()
    }

    #[test]
    fn alone_once_a_second_and_beside_others_as_often_as_it_is_cheap() {
        assert_eq!([0, 106, 5_000].map(|took| wait(false, took)), [1_000, 894, 0]);
        // 1,000 live rooms take a few milliseconds, 20,000 were measured at 106.
        assert_eq!([0, 5, 12, 13, 106, 5_000].map(|took| wait(true, took)), [250, 250, 250, 260, 2_120, 5_000]);
    }

    proptest! {
        #[test]
        fn beside_others_polls_take_a_twentieth_of_the_time_at_most(took in 0_u64..250, interval in 10_u64..600_000) {
            let (took, interval) = (Duration::from_millis(took), Duration::from_millis(interval));
            let mut pace = PollPace::new(interval);
            pace.set_others_live(true);
            let wait = pace.wait_after(took);
            prop_assert!(wait >= interval / 4 && wait <= interval * 5);
            prop_assert!(wait >= took * 20 || wait == interval * 5);
        }
    }
}
