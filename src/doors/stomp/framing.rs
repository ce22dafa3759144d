use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::{
    doors::records::{end_record, message_record},
    session::{Framing, event_json, welcome_chunks},
};
use chat_domain::Epoch;
use chat_rooms::{Batch, Codec, Event, Welcome};
use chat_stomp::{Version, Writer};
use chat_wire::CloseCode;

/// What the body of each MESSAGE is.
pub const JSON: &str = "application/json";

/// Frames as what all readers of a MESSAGE share: the last of its headers, and its body. No header here has anything that
/// is escaped in one version and not in another.
pub struct Messages;

/// See [`Messages`].
pub static MESSAGES: Messages = Messages;

/// A MESSAGE must have a name. What is no message of the chat gets a number.
static N_NAMED: AtomicU64 = AtomicU64::new(0);

impl Framing for Messages {
    fn codec(&self) -> Codec {
        Codec::STOMP
    }

    fn text(&self, json: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(json.len() + 128);
        put(&mut out, headers(json), json);
        out.into()
    }

    /// One MESSAGE each, so that a client that was cut off comes back to exactly where it was.
    fn batch(&self, batch: &Batch, epoch: Epoch) -> Bytes {
        batch.encoded(Codec::STOMP, |events| {
            let mut all = Vec::new();
            for event in events {
                let json = event_json(event);
                put(&mut all, headers_of(event, epoch).unwrap_or_else(|| headers(&json)), &json);
            }
            all.into()
        })
    }

    fn welcome(&self, welcome: &Welcome) -> [Bytes; 4] {
        let rev = welcome.pieces.as_ref().map_or(welcome.rev, |(known, _)| *known);
        let [_, head, messages, tail] = welcome_chunks(welcome);
        let n_bytes = head.len() + messages.len() + tail.len();
        let mut before = named("WELCOME", &next_name())
            .header("epoch", &welcome.epoch.to_string())
            .header("rev", &rev.to_string())
            .header("content-type", JSON)
            .header("content-length", &n_bytes.to_string())
            .into_head();
        before.push(b'\n');
        // With the NUL that ends it.
        let record = message_record(before.len() + n_bytes + 1);
        [[&record[..], &before].concat().into(), head, messages, [&*tail, b"\0"].concat().into()]
    }

    fn last(&self, code: CloseCode) -> Bytes {
        Bytes::copy_from_slice(&end_record(code))
    }
}

/// JSON has no NUL in it, and its length is said as well.
fn put(out: &mut Vec<u8>, headers: Writer, json: &[u8]) {
    let rest = headers.body(JSON, json);
    out.extend_from_slice(&message_record(rest.len()));
    out.extend_from_slice(&rest);
}

fn next_name() -> String {
    format!("n{}", N_NAMED.fetch_add(1, Ordering::Relaxed))
}

fn named(kind: &str, name: &str) -> Writer {
    Writer::rest(Version::V12).header("type", kind).header("message-id", name)
}

/// Of what moves no cursor.
fn headers(json: &[u8]) -> Writer {
    named(kind_of(json), &next_name())
}

/// Of what moves a client's cursor, whose name is its message and its counter: the same for everybody, and for a client
/// that is shown it again.
fn headers_of(event: &Event, epoch: Epoch) -> Option<Writer> {
    let (kind, id, seq, rev) = match event {
        Event::Message(message) => {
            let message = message.message();
            ("MESSAGE", message.id, message.seq, message.rev)
        }
        Event::Reactions(reactions) => {
            let message = &reactions.message;
            ("REACTION", message.id, message.seq, message.rev)
        }
        _ => return None,
    };
    let writer = named(kind, &format!("{id}-{rev}")).header("seq", &seq.to_string()).header("rev", &rev.to_string());
    Some(writer.header("epoch", &epoch.to_string()))
}

/// The type of a frame of the server, which its JSON begins with.
fn kind_of(json: &[u8]) -> &str {
    let rest = json.strip_prefix(br#"{"type":""#).unwrap_or_default();
    let kind = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    std::str::from_utf8(kind).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::doors::records::{Piece, Records};
    use chat_rooms::TypingNow;

    fn texts(bytes: Bytes) -> Vec<String> {
        let (mut records, mut chunk, mut all) = (Records::default(), bytes, Vec::new());
        while let Some(piece) = records.next(&mut chunk) {
            match piece {
                Piece::Begin(_) => all.push(String::new()),
                Piece::Bytes(bytes) => {
                    all.last_mut().expect("it began").push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
                }
                Piece::End(code) => all.push(code.to_string()),
            }
        }
        all
    }

    #[test]
    fn each_event_is_a_message_of_its_own_and_all_share_it() {
        let typing = || Arc::new(Event::Typing(TypingNow { authors: vec![], more: 0 }));
        let json = r#"{"type":"TYPING","payload":{"authors":[],"more":0}}"#;
        let batch = Batch::new(vec![typing(), typing()]);
        let bytes = MESSAGES.batch(&batch, Epoch::random());
        assert_eq!(bytes.as_ptr(), MESSAGES.batch(&batch, Epoch::random()).as_ptr(), "all share it");
        let all = texts(bytes);
        assert_eq!(all.len(), 2);
        for text in &all {
            assert!(text.starts_with("type:TYPING\nmessage-id:n"), "{text}");
            let end = format!("\ncontent-type:application/json\ncontent-length:{}\n\n{json}\0", json.len());
            assert!(text.ends_with(&end), "{text}");
        }
        assert_ne!(all[0], all[1], "each has a name of its own");
        assert_eq!(texts(MESSAGES.last(CloseCode::Restart)), ["1012"]);
    }
}
