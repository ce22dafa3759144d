use chrono::{DateTime, Utc};
use serde_json::json;

use chat_domain::{ChatMessage, Epoch, RoomId};
use chat_wire::{MessagePayload, timestamp};

/// What a receiver wants to be told: a set, as a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events(i32);

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wrote.
    Created,
    /// A message is otherwise than it was: edited, pinned, reacted to.
    Updated,
    /// A message is deleted.
    Deleted,
}

impl Event {
    pub(super) const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "message.created",
            Self::Updated => "message.updated",
            Self::Deleted => "message.deleted",
        }
    }

    const fn bit(self) -> i32 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Deleted => 4,
        }
    }

    /// What happened to a message, for one who was told all up to this value of the room's counter. Of several things that
    /// happened since, the last state is told, once.
    pub fn of(message: &ChatMessage, told: i64) -> Self {
        match message {
            _ if message.is_deleted() => Self::Deleted,
            _ if message.seq > told => Self::Created,
            _ => Self::Updated,
        }
    }
}

impl Events {
    /// Reads them by their names; `None` where one is none, or there is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mask = names.into_iter().try_fold(0, |mask, name| {
            Some(mask | Event::ALL.into_iter().find(|event| event.as_str() == name)?.bit())
        })?;
        (mask != 0).then_some(Self(mask))
    }

    /// All of them.
    pub fn all() -> Self {
        Self(Event::ALL.into_iter().fold(0, |mask, event| mask | event.bit()))
    }

    /// As the store has them.
    pub const fn from_stored(mask: i32) -> Self {
        Self(mask)
    }

    /// The same.
    pub const fn stored(self) -> i32 {
        self.0
    }

    /// Whether this is among them.
    pub const fn has(self, event: Event) -> bool {
        self.0 & event.bit() != 0
    }

    /// Each by its name.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Event::ALL.into_iter().filter(move |event| self.has(*event)).map(Event::as_str)
    }
}

/// What is sent of a message.
pub fn body(event: Event, (room, epoch): (&RoomId, Epoch), message: &ChatMessage, at: DateTime<Utc>) -> String {
    json!({
        "type": event.as_str(),
        "timestamp": timestamp(at),
        "data": {
            "roomId": room.as_str(),
            "epoch": epoch.to_string(),
            "rev": message.rev,
            "message": MessagePayload::from(message),
        },
    })
    .to_string()
}

/// What is sent for a try.
pub fn test_body(at: DateTime<Utc>) -> String {
    json!({"type": "test", "timestamp": timestamp(at), "data": {}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_names() {
        for mask in 1..8 {
            let events = Events::from_stored(mask);
            assert_eq!(Events::parse(events.names()), Some(events));
        }
        assert_eq!(Events::parse([]), None);
        assert_eq!(Events::parse(["message.created", "message.eaten"]), None);
        assert_eq!(Events::all().names().count(), 3);
    }
}
