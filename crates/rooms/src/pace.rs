use std::time::Duration;

use actix::clock::Instant;

/// The next delivery begins no sooner than this many times the last one's length after the last one began: at most
/// about this share of the time goes into one room's sockets.
const SHARE: u32 = 3;
/// A delivery that takes less than this is too cheap to save.
const CHEAP: Duration = Duration::from_millis(1);
/// Longest time that a message waits for others.
const GATHER_MAX: Duration = Duration::from_millis(25);

/// When a room may deliver again. Pure.
///
/// A delivery costs one write for each member, whatever it carries. So a room in which deliveries take long gathers
/// for twice as long as delivering took: what it costs per message falls as messages come faster. In a quiet room
/// nothing waits: its next message comes long after the last delivery.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    next: Instant,
}

impl Pace {
    /// Nothing was delivered yet.
    pub fn new(now: Instant) -> Self {
        Self { began: now, next: now }
    }

    /// How long to gather, where it is not time yet.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        self.next.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// A delivery begins.
    pub fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// It was written to every socket that took it.
    pub fn end(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.began);
        self.next = if took < CHEAP { now } else { self.began + (took * SHARE).min(GATHER_MAX) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Deliveries when a message comes every `gap` and each delivery takes `took`; and the longest wait.
    fn run(gap: Duration, took: Duration, n: u32) -> (u32, Duration) {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut now, mut n_deliveries, mut longest, mut sent) = (start, 0, Duration::ZERO, 0);
        while sent < n {
            let due = start + gap * sent;
            now = now.max(due);
            now += pace.wait(now).unwrap_or_default();
            longest = longest.max(now - due);
            // All that has come goes at once.
            while sent < n && start + gap * sent <= now {
                sent += 1;
            }
            pace.begin(now);
            now += took;
            pace.end(now);
            n_deliveries += 1;
        }
        (n_deliveries, longest)
    }

    #[test]
    fn a_quiet_room_never_waits_and_a_hot_one_pays_less_per_message() {
        let ms = Duration::from_millis;
        assert_eq!(run(ms(50), ms(5), 100), (100, Duration::ZERO), "20 a second in a room of a thousand");
        assert_eq!(run(ms(1), Duration::from_micros(100), 100).0, 100, "a small room, however fast");
        let deliveries: Vec<u32> = [20, 10, 5, 2, 1].map(|gap| run(ms(gap), ms(5), 1_000).0).into();
        assert!(deliveries.is_sorted_by(|a, b| a >= b), "{deliveries:?}");
        assert!(deliveries[4] <= 110, "ten messages share a delivery: {deliveries:?}");
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_bound_and_a_delivery(gap in 0_u64..40_000, took in 0_u64..60_000) {
            let (gap, took) = (Duration::from_micros(gap), Duration::from_micros(took));
            let (n_deliveries, longest) = run(gap, took, 200);
            prop_assert!(n_deliveries <= 200);
            prop_assert!(longest <= took + GATHER_MAX, "{longest:?}");
        }
    }
}
