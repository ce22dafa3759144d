//! Whole rooms as they leave a database, and as they come into one.
//!
//! A room is read at one moment however long it takes, in parts that go through a bounded queue; and it is written in one
//! transaction, so that it is there as a whole or not at all. Each body is written once and compiled by each database for
//! its own connections.

mod export;
mod import;
mod model;
mod places;
mod rows;

pub use model::{MOVED_AT_ONCE, MoveInto, Moved, MovedPart};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{export::postgres::*, import::postgres::*};
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{export::sqlite::*, import::sqlite::*};
}
