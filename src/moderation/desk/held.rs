use std::sync::Arc;

use super::{Actor, Desk, Refused, TRIES};
use chat_domain::{Action, NewMentions, NewMessage, Rights, RoomId};
use chat_rooms::{Audience, Event, Inform, Moderated, Refusal};
use chat_store::{AppendOutcome, Audit, ChangeOutcome, Held, PersonWrote, Undo};

/// So many messages that wait are settled at once.
pub const SETTLED_MAX: usize = 50;

/// What is decided about messages that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They become messages like any other.
    Approve,
    /// They do not.
    Reject,
}

impl Desk {
    /// The messages that wait behind this id, of one room or of all, the oldest first; one more than `limit` where there
    /// are more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn held(
        &self,
        actor: &Actor,
        room: Option<RoomId>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Held>, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        self.bounded(self.0.store.held(room, after, limit)).await
    }

    /// Decides about messages of a room that wait. What somebody else has decided about meanwhile stays so.
    ///
    /// # Errors
    /// [`Refused::NotFound`] where none of them waits any more.
    pub async fn settle_held(
        &self,
        actor: &Actor,
        room: &RoomId,
        ids: &[i64],
        decision: Decision,
    ) -> Result<Moderated, Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        let (entry, action) = match decision {
            Decision::Approve => (self.approve(actor, room, ids).await?, "approve"),
            Decision::Reject => (self.reject(actor, room, ids).await?, "reject"),
        };
        self.attended(room);
        self.tell_queue(room).await;
        Ok(self.done(entry, action, actor, None))
    }

    async fn approve(&self, actor: &Actor, room: &RoomId, ids: &[i64]) -> Result<i64, Refused> {
        let mut waiting = self.bounded(self.0.store.held_by_ids(room.clone(), ids.to_vec())).await?;
        if waiting.is_empty() {
            return Err(Refused::NotFound);
        }
        let (mut settled, mut messages, mut authors, mut people) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TRIES {
            let guard_rev = self.bounded(self.0.store.head(room)).await?.guard_rev;
            let rows = waiting.iter().map(|held| Arc::new(message_of(held, guard_rev))).collect();
            let outcomes = self.bounded(self.0.store.append_batch(rows)).await?;
            let mut again = Vec::new();
            for (mut held, outcome) in waiting.into_iter().zip(outcomes) {
                match outcome {
                    AppendOutcome::Stored(stored, _) | AppendOutcome::Repeated(stored) => messages.push(stored.id),
                    // What it answers is gone: it says something all the same.
                    AppendOutcome::InvalidReply => {
                        held.reply_to = None;
                        again.push(held);
                        continue;
                    }
                    AppendOutcome::GuardChanged | AppendOutcome::Locked => {
                        again.push(held);
                        continue;
                    }
                    // Its sender has used the key for another text by now, which is what is shown.
                    AppendOutcome::Conflict => {}
                    AppendOutcome::Refused(why) => {
                        log::error!("the database does not take a message that waited: {why}");
                        continue;
                    }
                }
                settled.push(held.id);
                people.push(PersonWrote::from(&held.author));
                authors.push((room.clone(), held.author.id));
            }
            waiting = again;
            if waiting.is_empty() {
                break;
            }
        }
        if settled.is_empty() {
            return Err(Refused::Unavailable);
        }
        self.look(vec![room.clone()]);
        // They have spoken now: what they say next is not their first.
        self.bounded(self.0.store.note_authors(authors)).await?;
        self.bounded(self.0.store.note_people(people)).await?;
        let by = actor.author.id.clone();
        let settling = self.0.store.settle_held(room.clone(), settled, false, by, messages);
        self.bounded(settling).await?.entry.ok_or(Refused::NotFound)
    }

    async fn reject(&self, actor: &Actor, room: &RoomId, ids: &[i64]) -> Result<i64, Refused> {
        let by = actor.author.id.clone();
        let settled = self.bounded(self.0.store.settle_held(room.clone(), ids.to_vec(), true, by, Vec::new())).await?;
        let entry = settled.entry.ok_or(Refused::NotFound)?;
        for (_, author, client_id) in settled.settled {
            // Who is not here hears it with their next JOIN, when they ask again.
            let event =
                Arc::new(Event::Refused { client_id: Some(client_id), refusal: Refusal::Rejected, reason: None });
            self.inform(room, Inform { event, to: Audience::Author(author), but: None });
        }
        Ok(entry)
    }

    /// Lets messages wait again that were decided against.
    pub(super) async fn undo_reject(&self, actor: &Actor, entry: &Audit, room: &RoomId) -> Result<(), Refused> {
        self.may(actor, Rights::REVIEW, None)?;
        let (ids, by) = (ids_of(entry, &entry.target, "heldIds"), actor.author.id.clone());
        match self.bounded(self.0.store.unreject(room.clone(), ids, by, entry.id)).await? {
            Undo::Done(_) => {
                self.tell_queue(room).await;
                Ok(())
            }
            Undo::AlreadyUndone => Err(Refused::AlreadyUndone),
            Undo::ChangedSince => Err(Refused::ChangedSince),
        }
    }

    /// Decides again against messages that wait again.
    pub(super) async fn undo_unreject(&self, actor: &Actor, entry: &Audit, room: &RoomId) -> Result<(), Refused> {
        let ids = ids_of(entry, &entry.target, "heldIds");
        match self.settle_held(actor, room, &ids, Decision::Reject).await {
            Ok(_) => self.bounded(self.0.store.note_undone(entry.id, actor.author.id.clone())).await.map(drop),
            Err(Refused::NotFound) => Err(Refused::ChangedSince),
            Err(other) => Err(other),
        }
    }

    /// Deletes messages that were let through.
    pub(super) async fn undo_approve(&self, actor: &Actor, entry: &Audit, room: &RoomId) -> Result<(), Refused> {
        self.may(actor, Rights::DELETE_ANY, None)?;
        let ids = ids_of(entry, &entry.after, "messages");
        let outcomes = self.change(actor, room, &ids, &Action::Delete { as_moderator: true }).await?;
        if !outcomes.iter().any(|outcome| matches!(outcome, ChangeOutcome::Changed(..))) {
            return Err(Refused::ChangedSince);
        }
        self.bounded(self.0.store.note_undone(entry.id, actor.author.id.clone())).await.map(drop)
    }
}

/// The ids that an entry has under a name.
fn ids_of(entry: &Audit, of: &serde_json::Value, name: &str) -> Vec<i64> {
    let ids = of.get(name).and_then(serde_json::Value::as_array);
    if ids.is_none() {
        log::warn!("entry {} of what was done has no {name}", entry.id);
    }
    ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
}

fn message_of(held: &Held, guard_rev: i64) -> NewMessage {
    NewMessage {
        room: held.room.clone(),
        author: held.author.clone(),
        content: held.content.clone(),
        client_id: held.client_id,
        reply_to: held.reply_to,
        // Who was addressed was found when it was sent.
        mentions: NewMentions::new(&held.content, held.mentions.iter().cloned(), |_| true),
        guard_rev,
    }
}
