//! Rooms that leave as a file, and come as one: `realtime-chat export` and `import` (docs/MOVING.md).
//!
//! `streaming` is the same export for whoever asks for it over HTTP, written while it is read.
//!
//! A file is read to its end before anything of it is stored, and then each room is stored in one transaction: what is
//! broken leaves nothing behind, and what was stored before an end that nobody wished for is known again.
//!
//! Invariant: what is in memory does not grow with texts, only with their number: a few words for each message.

mod export;
mod files;
mod import;
mod index;
mod progress;
mod reading;
mod report;
mod spool;
mod streaming;

use std::path::PathBuf;

use chat_moving::ReadError;
use chat_store::StoreError;

pub use export::{Exported, export};
pub use import::{ImportOptions, import};
pub use report::Summary;
pub use streaming::{EXPORTS_AT_ONCE, Exporting, exported};

/// Why a move was given up. One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MovingError {
    /// The file is not what it should be. Nothing was stored.
    #[error("{file}: {error}; nothing was imported")]
    Read {
        /// Which.
        file: String,
        /// Where and what.
        error: ReadError,
    },
    /// A file cannot be read or written; what the system says.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// Something is in the way. It is never overwritten.
    #[error("{} is there already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The database cannot be used.
    #[error("DATABASE_URL: {0}")]
    Store(#[from] StoreError),
    /// A room was named that the database does not have.
    #[error("there is no room {0:?}")]
    NoSuchRoom(String),
    /// Some rooms have messages of their own.
    #[error(
        "{n} {} messages that the file does not have: {which}; nothing was changed there. --merge puts both together",
        if *.n == 1 { "room has" } else { "rooms have" }
    )]
    InUse {
        /// How many.
        n: usize,
        /// The first of them.
        which: String,
    },
    /// Nobody reads it any more.
    #[error("whoever read it is gone, or took nothing for a minute")]
    Gone,
    /// The database has not all that this release needs.
    #[error("DATABASE_URL: the schema is older than this release; `realtime-chat migrate` brings it up to date")]
    Schema,
}
