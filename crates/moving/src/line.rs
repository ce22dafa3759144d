//! This program's own format: JSON Lines (docs/MOVING.md). What is written is read again as it was.

mod own;

use std::io::BufRead;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Body, Comment, Found, Page, ReadError, bounded::Bounded, disqus::time_of, remark42::without_place};

pub use own::{BanLine, HeldLine, MessageLine, RoomLine};

/// The version of the format. One goes up where a reader of the one before would understand something wrongly.
pub const EXPORT_VERSION: u32 = 1;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Line {
    /// The first line of an export.
    Export(Header),
    /// What holds for all rooms.
    Defaults(Defaults),
    /// A room; what is in it comes behind it.
    Room(Box<RoomLine>),
    /// A message, in the order of their places.
    Message(Box<MessageLine>),
    /// What waits for a moderator.
    Held(Box<HeldLine>),
    /// Who is shut out.
    Ban(Box<BanLine>),
    /// A comment of whatever system, as somebody has written it down.
    Comment(Box<CommentLine>),
    /// The last line of an export: without it the file was cut.
    End(End),
}

/// See [`Line::Export`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// [`EXPORT_VERSION`].
    pub version: u32,
    /// The release that wrote it.
    pub release: String,
    /// When, by RFC 3339.
    pub at: String,
}

/// See [`Line::Defaults`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defaults {
    /// The settings.
    pub settings: Map<String, Value>,
}

/// See [`Line::End`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct End {
    /// How many rooms there are.
    pub rooms: u64,
    /// How many messages.
    pub messages: u64,
}

/// See [`Line::Comment`]: what can be written with little, for systems that are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentLine {
    /// Its id, unique in the file and the same whenever the file is made again.
    pub id: String,
    /// The id of the comment that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The address of the post.
    pub url: String,
    /// What the post is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the post is called by for `--room-from identifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// What tells its author from others; the name where there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The author's name.
    pub name: String,
    /// When it was written, by RFC 3339.
    pub at: String,
    /// When it was edited last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<String>,
    /// What was written, as text or Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was written, as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// It was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// It is pinned.
    #[serde(default)]
    pub pinned: bool,
}

/// A line as it is written, with its end.
pub fn encode(line: &Line) -> String {
    // Texts, numbers and lists, for which there is no error.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn read<R: BufRead>(from: R, take: &mut dyn FnMut(Found) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut from = Bounded::new(from);
    let place = from.place();
    let mut reading = own::Reading::default();
    let (mut is_export, mut end) = (false, None);
    loop {
        let n = place.line();
        let Some(text) = from.next_line()? else { break };
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |e: serde_json::Error| match e.is_eof() {
            true => ReadError::cut(n),
            false => ReadError::new(n, without_place(&e)),
        };
        if end.is_some() {
            return Err(ReadError::new(n, "something stands behind the end of the export"));
        }
        match serde_json::from_str(&text).map_err(wrong)? {
            Line::Export(header) if n == 1 && header.version == EXPORT_VERSION => is_export = true,
            Line::Export(header) if n == 1 => {
                let what = format!("version {} of this format is not known to this release", header.version);
                return Err(ReadError::new(n, what));
            }
            Line::Export(_) => return Err(ReadError::new(n, "an export begins within another")),
            Line::Defaults(defaults) => take(Found::Defaults(defaults.settings))?,
            Line::Comment(comment) => take(Found::Comment(Box::new(comment_of(*comment, n)?)))?,
            Line::End(found) => end = Some(found),
            Line::Room(room) => take(reading.room(*room, n)?)?,
            Line::Message(message) => take(reading.message(*message, n)?)?,
            Line::Held(held) => take(reading.held(*held, n)?)?,
            Line::Ban(ban) => take(own::Reading::ban(*ban, n)?)?,
        }
    }
    let n = place.line();
    match end {
        None if is_export => Err(ReadError::cut(n)),
        Some(end) if (end.rooms, end.messages) != reading.counts() => {
            let (rooms, messages) = reading.counts();
            let what = format!(
                "the export says that it has {} rooms and {} messages, and there are {rooms} and {messages}",
                end.rooms, end.messages
            );
            Err(ReadError::new(n, what))
        }
        _ => Ok(()),
    }
}

fn comment_of(line: CommentLine, n: u64) -> Result<Comment, ReadError> {
    let time = |text: &str| time_of(text).ok_or_else(|| ReadError::new(n, format!("{text:?} is no time")));
    let body = match (line.text, line.html) {
        (Some(text), None) => Body::Text(text),
        (None, Some(html)) => Body::Html(html),
        (None, None) if line.deleted => Body::Text(String::new()),
        _ => return Err(ReadError::new(n, "a comment has either `text` or `html`")),
    };
    Ok(Comment {
        source: String::new(),
        page: Page { url: line.url, title: line.title, slug: None, identifier: line.identifier }.into(),
        who: line.author.map_or_else(|| format!("name {}", line.name), |author| format!("user {author}")),
        name: line.name,
        at: time(&line.at)?,
        edited_at: line.edited_at.as_deref().map(time).transpose()?,
        body,
        is_deleted: line.deleted,
        is_pinned: line.pinned,
        id: line.id,
        parent: line.parent,
    })
}
