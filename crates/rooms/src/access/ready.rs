use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use chat_moderation::{RoomRules, TextRules};
use chat_store::RoomSettings;

/// Settings as they are asked by every message: compiled.
#[derive(Debug)]
pub(crate) struct Ready {
    /// What holds: the room's own settings, and where they say nothing those of all rooms.
    pub rules: Arc<RoomRules>,
    /// What of them is about texts. A thousand words take some hundred kilobytes and 10 ms to compile.
    pub texts: TextRules,
}

/// One [`Ready`] for all live rooms with the same settings; nearly all have none of their own.
#[derive(Debug, Default)]
pub(crate) struct AllReady(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    /// The settings of all rooms that these were made with.
    defaults: Arc<RoomSettings>,
    /// By the room's own settings as JSON. As many as differ among live rooms, and at most as many again that nobody
    /// has any more.
    of: HashMap<String, Weak<Ready>>,
    /// How many may be there before those that nobody has are taken out.
    n_max: usize,
}

impl AllReady {
    /// What a room goes by; none where nothing is set anywhere.
    pub fn of(&self, own: &RoomSettings, defaults: &Arc<RoomSettings>) -> Option<Arc<Ready>> {
        if own.settings.is_empty() && defaults.settings.is_empty() {
            return None;
        }
        let key = if own.settings.is_empty() { String::new() } else { serde_json::to_string(&own.settings).ok()? };
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&made.defaults, defaults) {
            *made = Made { defaults: defaults.clone(), ..Made::default() };
        }
        if let Some(ready) = made.of.get(&key).and_then(Weak::upgrade) {
            return Some(ready);
        }
        // Under the lock: a thousand rooms hear at once that the settings of all are others, and one of them compiles.
        let rules = RoomRules::effective(&defaults.settings, &own.settings);
        let ready = Arc::new(Ready { texts: TextRules::of_stored(&rules), rules: Arc::new(rules) });
        if made.of.len() >= made.n_max {
            made.of.retain(|_, ready| ready.strong_count() > 0);
            made.n_max = 16 + 2 * made.of.len();
        }
        made.of.insert(key, Arc::downgrade(&ready));
        Some(ready)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(settings: &Value) -> RoomSettings {
        RoomSettings { settings: settings.as_object().cloned().expect("an object"), ..RoomSettings::default() }
    }

    #[test]
    fn rooms_with_the_same_settings_share_what_was_made_of_them() {
        let (all, nothing) = (AllReady::default(), RoomSettings::default());
        assert!(all.of(&nothing, &Arc::default()).is_none());
        let defaults = Arc::new(settings(&json!({"blockedWords": ["viagra"]})));
        let slow = settings(&json!({"slowSeconds": 10}));
        let [a, b, c] = [&nothing, &nothing, &slow].map(|own| all.of(own, &defaults).expect("rules"));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &c));
        assert_eq!((a.rules.slow_seconds, c.rules.slow_seconds), (0, 10));
        assert!(a.texts.check("viagra").is_err() && c.texts.check("viagra").is_err());
        let others = Arc::new(settings(&json!({"blockedWords": ["casino"]})));
        let now = all.of(&nothing, &others).expect("rules");
        assert!(now.texts.check("viagra").is_ok() && now.texts.check("casino").is_err());
    }

    #[test]
    fn what_nobody_has_any_more_is_forgotten() {
        let (all, defaults) = (AllReady::default(), Arc::default());
        for n in 0..1_000 {
            assert!(all.of(&settings(&json!({"slowSeconds": n})), &defaults).is_some());
        }
        assert!(all.0.lock().expect("no panic in here").of.len() < 40);
    }
}
