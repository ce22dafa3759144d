//! realtime-chat: live discussion on every blog post.
//!
//! # Layout, in reading order
//!
//! - [`domain`]: what the chat is about; parsing is the only way in
//! - [`protocol`]: the wire, what a client may say and hear
//! - [`store`]: rows in, rows out, on PostgreSQL or SQLite
//! - [`persistence`]: the single door for writes; batches them
//! - [`room`]: order, backlog, presence and fan-out of one post; the registry of rooms
//! - [`session`]: one WebSocket each, and the hubs that feed their outboxes
//! - [`http`]: routes, pages, health
//! - [`config`], [`metrics`], [`logging`] and [`memory`]: settings, figures, a log that never waits, and what is free
//!   goes back
//! - [`healthcheck`]: asks a running server how it is
//! - [`load`]: the load tester, which stands apart
//! - [`app`]: puts it together, starts bottom-up and stops top-down

pub mod app;
pub mod config;
#[cfg(feature = "fault-injection")]
pub mod fault_injection;
pub mod healthcheck;
pub mod http;
pub mod logging;
pub mod memory;
pub mod session;
