use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use chat_domain::{ChatMessage, Epoch, RoomId};
use chat_store::HookList;
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
    /// A room was made, named or set.
    Room,
    /// A message was reported, or what was reported of one is settled.
    Report,
    /// A message waits for a moderator, or it was decided about.
    Held,
    /// The guard did something.
    Guard,
}

impl Event {
    pub(super) const ALL: [Self; 7] =
        [Self::Created, Self::Updated, Self::Deleted, Self::Room, Self::Report, Self::Held, Self::Guard];
    /// What happens to messages that everybody reads.
    const OF_MESSAGES: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "message.created",
            Self::Updated => "message.updated",
            Self::Deleted => "message.deleted",
            Self::Room => "room",
            Self::Report => "report",
            Self::Held => "held",
            Self::Guard => "guard",
        }
    }

    const fn bit(self) -> i32 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Deleted => 4,
            Self::Room => 8,
            Self::Report => 16,
            Self::Held => 32,
            Self::Guard => 64,
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

    fn of(events: &[Event]) -> Self {
        Self(events.iter().fold(0, |mask, event| mask | event.bit()))
    }

    /// All of them.
    pub fn all() -> Self {
        Self::of(&Event::ALL)
    }

    /// What happens to messages that everybody reads.
    pub fn of_messages() -> Self {
        Self::of(&Event::OF_MESSAGES)
    }

    /// Whether something is among them that only those see who settle what was reported.
    pub const fn needs_review(self) -> bool {
        self.has(Event::Report) || self.has(Event::Held)
    }

    /// Those that everybody may know.
    pub const fn without_review(self) -> Self {
        Self(self.0 & !(Event::Report.bit() | Event::Held.bit()))
    }

    /// Those for which rooms are followed.
    pub fn of_rooms() -> Self {
        Self(Self::of_messages().0 | Event::Room.bit())
    }

    /// Whether something of each room's messages is among them.
    pub const fn needs_messages(self) -> bool {
        self.has(Event::Created) || self.has(Event::Updated) || self.has(Event::Deleted)
    }

    /// In which lists beside the rooms' messages they stand.
    pub fn lists(self) -> Vec<HookList> {
        let is_needed = |list: &HookList| match list {
            HookList::Deeds => self.needs_review() || self.has(Event::Room) || self.has(Event::Guard),
            HookList::Reports => self.has(Event::Report),
            HookList::Held => self.has(Event::Held),
        };
        HookList::ALL.into_iter().filter(is_needed).collect()
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
    let data = json!({
        "roomId": room.as_str(),
        "epoch": epoch.to_string(),
        "rev": message.rev,
        "message": MessagePayload::from(message),
    });
    body_of(event.as_str(), &data, at)
}

/// What is sent of a room that was made.
pub fn made_body((room, epoch): (&RoomId, Epoch), at: DateTime<Utc>) -> String {
    let data = json!({"change": "made", "roomId": room.as_str(), "epoch": epoch.to_string()});
    body_of(Event::Room.as_str(), &data, at)
}

/// What is sent for a try.
pub fn test_body(at: DateTime<Utc>) -> String {
    body_of("test", &json!({}), at)
}

/// What is sent of anything, by its name.
pub fn body_of(name: &str, data: &Value, at: DateTime<Utc>) -> String {
    json!({"type": name, "timestamp": timestamp(at), "data": data}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_names() {
        for mask in 1..128 {
            let events = Events::from_stored(mask);
            assert_eq!(Events::parse(events.names()), Some(events));
        }
        assert_eq!(Events::parse([]), None);
        assert_eq!(Events::parse(["message.created", "message.eaten"]), None);
        assert_eq!((Events::all().names().count(), Events::of_messages().names().count()), (7, 3));
    }

    #[test]
    fn only_the_lists_that_are_needed_are_followed() {
        let lists = |names: &[&str]| Events::parse(names.iter().copied()).expect("events").lists();
        assert_eq!(Events::of_messages().lists(), []);
        assert_eq!(lists(&["guard"]), [HookList::Deeds]);
        assert_eq!(lists(&["message.created", "room"]), [HookList::Deeds]);
        assert_eq!(lists(&["report"]), [HookList::Deeds, HookList::Reports]);
        assert_eq!(lists(&["held"]), [HookList::Deeds, HookList::Held]);
        assert_eq!(Events::all().lists(), HookList::ALL);
    }
}
