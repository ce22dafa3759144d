use actix::clock;
use std::time::Duration;

use super::{Actor, Desk, Refused};
use chat_domain::{Rights, RoomId};
use chat_rooms::CheckHeads;
use chat_store::{BesideMessages, Removal};

/// So many messages are removed in one transaction.
const AT_ONCE: usize = 200;
/// Between two transactions, so that who writes meanwhile has their turn.
const PAUSE: Duration = Duration::from_millis(20);
/// After so long an answer says how far it is; whoever has asked asks for the rest. No request is held for longer than
/// proxies and people wait.
const SLICE: Duration = Duration::from_secs(3);

/// What there is to remove of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purgeable {
    /// Its id.
    pub room: RoomId,
    /// How many messages, but for those that are deleted.
    pub n_messages: i64,
    /// What hangs on it beside them.
    pub beside: BesideMessages,
}

/// How far a removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// So many messages were removed by this answer.
    pub n_messages: usize,
    /// Whether that was all.
    pub is_done: bool,
    /// Its entry in what was done, by which one asks for the rest.
    pub entry: i64,
}

impl Desk {
    /// What would be removed of a room.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn purgeable(&self, actor: &Actor, room: &RoomId) -> Result<Purgeable, Refused> {
        self.may(actor, Rights::OWN, None)?;
        let room = self.0.access.resolve(room);
        let head = self.bounded(self.0.store.head(&room)).await?;
        if head.rev == 0 {
            return Err(Refused::NotFound);
        }
        let beside = self.bounded(self.0.store.beside_messages(&room)).await?;
        Ok(Purgeable { room, n_messages: head.message_count, beside })
    }

    /// Removes all that a room holds now for good, as far as that is done within a few seconds; the rest by the entry that
    /// the first answer names. Whoever is in the room starts over once it is done.
    ///
    /// # Errors
    /// [`Refused::NotFound`] where there is no such room, or no such entry of it, and see [`Refused`].
    pub async fn purge(&self, actor: &Actor, room: &RoomId, entry: Option<i64>) -> Result<Purged, Refused> {
        self.may(actor, Rights::OWN, None)?;
        let room = self.0.access.resolve(room);
        let (entry, up_to) = match entry {
            Some(entry) => (entry, self.purged_up_to(&room, entry).await?),
            None => {
                let head = self.bounded(self.0.store.head(&room)).await?;
                if head.rev == 0 {
                    return Err(Refused::NotFound);
                }
                let by = actor.author.id.clone();
                let noted = self.0.store.note_purge(&room, (head.message_count, head.rev), by);
                (self.bounded(noted).await?, head.rev)
            }
        };
        let begun = clock::Instant::now();
        let mut n_messages = 0_usize;
        loop {
            let order = Removal { room: room.clone(), before: None, up_to, limit: AT_ONCE };
            let removed = self.bounded(self.0.store.remove_oldest(order)).await?;
            n_messages = n_messages.saturating_add(removed.n_messages);
            // Other servers find it by their poll, and this one as well where its registry has too much to do.
            let _ = self.0.registry.try_send(CheckHeads(vec![room.clone()]));
            if !removed.may_be_more {
                break;
            }
            if begun.elapsed() >= SLICE {
                return Ok(Purged { n_messages, is_done: false, entry });
            }
            clock::sleep(PAUSE).await;
        }
        self.bounded(self.0.store.forget_rest_of_room(&room)).await?;
        // Another life of it, so that nobody goes on from what they know.
        self.bounded(self.0.store.new_room_epoch(&room)).await?;
        let _ = self.0.registry.try_send(CheckHeads(vec![room]));
        Ok(Purged { n_messages, is_done: true, entry })
    }

    /// Where the removal ends that an entry is of: what was written after it had begun stays.
    async fn purged_up_to(&self, room: &RoomId, entry: i64) -> Result<i64, Refused> {
        let entry = self.bounded(self.0.store.audit_entry(entry)).await?.ok_or(Refused::NotFound)?;
        let up_to = entry.target.get("upTo").and_then(serde_json::Value::as_i64);
        match (&*entry.action, entry.room == Some(room.clone()), up_to) {
            ("purge", true, Some(up_to)) => Ok(up_to),
            _ => Err(Refused::NotFound),
        }
    }
}
