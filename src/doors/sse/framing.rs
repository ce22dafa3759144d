use std::fmt::Write;

use bytes::Bytes;

use crate::session::{Framing, event_json, refusal, welcome_chunks};
use chat_domain::Epoch;
use chat_rooms::{Batch, Codec, Event, Welcome};
use chat_wire::{CloseCode, ErrorCode};

/// After so many milliseconds a browser's `EventSource` comes back, as this asks it to.
const RETRY_MS: u32 = 3_000;

/// Frames as events of a stream: each as `data`, and where it moves the client's cursor that as `id`.
pub struct Events;

/// See [`Events`].
pub static EVENTS: Events = Events;

impl Framing for Events {
    fn codec(&self) -> Codec {
        Codec::EVENTS
    }

    fn text(&self, json: &[u8]) -> Bytes {
        let mut event = Vec::with_capacity(json.len() + 8);
        put(&mut event, None, json);
        event.into()
    }

    /// One event each, so that a client that was cut off comes back to exactly where it was.
    fn batch(&self, batch: &Batch, epoch: Epoch) -> Bytes {
        batch.encoded(Codec::EVENTS, |events| {
            let mut all = Vec::new();
            for event in events {
                put(&mut all, rev_of(event).map(|rev| (epoch, rev)), &event_json(event));
            }
            all.into()
        })
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        let rev = welcome.pieces.as_ref().map_or(welcome.rev, |(known, _)| *known);
        let before = format!("retry: {RETRY_MS}\nid: {}:{rev}\ndata: ", welcome.epoch);
        // In the place of the header of a socket's frame, and behind the end.
        let [_, head, messages, tail] = welcome_chunks(welcome);
        [before.into(), head, messages, [&*tail, b"\n\n"].concat().into()]
    }

    fn last(&self, code: CloseCode) -> Bytes {
        // Of all else a client learns when it comes back, which it may.
        let reply = match code {
            CloseCode::LoginEnded => refusal(ErrorCode::BadToken, "this login was ended"),
            _ => return Bytes::new(),
        };
        self.text(chat_wire::encode(&reply.frame(None)).as_bytes())
    }
}

/// JSON has no line end in it, so one line of data holds it.
fn put(out: &mut Vec<u8>, cursor: Option<(Epoch, i64)>, json: &[u8]) {
    if let Some((epoch, rev)) = cursor {
        let mut id = String::with_capacity(64);
        // Writing to memory has no error case.
        let _ = writeln!(id, "id: {epoch}:{rev}");
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// The counter that a client has with this event.
fn rev_of(event: &Event) -> Option<i64> {
    match event {
        Event::Message(message) => Some(message.message().rev),
        Event::Reactions(reactions) => Some(reactions.message.rev),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_rooms::TypingNow;

    use super::*;

    #[test]
    fn what_moves_no_cursor_has_no_id_and_each_event_stands_alone() {
        let typing = || Arc::new(Event::Typing(TypingNow { authors: vec![], more: 0 }));
        let json = r#"{"type":"TYPING","payload":{"authors":[],"more":0}}"#;
        let batch = Batch::new(vec![typing(), typing()]);
        let bytes = EVENTS.batch(&batch, Epoch::random());
        assert_eq!(bytes, format!("data: {json}\n\ndata: {json}\n\n"));
        assert_eq!(bytes.as_ptr(), EVENTS.batch(&batch, Epoch::random()).as_ptr(), "all share it");
        assert_eq!(EVENTS.text(json.as_bytes()), format!("data: {json}\n\n"));
        let mut out = Vec::new();
        let epoch = Epoch::parse("9b2f0c1e-6a57-4f7c-9a34-0d8f4a1c2b3d").expect("an epoch");
        put(&mut out, Some((epoch, 7)), b"{}");
        assert_eq!(out, b"id: 9b2f0c1e-6a57-4f7c-9a34-0d8f4a1c2b3d:7\ndata: {}\n\n");
    }

    #[test]
    fn an_ended_login_is_told_and_a_restart_needs_no_words() {
        assert!(EVENTS.last(CloseCode::Restart).is_empty());
        let last = EVENTS.last(CloseCode::LoginEnded);
        assert!(last.starts_with(br#"data: {"type":"ERROR","payload":{"code":"BAD_TOKEN""#), "{last:?}");
    }
}
