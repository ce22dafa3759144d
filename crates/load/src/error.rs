use std::{io, path::PathBuf};

/// Why there was no run, or no report of it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The options do not go together. Ours to say, the caller's to change.
    #[error("{0}")]
    Options(String),
    /// The target is not on this machine, and nobody said that it may be loaded.
    #[error("{0} is not this machine: --i-own-this-server says that you may load it")]
    NotOurs(String),
    /// Nothing answers there.
    #[error("no server answers at {url}: {source}")]
    Away {
        /// The target as it was given.
        url: String,
        /// What the system says.
        source: io::Error,
    },
    /// No session came as far as WELCOME.
    #[error("no session could join: {0}")]
    NoneJoined(String),
    /// The limit on open files is too low.
    #[error(
        "{wanted} sessions need {needed} open files, and the limit is {limit}: raise it (ulimit -n {needed}), or ask for fewer"
    )]
    Descriptors {
        /// Sessions asked for.
        wanted: usize,
        /// Files that they need.
        needed: u64,
        /// Files that may be open.
        limit: u64,
    },
    /// The system refuses what a generator thread needs.
    #[error("the generator cannot start: {0}")]
    Start(io::Error),
    /// A report could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
