use serde_json::{Map, Value};

use super::{Actor, Desk, Refused};
use chat_domain::{Rights, RoomId};
use chat_moderation::RoomRules;
use chat_rooms::Moderated;
use chat_store::{RoomSettings, SettingsChange, SettingsChanged};

impl Desk {
    /// A room's settings as they are stored, those of all rooms, and the state of both.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn settings(&self, actor: &Actor, room: &RoomId) -> Result<(RoomSettings, RoomSettings), Refused> {
        self.may(actor, Rights::ROOM_SET, None)?;
        let own = self.bounded(self.0.store.head(room)).await?.settings;
        Ok((own, self.bounded(self.0.store.defaults()).await?))
    }

    /// Changes what a room is. `known_rev` is the state that its members were told.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn set_room(
        &self,
        actor: &Actor,
        room: &RoomId,
        patch: &Map<String, Value>,
        known_rev: i64,
    ) -> Result<(Moderated, RoomSettings), Refused> {
        let (own, defaults) = self.settings(actor, room).await?;
        if own.rev.saturating_add(defaults.rev) != known_rev {
            return Err(Refused::Conflict);
        }
        let settings = RoomRules::own_changed_by(&defaults.settings, &own.settings, patch);
        let change = SettingsChange {
            room: Some(room.clone()),
            settings: settings.map_err(Refused::Settings)?,
            known_rev: own.rev,
            by: actor.author.id.clone(),
            undoes: None,
        };
        let (entry, stored) = self.store_settings(change).await?;
        self.attended(room);
        Ok((self.done(entry, "room_set", actor, None), RoomSettings { rev: stored.rev + defaults.rev, ..stored }))
    }

    /// What holds for all rooms where they say nothing else.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn defaults(&self, actor: &Actor) -> Result<RoomSettings, Refused> {
        self.may(actor, Rights::DEFAULTS, None)?;
        self.bounded(self.0.store.defaults()).await
    }

    /// Changes what holds for all rooms.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn set_defaults(
        &self,
        actor: &Actor,
        patch: &Map<String, Value>,
        known_rev: i64,
    ) -> Result<RoomSettings, Refused> {
        let defaults = self.defaults(actor).await?;
        let settings = RoomRules::own_changed_by(&Map::new(), &defaults.settings, patch).map_err(Refused::Settings)?;
        let by = actor.author.id.clone();
        let (_, stored) =
            self.store_settings(SettingsChange { room: None, settings, known_rev, by, undoes: None }).await?;
        Ok(stored)
    }

    pub(super) async fn store_settings(&self, change: SettingsChange) -> Result<(i64, RoomSettings), Refused> {
        self.holds_everywhere()?;
        let room = change.room.clone();
        match self.bounded(self.0.store.change_settings(change)).await? {
            SettingsChanged::Stored(entry, settings) => {
                self.changed(room.as_ref()).await;
                Ok((entry, settings))
            }
            SettingsChanged::Conflict(_) => Err(Refused::Conflict),
            SettingsChanged::AlreadyUndone => Err(Refused::AlreadyUndone),
        }
    }
}
