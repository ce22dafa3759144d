use super::{Actor, Desk, Refused};
use chat_domain::{Rights, RoomId};
use chat_store::{Audit, Rename, Renamed, Undo};

impl Desk {
    /// Gives a room another name, by which it is reached as well. Tells the entry in what was done, none where it is
    /// reached by it already, and the room's id.
    ///
    /// # Errors
    /// [`Refused::Taken`] where the name has messages or leads elsewhere, and see [`Refused`].
    pub async fn rename(&self, actor: &Actor, from: &RoomId, to: &RoomId) -> Result<(Option<i64>, RoomId), Refused> {
        self.may(actor, Rights::DEFAULTS, None)?;
        self.names_hold_everywhere()?;
        let (room, by) = (self.0.access.resolve(from), actor.author.id.clone());
        match self.bounded(self.0.store.rename(Rename { from: from.clone(), to: to.clone(), by })).await? {
            Renamed::Done(entry, room) => {
                self.changed(None).await;
                Ok((Some(entry), room))
            }
            Renamed::Unchanged => Ok((None, room)),
            Renamed::NotFound => Err(Refused::NotFound),
            Renamed::Taken | Renamed::Full => Err(Refused::Taken),
        }
    }

    /// Takes the name back that an entry says a room was given.
    pub(super) async fn undo_rename(&self, actor: &Actor, entry: &Audit, room: &RoomId) -> Result<(), Refused> {
        self.may(actor, Rights::DEFAULTS, None)?;
        self.names_hold_everywhere()?;
        let alias = entry.target.get("to").and_then(|to| RoomId::parse(to.as_str()?).ok()).ok_or(Refused::NotFound)?;
        let undoing = self.0.store.undo_rename(entry.id, (room.clone(), alias), actor.author.id.clone());
        match self.bounded(undoing).await? {
            Undo::Done(_) => {
                self.changed(None).await;
                Ok(())
            }
            Undo::AlreadyUndone => Err(Refused::AlreadyUndone),
            Undo::ChangedSince => Err(Refused::ChangedSince),
        }
    }

    fn names_hold_everywhere(&self) -> Result<(), Refused> {
        if self.0.names_understood.by_all() { Ok(()) } else { Err(Refused::OldServer) }
    }
}
