use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Annotations, AuthorId, AvatarName, Badge, Content, NewMentions, Nickname, Reaction, RoomId};

/// Names one life of a room's counter: values of the counter can be compared only within the same epoch. A new one
/// begins where the history was replaced, as by a restored backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(Uuid);

impl Epoch {
    /// An epoch that was never used before.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// An epoch as the store has it.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads an epoch as the store or a client writes it; `None` where it is no UUID.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Who speaks, as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The derived public id.
    pub id: AuthorId,
    /// The nickname in use when this was said.
    pub nickname: Nickname,
    /// The avatar in use when this was said.
    pub avatar: AvatarName,
    /// The mark beside the name when this was said.
    pub badge: Option<Badge>,
}

impl Author {
    /// How many bytes it takes as JSON on the wire. Limits that were promised to clients are in these.
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = r#"{"id":"","nickname":"","avatar":""}"#.len();
        let badge = self.badge.map_or(0, |badge| r#","badge":"""#.len() + badge.as_str().len());
        KEYS + escaped(self.id.as_str()) + escaped(self.nickname.as_str()) + escaped(self.avatar.as_str()) + badge
    }
}

/// A message as a session sends it, checked but not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The room it goes to.
    pub room: RoomId,
    /// Its author as of now.
    pub author: Author,
    /// What was written.
    pub content: Content,
    /// Made by the sender: of messages with the same key one is stored for each room and author, so that a retry is
    /// safe.
    pub client_id: Uuid,
    /// The message that it answers, by the database's id: of the same room, and not deleted.
    pub reply_to: Option<i64>,
    /// Who is addressed in it: people who are here, or wrote here.
    pub mentions: NewMentions,
    /// The room's `guard_rev` under which it was found to be allowed.
    pub guard_rev: i64,
}

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// The database's id; opaque to clients.
    pub id: i64,
    /// The room counter's value at its creation: orders the list.
    pub seq: i64,
    /// The room counter's value at its last change: what clients resume from.
    pub rev: i64,
    /// See [`NewMessage::client_id`].
    pub client_id: Uuid,
    /// Its author as of the sending.
    pub author: Author,
    /// What was written.
    pub content: Content,
    /// When the database stored it.
    pub created_at: DateTime<Utc>,
    /// What goes with it beside its text, where there is something.
    pub annotations: Option<Box<Annotations>>,
}

impl ChatMessage {
    /// How many bytes it takes as JSON on the wire, as [`Author::n_bytes_as_json`].
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = r#"{"id":"","seq":,"rev":,"clientId":"","author":,"content":"","createdAt":""}"#.len();
        const CLIENT_ID_AND_TIME: usize = 36 + "2026-01-01T00:00:00.000Z".len();
        let numbers = digits(self.id) + digits(self.seq) + digits(self.rev);
        let text = self.author.n_bytes_as_json() + escaped(self.content.as_str());
        KEYS + CLIENT_ID_AND_TIME + numbers + text + self.annotations.as_ref().map_or(0, |a| a.n_bytes_as_json())
    }

    /// Whether it is deleted.
    pub fn is_deleted(&self) -> bool {
        self.annotations.as_ref().is_some_and(|a| a.deleted.is_some())
    }

    /// Its version: 1 as it was sent.
    pub fn version(&self) -> i32 {
        self.annotations.as_ref().map_or(1, |a| a.version)
    }

    /// Whether the other one is this message: the same author's, with the same key and the same `seq`.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.seq, self.client_id, &self.author.id) == (other.seq, other.client_id, &other.author.id)
    }
}

impl Annotations {
    /// How many bytes it adds to a message as JSON, as [`Author::n_bytes_as_json`].
    fn n_bytes_as_json(&self) -> usize {
        const TIME: usize = r#""2026-01-01T00:00:00.000Z""#.len();
        let time = |key: &str, is_there: bool| if is_there { key.len() + TIME } else { 0 };
        let version = if self.version > 1 { r#","version":"#.len() + digits(self.version.into()) } else { 0 };
        let times =
            time(r#","editedAt":"#, self.edited_at.is_some()) + time(r#","pinnedAt":"#, self.pinned_at.is_some());
        let deleted = self
            .deleted
            .map_or(0, |(_, by)| time(r#","deletedAt":"#, true) + r#","deletedBy":"""#.len() + by.as_str().len());
        let reply =
            self.reply_to.map_or(0, |to| r#","replyTo":{"id":"","seq":}"#.len() + digits(to.id) + digits(to.seq));
        version
            + times
            + deleted
            + reply
            + list(r#","mentions":"#, &self.mentions, |m| {
                let numbers = digits(m.from.into()) + digits(m.to.into());
                r#"{"authorId":"","from":,"to":}"#.len() + escaped(m.author.as_str()) + numbers
            })
            + list(r#","reactions":"#, &self.reactions, Reaction::n_bytes_as_json)
    }
}

impl Reaction {
    /// How many bytes it takes as JSON, as [`Author::n_bytes_as_json`].
    pub fn n_bytes_as_json(&self) -> usize {
        let authors = self.authors.iter().map(|author| escaped(author.as_str()) + 3).sum::<usize>();
        let commas_less = usize::from(!self.authors.is_empty());
        r#"{"emoji":"","count":,"authors":[]}"#.len() + escaped(self.emoji.as_str()) + digits(self.count) + authors
            - commas_less
    }
}

/// A list under this key with the comma before it, nothing where it is empty.
fn list<T>(key: &str, of: &[T], n_bytes: impl Fn(&T) -> usize) -> usize {
    if of.is_empty() { 0 } else { key.len() + 1 + of.iter().map(|one| n_bytes(one) + 1).sum::<usize>() }
}

/// The bytes of a text within the quotes of a JSON string.
fn escaped(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\t' | b'\r' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

fn digits(number: i64) -> usize {
    let n_digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    usize::try_from(n_digits).unwrap_or(0) + usize::from(number < 0)
}
