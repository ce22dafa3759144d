//! A connection pooler between this server and PostgreSQL, and how it is found out.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::settings::Pooler;

/// Whether connections share the database's sessions, as far as it is known.
#[derive(Debug)]
pub(crate) struct Sharing(AtomicU8);

const UNKNOWN: u8 = 0;
const OWN: u8 = 1;
const SHARED: u8 = 2;

impl Sharing {
    pub fn new(pooler: Pooler) -> Self {
        Self(AtomicU8::new(match pooler {
            Pooler::Auto => UNKNOWN,
            Pooler::Transaction => SHARED,
            Pooler::None => OWN,
        }))
    }

    /// `None` until somebody has asked.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            UNKNOWN => None,
            state => Some(state == SHARED),
        }
    }

    /// Whether they are known to be shared.
    pub fn is_known(&self) -> bool {
        self.get() == Some(true)
    }

    /// They are not, as far as can be seen.
    pub fn not_seen(&self) {
        // Whoever has seen more was faster.
        let _ = self.0.compare_exchange(UNKNOWN, OWN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// They are. Said once in the log.
    pub fn found_out(&self) {
        if self.0.swap(SHARED, Ordering::Relaxed) != SHARED {
            log::info!(
                "a pooler in transaction mode is in front of the database: statements are not kept prepared, settings \
                 travel with each transaction (CHAT_POOLER=transaction saves asking)"
            );
        }
    }
}

/// How often each of two connections is asked for its session, unless the answer is clear before. Behind a pooler that
/// is busy with others each may get the same one a few times in a row; three rounds were seen to be too few.
pub(crate) const ROUNDS: usize = 25;

/// Tells from the sessions that two connections, both open all the time, were given in turn: one connection that
/// meets two sessions, or two that meet the same one, share them.
pub(crate) fn sessions_are_shared(first: &[i32], second: &[i32]) -> bool {
    let moves = |seen: &[i32]| seen.windows(2).any(|pair| pair.first() != pair.last());
    moves(first) || moves(second) || first.iter().any(|pid| second.contains(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_move_or_are_met_twice_are_shared() {
        assert!(!sessions_are_shared(&[7, 7, 7], &[8, 8, 8]));
        assert!(sessions_are_shared(&[7, 7, 7], &[7, 7, 7]), "the last one free is given first");
        assert!(sessions_are_shared(&[7, 8, 7], &[9, 9, 9]));
        assert!(sessions_are_shared(&[7, 7, 7], &[9, 10, 9]));
        assert!(!sessions_are_shared(&[], &[]));
    }

    #[test]
    fn what_errors_show_later_stays_known() {
        let sharing = Sharing::new(Pooler::Auto);
        assert_eq!(sharing.get(), None);
        sharing.not_seen();
        assert_eq!(sharing.get(), Some(false));
        sharing.found_out();
        sharing.not_seen();
        assert!(sharing.is_known());
    }
}
