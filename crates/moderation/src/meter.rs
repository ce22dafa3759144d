use std::time::{Duration, Instant};

/// What counts for how long: after this time a count has fallen to 37 %.
const HALF_A_MINUTE: u32 = 30;
const TWO_MINUTES: u32 = 120;
const QUARTER_AN_HOUR: u32 = 900;
/// A room's usual is that of some hours.
const SIX_HOURS: u32 = 21_600;
/// How often the usual is looked at.
const LEARN_EVERY: Duration = Duration::from_secs(60);

/// A count that fades: each thing counts less the longer it is ago.
#[derive(Debug)]
pub(super) struct Meter {
    level: f64,
    at: Instant,
    memory_s: u32,
}

impl Meter {
    pub(super) fn of_half_a_minute(now: Instant) -> Self {
        Self { level: 0.0, at: now, memory_s: HALF_A_MINUTE }
    }

    pub(super) fn of_two_minutes(now: Instant) -> Self {
        Self { level: 0.0, at: now, memory_s: TWO_MINUTES }
    }

    pub(super) fn of_quarter_an_hour(now: Instant) -> Self {
        Self { level: 0.0, at: now, memory_s: QUARTER_AN_HOUR }
    }

    pub(super) fn add(&mut self, now: Instant, weight: f64) {
        self.level = self.level(now) + weight;
        self.at = self.at.max(now);
    }

    pub(super) fn level(&self, now: Instant) -> f64 {
        self.level * kept(now.saturating_duration_since(self.at), self.memory_s)
    }

    pub(super) fn clear(&mut self) {
        self.level = 0.0;
    }
}

/// The level that a meter usually has: a mean over hours.
#[derive(Debug)]
pub(super) struct Usual {
    mean: f64,
    at: Instant,
}

impl Usual {
    pub(super) fn new(now: Instant) -> Self {
        Self { mean: 0.0, at: now }
    }

    pub(super) fn level(&self) -> f64 {
        self.mean
    }

    /// Takes a level into the mean, at most once a minute, by the time that has passed.
    pub(super) fn learn(&mut self, now: Instant, level: f64) {
        let passed = now.saturating_duration_since(self.at);
        if passed >= LEARN_EVERY {
            self.mean = level + (self.mean - level) * kept(passed, SIX_HOURS);
            self.at = now;
        }
    }
}

/// The part of a count that is left. In whole milliseconds and by multiplication alone, since `exp` differs from one
/// machine to the next, and the table of the simulation must not.
fn kept(passed: Duration, memory_s: u32) -> f64 {
    let n_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    // After 40 times the memory nothing is left that a double could add to.
    if n_ms > u64::from(memory_s) * 40_000 {
        return 0.0;
    }
    let mut factor = 1.0 - 1.0 / (f64::from(memory_s) * 1_000.0);
    let (mut part, mut n) = (1.0, n_ms);
    while n > 0 {
        if n & 1 == 1 {
            part *= factor;
        }
        factor *= factor;
        n >>= 1;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_fades_to_37_percent_in_its_memory() {
        let now = Instant::now();
        let mut meter = Meter::of_half_a_minute(now);
        meter.add(now, 100.0);
        let left = meter.level(now + Duration::from_secs(30));
        assert!((36.7..36.9).contains(&left), "{left}");
        assert!(meter.level(now + Duration::from_secs(86_400)) < 1e-9);
        // Where clocks of threads are apart, nothing is counted twice.
        meter.add(now + Duration::from_secs(1), 1.0);
        meter.add(now, 1.0);
        assert!(meter.level(now + Duration::from_secs(1)) < 99.0);
    }

    #[test]
    fn the_usual_is_learned_in_hours() {
        let now = Instant::now();
        let mut usual = Usual::new(now);
        for minute in 1..=360 {
            usual.learn(now + Duration::from_secs(minute * 60), 10.0);
        }
        assert!((6.2..6.4).contains(&usual.level()), "{}", usual.level());
        usual.learn(now + Duration::from_secs(360 * 60 + 1), 1_000.0);
        assert!(usual.level() < 7.0, "at most once a minute");
    }
}
