use uuid::Uuid;

use super::destination::target;
use crate::{
    doors::{
        connection::{Sent, ToSend},
        error::DoorError,
    },
    session::{refusal, text_refusal},
};
use chat_stomp::Frame;
use chat_wire::{ErrorCode, MessageToSend};

/// Under which key a SEND is answered: the one it brings, or one that nobody else has.
///
/// # Errors
/// Where that is no UUID.
pub fn client_id_of(frame: &Frame) -> Result<Uuid, DoorError> {
    let Some(text) = frame.headers.get("client-id") else { return Ok(Uuid::new_v4()) };
    Uuid::try_parse(text).map_err(|_| bad("the header client-id is a UUID"))
}

/// What a SEND asks for; `None` where there is no such destination.
pub fn read(frame: &Frame, client_id: Uuid) -> Option<Result<ToSend, DoorError>> {
    let room = target(frame.headers.get("destination").unwrap_or_default())?;
    Some(room.map_err(|error| text_refusal(error).into()).and_then(|room| {
        let what = command(frame, client_id)?;
        Ok(ToSend { room, client_id, what })
    }))
}

fn command(frame: &Frame, client_id: Uuid) -> Result<Sent, DoorError> {
    let kind = frame.headers.get("type").unwrap_or("MESSAGE");
    if kind == "MESSAGE" && !is_json(frame) {
        let content = std::str::from_utf8(&frame.body).map_err(|_| bad("a text is UTF-8"))?.to_owned();
        return Ok(Sent::Message(MessageToSend { client_id, content, reply_to: None, mentions: Vec::new() }));
    }
    Sent::read(kind, client_id, serde_json::from_slice(&frame.body).ok()).map_err(bad)
}

/// Whether a body is JSON: where its type is not said it is if it looks like an object.
fn is_json(frame: &Frame) -> bool {
    match frame.headers.get("content-type") {
        Some(kind) => kind.trim_start().to_ascii_lowercase().starts_with("application/json"),
        None => frame.body.trim_ascii_start().starts_with(b"{"),
    }
}

fn bad(why: &'static str) -> DoorError {
    refusal(ErrorCode::BadRequest, why).into()
}

#[cfg(test)]
mod tests {
    use chat_stomp::{Decoder, Inbound, Limits, Version};
    use chat_wire::DeleteToSend;

    use super::*;

    fn frame(text: &str) -> Frame {
        let mut decoder = Decoder::new(Limits { head_bytes: 1_000, headers: 20, body_bytes: 1_000 });
        decoder.agreed(Version::V12);
        decoder.feed(format!("SEND\n{text}\0").as_bytes());
        match decoder.next() {
            Ok(Some(Inbound::Frame(frame))) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_is_text_or_what_the_socket_takes() {
        let client_id = Uuid::new_v4();
        let sent = |text: &str| read(&frame(text), client_id).map(|sent| sent.ok().map(|to_send| to_send.what));
        let message = |content: &str, reply_to: Option<&str>| {
            let (content, reply_to) = (content.to_owned(), reply_to.map(str::to_owned));
            Some(Some(Sent::Message(MessageToSend { client_id, content, reply_to, mentions: vec![] })))
        };
        let to = "destination:/app/rooms.a\n";
        assert_eq!(sent(&format!("{to}\n글 {{}}")), message("글 {}", None));
        assert_eq!(sent(&format!("{to}content-type:text/plain\n\n{{}}")), message("{}", None));
        assert_eq!(sent(&format!("{to}\n{{\"content\":\"a\",\"replyTo\":\"7\"}}")), message("a", Some("7")));
        let which = DeleteToSend { client_id, id: "7".to_owned() };
        assert_eq!(sent(&format!("{to}type:DELETE\n\n{{\"id\":\"7\"}}")), Some(Some(Sent::Delete(which))));
        for bad in ["\n{", "\n{}", "content-type:application/json\n\n[\"a\"]", "type:BAN\n\n{}", "type:EDIT\n\na"] {
            assert_eq!(sent(&format!("{to}{bad}")), Some(None), "{bad}");
        }
        for unknown in ["\nx", "destination:/topic/rooms.a\n\nx", "destination:/queue/a\n\nx"] {
            assert_eq!(sent(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_key_is_a_uuid_or_made_here() {
        let id = |text: &str| client_id_of(&frame(text)).ok();
        let given = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
        assert_eq!(id(&format!("client-id:{given}\n\n")), Uuid::try_parse(given).ok());
        assert_eq!(id("client-id:x\n\n"), None);
        assert_ne!(id("\n"), id("\n"));
    }
}
