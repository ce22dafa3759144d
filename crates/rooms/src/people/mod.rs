//! Who is in a room on which server. Pure.

mod elsewhere;
mod own_part;
mod summary;

pub(crate) use elsewhere::{Difference, Elsewhere};
pub(crate) use own_part::OwnPart;
pub(crate) use summary::{HASHED_MAX, identity_hash};
pub use summary::{NoSummary, PEOPLE_LISTED_MAX, Person, Summary, Who};
