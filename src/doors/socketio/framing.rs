use bytes::Bytes;

use crate::{
    doors::records::{end_record, message_record},
    session::{Framing, event_json, welcome_chunks},
};
use chat_domain::Epoch;
use chat_rooms::{Batch, Codec, Welcome};
use chat_wire::CloseCode;

/// Frames as what all readers of an event share: all of it but its end, where the room stands as its reader calls it.
pub struct Events;

/// See [`Events`].
pub static EVENTS: Events = Events;

/// What a frame of the chat's own protocol begins with.
const TYPE: &[u8] = br#"{"type":""#;
/// What stands between its type and its fields.
const PAYLOAD: &[u8] = br#","payload":{"#;

impl Framing for Events {
    fn codec(&self) -> Codec {
        Codec::SOCKETIO
    }

    fn text(&self, json: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(json.len() + 16);
        put(&mut out, json);
        out.into()
    }

    /// One event each, so that a client that was cut off comes back to exactly where it was.
    fn batch(&self, batch: &Batch, _: Epoch) -> Bytes {
        batch.encoded(Codec::SOCKETIO, |events| {
            let mut all = Vec::new();
            events.iter().for_each(|event| put(&mut all, &event_json(event)));
            all.into()
        })
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        let [_, head, messages, _] = welcome_chunks(welcome);
        let mut before = begin("welcome");
        before.extend_from_slice(split(&head).map_or(&[][..], |(_, fields)| fields));
        // The list of messages ends, and its reader's own end follows.
        let tail = Bytes::from_static(b"],");
        let record = message_record(before.len() + messages.len() + tail.len());
        [Bytes::copy_from_slice(&record), before.into(), messages, tail]
    }

    fn last(&self, code: CloseCode) -> Bytes {
        Bytes::copy_from_slice(&end_record(code))
    }
}

/// What stands behind what readers share, for one that calls the room so.
pub fn end(room_id: &str) -> Bytes {
    format!("\"roomId\":{}}}]", serde_json::Value::from(room_id)).into()
}

/// The fields of a frame that is one JSON object, without the braces around them.
pub fn fields(json: &[u8]) -> Option<(&str, &[u8])> {
    let (kind, rest) = split(json)?;
    Some((kind, rest.strip_suffix(b"}}")?))
}

/// The type of a frame, and what stands behind the brace that its fields begin with.
fn split(json: &[u8]) -> Option<(&str, &[u8])> {
    let rest = json.strip_prefix(TYPE)?;
    let n_bytes = rest.iter().position(|byte| *byte == b'"')?;
    let (kind, rest) = rest.split_at_checked(n_bytes)?;
    Some((std::str::from_utf8(kind).ok()?, rest.strip_prefix(b"\"")?.strip_prefix(PAYLOAD)?))
}

fn begin(name: &str) -> Vec<u8> {
    format!("42[\"{name}\",{{").into()
}

/// The shared part of one event. A frame that is of another kind than all are is left out.
fn put(out: &mut Vec<u8>, json: &[u8]) {
    let Some((kind, fields)) = fields(json) else {
        return log::error!("a frame that has no type and no fields is kept from readers by Socket.IO");
    };
    let mut event = begin(&kind.to_ascii_lowercase());
    event.extend_from_slice(fields);
    if !fields.is_empty() {
        event.push(b',');
    }
    out.extend_from_slice(&message_record(event.len()));
    out.extend_from_slice(&event);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_rooms::{Event, TypingNow};
    use chat_wire::{ErrorCode, ServerFrame};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        doors::records::{Piece, Records},
        session::refusal,
    };

    /// The events that a reader gets who calls the room so.
    fn read(bytes: Bytes, room_id: &str) -> Vec<Value> {
        let (mut records, mut chunk, mut all) = (Records::default(), bytes, Vec::<Vec<u8>>::new());
        while let Some(piece) = records.next(&mut chunk) {
            match piece {
                Piece::Begin(_) => all.push(Vec::new()),
                Piece::Bytes(bytes) => all.last_mut().expect("it began").extend_from_slice(&bytes),
                Piece::End(code) => panic!("{code}"),
            }
        }
        let whole = all.into_iter().map(|shared| [&shared[..], &end(room_id)].concat());
        whole.map(|text| serde_json::from_slice(text.strip_prefix(b"42").expect("an event")).expect("JSON")).collect()
    }

    #[test]
    fn each_frame_is_an_event_that_ends_with_its_room_and_all_share_the_rest() {
        let typing = || Arc::new(Event::Typing(TypingNow { authors: vec![], more: 0 }));
        let batch = Batch::new(vec![typing(), typing()]);
        let bytes = EVENTS.batch(&batch, Epoch::random());
        assert_eq!(bytes.as_ptr(), EVENTS.batch(&batch, Epoch::random()).as_ptr(), "all share it");
        let event = json!(["typing", {"authors": [], "more": 0, "roomId": "a\"글"}]);
        assert_eq!(read(bytes, "a\"글"), [event.clone(), event]);
        let error = chat_wire::encode(&refusal(ErrorCode::Locked, "no").frame(None));
        let told = json!(["error", {"code": "LOCKED", "message": "no", "roomId": "a"}]);
        assert_eq!(read(EVENTS.text(error.as_bytes()), "a"), [told]);
        let pong = chat_wire::encode(&ServerFrame::Pong {});
        assert_eq!(read(EVENTS.text(pong.as_bytes()), "a"), [json!(["pong", {"roomId": "a"}])]);
    }
}
