use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{AuthorId, ChatMessage, Content, Emoji, NewMentions, Reaction, RoomId};

/// A change of a stored message as somebody asks for it, checked but for what only the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// The room, of which the message must be.
    pub room: RoomId,
    /// The message.
    pub message: i64,
    /// Who asks.
    pub author: AuthorId,
    /// The identities that are theirs as well: what those wrote is their own.
    pub also: Arc<[AuthorId]>,
    /// Made by who asks; an edit's is kept with what it replaced, so that a retry is known again.
    pub client_id: Uuid,
    /// The room's `guard_rev` under which this was found to be allowed.
    pub guard_rev: i64,
    /// What is to be done.
    pub action: Action,
}

impl NewChange {
    /// Whether what this author wrote is their own.
    pub fn owns(&self, author: &AuthorId) -> bool {
        self.author == *author || self.also.contains(author)
    }
}

/// See [`NewChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Another text, by its author.
    Edit {
        /// The version that was edited.
        version: i32,
        /// The new text.
        content: Content,
        /// Who is addressed in it.
        mentions: NewMentions,
        /// How old the message may be; none for any age.
        window: Option<Duration>,
    },
    /// No text any more. A state: a message that is deleted stays so.
    Delete {
        /// Not the author alone may.
        as_moderator: bool,
    },
    /// The text that somebody with the right to had deleted, again; what people reacted with is gone. Who may was looked
    /// at before.
    Restore,
    /// Its author is nobody any more, whatever became of the message: no name, picture or mark of theirs is kept with it.
    /// Who may was looked at before.
    Unname,
    /// Whether this person reacts with this emoji. A state.
    React {
        /// The emoji.
        emoji: Emoji,
        /// Whether they do.
        on: bool,
    },
    /// Whether the message is pinned. A state. Who may was looked at before.
    Pin {
        /// Whether it is.
        on: bool,
    },
}

/// Why a change cannot be made: for whoever asked for it, and for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeRefusal {
    /// There is no such message in this room.
    NotFound,
    /// It is deleted.
    Deleted,
    /// Another one wrote it.
    NotYours,
    /// It is too old to be edited.
    TooLate,
    /// Another version of it was edited.
    EditConflict,
    /// It has as many different emojis as it may have.
    TooManyReactions,
    /// The room has as many pinned messages as it may have.
    TooManyPins,
}

/// A change as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The message in the state that the change has brought it to; its `rev` is the change's.
    pub message: Arc<ChatMessage>,
    /// Where all that has changed are reactions: those, in absolute figures. A count of 0 says that nobody does any
    /// more.
    pub reactions: Option<Box<[Reaction]>>,
}

impl Change {
    /// The counter's value.
    pub fn rev(&self) -> i64 {
        self.message.rev
    }
}

impl From<Arc<ChatMessage>> for Change {
    /// A change that is told whole.
    fn from(message: Arc<ChatMessage>) -> Self {
        Self { message, reactions: None }
    }
}
