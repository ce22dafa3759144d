//! What doors with a socket of their own share: one WebSocket by which somebody reads several rooms, a session for each,
//! and writes. A door says by its [`Protocol`] what its frames are and do.
//!
//! From below: `output` (pure), `client` (as whom it reads and writes), `reading` (a session for a room),
//! `sending` (what is asked of a room), `running` (the connection, its loop, and what a door must say), `entering` (what
//! frames of all protocols do), `rooms` (what their sessions say), `ending`, and `upgrade`.

mod client;
mod ending;
mod entering;
mod output;
mod reading;
mod rooms;
mod running;
mod sending;
mod upgrade;

pub use client::Client;
pub use ending::SILENT;
pub use entering::ROOMS_MAX;
pub use running::{Answered, Connection, MESSAGE_BYTES_MAX, Protocol, TICK};
pub use sending::{Sent, ToSend};
pub use upgrade::upgrade;
