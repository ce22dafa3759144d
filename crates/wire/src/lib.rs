//! The protocol, version 1 (docs/PROTOCOL.md): frames from clients are decoded, frames to them encoded, bytes of a
//! socket cut into frames, and URLs read.
//!
//! Invariant: a [`ClientFrame`] has no field that the server decides (id, time, author), and nothing here knows the
//! store.

mod author;
mod client;
mod codes;
mod deflate;
mod extensions;
mod from_server;
mod moderation;
mod reader;
mod server;
mod url;
mod ws_frame;

pub use author::{AuthorPayload, OwnPayload};
pub use client::{
    AuthToSend, BanScope, BanToSend, ClientFrame, DecodeError, DeleteToSend, EditToSend, HeldToSettle, JoinPayload,
    MentionToSend, MessageToSend, PinToSend, ProfileChange, ReactToSend, ReportToSend, ResumePoint, RoomSetToSend,
    UnbanToSend, decode, decode_join,
};
pub use codes::{CloseCode, ErrorCode};
pub use deflate::{NotInflated, deflate, deflated_frame, deflated_welcome, inflate};
pub use extensions::accept_deflate;
pub use from_server::{NotOurs, author_json, reactions_json, read_author_json, read_message, read_reactions};
pub use moderation::{ModPayload, ModTarget, QueuePayload, RoomPayload, RoomStatePayload};
pub use reader::{FrameReader, Inbound};
pub use server::{
    AckPayload, AnnotationsPayload, AuthPayload, ErrorPayload, HeartbeatPayload, Limits, MentionPayload,
    MessagePayload, PresencePayload, ProfilePayload, ReactionPayload, ReactionsPayload, ReconnectPayload, ReplyPayload,
    RoomPosition, ServerFrame, TypingPayload, WelcomeHead, WelcomePayload, batch_json, encode, message_frame_json,
    message_json, timestamp, welcome_chunks,
};
pub use url::{
    ChangesQuery, MEMBERS_LIMIT_MAX, MembersQuery, OwnReactionsQuery, PageQuery, REACTORS_LIMIT_MAX, ReactorsQuery,
    RoomsQuery, SESSIONS_LIMIT_MAX, SessionsQuery, changes_query, cursor_of, members_query, message_in_path,
    own_reactions_query, page_query, reactor_cursor, reactors_query, room_in_path, rooms_query, session_cursor,
    sessions_query,
};
pub use ws_frame::{RSV1, close_frame, ping_frame, pong_frame, put_header, text_frame, text_frame_header};

/// The subprotocol that a client may offer.
pub const SUBPROTOCOL: &str = "realtime-chat.v1";
/// Largest inbound frame, or sum of the fragments of a message, in bytes (docs/PROTOCOL.md).
pub const FRAME_BYTES_MAX: usize = 16 * 1024;
