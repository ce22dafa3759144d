//! Doors: ways into rooms besides the browser's socket, with the same rules. What a door hears becomes what
//! [`crate::session`] makes of it for the socket as well, by the one [`crate::session::Writer`]; what its readers get is
//! written by a [`crate::session::Framing`] of its own. Each door is a folder that knows no other.
//!
//! From below: `error` (why something is refused, as HTTP says it), `entry` (who gets a place, and why not), `visitor` (whose request it is), `command` (what is
//! asked of a room), `records` (how what all readers share of a frame lies in a pipe), `connection` (a socket by which
//! somebody reads several rooms, and writes), and the doors: `rest` writes, `sse` reads, `stomp`, `socketio` and `grpc` do
//! both.
//!
//! Invariant: no rule of the chat.

mod command;
mod connection;
mod entry;
mod error;
#[cfg(feature = "grpc")]
pub mod grpc;
mod records;
mod rest;
mod socketio;
mod sse;
mod stomp;
mod visitor;

use actix_web::web::ServiceConfig;

/// Declares the routes of all doors, below `/api/v1`.
pub fn configure(scope: &mut ServiceConfig) {
    rest::configure(scope);
    sse::configure(scope);
}

/// Declares the routes of those that are sockets of their own, at the root.
pub fn sockets(app: &mut ServiceConfig) {
    stomp::configure(app);
    socketio::configure(app);
}
