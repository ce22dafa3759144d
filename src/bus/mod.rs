//! What carries news between servers on one database, faster than each finds it there by asking.

mod status;

pub use status::{BusReport, BusState, BusStatus};
