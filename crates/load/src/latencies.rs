use hdrhistogram::Histogram;
use serde::Serialize;

use super::numbers::float;

/// Longest latency that is told apart, in microseconds: ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// Latencies in microseconds, three digits exact.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants, and a test makes one")]
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("valid bounds"))
    }
}

impl Latencies {
    pub fn record(&mut self, us: u64) {
        self.0.saturating_record(us);
    }

    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, so it cannot fail.
        let _ = self.0.add(&other.0);
    }

    pub fn n(&self) -> u64 {
        self.0.len()
    }

    /// At most this many microseconds took a part of them; nothing of none.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(part).min(self.0.max()))
    }

    pub fn summary(&self) -> Option<Summary> {
        Some(Summary {
            n: self.n(),
            mean: self.0.mean(),
            p50: self.quantile(0.5)?,
            p90: self.quantile(0.9)?,
            p99: self.quantile(0.99)?,
            p999: self.quantile(0.999)?,
            max: self.0.max(),
        })
    }

    /// Points of the distribution: part of all, and microseconds; nearer together towards the slowest. The slowest one
    /// itself has no part of its own: it stands where half of it would.
    pub fn distribution(&self) -> Vec<(f64, u64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let last = 1.0 - 0.5 / float(self.n());
        let mut points: Vec<(f64, u64)> = Vec::new();
        for point in self.0.iter_quantiles(10) {
            let (part, us) = (point.quantile().min(last), point.value_iterated_to().min(self.0.max()));
            if points.last().is_none_or(|(before, _)| *before < part) {
                points.push((part, us));
            }
        }
        points
    }
}

/// Latencies in figures, all in microseconds: how many there were, their mean, what 50, 90, 99 and 99.9 % of them took at
/// most, and the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    pub n: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::numbers::{count, size, whole};

    proptest! {
        /// Three digits exact, whatever the latencies; and a second that is long over still has its place.
        #[test]
        fn quantiles_are_exact_to_three_digits(mut all in proptest::collection::vec(1_u64..500_000_000, 1..200)) {
            let mut latencies = Latencies::default();
            all.iter().for_each(|us| latencies.record(*us));
            all.sort_unstable();
            for part in [0.5, 0.9, 0.99, 1.0] {
                let at = size(whole((part * float(count(all.len()))).ceil())).clamp(1, all.len()) - 1;
                let (exact, told) = (float(all[at]), float(latencies.quantile(part).expect("some")));
                prop_assert!((told - exact).abs() <= exact / 500.0 + 1.0, "{} {} {}", part, exact, told);
            }
            prop_assert_eq!(latencies.summary().map(|s| s.n), Some(count(all.len())));
            let points = latencies.distribution();
            prop_assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) && points.iter().all(|p| p.0 < 1.0));
            prop_assert_eq!(points.last().map(|p| p.1), latencies.quantile(1.0));
        }
    }

    #[test]
    fn nothing_measured_is_no_figure() {
        assert_eq!(Latencies::default().summary(), None);
        assert!(Latencies::default().distribution().is_empty());
    }
}
