//! What this program writes it reads again as it was, and what is broken it names.
// A test that meets what it does not expect fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)]

use chat_domain::{
    Annotations, Author, AuthorId, AvatarName, Badge, ChatMessage, Content, DeletedBy, Emoji, Epoch, MessageRef,
    MovedBan, MovedHeld, MovedMessage, MovedRoom, Nickname, PastText, Reacted, RemovedText, RoomId, reactions_of,
};
use chat_moving::{
    EXPORT_VERSION, End, Format, Found, Header, HeldLine, Line, MessageLine, ReadError, RoomLine, encode,
};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..4_000_000_000_000_i64).prop_map(|ms| DateTime::from_timestamp_millis(ms).expect("a time"))
}

fn author_id() -> impl Strategy<Value = AuthorId> {
    "[A-Za-z0-9_-]{22}".prop_map(|id| AuthorId::from_stored(&id))
}

fn author() -> impl Strategy<Value = Author> {
    (author_id(), "[a-z가-힣]{2,15}", prop::option::of(0..4_usize)).prop_map(|(id, nickname, badge)| Author {
        avatar: AvatarName::derived_from(&id),
        nickname: Nickname::parse(&nickname).expect("a nickname"),
        badge: badge.map(|n| Badge::ALL[n]),
        id,
    })
}

fn content() -> impl Strategy<Value = Content> {
    "[a-z가-힣\"\\\\👍`*]{1,40}(\n[a-z가-힣]{1,9}){0,3}".prop_map(|text| Content::parse(&text).expect("a content"))
}

fn reacted() -> impl Strategy<Value = Vec<Reacted>> {
    let one = ("[👍🎉❤]", author_id(), time());
    prop::collection::vec(one, 0..8).prop_map(|all| {
        let react = |(emoji, author, at): (String, _, _)| Reacted { emoji: Emoji::from_stored(emoji), author, at };
        all.into_iter().map(react).filter(|r| Emoji::parse(r.emoji.as_str()).is_ok()).collect()
    })
}

/// A message at this place, which may answer one before it.
fn message(seq: i64) -> impl Strategy<Value = MovedMessage> {
    let state = (prop::option::of(time()), prop::option::of((time(), any::<bool>())), prop::option::of(time()));
    let edits = prop::collection::vec((content(), any::<u128>(), time()), 0..3);
    let more = (reacted(), edits, prop::option::of((content(), time())), prop::option::of(1..=seq.max(1)));
    (author(), content(), any::<u128>(), time(), 0..9_i64, state, more).prop_map(
        move |(
            author,
            content,
            key,
            at,
            later,
            (edited_at, deleted, pinned_at),
            (reacted, edits, removed, reply_to),
        )| {
            let deleted = deleted.map(|(at, own)| (at, if own { DeletedBy::Author } else { DeletedBy::Moderator }));
            let edits: Vec<PastText> = (1..)
                .zip(edits)
                .map(|(version, (content, key, at))| PastText { version, content, client_id: Uuid::from_u128(key), at })
                .collect();
            let annotations = Annotations {
                version: i32::try_from(edits.len()).unwrap() + 1,
                edited_at,
                deleted,
                pinned_at,
                reply_to: reply_to.filter(|to| *to < seq).map(|seq| MessageRef { id: 0, seq }),
                mentions: Vec::new(),
                reactions: reactions_of(&reacted),
            };
            let message = ChatMessage {
                id: 0,
                seq,
                rev: seq + later,
                client_id: Uuid::from_u128(key),
                author,
                content: if deleted.is_some() { Content::from_stored(String::new()) } else { content },
                created_at: at,
                annotations: (annotations != Annotations::default()).then(|| Box::new(annotations)),
            };
            let removed = removed.filter(|_| deleted.is_some());
            let removed = removed.map(|(content, until)| RemovedText { content, until });
            MovedMessage { message, reacted, edits, removed }
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<MovedMessage>> {
    (0..6_i64).prop_flat_map(|n| (1..=n).map(|place| message(place * 2)).collect::<Vec<_>>())
}

fn all(text: &str) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    Format::JsonLines
        .read(text.as_bytes(), &mut |each| {
            found.push(each);
            Ok(())
        })
        .map(|()| found)
}

fn export(room: &MovedRoom, messages: &[MovedMessage], held: &[MovedHeld], bans: &[MovedBan]) -> String {
    let header = Header { version: EXPORT_VERSION, release: "test".into(), at: "2026-01-31T00:00:00Z".into() };
    let mut text = encode(&Line::Export(header));
    text += &encode(&Line::Room(Box::new(RoomLine::from(room))));
    for ban in bans {
        text += &encode(&Line::Ban(Box::new(ban.into())));
    }
    for message in messages {
        text += &encode(&Line::Message(Box::new(MessageLine::of(&room.id, message))));
    }
    for held in held {
        text += &encode(&Line::Held(Box::new(HeldLine::of(&room.id, held))));
    }
    text + &encode(&Line::End(End { rooms: 1, messages: messages.len() as u64 }))
}

fn a_room() -> MovedRoom {
    MovedRoom {
        id: RoomId::parse("글 1").expect("a room"),
        created_at: DateTime::from_timestamp_millis(1_700_000_000_001).expect("a time"),
        epoch: Epoch::from_uuid(Uuid::from_u128(7)),
        rev: 100,
        title: Some("제목".into()),
        settings: serde_json::from_str(r#"{"locked":true}"#).expect("an object"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_as_it_was(
        messages in messages(),
        (author, content, key, at) in (author(), content(), any::<u128>(), time()),
        (banned, by, reason, until) in (author_id(), author_id(), "[a-z가-힣]{0,20}", prop::option::of(time())),
    ) {
        let room = a_room();
        let (mentions, reason_held) = (Vec::new(), "first".to_owned());
        let held = MovedHeld { author, client_id: Uuid::from_u128(key), content, reply_to: Some(2), mentions, reason: reason_held, at };
        let ban = MovedBan { room: Some(room.id.clone()), author: banned, reason, by, at, until };
        let text = export(&room, &messages, std::slice::from_ref(&held), std::slice::from_ref(&ban));
        let mut expected = vec![Found::Room(Box::new(room.clone())), Found::Ban(Box::new(ban))];
        expected.extend(messages.into_iter().map(|message| Found::Message(room.id.clone(), Box::new(message))));
        expected.push(Found::Held(room.id, Box::new(held)));
        prop_assert_eq!(all(&text), Ok(expected));
    }

    #[test]
    fn whatever_comes_is_read_or_named(messages in messages(), at in 0..4_000_usize, byte in any::<u8>(), format in 0..5_usize) {
        let mut bytes = export(&a_room(), &messages, &[], &[]).into_bytes();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        // It must end, and without a panic.
        if let Err(error) = Format::ALL[format].read(&bytes[..], &mut |_| Ok(())) {
            prop_assert!(error.line >= 1 && !error.what.contains('\n'), "{}", error);
        }
    }

    #[test]
    fn a_cut_export_is_never_taken_for_a_whole_one(messages in messages(), n in 1..400_usize) {
        let text = export(&a_room(), &messages, &[], &[]);
        let cut: Vec<u8> = text.bytes().take(text.len().saturating_sub(n + 1).max(1)).collect();
        prop_assert!(Format::JsonLines.read(&cut[..], &mut |_| Ok(())).is_err());
    }
}

#[test]
fn what_breaks_a_rule_is_named_with_its_line() {
    let line = |text: &str| all(text).expect_err(text);
    assert!(line("{\"type\":\"comment\",\"id\":\"1\"}").what.contains("missing field"));
    let comment =
        r#"{"type":"comment","id":"1","url":"https://a.example/","name":"x","at":"2026-01-01T00:00:00Z","text":"y""#;
    assert!(all(&format!("{comment}}}\n")).is_ok());
    assert_eq!(line(&format!("\n{comment},\"colour\":1}}")).line, 2);
    assert!(line(&format!("{comment},\"html\":\"z\"}}")).what.contains("either"));
    assert!(line(&comment.replace("2026-01-01T00", "soon")).line == 1);
    let newer = encode(&Line::Export(Header { version: 2, release: "x".into(), at: "x".into() }));
    assert!(line(&newer).what.contains("version 2"));
    let two = export(&a_room(), &[], &[], &[]).replace("\"messages\":0", "\"messages\":1");
    assert!(line(&two).what.contains("says that it has 1 rooms and 1 messages"));
    let twice = export(&a_room(), &[], &[], &[]);
    let room = twice.lines().nth(1).expect("a room").to_owned();
    assert!(line(&format!("{room}\n{room}\n")).what.contains("comes twice"));
    assert!(line(&format!("{twice}{room}\n")).what.contains("behind the end"));
}
