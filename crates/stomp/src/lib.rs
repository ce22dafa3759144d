//! STOMP 1.0, 1.1 and 1.2 (<https://stomp.github.io/stomp-specification-1.2.html>): what clients send is read from
//! bytes that come in any pieces ([`Decoder`]), what they are sent is written ([`Writer`]).
//!
//! Invariant: no I/O, no clock, and nothing here knows the chat. What a decoder holds is bounded by its [`Limits`],
//! whatever comes.

mod command;
mod decoder;
mod escape;
mod frame;
mod heart_beat;
mod version;
mod writer;

pub use command::Command;
pub use decoder::{BadFrame, Decoder, Inbound, Limits};
pub use escape::BadEscape;
pub use frame::{Frame, Headers};
pub use heart_beat::{BadHeartBeat, HeartBeat};
pub use version::{Version, negotiate};
pub use writer::Writer;
