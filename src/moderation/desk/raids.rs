//! What the guard does where nobody keeps order.

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Map, Value};

use super::{Actor, Desk, Refused};
use chat_domain::{Author, AuthorId, AvatarName, Nickname, Rights, Role, RoomId};
use chat_moderation::{HoldNew, Preset, RoomRules};
use chat_rooms::{Audience, Event, Inform, Moderated};
use chat_store::SettingsChange;

/// The raid preset where it is stricter than the room's own rules, which stay where they are.
fn stricter(rules: &RoomRules) -> Map<String, Value> {
    let mut patch = Preset::Raid.patch();
    patch.remove("minAgeSeconds");
    let own = [
        ("slowSeconds", rules.slow_seconds),
        ("uniqueSeconds", rules.unique_seconds),
        ("holdYoungerSeconds", rules.hold_younger_seconds),
    ];
    for (field, own) in own {
        let is_stricter = |value: &Value| value.as_u64().is_some_and(|of_preset| u64::from(own) > of_preset);
        if patch.get(field).is_some_and(is_stricter) {
            patch.remove(field);
        }
    }
    patch
}

impl Desk {
    /// The guard, as the one who did something: of the owner's rank, since it does what the owner would.
    pub fn guard() -> Actor {
        let id = AuthorId::from_stored("guard");
        let (nickname, avatar) = (Nickname::from_stored("guard".to_owned()), AvatarName::derived_from(&id));
        Actor::of(Author { id, nickname, avatar, badge: None }, Role::Owner)
    }

    /// Switches the raid preset on in a room, if nobody changes its settings at the same moment, and tells those who keep
    /// order. The entry of it, by which it is taken back; none where the room holds back as much already.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn begin_raid(&self, room: &RoomId) -> Result<Option<i64>, Refused> {
        let guard = Self::guard();
        let (own, defaults) = self.settings(&guard, room).await?;
        let rules = RoomRules::effective(&defaults.settings, &own.settings);
        if rules.locked || rules.hold_new == HoldNew::All {
            return Ok(None);
        }
        let settings = RoomRules::own_changed_by(&defaults.settings, &own.settings, &stricter(&rules));
        let change = SettingsChange {
            room: Some(room.clone()),
            settings: settings.map_err(Refused::Settings)?,
            known_rev: own.rev,
            by: guard.author.id.clone(),
            undoes: None,
        };
        let (entry, _) = self.store_settings(change).await?;
        self.tell_raid(room, entry, "guard_on", guard);
        Ok(Some(entry))
    }

    /// Takes the raid preset back, unless somebody has decided anew since.
    ///
    /// # Errors
    /// [`Refused::ChangedSince`] and [`Refused::AlreadyUndone`] where somebody has.
    pub async fn end_raid(&self, room: &RoomId, entry: i64) -> Result<(), Refused> {
        let guard = Self::guard();
        self.undo(&guard, entry).await?;
        self.tell_raid(room, entry, "guard_off", guard);
        Ok(())
    }

    fn tell_raid(&self, room: &RoomId, entry: i64, action: &'static str, guard: Actor) {
        let (at, by) = (Utc::now(), guard.author);
        let told = Moderated { entry, action, at, by, target: None, message: None, client_id: None };
        let event = Arc::new(Event::Moderated(told));
        self.inform(room, Inform { event, to: Audience::Right(Rights::AUDIT), but: None });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_guard_loosens_nothing() {
        let of = |own: Value| {
            let own = own.as_object().cloned().expect("an object");
            let patch = stricter(&RoomRules::from_json(&own));
            RoomRules::from_json(&own).changed_by(&patch).expect("it fits")
        };
        let plain = of(json!({}));
        assert_eq!((plain.slow_seconds, plain.links_max, plain.hold_new), (30, Some(0), HoldNew::All));
        let strict = of(json!({"slowSeconds": 600, "minAgeSeconds": 60, "holdYoungerSeconds": 100_000, "linksMax": 3}));
        assert_eq!((strict.slow_seconds, strict.min_age_seconds, strict.links_max), (600, 60, Some(0)));
        assert_eq!((strict.hold_younger_seconds, strict.unique_seconds), (100_000, 60));
    }
}
