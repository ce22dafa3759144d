use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use super::text::{Mark, RunId};

/// What a change is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum What {
    /// A message that nothing has become of.
    New,
    /// A message in a later state, with its text.
    Text,
    /// A message that is deleted.
    Gone,
    /// Reactions.
    Reactions,
    /// A kind of later.
    #[default]
    Unknown,
}

/// A change of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The counter's value.
    pub rev: i64,
    /// That of the message's creation.
    pub seq: i64,
    pub what: What,
    /// Where its text is of this run.
    pub mark: Option<Mark>,
    /// Of a message that is not deleted.
    pub id: Option<Box<str>>,
}

/// The answer to JOIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// This life of the room.
    pub epoch: String,
    /// The room's counter.
    pub rev: i64,
    /// Where the changes behind it lead, if they come in pieces.
    pub head: Option<i64>,
    /// Whether `changes` are those missed.
    pub resumed: bool,
    pub changes: Vec<Change>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something changed.
    Change(Change),
    /// A command is stored; `rev` is the counter's value, `seq` and `id` are the message's.
    Ack { client_id: Uuid, id: Box<str>, seq: i64, rev: i64 },
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
    seq: Option<i64>,
    #[serde(default, borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    deleted_at: Option<Cow<'a, str>>,
    head: Option<i64>,
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

/// What WELCOME says of it, and ROOM, which has neither.
#[derive(Deserialize)]
struct Room {
    epoch: Option<String>,
    rev: Option<i64>,
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
        "ACK" => {
            let (client_id, rev) = payload.client_id.zip(payload.rev).ok_or(Unreadable)?;
            Event::Ack { client_id, id: payload.id.into(), seq: payload.seq.unwrap_or(rev), rev }
        }
        "WELCOME" => {
            let (epoch, rev) = payload.room.and_then(|room| room.epoch.zip(room.rev)).ok_or(Unreadable)?;
            let changes = payload.messages.iter().map(|m| change("MESSAGE", m, run).ok_or(Unreadable));
            let (resumed, changes) = (payload.resumed, changes.collect::<Result<_, _>>()?);
            Event::Welcome(Welcome { epoch, rev, head: payload.head, resumed, changes })
        }
        "ERROR" => Event::Error {
            code: payload.code.ok_or(Unreadable)?,
            client_id: payload.client_id,
            after_ms: payload.retry_after_ms,
        },
        "HEARTBEAT" => Event::Heartbeat(payload.rev.ok_or(Unreadable)?),
        "RECONNECT" => Event::Reconnect(payload.after_ms.unwrap_or_default()),
        "BATCH" => return Err(Unreadable),
        // Its counter is where the room is, and no value of its own.
        "ROOM" => Event::Other,
        // Whatever else has a counter is a change.
        _ => change(&kind, &payload, run).map_or(Event::Other, Event::Change),
    })
}

fn change(kind: &str, payload: &Payload<'_>, run: RunId) -> Option<Change> {
    let rev = payload.rev?;
    let seq = payload.seq.unwrap_or(rev);
    let what = match kind {
        "MESSAGE" if payload.deleted_at.is_some() => What::Gone,
        "MESSAGE" if seq == rev => What::New,
        "MESSAGE" => What::Text,
        "REACTION" => What::Reactions,
        _ => What::Unknown,
    };
    let has_text = matches!(what, What::New | What::Text);
    let id = (has_text && !payload.id.is_empty()).then(|| payload.id.as_ref().into());
    let mark = has_text.then(|| run.read(&payload.content)).flatten();
    Some(Change { rev, seq, what, mark, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_wire::{AckPayload, AnnotationsPayload, AuthorPayload, HeartbeatPayload, MessagePayload, ServerFrame};

    fn run() -> RunId {
        RunId::new(5)
    }

    fn message(rev: i64, content: &str) -> ServerFrame<'_> {
        ServerFrame::Message(MessagePayload {
            id: "1".into(),
            seq: rev,
            rev,
            client_id: Uuid::nil(),
            author: AuthorPayload { id: "a".into(), nickname: "ab".into(), avatar: "cat".into(), badge: None },
            content: content.into(),
            created_at: "2026-01-01T00:00:00.000Z".into(),
            annotations: AnnotationsPayload::default(),
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
            Event::Change(Change { rev: 3, seq: 3, what: What::New, mark: None, id: Some("1".into()) }),
            Event::Change(Change { rev: 4, seq: 4, what: What::New, mark: Some(mark), id: Some("1".into()) }),
            Event::Ack { client_id: Uuid::nil(), id: "1".into(), seq: 4, rev: 4 },
            Event::Heartbeat(4),
            Event::Other,
        ];
        assert_eq!(parse(bytes.as_bytes(), run()), Ok(expected));
    }

    #[test]
    fn a_frame_of_later_with_a_counter_is_a_change() {
        let later = br#"{"type":"LATER","payload":{"rev":8,"emoji":"x"},"more":1}"#;
        let change = Change { rev: 8, seq: 8, what: What::Unknown, mark: None, id: None };
        assert_eq!(parse(later, run()), Ok(vec![Event::Change(change)]));
        assert_eq!(parse(br#"{"type":"TYPING","payload":{}}"#, run()), Ok(vec![Event::Other]));
        let room = br#"{"type":"ROOM","payload":{"rev":8,"room":{"settings":{"slowSeconds":30},"settingsRev":1}}}"#;
        assert_eq!(parse(room, run()), Ok(vec![Event::Other]), "a state is no change");
    }

    #[test]
    fn what_became_of_messages_is_told_apart() {
        for (frame, what, has_id) in [
            (r#"{"type":"MESSAGE","payload":{"id":"a","seq":3,"rev":8,"content":"x","version":2}}"#, What::Text, true),
            (
                r#"{"type":"MESSAGE","payload":{"id":"a","seq":3,"rev":8,"content":"","deletedAt":"x"}}"#,
                What::Gone,
                false,
            ),
            (r#"{"type":"REACTION","payload":{"id":"a","seq":3,"rev":8,"reactions":[]}}"#, What::Reactions, false),
        ] {
            let change = Change { rev: 8, seq: 3, what, mark: None, id: has_id.then(|| "a".into()) };
            assert_eq!(parse(frame.as_bytes(), run()), Ok(vec![Event::Change(change)]), "{frame}");
        }
    }

    #[test]
    fn a_welcome_tells_where_the_room_is() {
        let bytes = br#"{"type":"WELCOME","payload":{"room":{"id":"r","epoch":"e","rev":9},"resumed":true,"messages":[{"rev":9,"content":"x"}]}}"#;
        let changes = vec![Change { rev: 9, seq: 9, what: What::New, mark: None, id: None }];
        let welcome = Welcome { epoch: "e".into(), rev: 9, head: None, resumed: true, changes };
        assert_eq!(parse(bytes, run()), Ok(vec![Event::Welcome(welcome)]));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for wrong in ["", "[]", "{}", r#"{"type":"ACK","payload":{}}"#, r#"{"type":"WELCOME","payload":{}}"#, "\u{1}"] {
            assert_eq!(parse(wrong.as_bytes(), run()), Err(Unreadable), "{wrong}");
        }
    }
}
