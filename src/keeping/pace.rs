//! How fast old messages are removed: so that nobody who writes notices.

use std::time::Duration;

/// So many messages are removed or moved in one transaction, under the lock of their room's row: a few milliseconds.
pub const REMOVED_AT_ONCE: usize = 200;
/// Of so many rooms the oldest message is looked at in one question.
pub const ROOMS_AT_ONCE: usize = 500;

/// The least pause behind a piece of work.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest: a database that is slow for a moment must not end it for hours.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The least rest between two passes through all rooms.
const REST_MIN: Duration = Duration::from_secs(60);
const REST_MAX: Duration = Duration::from_secs(6 * 3_600);

/// How long to wait after a piece of work that took so long: the database gives it a fifth of one connection's time.
pub fn pause_after(took: Duration) -> Duration {
    took.saturating_mul(4).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// How long to rest after all rooms were gone through: a twentieth of the time goes into looking. What is a few hours too
/// old is no harm where days are counted.
pub fn rest_after(took: Duration) -> Duration {
    took.saturating_mul(20).clamp(REST_MIN, REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_database_is_pressed_less() {
        let ms = Duration::from_millis;
        for (took, pause) in [(0, 20), (5, 20), (10, 40), (500, 2_000), (60_000, 10_000)] {
            assert_eq!(pause_after(ms(took)), ms(pause), "{took} ms");
        }
        for (took, rest) in [(0, 60), (3, 60), (10, 200), (100_000, 6 * 3_600)] {
            assert_eq!(rest_after(Duration::from_secs(took)), Duration::from_secs(rest), "{took} s");
        }
    }
}
