//! realtime-chat: live discussion on every blog post.
//!
//! The server, on top of the crates below it (docs/ARCHITECTURE.md). In reading order:
//!
//! - [`session`]: one WebSocket each, and the hubs that feed their outboxes
//! - [`http`]: routes, pages, health
//! - [`config`], [`logging`] and [`memory`]: settings, a log that never waits, and what is free goes back
//! - [`healthcheck`]: asks a running server how it is
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
