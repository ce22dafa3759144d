//! Sessions: one WebSocket each, and the hubs that feed their outboxes.
//!
//! Invariant: a session never orders and never stores. Everything for it travels room, hub, outbox; only
//! what concerns nobody else (PONG, refusals of its own frames) it puts there itself.

mod actor;
mod admission;
mod bucket;
mod budgets;
mod byte_limit;
mod connections;
mod hub;
mod message_limit;
mod messages;
mod networks;
mod outbox;
mod plain;
mod rate_limit;
mod recent;
mod repeats;
mod send_queue;
mod slot;
mod socket;

pub use actor::{ABNORMAL, Connection, Entrance, Place, Session, SessionSetup};
pub use admission::{Admission, AdmissionLimits, NotAdmitted, RefusalPermit, SessionPermit};
pub use budgets::AddressSettings;
pub use byte_limit::{ByteLimits, ByteRate};
pub use connections::{ConnectionLimits, Connections, CutFor};
pub use hub::Hub;
pub use message_limit::MessageLimit;
pub use messages::Drain;
pub use outbox::Outbox;
pub use plain::{HEAD_MAX, PlainStream};
pub use rate_limit::{Rate, RateLimits, RateSettings};
pub use slot::{SessionTimes, Slot, Slots};
pub use socket::{Accepted, Connected, connected, linger, prepare};

/// A random number from 0 to 1, to spread what would otherwise happen in one instant.
pub fn random_unit() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
