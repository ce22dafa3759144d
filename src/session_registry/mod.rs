//! Which sessions there are: those of this server in memory, and with Redis those of all servers.
//!
//! Whoever debugs a chat of many servers asks here who is where ([`crate::http`] answers them). Nothing of the chat
//! depends on it: a session never waits for it, and what is lost is there again within [`REFRESH`].
//!
//! - `roster` (pure): the sessions of this server, and what Redis has not heard of them yet
//! - `record`: a session as it stands in Redis and in answers
//! - `names`: the keys in Redis
//! - `redis`: says it to Redis
//! - `reading`: reads there what all servers said

mod names;
mod reading;
mod record;
mod redis;
mod roster;

pub use self::redis::{Everywhere, REFRESH};
pub use reading::{Found, Wanted};
pub use record::{Place, Record};
pub use roster::{Listed, Listing, Roster};
