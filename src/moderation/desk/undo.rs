use chrono::Utc;
use serde_json::Value;

use super::{Actor, BanOrder, Desk, Refused};
use chat_domain::{Action, AuthorId, ChangeRefusal, Rights, RoomId};
use chat_store::{Audit, AuditQuery, BanKey, ChangeOutcome, SettingsChange, Undo};

impl Desk {
    /// What was done by whom, the newest first; one more than the limit where there are more.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn audit(&self, actor: &Actor, asked: AuditQuery) -> Result<Vec<Audit>, Refused> {
        self.may(actor, Rights::AUDIT, None)?;
        self.bounded(self.0.store.audit(asked)).await
    }

    /// Undoes what was done, once, and where nothing came of it since.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn undo(&self, actor: &Actor, entry: i64) -> Result<(), Refused> {
        self.may(actor, Rights::AUDIT, None)?;
        let entry = self.bounded(self.0.store.audit_entry(entry)).await?.ok_or(Refused::NotFound)?;
        if entry.undone.is_some() {
            return Err(Refused::AlreadyUndone);
        }
        let by = actor.author.id.clone();
        let author = entry.target.get("authorId").and_then(Value::as_str).map(AuthorId::from_stored);
        match (&*entry.action, author, &entry.room) {
            ("ban", Some(author), room) => {
                self.may(actor, Rights::BAN, None)?;
                let ban = entry.after.get("banId").and_then(Value::as_i64).unwrap_or_default();
                let undone = self.0.store.unban(BanKey::Author(author), room.clone(), by, Some((entry.id, ban)));
                match self.bounded(undone).await? {
                    Undo::Done(_) => self.changed(room.as_ref()).await,
                    Undo::AlreadyUndone => return Err(Refused::AlreadyUndone),
                    Undo::ChangedSince => return Err(Refused::ChangedSince),
                }
            }
            ("unban", Some(author), room) => self.ban_again(actor, &entry, author, room.clone()).await?,
            ("room_set", _, Some(room)) => {
                self.may(actor, Rights::ROOM_SET, None)?;
                self.put_settings_back(actor, &entry, Some(room.clone())).await?;
            }
            ("defaults_set", ..) => {
                self.may(actor, Rights::DEFAULTS, None)?;
                self.put_settings_back(actor, &entry, None).await?;
            }
            ("delete", _, Some(room)) => {
                self.change_back(actor, &entry, room, Rights::DELETE_ANY, Action::Restore).await?;
            }
            ("restore", _, Some(room)) => {
                let again = Action::Delete { as_moderator: true };
                self.change_back(actor, &entry, room, Rights::DELETE_ANY, again).await?;
            }
            ("pin", _, Some(room)) => {
                self.change_back(actor, &entry, room, Rights::PIN, Action::Pin { on: false }).await?;
            }
            ("unpin", _, Some(room)) => {
                self.change_back(actor, &entry, room, Rights::PIN, Action::Pin { on: true }).await?;
            }
            ("approve", _, Some(room)) => self.undo_approve(actor, &entry, room).await?,
            ("reject", _, Some(room)) => self.undo_reject(actor, &entry, room).await?,
            ("unreject", _, Some(room)) => self.undo_unreject(actor, &entry, room).await?,
            ("rename", _, Some(room)) => self.undo_rename(actor, &entry, room).await?,
            // A report that was settled by mistake is reported again by whoever minds.
            _ => return Err(Refused::ChangedSince),
        }
        Ok(())
    }

    async fn ban_again(
        &self,
        actor: &Actor,
        entry: &Audit,
        author: AuthorId,
        room: Option<RoomId>,
    ) -> Result<(), Refused> {
        self.may(actor, Rights::BAN, Some(&author))?;
        let text = |key: &str| entry.before.get(key).and_then(Value::as_str);
        let until = text("until").and_then(|at| at.parse::<chrono::DateTime<Utc>>().ok());
        let seconds = match until {
            Some(until) => match u32::try_from((until - Utc::now()).num_seconds()) {
                Ok(seconds) if seconds > 0 => Some(seconds),
                // It would be over by now.
                _ => return Err(Refused::ChangedSince),
            },
            None => None,
        };
        let order = BanOrder {
            room,
            author,
            seconds,
            delete_seconds: 0,
            reason: text("reason").unwrap_or_default().to_owned(),
            with_network: entry.before.get("withNetwork").and_then(Value::as_bool).unwrap_or_default(),
        };
        self.ban(actor, order).await?;
        // Two who undo at once both ban, which is one ban.
        self.bounded(self.0.store.note_undone(entry.id, actor.author.id.clone())).await.map(drop)
    }

    async fn put_settings_back(&self, actor: &Actor, entry: &Audit, room: Option<RoomId>) -> Result<(), Refused> {
        let settings = entry.before.as_object().cloned().unwrap_or_default();
        // The state that it made: with any later one somebody has decided anew.
        let known_rev = entry.after.get("settingsRev").and_then(Value::as_i64).unwrap_or(-1);
        let (by, undoes) = (actor.author.id.clone(), Some(entry.id));
        let change = SettingsChange { room, settings, known_rev, by, undoes };
        match self.store_settings(change).await {
            Ok(_) => Ok(()),
            Err(Refused::Conflict) => Err(Refused::ChangedSince),
            Err(other) => Err(other),
        }
    }

    /// The contrary of what was done to a message.
    async fn change_back(
        &self,
        actor: &Actor,
        entry: &Audit,
        room: &RoomId,
        right: Rights,
        action: Action,
    ) -> Result<(), Refused> {
        self.may(actor, right, None)?;
        let id = entry.target.get("id").and_then(Value::as_str).and_then(|id| id.parse::<i64>().ok());
        let id = id.ok_or(Refused::NotFound)?;
        let outcomes = self.change(actor, room, &[id], &action).await?;
        match outcomes.first() {
            Some(ChangeOutcome::Changed(..)) => {
                // Two who undo at once both find it open, and one of them changes nothing.
                let noted = self.0.store.note_undone(entry.id, actor.author.id.clone());
                self.bounded(noted).await.map(drop)
            }
            Some(ChangeOutcome::Rejected(ChangeRefusal::NotFound)) | None => Err(Refused::NotFound),
            _ => Err(Refused::ChangedSince),
        }
    }
}
