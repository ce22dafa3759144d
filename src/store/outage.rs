use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
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
pub(super) struct Outage(AtomicU8);

impl Outage {
    /// This failed: says so, unless something had failed before.
    pub fn begin(&self, work: Work, why: &dyn fmt::Display) {
        if self.0.fetch_or(work.bit(), Ordering::Relaxed) == 0 {
            match work {
                Work::Reading => log::error!("the database cannot be read: {why}"),
                Work::Writing => log::error!("the database does not take messages: {why}"),
            }
        }
    }

    /// This succeeded: says so, where it was the last thing that had not.
    pub fn end(&self, work: Work) {
        // Nearly always nothing had failed, and every success comes through here.
        if self.0.load(Ordering::Relaxed) != 0 && self.0.fetch_and(!work.bit(), Ordering::Relaxed) == work.bit() {
            log::info!("the database is back");
        }
    }
}
