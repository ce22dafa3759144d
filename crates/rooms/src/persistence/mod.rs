//! The single door for writes. Rooms send [`Append`]; each gets its results back as [`Persisted`].
//!
//! Invariant: never names `room`; the queue has a maximum; a row is answered once, or twice where it was
//! first told "not known to be stored" and then was stored after all.

mod actor;
mod batch;
mod messages;
mod refusals;
mod review;
mod reviewing;

pub use actor::Persistence;
pub use messages::{Append, AppendResult, BatchLimits, Flush, GetStatus, Persisted, Status, Write};
pub use review::Review;
