//! realtime-chat, live discussion on every blog post: the server. What the chat itself is lies in the crates below
//! `crates/`; `docs/ARCHITECTURE.md` is the map.
//!
//! - [`session`]: one WebSocket each, and the hubs that feed their outboxes
//! - [`http`]: routes, pages, health
//! - [`doors`]: ways into rooms besides the socket: requests that write, and streams of events
//! - [`highlight`]: colours of code
//! - [`config`], [`logging`], [`memory`]: settings, a log that never waits, memory given back to the system
//! - [`healthcheck`]: asks a running server whether it is well
//! - [`https_client`]: one request to another system
//! - [`mail`]: what people are written, and by which server
//! - [`bus`]: what carries news between servers
//! - [`redis_client`]: how Redis is reached; [`amqp_client`]: how RabbitMQ is
//! - [`moderation`]: who is signed in, and what those with rights do
//! - [`moving`]: rooms that leave as a file, and come as one
//! - [`session_registry`]: which sessions there are, here and on the other servers
//! - [`webhooks`]: what other systems are told, and say
//! - [`app`]: puts it together, starts bottom-up and stops top-down

pub mod accounts;
pub mod amqp_client;
pub mod app;
pub mod bus;
pub mod config;
pub mod doors;
#[cfg(feature = "fault-injection")]
pub mod fault_injection;
pub mod healthcheck;
pub mod highlight;
pub mod http;
pub mod https_client;
pub mod keeping;
pub mod logging;
pub mod mail;
pub mod memory;
pub mod moderation;
pub mod moving;
pub mod redis_client;
pub mod session;
pub mod session_registry;
pub mod webhooks;
