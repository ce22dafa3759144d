use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A frame from a client: well-formed JSON, its texts not parsed by the rules of `chat_domain` yet.
#[derive(Debug, PartialEq)]
pub enum ClientFrame {
    /// Enters the room of the socket's URL.
    Join(JoinPayload),
    /// Sets or changes nickname and avatar.
    Profile(ProfileChange),
    /// Sends a message.
    Message(MessageToSend),
    /// Asks for a PONG.
    Ping,
}

/// The payload of JOIN.
#[derive(PartialEq)]
pub struct JoinPayload {
    /// The browser's secret.
    pub anonymous_id: Uuid,
    /// Left out by a reader.
    pub nickname: Option<String>,
    /// Left out where the server shall derive one.
    pub avatar: Option<String>,
    /// How far the client was.
    pub resume: Option<ResumePoint>,
}

impl std::fmt::Debug for JoinPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // ID-1: the anonymousId is a secret, so it is left out of every print.
        f.debug_struct("JoinPayload").field("resume", &self.resume).finish_non_exhaustive()
    }
}

/// How far a client was when its last session ended: it asks for what came after.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResumePoint {
    /// The epoch its cursor belongs to, as the server wrote it.
    pub epoch: String,
    /// Its cursor.
    pub rev: u64,
}

/// The payload of PROFILE.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct ProfileChange {
    /// The new nickname.
    pub nickname: String,
    /// The new avatar; the one in use stays where it is left out.
    pub avatar: Option<String>,
}

/// The payload of MESSAGE.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageToSend {
    /// The sender's key for this message.
    pub client_id: Uuid,
    /// What was written.
    pub content: String,
}

/// Why a frame could not be decoded: always `BAD_FRAME`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DecodeError {
    /// What is wrong, for developers; holds nothing of the frame's text.
    pub reason: &'static str,
    /// The frame's `clientId`, where that at least could be read.
    pub client_id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawJoin<'a> {
    anonymous_id: Uuid,
    nickname: Option<String>,
    avatar: Option<String>,
    #[serde(borrow)]
    resume: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnlyClientId {
    client_id: Uuid,
}

/// Decodes one text frame. Unknown fields are ignored.
///
/// # Errors
/// [`DecodeError`] where the text is no JSON object with a known `type` and a `payload` of the right kind.
pub fn decode(text: &str) -> Result<ClientFrame, DecodeError> {
    let bad = |reason| DecodeError { reason, client_id: None };
    if !is_object(text) {
        return Err(bad("a frame is a JSON object"));
    }
    let envelope: Envelope<'_> =
        serde_json::from_str(text).map_err(|_| bad("a frame is a JSON object with a text 'type' and a 'payload'"))?;
    let payload = envelope.payload.map(RawValue::get);
    if payload.is_some_and(|p| !is_object(p)) {
        return Err(bad("'payload' is a JSON object"));
    }
    match &*envelope.kind {
        "PING" => Ok(ClientFrame::Ping),
        "JOIN" => join(payload).ok_or(bad("JOIN takes anonymousId: UUID, nickname?, avatar?, resume?: {epoch, rev}")),
        "PROFILE" => parse(payload).map(ClientFrame::Profile).ok_or(bad("PROFILE takes nickname, avatar?")),
        "MESSAGE" => parse(payload).map(ClientFrame::Message).ok_or_else(|| DecodeError {
            reason: "MESSAGE takes clientId: UUID, content",
            client_id: parse::<OnlyClientId>(payload).map(|p| p.client_id),
        }),
        _ => Err(bad("unknown type")),
    }
}

fn join(payload: Option<&str>) -> Option<ClientFrame> {
    let raw: RawJoin<'_> = serde_json::from_str(payload?).ok()?;
    let resume = match raw.resume.map(RawValue::get) {
        None | Some("null") => None,
        Some(text) if is_object(text) => Some(serde_json::from_str(text).ok()?),
        Some(_) => return None,
    };
    let RawJoin { anonymous_id, nickname, avatar, .. } = raw;
    Some(ClientFrame::Join(JoinPayload { anonymous_id, nickname, avatar, resume }))
}

fn parse<T: DeserializeOwned>(payload: Option<&str>) -> Option<T> {
    serde_json::from_str(payload?).ok()
}

/// serde would also read a struct from an array; the protocol has objects only.
fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ID: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

    #[test]
    fn decodes_each_frame_and_ignores_unknown_fields() {
        let id: Uuid = ID.parse().expect("a UUID");
        let join = |nickname: Option<&str>, resume| {
            Ok(ClientFrame::Join(JoinPayload {
                anonymous_id: id,
                nickname: nickname.map(Into::into),
                avatar: None,
                resume,
            }))
        };
        let cases = [
            (json!({"type": "JOIN", "payload": {"anonymousId": ID}}), join(None, None)),
            (
                json!({"type": "JOIN", "x": 1, "payload": {"anonymousId": ID, "nickname": "ab", "resume": null, "y": [2]}}),
                join(Some("ab"), None),
            ),
            (
                json!({"type": "JOIN", "payload": {"anonymousId": ID, "nickname": null, "resume": {"epoch": "e", "rev": 7, "z": 0}}}),
                join(None, Some(ResumePoint { epoch: "e".into(), rev: 7 })),
            ),
            (
                json!({"type": "MESSAGE", "payload": {"clientId": ID, "content": "hi"}}),
                Ok(ClientFrame::Message(MessageToSend { client_id: id, content: "hi".into() })),
            ),
            (
                json!({"type": "PROFILE", "payload": {"nickname": "ab", "avatar": "cat"}}),
                Ok(ClientFrame::Profile(ProfileChange { nickname: "ab".into(), avatar: Some("cat".into()) })),
            ),
            (json!({"type": "PING", "payload": {}}), Ok(ClientFrame::Ping)),
            (json!({"type": "PING"}), Ok(ClientFrame::Ping)),
        ];
        for (frame, expected) in cases {
            assert_eq!(decode(&frame.to_string()), expected, "{frame}");
        }
        assert_eq!(decode(r#"{"\u0074ype":"\u0050ING","payload":{}}"#), Ok(ClientFrame::Ping));
    }

    #[test]
    fn refuses_what_is_no_frame() {
        let deep = format!(r#"{{"type":"PING","payload":{}{}}}"#, r#"{"a":"#.repeat(3_000), "}".repeat(3_000));
        let cases = [
            "",
            "null",
            "1",
            "\"JOIN\"",
            "[]",
            r#"["PING",{}]"#,
            "{",
            r#"{"payload":{}}"#,
            r#"{"type":1,"payload":{}}"#,
            r#"{"type":"JUMP","payload":{}}"#,
            r#"{"type":"ping","payload":{}}"#,
            r#"{"type":"PING","payload":[]}"#,
            r#"{"type":"PING","payload":"x"}"#,
            r#"{"type":"PING","payload":{}} x"#,
            r#"{"type":"JOIN","payload":{}}"#,
            r#"{"type":"JOIN"}"#,
            r#"{"type":"JOIN","payload":{"anonymousId":"x"}}"#,
            r#"{"type":"JOIN","payload":{"anonymousId":7}}"#,
            r#"{"type":"MESSAGE","payload":{"clientId":"x","content":"hi"}}"#,
            r#"{"type":"PROFILE","payload":{}}"#,
            r#"{"type":"MESSAGE","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","content":"\ud800"}}"#,
            &deep,
        ];
        for text in cases {
            assert!(decode(text).is_err(), "{text:.80}");
        }
        for resume in [
            json!("x"),
            json!([]),
            json!(["e", 1]),
            json!({"epoch": 1, "rev": 1}),
            json!({"epoch": "e", "rev": -1}),
            json!({"epoch": "e", "rev": 1.5}),
            json!({"epoch": "e"}),
        ] {
            let text = json!({"type": "JOIN", "payload": {"anonymousId": ID, "resume": resume}}).to_string();
            assert!(decode(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn keeps_the_client_id_of_a_message_it_cannot_read() {
        let text = json!({"type": "MESSAGE", "payload": {"clientId": ID, "content": 7}}).to_string();
        assert_eq!(decode(&text).map_err(|e| e.client_id), Err(ID.parse().ok()));
    }

    proptest! {
        #[test]
        fn never_panics_on_any_text(text in any::<String>()) {
            let _ = decode(&text);
        }

        #[test]
        fn reads_any_content_that_json_can_carry(content in any::<String>(), id in any::<u128>()) {
            let client_id = Uuid::from_u128(id);
            let text = json!({"type": "MESSAGE", "payload": {"clientId": client_id.to_string(), "content": content}}).to_string();
            prop_assert_eq!(decode(&text), Ok(ClientFrame::Message(MessageToSend { client_id, content })));
        }

        #[test]
        fn a_frame_cut_short_is_refused(cut in 0_usize..100) {
            let text = json!({"type": "MESSAGE", "payload": {"clientId": ID, "content": "안녕"}}).to_string();
            if let Some(part) = text.get(..cut).filter(|p| p.len() < text.len()) {
                prop_assert!(decode(part).is_err());
            }
        }
    }
}
