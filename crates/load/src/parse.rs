use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use super::text::{Mark, RunId};

/// A change of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The counter's value.
    pub rev: i64,
    /// Where it is a message of this run.
    pub mark: Option<Mark>,
}

/// The answer to JOIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// This life of the room.
    pub epoch: String,
    /// The room's counter.
    pub rev: i64,
    /// Whether `changes` are those missed.
    pub resumed: bool,
    pub changes: Vec<Change>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something changed.
    Change(Change),
    /// A message is stored; `rev` is the counter's value.
    Ack { client_id: Uuid, rev: i64 },
    /// The session has joined.
    Welcome(Welcome),
    /// Something was refused; `after_ms`: when to try again.
    Error { code: String, client_id: Option<Uuid>, after_ms: Option<u64> },
    /// The room's counter.
    Heartbeat(i64),
    /// Come back after this long.
    Reconnect(u64),
    /// Nothing that is measured.
    Other,
}

/// The bytes are no frame of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A frame as a client reads it: what it does not know it leaves out.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    payload: Payload<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    rev: Option<i64>,
    client_id: Option<Uuid>,
    #[serde(default, borrow)]
    content: Cow<'a, str>,
    #[serde(default, borrow)]
    frames: Vec<Envelope<'a>>,
    #[serde(default, borrow)]
    messages: Vec<Payload<'a>>,
    room: Option<Room>,
    #[serde(default)]
    resumed: bool,
    code: Option<String>,
    after_ms: Option<u64>,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Room {
    epoch: String,
    rev: i64,
}

/// Reads a frame; a BATCH becomes what is in it.
/// Fails with [`Unreadable`] where it is none.
pub fn parse(bytes: &[u8], run: RunId) -> Result<Vec<Event>, Unreadable> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
    if envelope.kind == "BATCH" {
        return envelope.payload.frames.into_iter().map(|frame| event(frame, run)).collect();
    }
    Ok(vec![event(envelope, run)?])
}

fn event(Envelope { kind, payload }: Envelope<'_>, run: RunId) -> Result<Event, Unreadable> {
    Ok(match &*kind {
        "ACK" => Event::Ack { client_id: payload.client_id.ok_or(Unreadable)?, rev: payload.rev.ok_or(Unreadable)? },
        "WELCOME" => {
            let Room { epoch, rev } = payload.room.ok_or(Unreadable)?;
            let changes = payload.messages.iter().map(|m| change(m, run).ok_or(Unreadable));
            let (resumed, changes) = (payload.resumed, changes.collect::<Result<_, _>>()?);
            Event::Welcome(Welcome { epoch, rev, resumed, changes })
        }
        "ERROR" => Event::Error {
            code: payload.code.ok_or(Unreadable)?,
            client_id: payload.client_id,
            after_ms: payload.retry_after_ms,
        },
        "HEARTBEAT" => Event::Heartbeat(payload.rev.ok_or(Unreadable)?),
        "RECONNECT" => Event::Reconnect(payload.after_ms.unwrap_or_default()),
        "BATCH" => return Err(Unreadable),
        // Whatever else has a counter is a change.
        _ => change(&payload, run).map_or(Event::Other, Event::Change),
    })
}

fn change(payload: &Payload<'_>, run: RunId) -> Option<Change> {
    Some(Change { rev: payload.rev?, mark: run.read(&payload.content) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_wire::{AckPayload, AuthorPayload, HeartbeatPayload, MessagePayload, ServerFrame};

    fn run() -> RunId {
        RunId::new(5)
    }

    fn message(rev: i64, content: &str) -> ServerFrame<'_> {
        ServerFrame::Message(MessagePayload {
            id: "1".into(),
            seq: rev,
            rev,
            client_id: Uuid::nil(),
            author: AuthorPayload { id: "a".into(), nickname: "ab".into(), avatar: "cat".into() },
            content: content.into(),
            created_at: "2026-01-01T00:00:00.000Z".into(),
        })
    }

    #[test]
    fn reads_what_the_server_writes() {
        let mark = Mark { n: 7, due_us: 9 };
        let mut text = String::new();
        run().put_text(&mut text, mark, 60);
        let ack = AckPayload { client_id: Uuid::nil(), id: "1".into(), seq: 4, rev: 4, created_at: String::new() };
        let frames = vec![
            message(3, "by a person \"\\\u{1F389}"),
            message(4, &text),
            ServerFrame::Ack(ack),
            ServerFrame::Heartbeat(HeartbeatPayload { rev: 4 }),
            ServerFrame::Pong {},
        ];
        let bytes = chat_wire::encode(&ServerFrame::Batch { frames });
        let expected = vec![
            Event::Change(Change { rev: 3, mark: None }),
            Event::Change(Change { rev: 4, mark: Some(mark) }),
            Event::Ack { client_id: Uuid::nil(), rev: 4 },
            Event::Heartbeat(4),
            Event::Other,
        ];
        assert_eq!(parse(bytes.as_bytes(), run()), Ok(expected));
    }

    #[test]
    fn a_frame_of_later_with_a_counter_is_a_change() {
        let later = br#"{"type":"REACTION","payload":{"rev":8,"emoji":"x"},"more":1}"#;
        assert_eq!(parse(later, run()), Ok(vec![Event::Change(Change { rev: 8, mark: None })]));
        assert_eq!(parse(br#"{"type":"TYPING","payload":{}}"#, run()), Ok(vec![Event::Other]));
    }

    #[test]
    fn a_welcome_tells_where_the_room_is() {
        let bytes = br#"{"type":"WELCOME","payload":{"room":{"id":"r","epoch":"e","rev":9},"resumed":true,"messages":[{"rev":9,"content":"x"}]}}"#;
        let changes = vec![Change { rev: 9, mark: None }];
        let welcome = Welcome { epoch: "e".into(), rev: 9, resumed: true, changes };
        assert_eq!(parse(bytes, run()), Ok(vec![Event::Welcome(welcome)]));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for wrong in ["", "[]", "{}", r#"{"type":"ACK","payload":{}}"#, r#"{"type":"WELCOME","payload":{}}"#, "\u{1}"] {
            assert_eq!(parse(wrong.as_bytes(), run()), Err(Unreadable), "{wrong}");
        }
    }
}
