//! Rooms and messages as lines, and back.

use std::collections::HashSet;

use chat_domain::{
    Annotations, Author, AuthorId, AvatarName, Badge, ChatMessage, Content, DeletedBy, Emoji, Epoch, Mention,
    MessageRef, MovedBan, MovedHeld, MovedMessage, MovedRoom, NewMentions, Nickname, PastText, Reacted, RemovedText,
    RoomId, reactions_of,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Found, ReadError, disqus::time_of, split::nickname_of};

/// See [`super::Line::Room`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its own settings.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// When it was made.
    pub created_at: String,
    /// The life of the counter that `rev` is of.
    pub epoch: Uuid,
    /// The counter's value.
    pub rev: i64,
}

/// Who spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorPart {
    id: String,
    nickname: String,
    avatar: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    badge: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MentionPart {
    author_id: String,
    from: u32,
    to: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReactedPart {
    emoji: String,
    author_id: String,
    at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EditPart {
    version: i32,
    content: String,
    client_id: Uuid,
    at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeletedPart {
    at: String,
    by: String,
    /// What a moderator deleted, while that can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// See [`super::Line::Message`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageLine {
    room: String,
    seq: i64,
    rev: i64,
    client_id: Uuid,
    author: AuthorPart,
    content: String,
    created_at: String,
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    version: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<DeletedPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned_at: Option<String>,
    /// The place of what it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<MentionPart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<ReactedPart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edits: Vec<EditPart>,
}

/// See [`super::Line::Held`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldLine {
    room: String,
    client_id: Uuid,
    author: AuthorPart,
    content: String,
    at: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<MentionPart>,
}

/// See [`super::Line::Ban`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BanLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    author_id: String,
    reason: String,
    by: String,
    at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

fn first_version() -> i32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_first_version(version: &i32) -> bool {
    *version == 1
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl From<&MovedRoom> for RoomLine {
    fn from(room: &MovedRoom) -> Self {
        Self {
            id: room.id.as_str().to_owned(),
            title: room.title.clone(),
            settings: room.settings.clone(),
            created_at: written(room.created_at),
            epoch: Uuid::try_parse(&room.epoch.to_string()).unwrap_or_default(),
            rev: room.rev,
        }
    }
}

impl From<&Author> for AuthorPart {
    fn from(author: &Author) -> Self {
        Self {
            id: author.id.as_str().to_owned(),
            nickname: author.nickname.as_str().to_owned(),
            avatar: author.avatar.as_str().to_owned(),
            badge: author.badge.map(|badge| badge.as_str().to_owned()),
        }
    }
}

impl From<&Mention> for MentionPart {
    fn from(mention: &Mention) -> Self {
        Self { author_id: mention.author.as_str().to_owned(), from: mention.from, to: mention.to }
    }
}

impl MessageLine {
    /// The line of a message.
    pub fn of(room: &RoomId, moved: &MovedMessage) -> Self {
        let (message, none) = (&moved.message, Annotations::default());
        let a = message.annotations.as_deref().unwrap_or(&none);
        let removed = moved.removed.as_ref();
        let deleted = a.deleted.map(|(at, by)| DeletedPart {
            at: written(at),
            by: by.as_str().to_owned(),
            content: removed.map(|removed| removed.content.as_str().to_owned()),
            until: removed.map(|removed| written(removed.until)),
        });
        let reacted = |r: &Reacted| ReactedPart {
            emoji: r.emoji.as_str().to_owned(),
            author_id: r.author.as_str().to_owned(),
            at: written(r.at),
        };
        let edit = |edit: &PastText| EditPart {
            version: edit.version,
            content: edit.content.as_str().to_owned(),
            client_id: edit.client_id,
            at: written(edit.at),
        };
        Self {
            room: room.as_str().to_owned(),
            seq: message.seq,
            rev: message.rev,
            client_id: message.client_id,
            author: (&message.author).into(),
            content: message.content.as_str().to_owned(),
            created_at: written(message.created_at),
            version: a.version,
            edited_at: a.edited_at.map(written),
            deleted,
            pinned_at: a.pinned_at.map(written),
            reply_to: a.reply_to.map(|to| to.seq),
            mentions: a.mentions.iter().map(Into::into).collect(),
            reactions: moved.reacted.iter().map(reacted).collect(),
            edits: moved.edits.iter().map(edit).collect(),
        }
    }

    /// The message of a line.
    ///
    /// # Errors
    /// [`ReadError`] where it breaks a rule.
    pub fn moved(self, n: u64) -> Result<MovedMessage, ReadError> {
        let wrong = |what: &str| ReadError::new(n, what.to_owned());
        let line = self;
        let is_deleted = line.deleted.is_some();
        let content = match is_deleted {
            true => Content::from_stored(String::new()),
            false => Content::parse(&line.content).map_err(|e| wrong(&e.to_string()))?,
        };
        let removed = match line.deleted.as_ref().and_then(|d| d.content.as_ref().zip(d.until.as_ref())) {
            Some((text, until)) => {
                let content = Content::parse(text).map_err(|e| wrong(&e.to_string()))?;
                Some(RemovedText { content, until: time(until, n)? })
            }
            None => None,
        };
        let by = |by: &str| match by {
            "author" => Ok(DeletedBy::Author),
            "moderator" => Ok(DeletedBy::Moderator),
            _ => Err(wrong("a message is deleted by its `author` or a `moderator`")),
        };
        let deleted = line.deleted.as_ref().map(|d| Ok((time(&d.at, n)?, by(&d.by)?))).transpose()?;
        let reacted: Vec<Reacted> = line.reactions.iter().map(|r| reacted_of(r, n)).collect::<Result<_, _>>()?;
        let edits = line.edits.into_iter().map(|edit| edit_of(edit, n)).collect::<Result<_, _>>()?;
        let annotations = Annotations {
            version: line.version,
            edited_at: line.edited_at.as_deref().map(|at| time(at, n)).transpose()?,
            deleted,
            pinned_at: line.pinned_at.as_deref().map(|at| time(at, n)).transpose()?,
            reply_to: line.reply_to.map(|seq| MessageRef { id: 0, seq }),
            mentions: mentions_of(&content, &line.mentions, n)?,
            reactions: reactions_of(&reacted),
        };
        let message = ChatMessage {
            id: 0,
            seq: line.seq,
            rev: line.rev,
            client_id: line.client_id,
            author: author_of(&line.author, n)?,
            content,
            created_at: time(&line.created_at, n)?,
            annotations: (annotations != Annotations::default()).then(|| Box::new(annotations)),
        };
        Ok(MovedMessage { message, reacted, edits, removed })
    }
}

impl HeldLine {
    /// The line of a message that waits.
    pub fn of(room: &RoomId, held: &MovedHeld) -> Self {
        Self {
            room: room.as_str().to_owned(),
            client_id: held.client_id,
            author: (&held.author).into(),
            content: held.content.as_str().to_owned(),
            at: written(held.at),
            reason: held.reason.clone(),
            reply_to: held.reply_to,
            mentions: held.mentions.iter().map(Into::into).collect(),
        }
    }
}

impl From<&MovedBan> for BanLine {
    fn from(ban: &MovedBan) -> Self {
        Self {
            room: ban.room.as_ref().map(|room| room.as_str().to_owned()),
            author_id: ban.author.as_str().to_owned(),
            reason: ban.reason.clone(),
            by: ban.by.as_str().to_owned(),
            at: written(ban.at),
            until: ban.until.map(written),
        }
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    room: Option<(RoomId, i64)>,
    /// Rooms that have come: each comes once.
    seen: HashSet<RoomId>,
    last_seq: i64,
    n_messages: u64,
}

impl Reading {
    /// How many rooms and messages there were.
    pub fn counts(&self) -> (u64, u64) {
        (u64::try_from(self.seen.len()).unwrap_or(u64::MAX), self.n_messages)
    }

    pub fn room(&mut self, line: RoomLine, n: u64) -> Result<Found, ReadError> {
        let id = room_id(&line.id, n)?;
        if !self.seen.insert(id.clone()) {
            return Err(ReadError::new(n, format!("the room {id} comes twice")));
        }
        let max = line.title.as_ref().map_or(0, |title| title.chars().count());
        if max > 200 || line.rev < 0 {
            return Err(ReadError::new(n, "a room's title has at most 200 characters, and its rev is not below 0"));
        }
        (self.room, self.last_seq) = (Some((id.clone(), line.rev)), 0);
        Ok(Found::Room(Box::new(MovedRoom {
            id,
            created_at: time(&line.created_at, n)?,
            epoch: Epoch::from_uuid(line.epoch),
            rev: line.rev,
            title: line.title.filter(|title| !title.contains('\0')),
            settings: line.settings,
        })))
    }

    /// The room that a line is in: the one that came last.
    fn within(&self, room: &str, n: u64) -> Result<(RoomId, i64), ReadError> {
        let current = self.room.as_ref().filter(|(id, _)| id.as_str() == room);
        current
            .cloned()
            .ok_or_else(|| ReadError::new(n, format!("the line of the room {room:?} must come before this")))
    }

    pub fn message(&mut self, mut line: MessageLine, n: u64) -> Result<Found, ReadError> {
        let (room, last_rev) = self.within(&line.room, n)?;
        if line.seq <= self.last_seq || line.rev < line.seq || line.rev > last_rev || line.version < 1 {
            return Err(ReadError::new(n, "places go up, and no rev is below its place or above the room's"));
        }
        (self.last_seq, self.n_messages) = (line.seq, self.n_messages.saturating_add(1));
        // Only what is before it can be answered.
        line.reply_to = line.reply_to.filter(|seq| *seq < line.seq);
        Ok(Found::Message(room, Box::new(line.moved(n)?)))
    }

    pub fn held(&mut self, line: HeldLine, n: u64) -> Result<Found, ReadError> {
        let (room, _) = self.within(&line.room, n)?;
        let content = Content::parse(&line.content).map_err(|e| ReadError::new(n, e.to_string()))?;
        if line.reason.chars().count() > 16 {
            return Err(ReadError::new(n, "a reason has at most 16 characters"));
        }
        let held = MovedHeld {
            author: author_of(&line.author, n)?,
            client_id: line.client_id,
            reply_to: line.reply_to,
            mentions: mentions_of(&content, &line.mentions, n)?,
            content,
            reason: line.reason,
            at: time(&line.at, n)?,
        };
        Ok(Found::Held(room, Box::new(held)))
    }

    pub fn ban(line: BanLine, n: u64) -> Result<Found, ReadError> {
        if line.reason.chars().count() > 500 || line.reason.contains('\0') {
            return Err(ReadError::new(n, "a reason has at most 500 characters"));
        }
        Ok(Found::Ban(Box::new(MovedBan {
            room: line.room.as_deref().map(|room| room_id(room, n)).transpose()?,
            author: author_id(&line.author_id, n)?,
            reason: line.reason,
            by: author_id(&line.by, n)?,
            at: time(&line.at, n)?,
            until: line.until.as_deref().map(|at| time(at, n)).transpose()?,
        })))
    }
}

fn time(text: &str, n: u64) -> Result<DateTime<Utc>, ReadError> {
    let at = time_of(text).and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis()));
    // What PostgreSQL and RFC 3339 can say as well.
    let in_range = |at: &DateTime<Utc>| (0..=9_999).contains(&chrono::Datelike::year(at));
    at.filter(in_range).ok_or_else(|| ReadError::new(n, format!("{text:?} is no time")))
}

fn author_of(part: &AuthorPart, n: u64) -> Result<Author, ReadError> {
    let id: AuthorId = author_id(&part.id, n)?;
    // A name of an earlier release, or one that somebody has written here, is fitted.
    let (nickname, _): (Nickname, bool) = nickname_of(&part.nickname);
    let badge = match part.badge.as_deref() {
        None => None,
        Some(name) => Some(Badge::parse(name).ok_or_else(|| ReadError::new(n, format!("{name:?} is no badge")))?),
    };
    Ok(Author { avatar: AvatarName::from_stored(&part.avatar, &id), id, nickname, badge })
}

fn mentions_of(content: &Content, parts: &[MentionPart], n: u64) -> Result<Vec<Mention>, ReadError> {
    let mention = |p: &MentionPart| Ok(Mention { author: author_id(&p.author_id, n)?, from: p.from, to: p.to });
    let asked = parts.iter().map(mention).collect::<Result<Vec<_>, ReadError>>()?;
    Ok(NewMentions::new(content, asked, |_| true).kept(|_| true))
}

fn reacted_of(part: &ReactedPart, n: u64) -> Result<Reacted, ReadError> {
    let emoji = Emoji::parse(&part.emoji).map_err(|e| ReadError::new(n, e.to_string()))?;
    Ok(Reacted { emoji, author: author_id(&part.author_id, n)?, at: time(&part.at, n)? })
}

fn edit_of(part: EditPart, n: u64) -> Result<PastText, ReadError> {
    // It is empty once the message was deleted.
    let content = match part.content.is_empty() {
        true => Content::from_stored(String::new()),
        false => Content::parse(&part.content).map_err(|e| ReadError::new(n, e.to_string()))?,
    };
    Ok(PastText { version: part.version, content, client_id: part.client_id, at: time(&part.at, n)? })
}

/// A room's id that a line names.
fn room_id(text: &str, n: u64) -> Result<RoomId, ReadError> {
    RoomId::parse(text).map_err(|e| ReadError::new(n, e.to_string()))
}

fn author_id(text: &str, n: u64) -> Result<AuthorId, ReadError> {
    AuthorId::parse(text).ok_or_else(|| ReadError::new(n, format!("{text:?} is no author's id")))
}
