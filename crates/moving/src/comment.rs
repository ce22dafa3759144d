use std::sync::Arc;

use chat_domain::{MovedBan, MovedHeld, MovedMessage, MovedRoom, RoomId};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Something that a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A comment of another system.
    Comment(Box<Comment>),
    /// A room of this program's export, before what is in it.
    Room(Box<MovedRoom>),
    /// A message of this program's export.
    Message(RoomId, Box<MovedMessage>),
    /// What waits for a moderator in this program's export.
    Held(RoomId, Box<MovedHeld>),
    /// A ban of this program's export.
    Ban(Box<MovedBan>),
    /// What holds for all rooms, in this program's export.
    Defaults(Map<String, Value>),
    /// A comment that is not for everybody.
    LeftOut(LeftOut, String),
    /// Something of a comment that has no place here.
    Noted(Note, String),
}

/// A comment of another system, as that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Within what `id` names one: a site, or nothing where it does so everywhere.
    pub source: String,
    /// What its system calls it.
    pub id: String,
    /// What it answers.
    pub parent: Option<String>,
    /// The post that it is under.
    pub page: Arc<Page>,
    /// What says who wrote it, and nobody else: never shown and never stored.
    pub who: String,
    /// The name that they went by.
    pub name: String,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// When it was edited last.
    pub edited_at: Option<DateTime<Utc>>,
    /// What was written.
    pub body: Body,
    /// It was deleted: only its place is left, where somebody has answered it.
    pub is_deleted: bool,
    /// It was pinned.
    pub is_pinned: bool,
}

/// A post of the blog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its address, or what stands for it.
    pub url: String,
    /// What it is called.
    pub title: Option<String>,
    /// The last part of its address, where the system says so.
    pub slug: Option<String>,
    /// What the system calls it.
    pub identifier: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// HTML.
    Html(String),
    /// HTML in which an end of a line is one, as in WordPress.
    LinedHtml(String),
    /// Text, with marks like those of this chat.
    Text(String),
}

/// Why a comment is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftOut {
    /// It was found to be advertising.
    Spam,
    /// Nobody has let it through yet.
    Unapproved,
    /// It was deleted, and nobody has answered it.
    Deleted,
    /// Another page has linked to the post.
    Ping,
    /// The post is not there for everybody.
    PageNotPublic,
    /// Nothing of it can be seen.
    Empty,
    /// No room follows from the post's address.
    NoRoom,
}

impl LeftOut {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Spam, Self::Unapproved, Self::Deleted, Self::Ping, Self::PageNotPublic, Self::Empty, Self::NoRoom];

    /// Its name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Unapproved => "unapproved",
            Self::Deleted => "deleted",
            Self::Ping => "ping",
            Self::PageNotPublic => "page-not-public",
            Self::Empty => "empty",
            Self::NoRoom => "no-room",
        }
    }

    /// What it means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Spam => "found to be spam",
            Self::Unapproved => "waiting for approval",
            Self::Deleted => "deleted, and nobody has answered",
            Self::Ping => "pingbacks and trackbacks",
            Self::PageNotPublic => "under posts that are deleted, drafts, private or behind a password",
            Self::Empty => "with nothing in it that can be seen",
            Self::NoRoom => "under a post whose address makes no room",
        }
    }
}

/// What is otherwise here than it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Note {
    /// The name did not keep the rules of names.
    NameChanged,
    /// The text is too long for one message and came as several.
    Split,
    /// What it answers is not here: it stands as if it answered nothing.
    ParentMissing,
    /// Votes have no place here.
    VotesDropped,
    /// The settings of a room cannot be.
    SettingsDropped,
}

impl Note {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::NameChanged, Self::Split, Self::ParentMissing, Self::VotesDropped, Self::SettingsDropped];

    /// Its name in a report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NameChanged => "name-changed",
            Self::Split => "split",
            Self::ParentMissing => "parent-missing",
            Self::VotesDropped => "votes-dropped",
            Self::SettingsDropped => "settings-dropped",
        }
    }

    /// What it means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NameChanged => "with a name that was fitted to the rules of names",
            Self::Split => "longer than a message: they came as several",
            Self::ParentMissing => "answers to what is not in the file or was left out: they stand by themselves",
            Self::VotesDropped => "with votes, which have no place here",
            Self::SettingsDropped => "rooms whose settings cannot be, and were left out",
        }
    }
}
