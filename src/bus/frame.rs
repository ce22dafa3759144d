//! What goes over the bus: a head of JSON in one line, then the bytes that it gives the lengths of.
//!
//! Whoever can write to the bus can send anything, and servers of other releases do: what cannot be read is dropped and
//! counted, never believed, and brings nobody down.

use std::borrow::Cow;

use bytes::Bytes;
use chat_domain::{Author, Change, Epoch};
use chat_rooms::{Codec, Event, Said, Summary};
use serde::{Deserialize, Serialize};

/// The version of this format.
const VERSION: u32 = 1;
/// Largest frame that is sent, in bytes: of more only the head goes, which is a hint to look into the database.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Largest frame that is looked into. A server of a later release may send more than this one does.
const RECEIVED_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;
/// Most changes in a frame.
const CHANGES_MAX: usize = 1_000;

/// The first line of a frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    v: u32,
    /// Who has sent it.
    #[serde(borrow)]
    server: Cow<'a, str>,
    kind: Cow<'a, str>,
    /// Milliseconds since 1970 by the sender's clock.
    at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    from_rev: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    to_rev: i64,
    /// Of changes two each: the message, and what has changed of its reactions (0: more than those).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lens: Vec<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What a server has sent over the bus.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which server.
    pub server: String,
    /// When, in milliseconds since 1970 by its clock.
    pub at: u64,
    /// What.
    pub what: What,
}

/// See [`Received`].
#[derive(Debug, Clone)]
pub enum What {
    /// Changes that it has committed: in counter order, without a gap.
    Changes(Epoch, Vec<(Change, Option<Bytes>)>),
    /// The room is there in the database.
    Look(Epoch, i64),
    /// Who is in the room there.
    People(Summary),
    /// Somebody is typing there.
    Typing(Author),
    /// Something that concerns all rooms has changed in the database.
    Control,
    /// It lives. The number goes up.
    Beat(i64),
    /// Something that this release does not know.
    Unknown,
}

impl What {
    /// Its kind, as metrics count it.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Changes(..) | Self::Look(..) => Some("change"),
            Self::People(_) => Some("people"),
            Self::Typing(_) => Some("ephemeral"),
            Self::Control => Some("control"),
            Self::Beat(_) => Some("beat"),
            Self::Unknown => None,
        }
    }
}

/// It is no frame, or one that was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no frame of the bus")]
pub struct Malformed;

/// Whose frames these are, and when they are written.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// The server.
    pub server: &'a str,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl From<'_> {
    fn head(&self, kind: &'static str) -> Head<'_> {
        Head {
            v: VERSION,
            server: self.server.into(),
            kind: kind.into(),
            at: self.at,
            epoch: None,
            from_rev: 0,
            to_rev: 0,
            lens: Vec::new(),
        }
    }

    /// What a room says.
    pub fn said(&self, said: &Said) -> Vec<u8> {
        match said {
            Said::Changes { epoch, changes } => {
                let (mut head, mut parts) = (self.head("change"), Vec::with_capacity(changes.len() * 2));
                head.epoch = Some(epoch.to_string().into());
                head.from_rev = changes.first().map_or(0, |(change, _)| change.rev());
                head.to_rev = changes.last().map_or(0, |(change, _)| change.rev());
                for (change, event) in changes {
                    parts.push(message_json(change, event.as_deref()));
                    parts.push(change.reactions.as_ref().map_or(Bytes::new(), |r| chat_wire::reactions_json(r).into()));
                }
                written(head, &parts)
            }
            Said::People(summary) => written(self.head("people"), &[summary.to_json().into()]),
            Said::Typing(author) => written(self.head("ephemeral"), &[chat_wire::author_json(author).into()]),
            Said::Control => written(self.head("control"), &[]),
        }
    }

    /// That this server lives.
    pub fn beat(&self, n: i64) -> Vec<u8> {
        written(Head { to_rev: n, ..self.head("beat") }, &[])
    }
}

/// The bytes that hubs share, where the event has them already; they are made once in any case.
fn message_json(change: &Change, event: Option<&Event>) -> Bytes {
    match event {
        Some(Event::Message(message)) => message.encoded(Codec::V1, |m| chat_wire::message_json(m).into()),
        _ => chat_wire::message_json(&change.message).into(),
    }
}

fn written(mut head: Head<'_>, parts: &[Bytes]) -> Vec<u8> {
    head.lens = parts.iter().map(Bytes::len).collect();
    let n_bytes: usize = head.lens.iter().sum();
    let is_hint = n_bytes > FRAME_BYTES_MAX;
    if is_hint {
        head.lens.clear();
    }
    let mut frame = serde_json::to_vec(&head).unwrap_or_default();
    frame.push(b'\n');
    if !is_hint {
        parts.iter().for_each(|part| frame.extend_from_slice(part));
    }
    frame
}

/// Reads a frame; none where it is one of `own`, this server's.
///
/// # Errors
/// Where it cannot be read.
pub fn read(frame: &Bytes, own: &str) -> Result<Option<Received>, Malformed> {
    if frame.len() > RECEIVED_BYTES_MAX {
        return Err(Malformed);
    }
    let end = frame.iter().position(|byte| *byte == b'\n').ok_or(Malformed)?;
    let (head, rest) = frame.split_at_checked(end).ok_or(Malformed)?;
    let head: Head<'_> = serde_json::from_slice(head).map_err(|_| Malformed)?;
    if head.server == own && head.kind != "beat" {
        return Ok(None);
    }
    let mut body = frame.slice_ref(rest.get(1..).ok_or(Malformed)?);
    let what = match (head.v, &*head.kind) {
        (VERSION, "change") => read_changes(&head, &mut body)?,
        (VERSION, "people") => What::People(Summary::from_json(&one(&head, &mut body)?).map_err(|_| Malformed)?),
        (VERSION, "ephemeral") => {
            What::Typing(chat_wire::read_author_json(&one(&head, &mut body)?).map_err(|_| Malformed)?)
        }
        (VERSION, "control") => What::Control,
        (VERSION, "beat") => What::Beat(head.to_rev),
        // A change of a later release: what it is stands in the database.
        (_, _) if head.to_rev > 0 => read_hint(&head)?,
        _ => What::Unknown,
    };
    Ok(Some(Received { server: head.server.into_owned(), at: head.at, what }))
}

fn read_hint(head: &Head<'_>) -> Result<What, Malformed> {
    let epoch = head.epoch.as_deref().and_then(Epoch::parse).ok_or(Malformed)?;
    Ok(What::Look(epoch, head.to_rev))
}

fn read_changes(head: &Head<'_>, body: &mut Bytes) -> Result<What, Malformed> {
    let What::Look(epoch, to_rev) = read_hint(head)? else { return Err(Malformed) };
    if head.lens.is_empty() {
        return Ok(What::Look(epoch, to_rev));
    }
    if !head.lens.len().is_multiple_of(2) || head.lens.len() > 2 * CHANGES_MAX {
        return Err(Malformed);
    }
    let (mut changes, mut next) = (Vec::with_capacity(head.lens.len() / 2), head.from_rev);
    for lens in head.lens.chunks_exact(2) {
        let [of_message, of_reactions] = lens else { return Err(Malformed) };
        let (json, reactions) = (part(body, *of_message)?, part(body, *of_reactions)?);
        let message = chat_wire::read_message(&json).map_err(|_| Malformed)?;
        if message.rev != next {
            return Err(Malformed);
        }
        next = next.checked_add(1).ok_or(Malformed)?;
        let reactions = match reactions.is_empty() {
            true => None,
            false => Some(chat_wire::read_reactions(&reactions).map_err(|_| Malformed)?.into()),
        };
        changes.push((Change { message: message.into(), reactions }, Some(json)));
    }
    if next.checked_sub(1) != Some(to_rev) || !body.is_empty() {
        return Err(Malformed);
    }
    Ok(What::Changes(epoch, changes))
}

/// The only part of a frame.
fn one(head: &Head<'_>, body: &mut Bytes) -> Result<Bytes, Malformed> {
    let [len] = head.lens.as_slice() else { return Err(Malformed) };
    let whole = part(body, *len)?;
    if body.is_empty() { Ok(whole) } else { Err(Malformed) }
}

fn part(body: &mut Bytes, len: usize) -> Result<Bytes, Malformed> {
    if len > body.len() {
        return Err(Malformed);
    }
    #[expect(clippy::disallowed_methods, reason = "it is not more than there is")]
    let part = body.split_to(len);
    Ok(part)
}

#[cfg(test)]
mod tests {
    use chat_domain::{AuthorId, AvatarName, ChatMessage, Content, Emoji, Nickname, Reaction};
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn author() -> Author {
        let id = AuthorId::from_stored("0123456789abcdefghijkl");
        Author {
            avatar: AvatarName::derived_from(&id),
            nickname: Nickname::parse("사람").expect("a nickname"),
            badge: None,
            id,
        }
    }

    fn change(rev: i64, content: &str) -> Change {
        let message = ChatMessage {
            id: rev,
            seq: rev,
            rev,
            client_id: Uuid::from_u128(7),
            author: author(),
            content: Content::from_stored(content.to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            annotations: None,
        };
        Change { message: message.into(), reactions: None }
    }

    const FROM: From<'static> = From { server: "one", at: 5 };

    fn changes(revs: std::ops::Range<i64>, content: &str) -> (Epoch, Said) {
        let epoch = Epoch::random();
        let changes = revs.map(|rev| (change(rev, content), None)).collect();
        (epoch, Said::Changes { epoch, changes })
    }

    fn received(frame: Vec<u8>) -> Result<Option<Received>, Malformed> {
        read(&frame.into(), "other")
    }

    #[test]
    fn changes_come_as_they_went_with_their_bytes() {
        let (epoch, mut said) = changes(5..8, "\"글\"\n\\");
        let emoji = Emoji::parse("👍").expect("an emoji");
        if let Said::Changes { changes, .. } = &mut said {
            changes[1].0.reactions = Some(Box::new([Reaction { emoji, count: 0, authors: vec![] }]));
        }
        let sent = match &said {
            Said::Changes { changes, .. } => changes.iter().map(|(change, _)| change.clone()).collect::<Vec<_>>(),
            _ => vec![],
        };
        let Ok(Some(Received { server, at, what: What::Changes(of, changes) })) = received(FROM.said(&said)) else {
            panic!("they are read")
        };
        assert_eq!((&*server, at, of), ("one", 5, epoch));
        for ((change, bytes), sent) in changes.iter().zip(&sent) {
            assert_eq!((change, bytes.as_deref()), (sent, Some(chat_wire::message_json(&sent.message).as_bytes())));
        }
        assert_eq!(changes.len(), sent.len());
    }

    #[test]
    fn too_much_goes_as_a_hint() {
        let (epoch, said) = changes(5..105, &"long ".repeat(300));
        let frame = FROM.said(&said);
        assert!(frame.len() < 500, "{}", frame.len());
        assert!(matches!(received(frame), Ok(Some(Received { what: What::Look(of, 104), .. })) if of == epoch));
    }

    #[test]
    fn who_types_and_who_lives_is_read() {
        let typing = received(FROM.said(&Said::Typing(author())));
        assert!(matches!(typing, Ok(Some(Received { what: What::Typing(of), .. })) if of == author()));
        let own = read(&FROM.beat(3).into(), "one");
        assert!(matches!(own, Ok(Some(Received { what: What::Beat(3), .. }))), "its own beat it listens for");
        assert!(matches!(read(&FROM.said(&Said::Typing(author())).into(), "one"), Ok(None)));
    }

    #[test]
    fn what_a_later_release_sends_is_a_hint_or_nothing() {
        let epoch = Epoch::random();
        let of = |kind: &str, v: u32, rev: i64| {
            format!(r#"{{"v":{v},"server":"one","kind":"{kind}","at":5,"epoch":"{epoch}","toRev":{rev},"new":[1]}}"#)
                .into_bytes()
        };
        let with_end = |mut head: Vec<u8>| {
            head.extend_from_slice(b"\nwhatever");
            received(head)
        };
        for (kind, v) in [("change", 2), ("dance", 1)] {
            let found = with_end(of(kind, v, 9));
            assert!(matches!(found, Ok(Some(Received { what: What::Look(e, 9), .. })) if e == epoch), "{kind} {v}");
        }
        let found = with_end(of("dance", 1, 0));
        assert!(matches!(found, Ok(Some(Received { what: What::Unknown, .. }))));
    }

    proptest! {
        /// Cut anywhere, with any byte in any place: never more than what was sent, and no end of the server.
        #[test]
        fn a_broken_frame_is_refused_or_says_no_more(
            n in 1_i64..5, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let (_, said) = changes(1..n + 1, "text");
            let whole = FROM.said(&said);
            let mut frame = whole.clone();
            let at = at.index(frame.len());
            if cut { frame.truncate(at) } else { frame[at] = byte }
            let found = received(frame.clone());
            let is_broken = frame != whole;
            if cut {
                prop_assert!(is_broken && found.is_err());
            }
            if let Ok(Some(Received { what: What::Changes(_, changes), .. })) = found {
                prop_assert!(i64::try_from(changes.len()).expect("few") <= n);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = received(bytes.clone());
            let _ = received([br#"{"v":1,"server":"one","kind":"change","at":5,"lens":[1,0]}"#, &b"\n"[..], &bytes].concat());
        }
    }
}
