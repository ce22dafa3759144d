//! Rooms: order, backlog, presence and fan-out for one post each, and the registry that spawns and retires
//! them.
//!
//! Invariant: no write to the database, no socket; never names `session`.

mod access;
mod answer;
mod backlog;
mod backlogs;
mod bus;
mod directory;
mod event;
mod fan_out;
mod ids;
mod messages;
mod pace;
mod people;
pub mod persistence;
mod poll;
mod poll_pace;
mod presence;
mod registry;
mod room;
mod sightings;
mod timeline;
mod typing;
mod understood;

pub use access::{Access, BanNotice};
pub use answer::{Published, ReplyTo};
pub use backlog::PAGE_MESSAGES;
pub use backlogs::Backlogs;
pub use bus::{BusPort, Heard, Outgoing, Said, Taken};
pub use event::{
    Batch, Codec, EndReason, Event, FRAME_BYTES, MessageEvent, Messages, Moderated, N_CODECS, People, PeopleLists,
    ReactionsEvent, Refusal, RoomState, TypingNow, Welcome,
};
pub use ids::{DeliveryPosition, HubId, RoomKey, SessionId};
pub use messages::{
    Amend, Amendment, Ask, Asked, Audience, Command, DefaultsChanged, Deliver, GetSnapshot, Inform, MembersWanted,
    Post, Publish, Recall, ResumePoint, SessionRef, SetProfile, Snapshot,
};
pub use people::{NoSummary, PEOPLE_LISTED_MAX, Person, Summary, Who};
pub use registry::{CheckHeads, InformRoom, LiveRoomCount, Lookup, OthersLive, RegistryLimits, RoomRegistry};
pub use room::{Ended, Join, Membership, Room, RoomLimits};
pub use sightings::{Seen, Sighting, Sightings};
pub use timeline::{Offered, Timeline};
pub use understood::Understood;

#[cfg(test)]
use {
    chat_domain::{Author, AuthorId, AvatarName, ChatMessage, Content, Nickname},
    std::sync::Arc,
};

/// An author for tests: "person N".
#[cfg(test)]
fn test_author(n: usize) -> Author {
    let id = AuthorId::from_stored(&format!("author-{n:015}"));
    Author {
        avatar: AvatarName::derived_from(&id),
        nickname: Nickname::parse(&format!("person {n}")).expect("a valid nickname"),
        badge: None,
        id,
    }
}

/// A message for tests, its content its counter value.
#[cfg(test)]
fn test_message(rev: i64) -> Arc<ChatMessage> {
    test_message_of(rev, &rev.to_string())
}

/// The change that a message for tests is.
#[cfg(test)]
fn test_change(rev: i64) -> chat_domain::Change {
    test_message(rev).into()
}

/// The same by another of its senders' keys: what another history has under that value.
#[cfg(test)]
fn test_message_by(rev: i64, key: u128) -> Arc<ChatMessage> {
    let message = ChatMessage { client_id: uuid::Uuid::from_u128(key << 64), ..(*test_message(rev)).clone() };
    Arc::new(message)
}

#[cfg(test)]
fn test_message_of(rev: i64, content: &str) -> Arc<ChatMessage> {
    Arc::new(ChatMessage {
        id: rev,
        seq: rev,
        rev,
        client_id: uuid::Uuid::from_u128(u128::try_from(rev).expect("a positive value")),
        author: test_author(1),
        content: Content::parse(content).expect("valid content"),
        created_at: chrono::DateTime::UNIX_EPOCH,
        annotations: None,
    })
}

/// The event that a message for tests is.
#[cfg(test)]
fn test_event(rev: i64) -> Arc<Event> {
    Arc::new(Event::Message(MessageEvent::new(test_message(rev))))
}

/// A WELCOME for tests, of an empty room.
#[cfg(test)]
fn test_welcome(session: SessionId) -> Welcome {
    Welcome {
        session,
        own: None,
        also: Arc::default(),
        room: chat_domain::RoomId::parse("post").expect("a room id"),
        epoch: chat_domain::Epoch::random(),
        first_seq: 0,
        rev: 0,
        resumed: false,
        has_more: false,
        people: People { count: 0, is_approximate: false, lists: None },
        heartbeat_seconds: 30,
        messages: Messages::default(),
        settings: chat_store::RoomSettings::default(),
        pieces: None,
        pinned: Vec::new(),
        edit_window: None,
        rights: None,
    }
}
