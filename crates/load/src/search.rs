/// Looks for the highest rate that holds: doubles until one does not, then halves the distance. Pure.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    next: f64,
    held: Option<f64>,
    failed: Option<f64>,
}

/// The search ends when what held and what did not are this near, as a part of what held.
const NEAR: f64 = 0.06;
/// Nothing below this rate is tried.
const RATE_MIN: f64 = 1.0;

impl Search {
    pub fn from(rate: f64) -> Self {
        Self { next: rate.max(RATE_MIN), held: None, failed: None }
    }

    /// The rate to try; `None` where the search is over.
    pub fn next(&self) -> Option<f64> {
        match (self.held, self.failed) {
            (Some(held), Some(failed)) if failed - held <= held * NEAR => None,
            (None, Some(failed)) if failed <= RATE_MIN => None,
            _ => Some(self.next),
        }
    }

    /// The rate tried held, or did not.
    pub fn tried(&mut self, rate: f64, held: bool) {
        if held {
            self.held = Some(self.held.map_or(rate, |known| known.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |known| known.min(rate)));
        }
        self.next = match (self.held, self.failed) {
            (Some(held), Some(failed)) => f64::midpoint(held, failed),
            (Some(held), None) => held * 2.0,
            (None, Some(failed)) => (failed / 2.0).max(RATE_MIN),
            (None, None) => rate,
        };
    }

    pub fn held(&self) -> Option<f64> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It ends soon, just below the limit, whatever it begins with; a rate above the limit is never reported.
        #[test]
        fn finds_the_limit(first in 1.0_f64..5_000.0, limit in 1.0_f64..100_000.0) {
            let mut search = Search::from(first);
            let mut n_steps = 0;
            while let Some(rate) = search.next() {
                search.tried(rate, rate <= limit);
                n_steps += 1;
                prop_assert!(n_steps < 40);
            }
            let held = search.held().expect("a limit of one message a second or more is found");
            prop_assert!(held <= limit && held * (1.0 + NEAR) >= limit * 0.999, "{} of {}", held, limit);
        }
    }

    #[test]
    fn a_server_that_holds_nothing_ends_the_search() {
        let mut search = Search::from(100.0);
        while let Some(rate) = search.next() {
            search.tried(rate, false);
        }
        assert_eq!(search.held(), None);
    }
}
