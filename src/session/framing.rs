//! How a door writes what its readers get: the one thing of a door that hubs and sessions ask it for. The socket's own are
//! here; other doors bring theirs.

use bytes::Bytes;

use super::codec::{batch_json, event_json, welcome_chunks};
use chat_domain::Epoch;
use chat_rooms::{Batch, Codec, Event, Welcome};
use chat_wire::CloseCode;

/// What a door makes of what a room says. A session is of one door for all its life; whatever is for all members of a room
/// is made once for each [`Codec`], whoever reads it.
pub trait Framing: Sync {
    /// By which number rooms keep what was made.
    fn codec(&self) -> Codec;

    /// A frame for one session, from its JSON.
    fn text(&self, json: &[u8]) -> Bytes;

    /// An event for one session.
    fn event(&self, event: &Event) -> Bytes {
        self.text(&event_json(event))
    }

    /// Events for all members of a room that is in this life, which is made once.
    fn batch(&self, batch: &Batch, epoch: Epoch) -> Bytes;

    /// A WELCOME, in pieces of which the longest is shared by all who get the same messages.
    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4];

    /// HEARTBEAT, from its JSON, with whatever else keeps the way open.
    fn heartbeat(&self, json: &[u8]) -> Bytes {
        self.text(json)
    }

    /// The last thing that a session says before it ends.
    fn last(&self, code: CloseCode) -> Bytes;

    /// Whether its reader answers that, and is waited for.
    fn is_answered(&self) -> bool {
        false
    }
}

/// Protocol version 1 on a WebSocket.
pub struct Plain;

/// The same, with what is long compressed.
pub struct Deflated;

/// See [`Plain`].
pub static PLAIN: Plain = Plain;
/// See [`Deflated`].
pub static DEFLATED: Deflated = Deflated;

impl Framing for Plain {
    fn codec(&self) -> Codec {
        Codec::V1
    }

    fn text(&self, json: &[u8]) -> Bytes {
        chat_wire::text_frame(json)
    }

    fn batch(&self, batch: &Batch, _: Epoch) -> Bytes {
        plain_batch(batch)
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        welcome_chunks(welcome)
    }

    fn heartbeat(&self, json: &[u8]) -> Bytes {
        heartbeat(json)
    }

    fn last(&self, code: CloseCode) -> Bytes {
        chat_wire::close_frame(code)
    }

    fn is_answered(&self) -> bool {
        true
    }
}

impl Framing for Deflated {
    fn codec(&self) -> Codec {
        Codec::V1_DEFLATED
    }

    fn text(&self, json: &[u8]) -> Bytes {
        chat_wire::text_frame(json)
    }

    fn event(&self, event: &Event) -> Bytes {
        chat_wire::deflated_frame(&chat_wire::text_frame(event_json(event)))
    }

    fn batch(&self, batch: &Batch, _: Epoch) -> Bytes {
        batch.encoded(Codec::V1_DEFLATED, |_| chat_wire::deflated_frame(&plain_batch(batch)))
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        let compress = |messages: &Bytes| welcome.messages.compressed(|| chat_wire::deflate(messages));
        chat_wire::deflated_welcome(welcome_chunks(welcome), compress)
    }

    fn heartbeat(&self, json: &[u8]) -> Bytes {
        heartbeat(json)
    }

    fn last(&self, code: CloseCode) -> Bytes {
        chat_wire::close_frame(code)
    }

    fn is_answered(&self) -> bool {
        true
    }
}

/// Several events as one frame.
pub fn plain_batch(batch: &Batch) -> Bytes {
    batch.encoded(Codec::V1, |events| chat_wire::text_frame(batch_json(events)))
}

/// HEARTBEAT and a ping, for one write.
fn heartbeat(json: &[u8]) -> Bytes {
    [chat_wire::text_frame(json), chat_wire::ping_frame()].concat().into()
}
