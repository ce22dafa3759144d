use std::time::Duration;

use actix::clock::Instant;

/// Shortest time between two summaries of a room.
const SAID_EVERY: Duration = Duration::from_secs(1);
/// While anybody is here, and where what was said may be lost, it is said again after this time.
const REPEATED_AFTER: Duration = Duration::from_secs(20);
/// Repeats are put off to the next whole multiple of this, in milliseconds of the clock on the wall: those of many rooms
/// then go out as one, where each by itself would wake every thread on its way, here and on every other server.
const REPEATED_TOGETHER_MS: u64 = 250;

/// When the other servers are to hear who is in the room on this one. Pure.
#[derive(Debug, Default)]
pub(crate) struct OwnPart {
    said: Option<Saying>,
}

#[derive(Debug, Clone, Copy)]
struct Saying {
    at: Instant,
    /// When it is said again where it may be lost.
    repeat_at: Instant,
    version: u64,
    /// How often anything had changed by then.
    n_changes: u64,
    is_anybody_here: bool,
}

impl OwnPart {
    /// When it is to be said, if nothing else changes until then, and it is not due at once. `n_changes`: how often
    /// anything has changed of who is here.
    pub fn due_at(&self, n_changes: u64, repeats: bool) -> Option<Instant> {
        let said = self.said?;
        match said.n_changes == n_changes {
            false => Some(said.at + SAID_EVERY),
            true => (repeats && said.is_anybody_here).then_some(said.repeat_at),
        }
    }

    /// Whether it is to be said now.
    pub fn is_due(&self, n_changes: u64, repeats: bool, now: Instant) -> bool {
        match self.said {
            None => n_changes > 0,
            Some(_) => self.due_at(n_changes, repeats).is_some_and(|at| at <= now),
        }
    }

    /// It is said now. Gives its version, which is above all before, also of this server's former lives. `now_ms`:
    /// milliseconds since 1970.
    pub fn say(&mut self, n_changes: u64, is_anybody_here: bool, now: Instant, now_ms: u64) -> u64 {
        let version = self.said.map_or(0, |said| said.version.saturating_add(1)).max(now_ms);
        let put_off_ms = (REPEATED_TOGETHER_MS - now_ms % REPEATED_TOGETHER_MS) % REPEATED_TOGETHER_MS;
        let repeat_at = now + REPEATED_AFTER + Duration::from_millis(put_off_ms);
        self.said = Some(Saying { at: now, repeat_at, version, n_changes, is_anybody_here });
        version
    }

    /// The version of the last word: that nobody is here any more, where somebody was said to be.
    pub fn take_back(&self, now_ms: u64) -> Option<u64> {
        let said = self.said.filter(|said| said.is_anybody_here)?;
        Some(said.version.saturating_add(1).max(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn is_said_when_it_changes_at_most_once_a_second_and_again_while_anybody_is_here() {
        let (start, mut own) = (Instant::now(), OwnPart::default());
        assert!(!own.is_due(0, true, start) && own.due_at(0, true).is_none(), "nobody ever came");
        assert!(own.is_due(1, true, start));
        let first = own.say(1, true, start, 1_000);
        assert_eq!((first, own.due_at(1, true)), (1_000, Some(start + 20 * SECOND)));
        assert!(!own.is_due(2, true, start + SECOND / 2) && own.is_due(2, true, start + SECOND));
        // A clock that is set back makes no version go back.
        assert_eq!(own.say(2, true, start + SECOND, 500), 1_001);
        assert!(own.is_due(2, true, start + 21 * SECOND), "it may have been lost");
        own.say(2, true, start + 21 * SECOND, 21_001);
        assert_eq!(own.due_at(2, true), Some(start + Duration::from_millis(41_249)), "with those of other rooms");
        assert!(!own.is_due(2, false, start + 100 * SECOND), "it cannot be lost");
        assert_eq!((own.due_at(2, false), own.take_back(700)), (None, Some(21_002)));
        own.say(3, false, start + 30 * SECOND, 31_000);
        assert_eq!((own.due_at(3, true), own.take_back(32_000)), (None, None), "nobody is here");
    }
}
