use std::sync::Arc;

use chrono::Utc;
use uuid::Uuid;

use super::{Desk, Refused, TRIES};
use chat_domain::{Author, Content, NewMentions, NewMessage, Principal, RoomId};
use chat_store::AppendOutcome;

impl Desk {
    /// Writes to a room whether it lives or not, as who may by an owner's word: a locked or slow room is no obstacle, a ban
    /// is. The room finds it as it finds what other servers did. The message's id.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn write(
        &self,
        principal: &Principal,
        author: Author,
        room: &RoomId,
        content: Content,
    ) -> Result<i64, Refused> {
        let room = self.0.access.resolve(room);
        self.0.access.admit(principal, &room, Utc::now()).map_err(|_| Refused::Forbidden)?;
        let client_id = Uuid::new_v4();
        for _ in 0..TRIES {
            let guard_rev = self.bounded(self.0.store.head(&room)).await?.guard_rev;
            let (author, content) = (author.clone(), content.clone());
            let mentions = NewMentions::default();
            let new =
                NewMessage { room: room.clone(), author, content, client_id, reply_to: None, mentions, guard_rev };
            match self.bounded(self.0.store.append_batch(vec![Arc::new(new)])).await?.pop() {
                Some(AppendOutcome::Stored(stored, _) | AppendOutcome::Repeated(stored)) => {
                    self.look(vec![room]);
                    return Ok(stored.id);
                }
                Some(AppendOutcome::GuardChanged | AppendOutcome::Locked) => {}
                _ => return Err(Refused::Unavailable),
            }
        }
        Err(Refused::Unavailable)
    }
}
