//! What is said in the log of a database that is away: one line where it begins and one where it ends, whoever notices.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

/// What a database that is away keeps from being done. One may fail while the other goes on: its disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Pages, joins and what other servers stored.
    Reading,
    /// Messages.
    Writing,
}

impl Work {
    fn bit(self) -> u8 {
        match self {
            Self::Reading => 1,
            Self::Writing => 2,
        }
    }
}

/// Whether the database is away, as far as it was found out: many notice it, the log says it once.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    away: AtomicU8,
    replaced: Seldom,
    knows_more: Seldom,
}

/// Something that many find at once, or that a visitor can bring about: the log has a line for it now and then, and a
/// metric counts each.
#[derive(Debug, Default)]
struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether a line is due, where the last one must be this long ago.
    fn is_due(&self, now: Instant, pause: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= pause);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

impl Outage {
    /// This failed: says so, unless something had failed before.
    pub fn begin(&self, work: Work, why: &dyn fmt::Display) {
        if self.away.fetch_or(work.bit(), Ordering::Relaxed) == 0 {
            match work {
                Work::Reading => log::error!("the database cannot be read: {why}"),
                Work::Writing => log::error!("the database does not take messages: {why}"),
            }
        }
    }

    /// This succeeded: says so, where it was the last thing that had not.
    pub fn end(&self, work: Work) {
        // Nearly always nothing had failed, and every success comes through here.
        if self.away.load(Ordering::Relaxed) != 0 && self.away.fetch_and(!work.bit(), Ordering::Relaxed) == work.bit() {
            log::info!("the database is back");
        }
    }

    /// A room's history was replaced.
    pub fn replaced(&self) {
        if self.replaced.is_due(Instant::now(), Duration::from_secs(60)) {
            log::error!(
                "the database has not what was shown of a room: a replica that was behind was promoted, or an older \
                 state was put back. The room starts over with what the database has; what came after that state is \
                 lost. chat_history_replaced_total counts rooms; if all clients are to start over: realtime-chat \
                 new-epoch"
            );
        }
    }

    /// A client knows more than the database.
    pub fn client_knows_more(&self) {
        if self.knows_more.is_due(Instant::now(), Duration::from_secs(3_600)) {
            log::warn!(
                "a client says that it has seen more of a room than the database has. It starts over; anybody can \
                 say so. But if an older state of the database was put back, run realtime-chat new-epoch \
                 (chat_resumes_ahead_total counts)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_find_is_said_once_in_a_while() {
        let (seldom, start, pause) = (Seldom::default(), Instant::now(), Duration::from_secs(60));
        let said = [0, 1, 59, 60, 61, 119, 120].map(|s| seldom.is_due(start + Duration::from_secs(s), pause));
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }
}
