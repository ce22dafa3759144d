use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{AuthorId, AvatarName, Content, Nickname, RoomId};

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
}

impl Author {
    /// How many bytes it takes as JSON on the wire. Limits that were promised to clients are in these.
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = r#"{"id":"","nickname":"","avatar":""}"#.len();
        KEYS + escaped(self.id.as_str()) + escaped(self.nickname.as_str()) + escaped(self.avatar.as_str())
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
}

impl ChatMessage {
    /// How many bytes it takes as JSON on the wire, as [`Author::n_bytes_as_json`].
    pub fn n_bytes_as_json(&self) -> usize {
        const KEYS: usize = r#"{"id":"","seq":,"rev":,"clientId":"","author":,"content":"","createdAt":""}"#.len();
        const CLIENT_ID_AND_TIME: usize = 36 + "2026-01-01T00:00:00.000Z".len();
        let numbers = digits(self.id) + digits(self.seq) + digits(self.rev);
        KEYS + CLIENT_ID_AND_TIME + numbers + self.author.n_bytes_as_json() + escaped(self.content.as_str())
    }

    /// Whether the other one is this message: the same author's, with the same key and the same `seq`.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.seq, self.client_id, &self.author.id) == (other.seq, other.client_id, &other.author.id)
    }
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
