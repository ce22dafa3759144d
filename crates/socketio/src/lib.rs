//! Engine.IO, revision 4, and in it Socket.IO, revision 5, over a WebSocket
//! (<https://socket.io/docs/v4/engine-io-protocol/>, <https://socket.io/docs/v4/socket-io-protocol/>): what clients send
//! is read ([`engine`], [`packet`]), what they are sent is written ([`mod@write`]).
//!
//! Invariant: no I/O, no clock, and nothing here knows the chat. One namespace, `/`; no binary.

pub mod engine;
pub mod packet;
pub mod write;
