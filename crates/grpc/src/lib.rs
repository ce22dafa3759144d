//! What the door for gRPC says (docs/GRPC.md): `messages` are those of proto/realtime_chat/v1/chat.proto, and `made` makes
//! them of what the server knows.
//!
//! Invariant: no I/O, and nothing of how a message travels.

mod made;

/// The messages, as `scripts/grpc-code` makes them of the proto.
#[allow(missing_docs, unused_qualifications, clippy::all, reason = "what a proto makes is as it is")]
pub mod messages {
    include!("../generated/messages.rs");
}

pub use made::{author, message, reaction, time};
pub use prost;
pub use prost_types;

/// The proto as a `FileDescriptorSet`, for whoever asks a server what it speaks.
pub const DESCRIPTOR: &[u8] = include_bytes!("../generated/chat.descriptor");

/// The service of the proto.
pub const SERVICE: &str = "realtime_chat.v1.Chat";
