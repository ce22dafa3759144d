//! Protocol version 1 for what rooms emit: facts become frames, ready for the socket. One place maps a room's reasons to
//! the codes and sentences of docs/PROTOCOL.md.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use chat_domain::{Author, ChangeRefusal};
use chat_rooms::{
    Codec, EndReason, Event, MessageEvent, Messages, People, ReactionsEvent, Refusal, RoomState, TypingNow, Welcome,
};
use chat_wire::{
    AckPayload, AuthorPayload, CloseCode, ErrorCode, ErrorPayload, Limits, ModPayload, ModTarget, OwnPayload,
    PresencePayload, ProfilePayload, QueuePayload, ReactionsPayload, RoomPayload, RoomPosition, RoomStatePayload,
    ServerFrame, TypingPayload, WelcomeHead,
};
use uuid::Uuid;

/// What an ERROR says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorReply {
    /// What clients decide by.
    pub code: ErrorCode,
    /// For developers.
    pub message: &'static str,
    /// Milliseconds until a retry can help, with a code that can pass with time.
    pub retry_after_ms: Option<u64>,
    /// With BANNED: until when.
    pub until: Option<chrono::DateTime<chrono::Utc>>,
    /// With HELD: why.
    pub reason: Option<&'static str>,
}

impl ErrorReply {
    /// A code and a sentence for developers.
    pub const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message, retry_after_ms: None, until: None, reason: None }
    }
}

impl From<Refusal> for ErrorReply {
    fn from(refusal: Refusal) -> Self {
        let (code, message, retry_after_ms) = match refusal {
            Refusal::Overloaded => (ErrorCode::Overloaded, "the server has too much to do; try again", Some(1_000)),
            Refusal::StoreUnavailable => (
                ErrorCode::StoreUnavailable,
                "the database is away; nothing is known to be stored, try again with the same clientId",
                Some(2_000),
            ),
            Refusal::NicknameRequired => (ErrorCode::NicknameRequired, "choose a nickname first: PROFILE", None),
            Refusal::ClientIdConflict => {
                (ErrorCode::ClientIdConflict, "this clientId was used for other content", None)
            }
            Refusal::Change(why) => return Self::from(why),
            Refusal::InvalidReply => (
                ErrorCode::InvalidReply,
                "there is no message to answer: another room's, deleted, or never there",
                None,
            ),
            Refusal::Forbidden => (ErrorCode::Forbidden, "only those with the right may do this", None),
            Refusal::Banned { until } => {
                return Self { until, ..Self::new(ErrorCode::Banned, "who asks is banned") };
            }
            Refusal::Claimed => (ErrorCode::Claimed, "an account has taken this identity over", None),
            Refusal::Locked => (ErrorCode::Locked, "nobody writes in this room now", None),
            Refusal::Blocked => (ErrorCode::Blocked, "the text breaks a rule of the room", None),
            Refusal::Repeated { retry_after_ms } => {
                (ErrorCode::Repeated, "the same was said in this room a short time ago", Some(retry_after_ms))
            }
            Refusal::SlowMode { retry_after_ms } => {
                (ErrorCode::SlowMode, "one message in so long, in this room", Some(retry_after_ms))
            }
            Refusal::TooYoung { retry_after_ms } => {
                let message = "this identity is too young for that in this room";
                (ErrorCode::TooYoung, message, Some(retry_after_ms))
            }
            Refusal::Held { reason } => {
                let message = "the message waits for whoever keeps order; ask again with each JOIN";
                return Self { reason: Some(reason.as_str()), ..Self::new(ErrorCode::Held, message) };
            }
            Refusal::Rejected => (ErrorCode::Rejected, "whoever keeps order has decided against the message", None),
            Refusal::NicknameTaken => {
                let message = "the nickname looks like that of somebody who keeps order, or is a reserved one";
                (ErrorCode::NicknameTaken, message, None)
            }
            Refusal::NotStorable => (ErrorCode::Internal, "the message cannot be stored", None),
            Refusal::TooFast { sentence, retry_after_ms } => (ErrorCode::RateLimited, sentence, Some(retry_after_ms)),
        };
        Self { retry_after_ms, ..Self::new(code, message) }
    }
}

impl From<ChangeRefusal> for ErrorReply {
    fn from(why: ChangeRefusal) -> Self {
        let (code, message) = match why {
            ChangeRefusal::NotFound => (ErrorCode::MessageNotFound, "there is no such message in this room"),
            ChangeRefusal::Deleted => (ErrorCode::MessageDeleted, "the message is deleted"),
            ChangeRefusal::NotYours => (ErrorCode::NotYours, "another one wrote the message"),
            ChangeRefusal::TooLate => (ErrorCode::EditTooLate, "the message is too old to be edited"),
            ChangeRefusal::EditConflict => {
                (ErrorCode::EditConflict, "another version of the message was edited: look at it again")
            }
            ChangeRefusal::TooManyReactions => {
                (ErrorCode::TooManyReactions, "the message has as many different emojis as it may have")
            }
            ChangeRefusal::TooManyPins => {
                (ErrorCode::TooManyPins, "the room has as many pinned messages as it may have")
            }
        };
        Self::new(code, message)
    }
}

impl ErrorReply {
    /// The frame, about this message where it is about one.
    pub fn frame(self, client_id: Option<Uuid>) -> ServerFrame<'static> {
        self.frame_for(client_id, None)
    }

    /// The same, with the reason of whoever brought it about.
    pub fn frame_for(self, client_id: Option<Uuid>, reason: Option<&str>) -> ServerFrame<'_> {
        let Self { code, message, retry_after_ms, until, reason: own } = self;
        let (until, reason) = (until.map(chat_wire::timestamp), reason.or(own).map(Into::into));
        ServerFrame::Error(ErrorPayload { code, message: message.into(), client_id, retry_after_ms, until, reason })
    }
}

/// The code that a session is closed with whose only room ended its subscription.
pub fn close_code(reason: EndReason) -> CloseCode {
    match reason {
        EndReason::StartOver => CloseCode::StartOver,
        EndReason::RoomEnded | EndReason::JoinAnew => CloseCode::Restart,
    }
}

/// Several events as the JSON of one frame.
pub fn batch_json(events: &[Arc<Event>]) -> Vec<u8> {
    match events {
        [only] => event_json(only),
        events => chat_wire::batch_json(&events.iter().map(|event| event_json(event)).collect::<Vec<_>>()),
    }
}

/// A WELCOME as a socket's frame, in pieces of which the longest is shared by all who get the same messages. The first is
/// the header of the frame alone.
pub fn welcome_chunks(welcome: &Welcome) -> [Bytes; 4] {
    let head = WelcomeHead {
        session_id: welcome.session.0.to_string().into(),
        own: welcome.own.as_ref().map(|author| OwnPayload {
            author: author.into(),
            also: welcome.also.iter().map(|id| id.as_str().into()).collect(),
        }),
        room: RoomPosition {
            id: welcome.room.as_str().into(),
            epoch: welcome.epoch.to_string().into(),
            rev: welcome.pieces.as_ref().map_or(welcome.rev, |(known, _)| *known),
            title: welcome.settings.title.as_deref().map(Into::into),
            settings: welcome.settings.settings.clone(),
            settings_rev: welcome.settings.rev,
            first_seq: welcome.first_seq,
        },
        head: welcome.pieces.as_ref().map(|_| welcome.rev),
        resumed: welcome.resumed,
        has_more: welcome.has_more,
        presence: presence(&welcome.people),
        pinned: welcome.pinned.iter().map(|message| (&**message).into()).collect(),
        limits: Limits::with_edit_window(welcome.edit_window.map(|window| window.as_secs())),
        heartbeat_seconds: welcome.heartbeat_seconds,
        rights: welcome.rights.map(chat_domain::Rights::bits),
    };
    chat_wire::welcome_chunks(&head, welcome.messages.encoded(Codec::V1, joined))
}

/// One event as JSON.
pub fn event_json(event: &Event) -> Vec<u8> {
    let frame = match event {
        Event::Message(message) => return chat_wire::message_frame_json(message_json(message)),
        Event::Reactions(ReactionsEvent { message, reactions }) => ServerFrame::Reaction(ReactionsPayload {
            id: message.id.to_string().into(),
            seq: message.seq,
            rev: message.rev,
            reactions: reactions.iter().map(Into::into).collect(),
        }),
        Event::Typing(TypingNow { authors, more }) => {
            ServerFrame::Typing(TypingPayload { authors: authors.iter().map(Into::into).collect(), more: *more })
        }
        Event::People(people) => ServerFrame::Presence(presence(people)),
        Event::Stored { client_id, stored, rev } => ServerFrame::Ack(AckPayload {
            client_id: *client_id,
            id: stored.id.to_string(),
            seq: stored.seq,
            rev: *rev,
            created_at: chat_wire::timestamp(stored.created_at),
        }),
        Event::Profile(author) => ServerFrame::Profile(ProfilePayload { own: author.into() }),
        Event::Room(RoomState { rev, settings, first_seq }) => ServerFrame::Room(RoomPayload {
            rev: *rev,
            room: RoomStatePayload {
                title: settings.title.as_deref().map(Into::into),
                settings: settings.settings.clone(),
                settings_rev: settings.rev,
                first_seq: *first_seq,
            },
        }),
        Event::Moderated(moderated) => ServerFrame::Mod(ModPayload {
            audit_id: moderated.entry.to_string(),
            action: moderated.action.into(),
            at: chat_wire::timestamp(moderated.at),
            by: (&moderated.by).into(),
            target: ModTarget {
                author_id: moderated.target.as_ref().map(|author| author.as_str().into()),
                id: moderated.message.map(|id| id.to_string()),
            },
            client_id: moderated.client_id,
        }),
        Event::Queue { reported, held } => ServerFrame::Queue(QueuePayload { reported: *reported, held: *held }),
        Event::Refused { client_id, refusal, reason } => {
            ErrorReply::from(*refusal).frame_for(*client_id, reason.as_deref())
        }
    };
    chat_wire::encode(&frame).into()
}

fn message_json(message: &MessageEvent) -> Bytes {
    message.encoded(Codec::V1, |message| chat_wire::message_json(message).into())
}

/// Messages with commas between, and where each of them begins.
fn joined(messages: &Messages) -> (Bytes, Vec<usize>) {
    let encoded = messages.iter().map(message_json).collect::<Vec<_>>();
    // It is kept until the next change, and would have room for up to twice as much if it grew by itself.
    let n_bytes = encoded.iter().map(|json| json.len() + 1).sum();
    let (mut joined, mut begins) = (BytesMut::with_capacity(n_bytes), Vec::with_capacity(encoded.len()));
    for json in encoded {
        if !joined.is_empty() {
            joined.put_u8(b',');
        }
        begins.push(joined.len());
        joined.put_slice(&json);
    }
    (joined.freeze(), begins)
}

fn presence(people: &People) -> PresencePayload<'_> {
    let of = |authors: fn(&chat_rooms::PeopleLists) -> &Vec<Author>| -> Option<Vec<AuthorPayload<'_>>> {
        people.lists.as_ref().map(|lists| authors(lists).iter().map(Into::into).collect())
    };
    PresencePayload {
        count: people.count,
        approximate: people.is_approximate,
        members: of(|l| &l.members),
        joined: of(|l| &l.joined),
        left: of(|l| &l.left),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chat_domain::{
        Annotations, AuthorId, AvatarName, ChatMessage, Content, DeletedBy, Emoji, Mention, MessageRef, Nickname,
        Reaction,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::session::framing::{DEFLATED, Framing, PLAIN};
    use chat_domain::Epoch;
    use chat_rooms::Batch;

    fn message(content: &str, rev: i64) -> ChatMessage {
        let id = AuthorId::from_stored("author-1");
        let author = Author {
            avatar: AvatarName::derived_from(&id),
            nickname: Nickname::parse("가\"나\\").expect("valid"),
            badge: None,
            id,
        };
        ChatMessage {
            id: rev,
            seq: rev,
            rev,
            client_id: Uuid::nil(),
            author,
            content: Content::parse(content).expect("valid content"),
            created_at: chrono::DateTime::UNIX_EPOCH,
            annotations: None,
        }
    }

    /// Everything that a message can have, as the counts say.
    fn annotations(version: i32, n: usize, is_deleted: bool) -> Option<Box<Annotations>> {
        let at = chrono::DateTime::UNIX_EPOCH;
        let author = |n: usize| AuthorId::from_stored(&format!("author-{n}"));
        let reaction = |n: usize| Reaction {
            emoji: Emoji::parse(["👍", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣"][n % 3]).expect("an emoji"),
            count: i64::try_from(n * 7).unwrap_or(0),
            authors: (0..n % 6).map(author).collect(),
        };
        let place = |n: usize| u32::try_from(n).unwrap_or(0);
        Some(Box::new(Annotations {
            version,
            edited_at: (version > 1).then_some(at),
            deleted: is_deleted.then_some((at, if n > 3 { DeletedBy::Moderator } else { DeletedBy::Author })),
            pinned_at: n.is_multiple_of(2).then_some(at),
            reply_to: n.is_multiple_of(3).then_some(MessageRef { id: 7 << n, seq: 3 }),
            mentions: (0..n).map(|n| Mention { author: author(n), from: place(n), to: place(n * 10) }).collect(),
            reactions: (0..n).map(reaction).collect(),
        }))
    }

    pub fn event(content: &str, rev: i64) -> Arc<Event> {
        Arc::new(Event::Message(MessageEvent::new(Arc::new(message(content, rev)))))
    }

    fn plain_batch(batch: &Batch) -> Bytes {
        PLAIN.batch(batch, Epoch::random())
    }

    fn deflated_batch(batch: &Batch) -> Bytes {
        DEFLATED.batch(batch, Epoch::random())
    }

    #[test]
    fn a_batch_is_made_once_and_one_event_is_no_batch() {
        let one = Batch::new(vec![event("only", 1)]);
        assert_eq!(plain_batch(&one), PLAIN.event(&one.events()[0]));
        let two = Batch::new(vec![event("first", 1), event("second", 2)]);
        let bytes = plain_batch(&two);
        assert_eq!(bytes.as_ptr(), plain_batch(&two).as_ptr(), "all share it");
        let frames: Vec<_> = two.events().iter().map(|event| event_json(event)).collect();
        assert_eq!(bytes, chat_wire::text_frame(chat_wire::batch_json(&frames)));
    }

    #[test]
    fn what_is_long_is_compressed_once_and_what_is_short_is_the_same() {
        let short = Batch::new(vec![event("only", 1)]);
        assert_eq!(deflated_batch(&short).as_ptr(), plain_batch(&short).as_ptr());
        let long = Batch::new(vec![event("first", 1), event("second", 2), event("third", 3)]);
        let (plain, deflated) = (plain_batch(&long), deflated_batch(&long));
        assert_eq!(inflated(&deflated), plain[4..], "behind a header of four bytes");
        assert!(deflated.len() < plain.len() && deflated[0] == 0xc1, "{deflated:?}");
        assert_eq!(deflated.as_ptr(), deflated_batch(&long).as_ptr(), "all share it");
        assert_eq!(plain, plain_batch(&long));
        let alone = event(&"가".repeat(300), 1);
        let frame = DEFLATED.event(&alone);
        assert_eq!(inflated(&frame), PLAIN.event(&alone)[4..]);
    }

    /// What is in a frame that was compressed to less than 64 KiB.
    fn inflated(frame: &[u8]) -> Bytes {
        let n_header = if frame[1] == 126 { 4 } else { 2 };
        chat_wire::inflate(&frame[n_header..], 1 << 20).expect("what was compressed")
    }

    proptest! {
        /// Rooms bound batches, deliveries and WELCOMEs by this number, and know no wire.
        #[test]
        fn a_message_has_as_many_bytes_as_rooms_take_it_for(
            content in "[a-z\"\\\\\n\t/<>가-힣🎉\u{7f}]{1,300}[a-z]",
            rev in 1_i64..i64::MAX,
            version in 1_i32..1_000,
            n in 0_usize..12,
            is_deleted in any::<bool>(),
        ) {
            let Ok(content) = Content::parse(&content) else { return Ok(()) };
            let message = ChatMessage { content, ..message("x", rev) };
            let changed = ChatMessage { annotations: annotations(version, n, is_deleted), ..message.clone() };
            prop_assert_eq!(changed.n_bytes_as_json(), chat_wire::message_json(&changed).len());
            let reactions: Box<[Reaction]> = changed.annotations.iter().flat_map(|a| a.reactions.clone()).collect();
            let reacted = ReactionsEvent { message: Arc::new(changed), reactions };
            let n_bytes = reacted.n_bytes_as_json();
            prop_assert!(event_json(&Event::Reactions(reacted)).len() <= n_bytes + chat_rooms::FRAME_BYTES);
            prop_assert_eq!(message.n_bytes_as_json(), chat_wire::message_json(&message).len());
            let n_bytes = message.n_bytes_as_json();
            let frame = event_json(&Event::Message(MessageEvent::new(Arc::new(message.clone()))));
            prop_assert!(frame.len() <= n_bytes + chat_rooms::FRAME_BYTES, "batches are bounded by this");
            let author = serde_json::to_vec(&AuthorPayload::from(&message.author)).expect("encodes");
            prop_assert_eq!(message.author.n_bytes_as_json(), author.len());
        }
    }

    #[test]
    fn who_is_here_has_no_more_bytes_than_rooms_take_it_for() {
        let authors = vec![message("x", 1).author; 50];
        let typing = TypingNow { authors: authors[..5].to_vec(), more: usize::MAX };
        let n_bytes = typing.n_bytes_as_json();
        assert!(event_json(&Event::Typing(typing)).len() <= n_bytes);
        let lists = chat_rooms::PeopleLists { members: authors.clone(), joined: authors.clone(), left: authors };
        let people = People { count: usize::MAX, is_approximate: true, lists: Some(lists) };
        let n_bytes = people.n_bytes_as_json();
        assert!(event_json(&Event::People(people)).len() <= n_bytes);
    }

    const AUTHOR: &str = r#"{"id":"author-1","nickname":"가\"나\\","avatar":"AVATAR"}"#;
    const KEY: &str = "00000000-0000-0000-0000-000000000000";

    fn author() -> (Author, String) {
        let author = message("x", 1).author;
        let json = AUTHOR.replace("AVATAR", author.avatar.as_str());
        (author, json)
    }

    fn message_of(content: &str, rev: i64) -> String {
        let author = author().1;
        format!(
            r#"{{"id":"{rev}","seq":{rev},"rev":{rev},"clientId":"{KEY}","author":{author},"content":"{content}","createdAt":"1970-01-01T00:00:00.000Z"}}"#
        )
    }

    /// Clients that were written for version 1 get these bytes.
    #[test]
    fn every_event_is_written_to_the_byte() {
        let (author, author_json) = author();
        let lists =
            chat_rooms::PeopleLists { members: vec![author.clone()], joined: vec![author.clone()], left: vec![] };
        let client_id = Some(Uuid::nil());
        let refused = |refusal| Event::Refused { client_id, refusal, reason: None };
        let error = |code: &str, message: &str, retry: &str| {
            format!(
                r#"{{"type":"ERROR","payload":{{"code":"{code}","message":"{message}","clientId":"{KEY}"{retry}}}}}"#
            )
        };
        let epoch = Epoch::parse(KEY).expect("an epoch");
        let stored =
            chat_store::StoredMessage { id: 71, seq: 1, rev: 2, created_at: chrono::DateTime::UNIX_EPOCH, epoch };
        let reaction = Reaction { emoji: Emoji::parse("👍").expect("an emoji"), count: 0, authors: vec![] };
        let too_fast = Refusal::TooFast { sentence: "too much", retry_after_ms: 7 };
        for (event, json) in [
            (
                Event::Message(MessageEvent::new(Arc::new(message("a\n<b>", 3)))),
                format!(r#"{{"type":"MESSAGE","payload":{}}}"#, message_of("a\\n<b>", 3)),
            ),
            (
                Event::People(People { count: 2, is_approximate: false, lists: Some(lists) }),
                format!(
                    r#"{{"type":"PRESENCE","payload":{{"count":2,"members":[{author_json}],"joined":[{author_json}],"left":[]}}}}"#
                ),
            ),
            (
                Event::People(People { count: 51, is_approximate: false, lists: None }),
                r#"{"type":"PRESENCE","payload":{"count":51}}"#.to_owned(),
            ),
            (
                Event::People(People { count: 1_200, is_approximate: true, lists: None }),
                r#"{"type":"PRESENCE","payload":{"count":1200,"approximate":true}}"#.to_owned(),
            ),
            (Event::Profile(author), format!(r#"{{"type":"PROFILE","payload":{{"self":{author_json}}}}}"#)),
            (
                Event::Stored { client_id: Uuid::nil(), stored, rev: 1 },
                format!(
                    r#"{{"type":"ACK","payload":{{"clientId":"{KEY}","id":"71","seq":1,"rev":1,"createdAt":"1970-01-01T00:00:00.000Z"}}}}"#
                ),
            ),
            (
                Event::Reactions(ReactionsEvent { message: Arc::new(message("a", 3)), reactions: Box::new([reaction]) }),
                r#"{"type":"REACTION","payload":{"id":"3","seq":3,"rev":3,"reactions":[{"emoji":"👍","count":0,"authors":[]}]}}"#
                    .to_owned(),
            ),
            (
                Event::Typing(TypingNow { authors: vec![], more: 0 }),
                r#"{"type":"TYPING","payload":{"authors":[],"more":0}}"#.to_owned(),
            ),
            (
                refused(Refusal::Change(ChangeRefusal::EditConflict)),
                error("EDIT_CONFLICT", "another version of the message was edited: look at it again", ""),
            ),
            (refused(Refusal::Forbidden), error("FORBIDDEN", "only those with the right may do this", "")),
            (
                refused(Refusal::Overloaded),
                error("OVERLOADED", "the server has too much to do; try again", r#","retryAfterMs":1000"#),
            ),
            (
                refused(Refusal::StoreUnavailable),
                error(
                    "STORE_UNAVAILABLE",
                    "the database is away; nothing is known to be stored, try again with the same clientId",
                    r#","retryAfterMs":2000"#,
                ),
            ),
            (refused(Refusal::NicknameRequired), error("NICKNAME_REQUIRED", "choose a nickname first: PROFILE", "")),
            (
                refused(Refusal::ClientIdConflict),
                error("CLIENT_ID_CONFLICT", "this clientId was used for other content", ""),
            ),
            (refused(Refusal::NotStorable), error("INTERNAL", "the message cannot be stored", "")),
            (refused(too_fast), error("RATE_LIMITED", "too much", r#","retryAfterMs":7"#)),
        ] {
            assert_eq!(PLAIN.event(&event), chat_wire::text_frame(json));
        }
        let frames = [message_of("a", 1), message_of("b", 2)].map(|m| format!(r#"{{"type":"MESSAGE","payload":{m}}}"#));
        let batch = format!(r#"{{"type":"BATCH","payload":{{"frames":[{}]}}}}"#, frames.join(","));
        assert_eq!(plain_batch(&Batch::new(vec![event("a", 1), event("b", 2)])), chat_wire::text_frame(batch));
    }
}
