//! What the chat is about: rooms, authors, nicknames, messages.
//!
//! Parsing is the only way in: a value of these types has passed the rules of the wire protocol.
//! Invariant: no actix, no diesel, no I/O.

mod annotations;
mod avatar;
mod change;
mod content;
mod cursor;
mod emoji;
mod identity;
mod message;
mod moved;
mod nickname;
mod person;
mod principal;
mod rights;
mod room_id;
mod scopes;
mod visible;

pub use annotations::{
    Annotations, DeletedBy, MENTIONS_MAX, Mention, MessageRef, NewMentions, PINS_MAX, REACTION_AUTHORS_MAX,
    REACTIONS_MAX, Reaction,
};
pub use avatar::{AvatarName, AvatarWords, all_avatars};
pub use change::{Action, Change, ChangeRefusal, NewChange};
pub use content::{CONTENT_CODE_POINTS_MAX, Content};
pub use cursor::PageCursor;
pub use emoji::Emoji;
pub use identity::{AnonymousId, AuthorId, IdentityKey};
pub use message::{Author, ChatMessage, Epoch, NewMessage};
pub use moved::{MovedBan, MovedHeld, MovedMessage, MovedRoom, PastText, Reacted, RemovedText, in_order, reactions_of};
pub use nickname::{NICKNAME_GRAPHEMES_MAX, NICKNAME_GRAPHEMES_MIN, Nickname};
pub use person::{NetworkKey, UserId};
pub use principal::Principal;
pub use rights::{Badge, Rights, Role};
pub use room_id::{ROOM_ID_CODE_POINTS_MAX, RoomId};
pub use scopes::{Scope, Scopes};
pub use visible::shows_something;

/// Why a piece of untrusted text was refused.
///
/// Always the sender's fault; sending the same again cannot help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The room id is empty, too long, a dot segment, or holds `/` or control characters.
    #[error("the room id must have 1 to 255 characters, no control characters and no '/', and be neither '.' nor '..'")]
    Room,
    /// The nickname's length or characters are outside the rules.
    #[error("the nickname must have 2 to 15 characters that can be seen")]
    Nickname,
    /// No avatar has this name.
    #[error("there is no avatar of this name")]
    Avatar,
    /// The content is empty, too long or holds control characters.
    #[error("the content must have 1 to 2000 characters, some of them visible, and no controls but line feed and tab")]
    Content,
    /// The text is not exactly one emoji.
    #[error("a reaction is exactly one emoji")]
    Emoji,
}
