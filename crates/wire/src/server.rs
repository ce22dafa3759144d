use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AuthorPayload, ErrorCode, FRAME_BYTES_MAX, ModPayload, OwnPayload, QueuePayload, RoomPayload, text_frame_header,
};
use chat_domain::{
    Annotations, CONTENT_CODE_POINTS_MAX, ChatMessage, Mention, NICKNAME_GRAPHEMES_MAX, NICKNAME_GRAPHEMES_MIN,
    REACTIONS_MAX, Reaction,
};

/// A frame from the server. Clients, tests and the load tester read it; the server writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum ServerFrame<'a> {
    /// The answer to JOIN.
    Welcome(Box<WelcomePayload<'a>>),
    /// A change: a message.
    Message(MessagePayload<'a>),
    /// A change: what people react to a message with, as far as that has changed.
    Reaction(ReactionsPayload<'a>),
    /// Who is typing.
    Typing(TypingPayload<'a>),
    /// To the sender: the message is stored, or its change.
    Ack(AckPayload),
    /// To a session that joined by a blog's token: for how long it may write by that.
    Auth(AuthPayload),
    /// To every session of an identity: its profile now.
    Profile(ProfilePayload<'a>),
    /// Who is here.
    Presence(PresencePayload<'a>),
    /// The room's counter, every [`WelcomeHead::heartbeat_seconds`].
    Heartbeat(HeartbeatPayload),
    /// The answer to PING.
    Pong {},
    /// Come back after a while; close 1012 follows.
    Reconnect(ReconnectPayload),
    /// What the room is now.
    Room(RoomPayload<'a>),
    /// To those who keep order: what one of them did.
    Mod(ModPayload<'a>),
    /// To those who keep order: what waits for them.
    Queue(QueuePayload),
    /// Something was refused.
    Error(ErrorPayload<'a>),
    /// Several frames, in order.
    Batch {
        /// The frames.
        frames: Vec<ServerFrame<'a>>,
    },
}

/// The payload of MESSAGE, also a message in WELCOME and over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagePayload<'a> {
    /// Opaque.
    pub id: Cow<'a, str>,
    /// Orders the list.
    pub seq: i64,
    /// The client's cursor goes to this value.
    pub rev: i64,
    /// The sender's key.
    pub client_id: Uuid,
    /// Who wrote it.
    pub author: AuthorPayload<'a>,
    /// What was written.
    pub content: Cow<'a, str>,
    /// RFC 3339, UTC, milliseconds.
    pub created_at: Cow<'a, str>,
    /// What goes with it beside its text.
    #[serde(flatten)]
    pub annotations: AnnotationsPayload<'a>,
}

/// What MESSAGE's payload has only where there is something to say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnnotationsPayload<'a> {
    /// From 2: how often it was edited, and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// When it was last edited. As all times: RFC 3339, UTC, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Cow<'a, str>>,
    /// When it was deleted. Then `content` is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Cow<'a, str>>,
    /// `author` or `moderator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<Cow<'a, str>>,
    /// When it was pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<Cow<'a, str>>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyPayload<'a>>,
    /// Who is addressed in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<MentionPayload<'a>>,
    /// In the order of their first use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<ReactionPayload<'a>>,
}

impl<'a> From<&'a Annotations> for AnnotationsPayload<'a> {
    fn from(a: &'a Annotations) -> Self {
        let time = |at: DateTime<Utc>| Cow::from(timestamp(at));
        let mention = |m: &'a Mention| MentionPayload { author_id: m.author.as_str().into(), from: m.from, to: m.to };
        Self {
            version: (a.version > 1).then_some(a.version),
            edited_at: a.edited_at.map(time),
            deleted_at: a.deleted.map(|(at, _)| time(at)),
            deleted_by: a.deleted.map(|(_, by)| by.as_str().into()),
            pinned_at: a.pinned_at.map(time),
            reply_to: a.reply_to.map(|to| ReplyPayload { id: to.id.to_string().into(), seq: to.seq }),
            mentions: a.mentions.iter().map(mention).collect(),
            reactions: a.reactions.iter().map(Into::into).collect(),
        }
    }
}

/// A message that is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyPayload<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its place in the list.
    pub seq: i64,
}

/// A place in a content where somebody is addressed, in code points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MentionPayload<'a> {
    /// Who.
    pub author_id: Cow<'a, str>,
    /// Its first code point, the `@`.
    pub from: u32,
    /// The one behind its last.
    pub to: u32,
}

/// How many people react with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReactionPayload<'a> {
    /// The emoji.
    pub emoji: Cow<'a, str>,
    /// How many; 0 in REACTION where nobody does any more.
    pub count: i64,
    /// The ids of the first of them, at most 5.
    pub authors: Vec<Cow<'a, str>>,
}

impl<'a> From<&'a Reaction> for ReactionPayload<'a> {
    fn from(reaction: &'a Reaction) -> Self {
        let authors = reaction.authors.iter().map(|author| author.as_str().into()).collect();
        Self { emoji: reaction.emoji.as_str().into(), count: reaction.count, authors }
    }
}

/// The payload of REACTION: the emojis that have changed, in absolute figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReactionsPayload<'a> {
    /// The message's id.
    pub id: Cow<'a, str>,
    /// Its place in the list.
    pub seq: i64,
    /// The client's cursor goes to this value.
    pub rev: i64,
    /// The emojis that have changed.
    pub reactions: Vec<ReactionPayload<'a>>,
}

/// The payload of TYPING, from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypingPayload<'a> {
    /// Who, at most 5.
    pub authors: Vec<AuthorPayload<'a>>,
    /// How many besides.
    pub more: usize,
}

impl<'a> From<&'a ChatMessage> for MessagePayload<'a> {
    fn from(message: &'a ChatMessage) -> Self {
        Self {
            id: message.id.to_string().into(),
            seq: message.seq,
            rev: message.rev,
            client_id: message.client_id,
            author: (&message.author).into(),
            content: message.content.as_str().into(),
            created_at: timestamp(message.created_at).into(),
            annotations: message.annotations.as_deref().map(Into::into).unwrap_or_default(),
        }
    }
}

/// The payload of ACK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AckPayload {
    /// Which command.
    pub client_id: Uuid,
    /// The message's id.
    pub id: String,
    /// Where it stands in the list.
    pub seq: i64,
    /// The counter's value at this change: at its creation `seq`, and `seq` as well where the command was a repeat.
    pub rev: i64,
    /// RFC 3339, UTC, milliseconds.
    pub created_at: String,
}

/// The payload of AUTH, from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthPayload {
    /// Milliseconds until the session only reads.
    pub expires_in_ms: u64,
}

/// The payload of PROFILE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilePayload<'a> {
    /// The receiver as everybody sees it now.
    #[serde(rename = "self")]
    pub own: AuthorPayload<'a>,
}

/// The payload of PRESENCE. The lists are absent above 50 people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresencePayload<'a> {
    /// Identities with a session in the room, readers included.
    pub count: usize,
    /// The number is only about right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approximate: bool,
    /// Every author here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<AuthorPayload<'a>>>,
    /// Authors who came and stayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<Vec<AuthorPayload<'a>>>,
    /// Authors who left and stayed away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Vec<AuthorPayload<'a>>>,
}

/// The payload of HEARTBEAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatPayload {
    /// The room's counter.
    pub rev: i64,
}

/// The payload of RECONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReconnectPayload {
    /// Milliseconds to wait before coming back.
    pub after_ms: u64,
}

/// The payload of ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorPayload<'a> {
    /// What clients decide by.
    pub code: ErrorCode,
    /// English, for developers.
    pub message: Cow<'a, str>,
    /// Which message it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Uuid>,
    /// With a code that can pass with time: milliseconds until a retry can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With BANNED: until when; absent for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// With BANNED: why, as whoever did it has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

impl ErrorPayload<'_> {
    /// With this code, about this message where it is about one, and nothing else.
    pub fn new(code: ErrorCode, client_id: Option<Uuid>) -> Self {
        Self { code, message: "".into(), client_id, retry_after_ms: None, until: None, reason: None }
    }
}

/// What a room is, and how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomPosition<'a> {
    /// The room's id, in NFC.
    pub id: Cow<'a, str>,
    /// This life of its counter.
    pub epoch: Cow<'a, str>,
    /// Its counter; where [`WelcomeHead::head`] is there, where the client was when it left.
    pub rev: i64,
    /// What its owner calls it, where that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// What its owner has set, as far as visitors need it.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Goes up with each change of `title` and `settings`.
    pub settings_rev: i64,
    /// Messages with a `seq` below this are gone for good; absent where none is.
    #[serde(default, skip_serializing_if = "super::moderation::is_zero")]
    pub first_seq: i64,
}

/// The limits that a client should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Longest content, in code points.
    pub content_max: usize,
    /// Shortest nickname, in grapheme clusters.
    pub nickname_min: usize,
    /// Longest nickname, in grapheme clusters.
    pub nickname_max: usize,
    /// Largest inbound frame, in bytes.
    pub frame_max: usize,
    /// How old a message may be that its author edits; absent where any age goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_window_seconds: Option<u64>,
    /// Most different emojis on one message.
    pub reactions_max: usize,
}

impl Limits {
    /// The limits for somebody who may edit messages of this age, in seconds.
    pub fn with_edit_window(edit_window_seconds: Option<u64>) -> Self {
        Self {
            content_max: CONTENT_CODE_POINTS_MAX,
            nickname_min: NICKNAME_GRAPHEMES_MIN,
            nickname_max: NICKNAME_GRAPHEMES_MAX,
            frame_max: FRAME_BYTES_MAX,
            edit_window_seconds,
            reactions_max: REACTIONS_MAX,
        }
    }
}

/// The payload of WELCOME less its messages: see [`welcome_chunks`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WelcomeHead<'a> {
    /// This session, opaque.
    pub session_id: Cow<'a, str>,
    /// The receiver as everybody sees it; null for a reader.
    #[serde(rename = "self")]
    pub own: Option<OwnPayload<'a>>,
    /// How far the room is: the client's cursor goes there.
    pub room: RoomPosition<'a>,
    /// The counter that the BATCHes behind this frame bring the client to, where what it missed comes in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<i64>,
    /// Whether `messages` are the ones missed since the resume point, else the latest ones.
    pub resumed: bool,
    /// Messages older than the first one here exist. Meaningless when resumed.
    pub has_more: bool,
    /// Who is here.
    pub presence: PresencePayload<'a>,
    /// The pinned messages, the newest pin first.
    pub pinned: Vec<MessagePayload<'a>>,
    /// What the server accepts.
    pub limits: Limits,
    /// Seconds between two HEARTBEATs.
    pub heartbeat_seconds: u64,
    /// What the receiver may do, as a mask of bits (docs/RIGHTS.md), where they are signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<u64>,
}

/// The whole payload of WELCOME, for readers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WelcomePayload<'a> {
    /// All but the messages.
    #[serde(flatten)]
    pub head: WelcomeHead<'a>,
    /// The messages, oldest first.
    pub messages: Vec<MessagePayload<'a>>,
}

/// A time as it stands on the wire: RFC 3339, UTC, milliseconds.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Encodes a frame as JSON.
pub fn encode(frame: &ServerFrame<'_>) -> String {
    // These types hold only text keys and plain values, for which serde_json has no error case.
    serde_json::to_string(frame).unwrap_or_default()
}

/// Encodes a message as it stands in WELCOME, in MESSAGE's payload and over HTTP.
pub fn message_json(message: &ChatMessage) -> String {
    serde_json::to_string(&MessagePayload::from(message)).unwrap_or_default()
}

/// The MESSAGE frame around an encoded message.
pub fn message_frame_json(message_json: impl AsRef<[u8]>) -> Vec<u8> {
    [br#"{"type":"MESSAGE","payload":"#, message_json.as_ref(), b"}"].concat()
}

/// Several encoded frames as one BATCH.
pub fn batch_json(frames: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let n_bytes = frames.iter().map(|f| f.as_ref().len() + 1).sum::<usize>();
    let mut json = Vec::with_capacity(n_bytes + 48);
    json.extend_from_slice(br#"{"type":"BATCH","payload":{"frames":["#);
    for (i, frame) in frames.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        json.extend_from_slice(frame.as_ref());
    }
    json.extend_from_slice(b"]}}");
    json
}

/// The WELCOME frame, ready for the socket: header, head, the encoded messages (shared by all who get the
/// same ones), tail. `messages` are the encoded messages with commas between them.
pub fn welcome_chunks(head: &WelcomeHead<'_>, messages: Bytes) -> [Bytes; 4] {
    let mut json = String::from(r#"{"type":"WELCOME","payload":"#);
    let head = serde_json::to_string(head).unwrap_or_default();
    json.push_str(head.strip_suffix('}').unwrap_or(&head));
    json.push_str(r#","messages":["#);
    let tail = Bytes::from_static(b"]}}");
    let header = text_frame_header(json.len() + messages.len() + tail.len());
    [header, json.into(), messages, tail]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_welcome_in_chunks_reads_as_one_frame() {
        let head = WelcomeHead {
            session_id: "s".into(),
            own: Some(OwnPayload {
                author: AuthorPayload { id: "o".into(), nickname: "ab".into(), avatar: "cat".into(), badge: None },
                also: vec!["a".into(), "b".into()],
            }),
            room: RoomPosition {
                id: "\"한\\".into(),
                epoch: "e".into(),
                rev: 2,
                title: None,
                settings: serde_json::Map::default(),
                settings_rev: 0,
                first_seq: 0,
            },
            head: None,
            resumed: false,
            has_more: true,
            presence: PresencePayload { count: 60, approximate: false, members: None, joined: None, left: None },
            pinned: vec![],
            limits: Limits::with_edit_window(Some(900)),
            heartbeat_seconds: 30,
            rights: None,
        };
        let message = MessagePayload {
            id: "1".into(),
            seq: 2,
            rev: 2,
            client_id: Uuid::nil(),
            author: AuthorPayload { id: "a".into(), nickname: "ab".into(), avatar: "cat".into(), badge: None },
            content: "<\"\n>".into(),
            created_at: "2026-01-01T00:00:00.000Z".into(),
            annotations: AnnotationsPayload::default(),
        };
        let encoded = serde_json::to_string(&message).expect("encodes");
        for n in [0, 1, 2] {
            let messages = vec![encoded.as_str(); n].join(",");
            let chunks = welcome_chunks(&head, messages.into());
            let json = chunks[1..].concat();
            assert_eq!(chunks[0], text_frame_header(json.len()));
            let expected = ServerFrame::Welcome(Box::new(WelcomePayload {
                head: head.clone(),
                messages: vec![message.clone(); n],
            }));
            assert_eq!(serde_json::from_slice::<ServerFrame<'_>>(&json).ok(), Some(expected));
        }
    }

    #[test]
    fn a_batch_reads_as_its_frames() {
        let beat = ServerFrame::Heartbeat(HeartbeatPayload { rev: 3 });
        let json = encode(&beat);
        let batch: ServerFrame<'_> = serde_json::from_slice(&batch_json(&[&json, &json])).expect("a frame");
        assert_eq!(batch, ServerFrame::Batch { frames: vec![beat.clone(), beat] });
    }
}
