use std::sync::Arc;

use tokio::sync::mpsc;

use chat_domain::{ChatMessage, Content, Principal, RoomId};

/// So many wait for whoever watches; what comes beyond is lost to it, and nobody else.
const WAITING_MAX: usize = 10_000;

/// Something that whoever watches the rooms may want to know: who wrote, what was held back, that somebody keeps order.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// In which room.
    pub room: RoomId,
    /// What.
    pub what: Seen,
}

/// See [`Sighting`].
#[derive(Debug, Clone)]
pub enum Seen {
    /// A message was stored.
    Said(Principal, Arc<ChatMessage>),
    /// A message waits for whoever keeps order.
    Held(Principal, Content),
    /// A message was refused by the room's rules for texts.
    Blocked,
    /// A message was reported.
    Reported,
    /// Somebody who keeps order has joined, or did something.
    Moderator,
}

/// Where rooms say what they saw. Never waits; where nobody listens nothing happens.
#[derive(Debug, Clone, Default)]
pub struct Sightings(Option<mpsc::Sender<Sighting>>);

impl Sightings {
    /// The two ends: for rooms, and for the one who watches.
    pub fn new() -> (Self, mpsc::Receiver<Sighting>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(Some(sender)), receiver)
    }

    /// Says something.
    pub fn say(&self, room: &RoomId, what: impl FnOnce() -> Seen) {
        if let Some(sender) = &self.0
            && let Ok(place) = sender.try_reserve()
        {
            place.send(Sighting { room: room.clone(), what: what() });
        }
    }
}
