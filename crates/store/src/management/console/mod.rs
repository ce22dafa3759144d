//! What the owner's console lists: how much was written when, rooms, people.
//!
//! Lists come in pages behind a place, never by number: what comes meanwhile moves nobody past anything. Rooms are looked
//! through as a whole, ten thousand of them in a few milliseconds: an index on what every message changes would make each of
//! those write one row more.

mod activity;
mod model;
mod people;
mod rooms;

pub use model::{
    PeopleQuery, PersonListed, PersonSeen, PersonWrote, RoomCount, RoomListed, RoomPlace, RoomSort, RoomState,
    RoomsQuery, Span, Totals, Waiting, Written,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{activity::postgres::*, people::postgres::*, rooms::postgres::*};
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{activity::sqlite::*, people::sqlite::*, rooms::sqlite::*};
}
