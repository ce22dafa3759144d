use serde_json::{Map, Value, json};

/// Settings that go together, to be chosen with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Everybody writes as they like.
    Open,
    /// For a room that is looked after now and then.
    Careful,
    /// For the time of a raid; the unattended guard chooses it by itself.
    Raid,
}

impl Preset {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Open, Self::Careful, Self::Raid];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Careful => "careful",
            Self::Raid => "raid",
        }
    }

    /// Finds a preset by its name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == name)
    }

    /// The change of the settings that it is. All presets name the same fields, so that each undoes the others; words,
    /// patterns, rules, `locked` and `emojiOnly` are never touched.
    pub fn patch(self) -> Map<String, Value> {
        let patch = match self {
            Self::Open => json!({
                "slowSeconds": 0, "linksMax": null, "minAgeSeconds": 0, "uniqueSeconds": 0,
                "holdNew": "off", "holdYoungerSeconds": 0,
            }),
            Self::Careful => json!({
                "slowSeconds": 5, "linksMax": 2, "minAgeSeconds": 0, "uniqueSeconds": 30,
                "holdNew": "links", "holdYoungerSeconds": 3_600,
            }),
            // people.md, section 3: slow 30 s, hold all from identities younger than 24 h, no links.
            Self::Raid => json!({
                "slowSeconds": 30, "linksMax": 0, "minAgeSeconds": 0, "uniqueSeconds": 60,
                "holdNew": "all", "holdYoungerSeconds": 86_400,
            }),
        };
        patch.as_object().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::RoomRules;

    #[test]
    fn each_fits_over_anything_and_undoes_the_others() {
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.as_str()), Some(preset));
            let fresh = RoomRules::default().changed_by(&preset.patch()).expect("it fits");
            for other in Preset::ALL {
                let before = RoomRules::default().changed_by(&other.patch()).expect("it fits");
                assert_eq!(before.changed_by(&preset.patch()), Ok(fresh.clone()));
            }
        }
        assert_eq!(RoomRules::default().changed_by(&Preset::Open.patch()), Ok(RoomRules::default()));
        assert_eq!(Preset::parse("Raid"), None);
    }

    #[test]
    fn in_a_raid_the_young_are_held_and_the_old_write_on() {
        let rules = RoomRules::default().changed_by(&Preset::Raid.patch()).expect("it fits");
        assert!(rules.holds(Duration::from_secs(86_399), true, 0));
        assert!(!rules.holds(Duration::from_secs(86_400), false, 0));
        assert_eq!((rules.slow_seconds, rules.links_max), (30, Some(0)));
    }
}
