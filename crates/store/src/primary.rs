//! Which server takes messages, and which connections lead elsewhere.
//!
//! Writing and reading have connections of their own, and a failover may leave the old server alive with some of
//! them. What one of them finds out holds for all: this is where they say it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// All connections are made anew at most this often, whatever is found out: each costs the database a process.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// How often a reading connection that leads to another server that takes writes may doubt the writing one: a
/// product that has several such servers on purpose must not be connected to for ever.
const DOUBT_PAUSE: Duration = Duration::from_secs(60);

/// What a connection found out about the server that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Differs between servers, and between two starts of one.
    pub id: String,
    /// It is a standby, or takes no writes by default.
    pub is_read_only: bool,
}

/// What all connections together know of the server that takes messages.
#[derive(Debug, Default)]
pub(crate) struct Primary {
    /// Where the newest writing connection leads to.
    writer: Option<String>,
    /// Connections that are older are not used any more.
    fresh_since: Option<Instant>,
    /// No server takes writes, and at least one answers.
    read_only_since: Option<Instant>,
    doubted_at: Option<Instant>,
}

/// The same for all connections of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedPrimary(Arc<Mutex<Primary>>);

impl SharedPrimary {
    pub fn lock(&self) -> MutexGuard<'_, Primary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Primary {
    /// A connection that writes was made. True where it leads to another server than the one before.
    pub fn writer_connected(&mut self, server: &Server, now: Instant) -> bool {
        self.read_only_since = None;
        if self.writer.as_deref() == Some(&server.id) {
            return false;
        }
        let has_moved = self.writer.replace(server.id.clone()).is_some();
        // The first one as well: connections that read may have been made to a standby before.
        self.fresh_since = Some(now);
        has_moved
    }

    /// No connection that writes could be made: because what answers is read-only, or for another reason.
    pub fn writer_failed(&mut self, is_read_only: bool, now: Instant) {
        if is_read_only {
            self.read_only_since.get_or_insert(now);
        } else {
            // One that is away is no longer known to be read-only.
            self.read_only_since = None;
        }
    }

    /// A connection that reads was made; whether it may be used.
    pub fn reader_connected(&mut self, server: &Server, now: Instant) -> bool {
        let Some(writer) = &self.writer else { return true };
        if *writer == server.id || self.read_only_since.is_some() {
            return true;
        }
        if server.is_read_only {
            return false;
        }
        // Two that take writes: the one to which the newer connection leads is right, and the writing one follows.
        if self.doubted_at.is_none_or(|at| now.saturating_duration_since(at) >= DOUBT_PAUSE) {
            self.doubted_at = Some(now);
            self.fresh_since = Some(now);
        }
        true
    }

    /// Something was read that is older than what is known: all connections are made anew.
    pub fn doubt(&mut self, now: Instant) {
        if self.fresh_since.is_none_or(|at| now.saturating_duration_since(at) >= RENEWAL_PAUSE) {
            self.fresh_since = Some(now);
        }
    }

    /// Whether a connection that was made then may still be used.
    pub fn is_fresh(&self, made: Instant) -> bool {
        self.fresh_since.is_none_or(|since| made >= since)
    }

    /// How long all that answers has been read-only.
    pub fn read_only_for(&self, now: Instant) -> Option<Duration> {
        self.read_only_since.map(|since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, is_read_only: bool) -> Server {
        Server { id: id.into(), is_read_only }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn when_the_writing_connection_moves_all_older_ones_are_done_with() {
        let (mut primary, start) = (Primary::default(), Instant::now());
        assert!(primary.reader_connected(&server("a", false), start));
        assert!(!primary.writer_connected(&server("a", false), start), "the first is no move");
        assert!(primary.is_fresh(start));
        let later = start + SECOND;
        assert!(!primary.writer_connected(&server("a", false), later), "the same server again");
        assert!(primary.is_fresh(start));
        assert!(primary.writer_connected(&server("b", false), later));
        assert!(!primary.is_fresh(start) && primary.is_fresh(later));
    }

    #[test]
    fn a_server_that_is_read_only_is_read_from_only_while_none_takes_writes() {
        let (mut primary, start) = (Primary::default(), Instant::now());
        primary.writer_connected(&server("a", false), start);
        assert!(!primary.reader_connected(&server("standby", true), start));
        primary.writer_failed(true, start);
        assert!(primary.reader_connected(&server("standby", true), start), "better than nothing");
        assert_eq!(primary.read_only_for(start + SECOND), Some(SECOND));
        primary.writer_failed(true, start + SECOND);
        assert_eq!(primary.read_only_for(start + SECOND), Some(SECOND), "since the first time");
        primary.writer_failed(false, start + SECOND);
        assert_eq!(primary.read_only_for(start + SECOND), None, "it is away, which is something else");
        primary.writer_failed(true, start);
        primary.writer_connected(&server("b", false), start + SECOND);
        assert_eq!(primary.read_only_for(start + SECOND), None);
        assert!(!primary.reader_connected(&server("a", true), start + SECOND));
    }

    #[test]
    fn of_two_servers_that_take_writes_the_newer_connection_is_right() {
        let (mut primary, start) = (Primary::default(), Instant::now());
        primary.writer_connected(&server("a", false), start);
        let later = start + SECOND;
        assert!(primary.reader_connected(&server("b", false), later));
        assert!(!primary.is_fresh(start), "the writing connection is made anew");
        primary.writer_connected(&server("a", false), later + SECOND);
        assert!(primary.reader_connected(&server("c", false), later + SECOND));
        assert!(primary.is_fresh(later), "but not again and again");
    }

    #[test]
    fn doubts_renew_at_most_once_a_second() {
        let (mut primary, start) = (Primary::default(), Instant::now());
        primary.doubt(start);
        primary.doubt(start + SECOND / 2);
        assert!(primary.is_fresh(start));
        primary.doubt(start + SECOND);
        assert!(!primary.is_fresh(start + SECOND / 2));
    }
}
