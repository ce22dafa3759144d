//! Who is in a room on which server. Pure.

mod summary;

pub use summary::{Person, Summary, Who};
