//! Webhooks: other systems are told what happens, by Standard Webhooks, and write by addresses of their own.
//!
//! Nothing is stored with a message: `worker` follows each room's counter from where a receiver was (`webhook_cursors`), in
//! order for each receiver and room, and makes what it sends when it sends it, so that a deleted text does not leave. What is
//! no message (deeds, reports, what waits) stands in lists, each followed by its ids (`webhook_positions`); `telling` says
//! what of it is told how.
//! `office` is what an admin does with them (`changing`: one that is there), `event` what is said, `signature` what proves
//! it, `client` sends it, `address` says where to, `broker` is one more receiver, and `incoming` reads what others write.
//!
//! Invariant: no text is logged, and none is stored here.

mod address;
mod broker;
mod changing;
mod client;
mod event;
mod incoming;
mod office;
mod signature;
mod telling;
mod worker;

pub use event::Events;
pub use incoming::{Said, line_of};
pub use office::{HookSettings, HookWish, Hooks, HooksRefused};
pub use telling::Tried;
pub use worker::keep;
