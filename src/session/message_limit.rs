use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use chat_domain::{AuthorId, Content, RoomId};

/// A message that somebody wants to send, or to edit or delete, as far as limits look at it.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Who wrote it.
    pub author: &'a AuthorId,
    /// The address it came from.
    pub address: IpAddr,
    /// The room it is for.
    pub room: &'a RoomId,
    /// Its text; none where it is to be deleted.
    pub content: Option<&'a Content>,
    /// The sender's key for it.
    pub client_id: Uuid,
}

/// Why a message is not taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Which limit it has reached.
    pub limit: MessageLimit,
    /// How long until it would be taken.
    pub wait: Duration,
}

/// A limit on messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageLimit {
    /// Messages of the identity.
    Identity,
    /// The same text, by this identity or by others of its address.
    Repeats,
    /// Messages or bytes of the address in this room.
    AddressRoom,
    /// Messages or bytes of the address in all rooms.
    Address,
}

impl MessageLimit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Repeats, Self::AddressRoom, Self::Address];

    /// Its name, as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Repeats => "repeats",
            Self::AddressRoom => "address_room",
            Self::Address => "address",
        }
    }

    /// What the ERROR frame says.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Identity => "too many messages in too short a time",
            Self::Repeats => "the same text too often in too short a time",
            Self::AddressRoom => "too many messages to this room from this address in too short a time",
            Self::Address => "too many messages from this address in too short a time",
        }
    }
}
