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
