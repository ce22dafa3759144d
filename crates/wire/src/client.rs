use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A frame from a client: well-formed JSON, its texts not parsed by the rules of `chat_domain` yet.
#[derive(Debug, PartialEq)]
pub enum ClientFrame {
    /// Enters the room of the socket's URL.
    Join(JoinPayload),
    /// Renews what a JOIN by a blog's token proved.
    Auth(AuthToSend),
    /// Sets or changes nickname and avatar.
    Profile(ProfileChange),
    /// Sends a message.
    Message(MessageToSend),
    /// Changes a message's text.
    Edit(EditToSend),
    /// Deletes a message.
    Delete(DeleteToSend),
    /// Reacts to a message with an emoji, or no more.
    React(ReactToSend),
    /// Pins a message, or no more.
    Pin(PinToSend),
    /// Reports a message to those who keep order.
    Report(ReportToSend),
    /// Shuts somebody out.
    Ban(BanToSend),
    /// Lets somebody in again.
    Unban(UnbanToSend),
    /// Changes what the room is.
    RoomSet(RoomSetToSend),
    /// Lets through messages that wait.
    Approve(HeldToSettle),
    /// Decides against messages that wait.
    Reject(HeldToSettle),
    /// Says that somebody is typing.
    Typing,
    /// Asks for a PONG.
    Ping,
}

/// The payload of JOIN.
#[derive(PartialEq)]
pub struct JoinPayload {
    /// The browser's secret.
    pub anonymous_id: Uuid,
    /// A ticket, the secret of a login, or what a blog has signed: the identity is that one's then.
    pub token: Option<String>,
    /// Left out by a reader.
    pub nickname: Option<String>,
    /// Left out where the server shall derive one.
    pub avatar: Option<String>,
    /// How far the client was.
    pub resume: Option<ResumePoint>,
}

impl ClientFrame {
    /// The key by which it is answered, where it has one.
    pub fn client_id(&self) -> Option<Uuid> {
        match self {
            Self::Message(MessageToSend { client_id, .. })
            | Self::Edit(EditToSend { client_id, .. })
            | Self::Delete(DeleteToSend { client_id, .. })
            | Self::React(ReactToSend { client_id, .. })
            | Self::Pin(PinToSend { client_id, .. })
            | Self::Report(ReportToSend { client_id, .. })
            | Self::Ban(BanToSend { client_id, .. })
            | Self::Unban(UnbanToSend { client_id, .. })
            | Self::RoomSet(RoomSetToSend { client_id, .. })
            | Self::Approve(HeldToSettle { client_id, .. })
            | Self::Reject(HeldToSettle { client_id, .. }) => Some(*client_id),
            Self::Join(_) | Self::Auth(_) | Self::Profile(_) | Self::Typing | Self::Ping => None,
        }
    }
}

impl std::fmt::Debug for JoinPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // ID-1: the anonymousId is a secret, so it is left out of every print.
        f.debug_struct("JoinPayload").field("resume", &self.resume).finish_non_exhaustive()
    }
}

/// The payload of AUTH.
#[derive(PartialEq, Eq, Deserialize)]
pub struct AuthToSend {
    /// What a blog has signed.
    pub token: String,
}

impl std::fmt::Debug for AuthToSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // As JOIN's: a secret.
        f.debug_struct("AuthToSend").finish_non_exhaustive()
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
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// Who is addressed in it.
    #[serde(default)]
    pub mentions: Vec<MentionToSend>,
}

/// A mention, in MESSAGE and EDIT: code points of the content as it is stored.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MentionToSend {
    /// Who.
    pub author_id: String,
    /// Its first code point, the `@`.
    pub from: u32,
    /// The one behind its last.
    pub to: u32,
}

/// The payload of EDIT.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EditToSend {
    /// The sender's key for this edit.
    pub client_id: Uuid,
    /// Which message.
    pub id: String,
    /// The version that was edited.
    pub version: i32,
    /// The new text.
    pub content: String,
    /// Who is addressed in it.
    #[serde(default)]
    pub mentions: Vec<MentionToSend>,
}

/// The payload of DELETE.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Which message.
    pub id: String,
}

/// The payload of REACT.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReactToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Which message.
    pub id: String,
    /// Which emoji.
    pub emoji: String,
    /// Whether the sender reacts with it.
    pub on: bool,
}

/// The payload of PIN.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Which message.
    pub id: String,
    /// Whether it is to be pinned.
    pub on: bool,
}

/// The payload of REPORT.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Which message.
    pub id: String,
    /// Why, for those who keep order.
    #[serde(default)]
    pub reason: String,
}

/// Where a ban holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BanScope {
    /// In the room.
    #[default]
    Room,
    /// In all rooms.
    All,
}

/// The payload of BAN.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BanToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Whom.
    pub author_id: String,
    /// For how long; 0 for good.
    #[serde(default)]
    pub seconds: u32,
    /// What they wrote within so long is deleted as well.
    #[serde(default)]
    pub delete_seconds: u32,
    /// Why, for who is banned.
    #[serde(default)]
    pub reason: String,
    /// Where.
    #[serde(default)]
    pub scope: BanScope,
    /// Whether all that come from the same address are banned as well.
    #[serde(default)]
    pub address: bool,
}

/// The payload of UNBAN.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnbanToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Whom.
    pub author_id: String,
    /// Where.
    #[serde(default)]
    pub scope: BanScope,
}

/// The payload of ROOM_SET.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSetToSend {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// The settings that change; `null` resets one.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// The state of the settings that is known.
    pub settings_rev: i64,
}

/// The payload of APPROVE and of REJECT.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldToSettle {
    /// The sender's key, for the answer.
    pub client_id: Uuid,
    /// Which of the messages that wait: 1 to 50.
    pub held_ids: Vec<String>,
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
    token: Option<String>,
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
        "JOIN" => {
            join(payload).ok_or(bad("JOIN takes anonymousId: UUID, token?, nickname?, avatar?, resume?: {epoch, rev}"))
        }
        "AUTH" => parse(payload).map(ClientFrame::Auth).ok_or(bad("AUTH takes token")),
        "PROFILE" => parse(payload).map(ClientFrame::Profile).ok_or(bad("PROFILE takes nickname, avatar?")),
        "MESSAGE" => {
            command(payload, ClientFrame::Message, "MESSAGE takes clientId: UUID, content, replyTo?, mentions?")
        }
        "EDIT" => command(payload, ClientFrame::Edit, "EDIT takes clientId: UUID, id, version, content, mentions?"),
        "DELETE" => command(payload, ClientFrame::Delete, "DELETE takes clientId: UUID, id"),
        "REACT" => command(payload, ClientFrame::React, "REACT takes clientId: UUID, id, emoji, on"),
        "PIN" => command(payload, ClientFrame::Pin, "PIN takes clientId: UUID, id, on"),
        "REPORT" => command(payload, ClientFrame::Report, "REPORT takes clientId: UUID, id, reason?"),
        "BAN" => command(
            payload,
            ClientFrame::Ban,
            "BAN takes clientId: UUID, authorId, seconds?, deleteSeconds?, reason?, scope?: room or all, address?",
        ),
        "UNBAN" => command(payload, ClientFrame::Unban, "UNBAN takes clientId: UUID, authorId, scope?: room or all"),
        "ROOM_SET" => {
            command(payload, ClientFrame::RoomSet, "ROOM_SET takes clientId: UUID, settings: {}, settingsRev")
        }
        "APPROVE" => command(payload, ClientFrame::Approve, "APPROVE takes clientId: UUID, heldIds: []"),
        "REJECT" => command(payload, ClientFrame::Reject, "REJECT takes clientId: UUID, heldIds: []"),
        "TYPING" => Ok(ClientFrame::Typing),
        _ => Err(bad("unknown type")),
    }
}

/// Decodes the payload of JOIN alone. `None` where it is none.
pub fn decode_join(payload: &str) -> Option<JoinPayload> {
    match is_object(payload).then(|| join(Some(payload)))?? {
        ClientFrame::Join(join) => Some(join),
        _ => None,
    }
}

/// A frame that is answered by its `clientId`.
fn command<T: DeserializeOwned>(
    payload: Option<&str>,
    frame: impl FnOnce(T) -> ClientFrame,
    reason: &'static str,
) -> Result<ClientFrame, DecodeError> {
    let client_id = || parse::<OnlyClientId>(payload).map(|p| p.client_id);
    parse(payload).map(frame).ok_or_else(|| DecodeError { reason, client_id: client_id() })
}

fn join(payload: Option<&str>) -> Option<ClientFrame> {
    let raw: RawJoin<'_> = serde_json::from_str(payload?).ok()?;
    let resume = match raw.resume.map(RawValue::get) {
        None | Some("null") => None,
        Some(text) if is_object(text) => Some(serde_json::from_str(text).ok()?),
        Some(_) => return None,
    };
    let RawJoin { anonymous_id, token, nickname, avatar, .. } = raw;
    Some(ClientFrame::Join(JoinPayload { anonymous_id, token, nickname, avatar, resume }))
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

    fn plain(client_id: Uuid, content: &str) -> MessageToSend {
        MessageToSend { client_id, content: content.into(), reply_to: None, mentions: vec![] }
    }

    #[test]
    fn decodes_each_frame_and_ignores_unknown_fields() {
        let id: Uuid = ID.parse().expect("a UUID");
        let join = |nickname: Option<&str>, resume| {
            Ok(ClientFrame::Join(JoinPayload {
                anonymous_id: id,
                token: None,
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
                Ok(ClientFrame::Message(plain(id, "hi"))),
            ),
            (
                json!({"type": "MESSAGE", "payload": {"clientId": ID, "content": "@a", "replyTo": "7",
                    "mentions": [{"authorId": "x", "from": 0, "to": 2, "z": 1}]}}),
                Ok(ClientFrame::Message(MessageToSend {
                    reply_to: Some("7".into()),
                    mentions: vec![MentionToSend { author_id: "x".into(), from: 0, to: 2 }],
                    ..plain(id, "@a")
                })),
            ),
            (
                json!({"type": "EDIT", "payload": {"clientId": ID, "id": "7", "version": 1, "content": "b"}}),
                Ok(ClientFrame::Edit(EditToSend {
                    client_id: id,
                    id: "7".into(),
                    version: 1,
                    content: "b".into(),
                    mentions: vec![],
                })),
            ),
            (
                json!({"type": "DELETE", "payload": {"clientId": ID, "id": "7"}}),
                Ok(ClientFrame::Delete(DeleteToSend { client_id: id, id: "7".into() })),
            ),
            (
                json!({"type": "REACT", "payload": {"clientId": ID, "id": "7", "emoji": "👍", "on": true}}),
                Ok(ClientFrame::React(ReactToSend { client_id: id, id: "7".into(), emoji: "👍".into(), on: true })),
            ),
            (
                json!({"type": "PIN", "payload": {"clientId": ID, "id": "7", "on": false}}),
                Ok(ClientFrame::Pin(PinToSend { client_id: id, id: "7".into(), on: false })),
            ),
            (json!({"type": "TYPING", "payload": {}}), Ok(ClientFrame::Typing)),
            (
                json!({"type": "REPORT", "payload": {"clientId": ID, "id": "7", "reason": "spam"}}),
                Ok(ClientFrame::Report(ReportToSend { client_id: id, id: "7".into(), reason: "spam".into() })),
            ),
            (
                json!({"type": "BAN", "payload": {"clientId": ID, "authorId": "x", "seconds": 60, "deleteSeconds": 5,
                    "reason": "r", "scope": "all", "address": true}}),
                Ok(ClientFrame::Ban(BanToSend {
                    client_id: id,
                    author_id: "x".into(),
                    seconds: 60,
                    delete_seconds: 5,
                    reason: "r".into(),
                    scope: BanScope::All,
                    address: true,
                })),
            ),
            (
                json!({"type": "UNBAN", "payload": {"clientId": ID, "authorId": "x"}}),
                Ok(ClientFrame::Unban(UnbanToSend { client_id: id, author_id: "x".into(), scope: BanScope::Room })),
            ),
            (
                json!({"type": "ROOM_SET", "payload": {"clientId": ID, "settings": {"locked": true}, "settingsRev": 3}}),
                Ok(ClientFrame::RoomSet(RoomSetToSend {
                    client_id: id,
                    settings: json!({"locked": true}).as_object().cloned().expect("an object"),
                    settings_rev: 3,
                })),
            ),
            (
                json!({"type": "APPROVE", "payload": {"clientId": ID, "heldIds": ["7"]}}),
                Ok(ClientFrame::Approve(HeldToSettle { client_id: id, held_ids: vec!["7".into()] })),
            ),
            (
                json!({"type": "REJECT", "payload": {"clientId": ID, "heldIds": []}}),
                Ok(ClientFrame::Reject(HeldToSettle { client_id: id, held_ids: vec![] })),
            ),
            (
                json!({"type": "PROFILE", "payload": {"nickname": "ab", "avatar": "cat"}}),
                Ok(ClientFrame::Profile(ProfileChange { nickname: "ab".into(), avatar: Some("cat".into()) })),
            ),
            (
                json!({"type": "AUTH", "payload": {"token": "a.b.c", "x": 1}}),
                Ok(ClientFrame::Auth(AuthToSend { token: "a.b.c".into() })),
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
    fn a_token_is_never_printed() {
        let join = json!({"type": "JOIN", "payload": {"anonymousId": ID, "token": "SECRET"}});
        for frame in [join, json!({"type": "AUTH", "payload": {"token": "SECRET"}})] {
            let printed = format!("{:?}", decode(&frame.to_string()));
            assert!(printed.starts_with("Ok") && !printed.contains("SECRET"), "{printed}");
        }
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
            r#"{"type":"AUTH","payload":{}}"#,
            r#"{"type":"AUTH","payload":{"token":null}}"#,
            r#"{"type":"EDIT","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","id":"1","version":"1","content":"a"}}"#,
            r#"{"type":"EDIT","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","id":"1","version":99999999999,"content":"a"}}"#,
            r#"{"type":"DELETE","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","id":1}}"#,
            r#"{"type":"REACT","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","id":"1","emoji":"a"}}"#,
            r#"{"type":"PIN","payload":{"clientId":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","id":"1","on":"yes"}}"#,
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
    fn keeps_the_client_id_of_a_command_it_cannot_read() {
        for kind in ["MESSAGE", "EDIT", "DELETE", "REACT", "PIN"] {
            let text = json!({"type": kind, "payload": {"clientId": ID, "content": 7}}).to_string();
            assert_eq!(decode(&text).map_err(|e| e.client_id), Err(ID.parse().ok()), "{kind}");
        }
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
            prop_assert_eq!(decode(&text), Ok(ClientFrame::Message(plain(client_id, &content))));
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
