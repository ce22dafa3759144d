use std::time::Duration;

use chat_domain::Content;
use serde_json::{Map, Value};

use super::{fold::folded, pattern};

/// How many words a level (a room, or the defaults of all) may block.
pub const BLOCKED_WORDS_MAX: usize = 1_000;
/// Longest blocked word, in code points.
pub const BLOCKED_WORD_CODE_POINTS_MAX: usize = 64;
/// How many patterns a level may block.
pub const BLOCKED_PATTERNS_MAX: usize = 10;
/// An hour.
const SLOW_SECONDS_MAX: u32 = 3_600;
/// A day.
const UNIQUE_SECONDS_MAX: u32 = 86_400;
/// 30 days.
const AGE_SECONDS_MAX: u32 = 2_592_000;
/// 10 years.
const READ_ONLY_AFTER_DAYS_MAX: u32 = 3_650;
const LINKS_MAX: u32 = 20;

/// Every field, in the order in which they are written.
const FIELDS: [&str; 12] = [
    "locked",
    "slowSeconds",
    "linksMax",
    "minAgeSeconds",
    "uniqueSeconds",
    "holdNew",
    "holdYoungerSeconds",
    "emojiOnly",
    "readOnlyAfterDays",
    "blockedWords",
    "blockedPatterns",
    "rules",
];
/// What visitors never get: whoever knows the words writes around them.
const SECRET_FIELDS: [&str; 2] = ["blockedWords", "blockedPatterns"];

/// Which messages of new identities wait for a moderator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HoldNew {
    /// None.
    #[default]
    Off,
    /// The first in this room.
    First,
    /// Those with links.
    Links,
    /// All.
    All,
}

impl HoldNew {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Off, Self::First, Self::Links, Self::All];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::First => "first",
            Self::Links => "links",
            Self::All => "all",
        }
    }
}

/// Why a change of the settings was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct SettingsError {
    /// The field that is wrong.
    pub field: String,
    /// What is wrong with it, for developers.
    pub reason: &'static str,
}

impl SettingsError {
    pub(super) fn new(field: &str, reason: &'static str) -> Self {
        // A client may send any name; nobody needs all of a long one.
        Self { field: field.chars().take(64).collect(), reason }
    }
}

/// What a room allows. The default allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomRules {
    /// Nobody but moderators writes, edits or reacts.
    pub locked: bool,
    /// Slow mode: each author writes once in so many seconds; 0 is off.
    pub slow_seconds: u32,
    /// How many links a message may have; `None` is any number.
    pub links_max: Option<u32>,
    /// Identities younger than this do not write.
    pub min_age_seconds: u32,
    /// The same text is not said again within this time, by anybody.
    pub unique_seconds: u32,
    /// Which messages of new identities wait for a moderator.
    pub hold_new: HoldNew,
    /// Until when an identity is new for `hold_new`; 0: until it has spoken in this room.
    pub hold_younger_seconds: u32,
    /// Messages consist of emoji alone.
    pub emoji_only: bool,
    /// So many days after the room's last message nobody writes any more; 0 is never.
    pub read_only_after_days: u32,
    /// Words that no message may have.
    pub blocked_words: Vec<String>,
    /// Regular expressions that no message may match.
    pub blocked_patterns: Vec<String>,
    /// What visitors are told before their first message.
    pub rules: String,
}

impl RoomRules {
    /// Settings as the store has them: fields that are unknown or wrong are as if they were not there, so that a
    /// newer server's settings never keep an older one from starting.
    pub fn from_json(stored: &Map<String, Value>) -> Self {
        let mut rules = Self::default();
        for (field, value) in stored {
            let _ = rules.set(field, value);
        }
        rules
    }

    /// What differs from the defaults.
    pub fn to_json(&self) -> Map<String, Value> {
        let default = Self::default();
        let fields = FIELDS.iter().map(|field| (*field, self.get(field), default.get(field)));
        fields
            .filter(|(_, value, default)| value != default)
            .map(|(field, value, _)| (field.to_owned(), value))
            .collect()
    }

    /// What visitors may see of it: all but blocked words and patterns.
    pub fn public(&self) -> Map<String, Value> {
        let mut fields = self.to_json();
        fields.retain(|field, _| !SECRET_FIELDS.contains(&field.as_str()));
        fields
    }

    /// These settings with some of them changed; `null` makes a field its default again.
    ///
    /// # Errors
    /// The first field that is unknown, of the wrong kind, out of its bounds, or at odds with another.
    pub fn changed_by(&self, patch: &Map<String, Value>) -> Result<Self, SettingsError> {
        let mut rules = self.clone();
        for (field, value) in patch {
            let change = if value.is_null() { rules.reset(field) } else { rules.set(field, value) };
            change.map_err(|reason| SettingsError::new(field, reason))?;
        }
        if patch.contains_key("blockedPatterns") {
            rules.patterns_compile()?;
        }
        rules.is_consistent_after(patch)?;
        Ok(rules)
    }

    /// What holds in a room: its own fields, and the defaults of all rooms where it has none. Blocked words and patterns
    /// are both levels' together, so that a moderator who blocks one word does not free all the others.
    pub fn effective(defaults: &Map<String, Value>, own: &Map<String, Value>) -> Self {
        let mut rules = Self::from_json(defaults);
        let (words, patterns) = (rules.blocked_words.clone(), rules.blocked_patterns.clone());
        for (field, value) in own {
            let _ = rules.set(field, value);
        }
        rules.blocked_words = joined(words, rules.blocked_words);
        rules.blocked_patterns = joined(patterns, rules.blocked_patterns);
        rules
    }

    /// A room's own fields after a change, to be stored: fields keep the value they are given even where it is the
    /// default, since it may differ from that of all rooms; `null` takes a field out. Stored fields that this
    /// release does not know stay.
    ///
    /// # Errors
    /// As [`RoomRules::changed_by`], of the room's own fields and of what comes of both levels.
    pub fn own_changed_by(
        defaults: &Map<String, Value>,
        own: &Map<String, Value>,
        patch: &Map<String, Value>,
    ) -> Result<Map<String, Value>, SettingsError> {
        let rules = Self::from_json(own).changed_by(patch)?;
        let mut own = own.clone();
        for (field, value) in patch {
            if value.is_null() {
                own.remove(field);
            } else {
                own.insert(field.clone(), rules.get(field));
            }
        }
        Self::effective(defaults, &own).is_consistent_after(patch)?;
        Ok(own)
    }

    /// Whether a message waits for a moderator: by the age of its author's identity, whether that has spoken in this
    /// room before, and the message's links.
    pub fn holds(&self, age: Duration, has_spoken: bool, n_links: usize) -> bool {
        let younger = Duration::from_secs(self.hold_younger_seconds.into());
        let is_new = if younger.is_zero() { !has_spoken } else { age < younger };
        match self.hold_new {
            HoldNew::Off => false,
            HoldNew::First => is_new && !has_spoken,
            HoldNew::Links => is_new && n_links > 0,
            HoldNew::All => is_new,
        }
    }

    fn get(&self, field: &str) -> Value {
        match field {
            "locked" => self.locked.into(),
            "slowSeconds" => self.slow_seconds.into(),
            "linksMax" => self.links_max.into(),
            "minAgeSeconds" => self.min_age_seconds.into(),
            "uniqueSeconds" => self.unique_seconds.into(),
            "holdNew" => self.hold_new.as_str().into(),
            "holdYoungerSeconds" => self.hold_younger_seconds.into(),
            "emojiOnly" => self.emoji_only.into(),
            "readOnlyAfterDays" => self.read_only_after_days.into(),
            "blockedWords" => self.blocked_words.clone().into(),
            "blockedPatterns" => self.blocked_patterns.clone().into(),
            "rules" => self.rules.clone().into(),
            _ => Value::Null,
        }
    }

    fn set(&mut self, field: &str, value: &Value) -> Result<(), &'static str> {
        match field {
            "locked" => self.locked = boolean(value)?,
            "slowSeconds" => self.slow_seconds = number(value, SLOW_SECONDS_MAX, "a whole number from 0 to 3600")?,
            "linksMax" => self.links_max = Some(number(value, LINKS_MAX, "null or a whole number from 0 to 20")?),
            "minAgeSeconds" => self.min_age_seconds = age(value)?,
            "uniqueSeconds" => {
                self.unique_seconds = number(value, UNIQUE_SECONDS_MAX, "a whole number from 0 to 86400")?;
            }
            "holdNew" => {
                let named = HoldNew::ALL.into_iter().find(|hold| value.as_str() == Some(hold.as_str()));
                self.hold_new = named.ok_or("one of off, first, links and all")?;
            }
            "holdYoungerSeconds" => self.hold_younger_seconds = age(value)?,
            "emojiOnly" => self.emoji_only = boolean(value)?,
            "readOnlyAfterDays" => {
                let days = number(value, READ_ONLY_AFTER_DAYS_MAX, "a whole number from 0 to 3650")?;
                self.read_only_after_days = days;
            }
            "blockedWords" => self.blocked_words = words(value)?,
            "blockedPatterns" => self.blocked_patterns = patterns(value)?,
            "rules" => self.rules = rules_text(value)?,
            _ => return Err("there is no such setting"),
        }
        Ok(())
    }

    fn reset(&mut self, field: &str) -> Result<(), &'static str> {
        // The one field whose default cannot be given as a value.
        if field == "linksMax" {
            self.links_max = None;
            return Ok(());
        }
        self.set(field, &Self::default().get(field))
    }

    fn patterns_compile(&self) -> Result<(), SettingsError> {
        let compiled = self.blocked_patterns.iter().try_for_each(|p| pattern::compile(p).map(drop));
        compiled.map_err(|reason| SettingsError::new("blockedPatterns", reason))
    }

    /// Looks for contradictions, only where the change touches what takes part in them: else a room whose defaults
    /// were changed could not be changed any more.
    fn is_consistent_after(&self, patch: &Map<String, Value>) -> Result<(), SettingsError> {
        let touched = ["linksMax", "emojiOnly"].into_iter().find(|field| patch.contains_key(*field));
        match touched {
            Some(field) if self.emoji_only && self.links_max.is_some_and(|n| n > 0) => {
                Err(SettingsError::new(field, "emojiOnly leaves no room for links: linksMax is null or 0 there"))
            }
            _ => Ok(()),
        }
    }
}

/// Both lists, each entry once, in order.
fn joined(mut all: Vec<String>, more: Vec<String>) -> Vec<String> {
    let known: std::collections::HashSet<String> = all.iter().cloned().collect();
    all.extend(more.into_iter().filter(|entry| !known.contains(entry)));
    all
}

fn boolean(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("true or false")
}

fn number(value: &Value, max: u32, bounds: &'static str) -> Result<u32, &'static str> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= max).ok_or(bounds)
}

fn age(value: &Value) -> Result<u32, &'static str> {
    number(value, AGE_SECONDS_MAX, "a whole number from 0 to 2592000")
}

/// A list of texts, each once.
fn texts(value: &Value, n_max: usize, bounds: &'static str) -> Result<Vec<String>, &'static str> {
    let list = value.as_array().filter(|list| list.len() <= n_max).ok_or(bounds)?;
    let texts: Option<Vec<String>> = list.iter().map(|text| text.as_str().map(str::to_owned)).collect();
    let mut seen = std::collections::HashSet::new();
    Ok(texts.ok_or(bounds)?.into_iter().filter(|text| seen.insert(text.clone())).collect())
}

fn words(value: &Value) -> Result<Vec<String>, &'static str> {
    let words = texts(value, BLOCKED_WORDS_MAX, "a list of at most 1000 texts")?;
    for word in &words {
        if word.chars().nth(BLOCKED_WORD_CODE_POINTS_MAX).is_some() {
            return Err("a word has at most 64 characters");
        }
        if folded(word).is_empty() {
            return Err("a word has something to be seen");
        }
    }
    Ok(words)
}

fn patterns(value: &Value) -> Result<Vec<String>, &'static str> {
    let patterns = texts(value, BLOCKED_PATTERNS_MAX, "a list of at most 10 texts")?;
    let fits = |p: &String| !p.is_empty() && p.chars().nth(pattern::PATTERN_CODE_POINTS_MAX).is_none();
    if patterns.iter().all(fits) { Ok(patterns) } else { Err("a pattern has 1 to 260 characters") }
}

/// Rules that are shown have the form of a message, or are empty.
fn rules_text(value: &Value) -> Result<String, &'static str> {
    let text = value.as_str().ok_or("a text")?;
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let content = Content::parse(text).map_err(|_| "at most 2000 characters, and no controls but line feed and tab")?;
    Ok(content.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn refused(patch: Value) -> String {
        RoomRules::default().changed_by(&map(patch)).expect_err("refused").field
    }

    #[test]
    fn every_field_goes_there_and_back() {
        let all = map(json!({
            "locked": true, "slowSeconds": 3600, "linksMax": 0, "minAgeSeconds": 2_592_000, "uniqueSeconds": 86_400,
            "holdNew": "links", "holdYoungerSeconds": 1, "emojiOnly": true, "readOnlyAfterDays": 3650,
            "blockedWords": ["a", "나"], "blockedPatterns": ["x+"], "rules": "Be kind.",
        }));
        let rules = RoomRules::default().changed_by(&all).expect("all fit");
        assert_eq!(rules.to_json(), all);
        assert_eq!(all.len(), FIELDS.len());
        assert_eq!(RoomRules::from_json(&all), rules);
        let public = rules.public();
        assert_eq!(public.len(), all.len() - 2);
        assert!(!public.contains_key("blockedWords") && !public.contains_key("blockedPatterns"));
        let reset = FIELDS.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
        assert_eq!(rules.changed_by(&reset), Ok(RoomRules::default()));
        assert!(RoomRules::default().to_json().is_empty());
    }

    #[test]
    fn strict_where_changed() {
        for (patch, field) in [
            (json!({"slow": 1}), "slow"),
            (json!({"locked": 1}), "locked"),
            (json!({"slowSeconds": 3601}), "slowSeconds"),
            (json!({"slowSeconds": -1}), "slowSeconds"),
            (json!({"slowSeconds": 1.5}), "slowSeconds"),
            (json!({"slowSeconds": "1"}), "slowSeconds"),
            (json!({"linksMax": 21}), "linksMax"),
            (json!({"minAgeSeconds": 2_592_001}), "minAgeSeconds"),
            (json!({"uniqueSeconds": 86_401}), "uniqueSeconds"),
            (json!({"holdNew": "some"}), "holdNew"),
            (json!({"holdYoungerSeconds": 2_592_001}), "holdYoungerSeconds"),
            (json!({"emojiOnly": "yes"}), "emojiOnly"),
            (json!({"readOnlyAfterDays": 3651}), "readOnlyAfterDays"),
            (json!({"blockedWords": "word"}), "blockedWords"),
            (json!({"blockedWords": [1]}), "blockedWords"),
            (json!({"blockedWords": [""]}), "blockedWords"),
            (json!({"blockedWords": ["\u{200b}"]}), "blockedWords"),
            (json!({"blockedWords": ["x".repeat(65)]}), "blockedWords"),
            (json!({"blockedWords": vec!["x"; 1_001]}), "blockedWords"),
            (json!({"blockedPatterns": ["("]}), "blockedPatterns"),
            (json!({"blockedPatterns": ["x*"]}), "blockedPatterns"),
            (json!({"blockedPatterns": [r"\w{300}"]}), "blockedPatterns"),
            (json!({"blockedPatterns": ["x".repeat(261)]}), "blockedPatterns"),
            (json!({"blockedPatterns": vec!["x"; 11]}), "blockedPatterns"),
            (json!({"rules": "x".repeat(2_001)}), "rules"),
            (json!({"rules": "a\u{7}"}), "rules"),
            (json!({"emojiOnly": true, "linksMax": 1}), "linksMax"),
        ] {
            assert_eq!(refused(patch.clone()), field, "{patch}");
        }
        assert_eq!(refused(json!({"x".repeat(1_000): 1})).len(), 64);
        assert_eq!(
            RoomRules::default().changed_by(&map(json!({"slow": 1}))).unwrap_err().to_string(),
            "slow: there is no such setting"
        );
    }

    #[test]
    fn lenient_where_stored() {
        let stored =
            map(json!({"slowSeconds": 5, "linksMax": "many", "later": {}, "blockedWords": [1], "locked": null}));
        assert_eq!(RoomRules::from_json(&stored), RoomRules { slow_seconds: 5, ..RoomRules::default() });
    }

    #[test]
    fn a_room_lies_over_the_defaults() {
        let defaults = map(json!({"slowSeconds": 30, "blockedWords": ["a"], "linksMax": 2, "rules": "r"}));
        let own = map(json!({"slowSeconds": 0, "blockedWords": ["b", "a"], "linksMax": "wrong"}));
        let rules = RoomRules::effective(&defaults, &own);
        assert_eq!((rules.slow_seconds, rules.links_max, rules.rules.as_str()), (0, Some(2), "r"));
        assert_eq!(rules.blocked_words, ["a", "b"]);

        let own = RoomRules::own_changed_by(&defaults, &own, &map(json!({"slowSeconds": null, "locked": false})));
        let own = own.expect("it fits");
        assert_eq!(own.get("slowSeconds"), None, "the defaults' again");
        assert_eq!(own.get("locked"), Some(&json!(false)), "said, though it is the default");
        let emoji = RoomRules::own_changed_by(&defaults, &own, &map(json!({"emojiOnly": true})));
        assert_eq!(emoji.unwrap_err().field, "emojiOnly");
        let newer = map(json!({"later": 1}));
        let kept = RoomRules::own_changed_by(&Map::new(), &newer, &map(json!({"locked": true}))).unwrap();
        assert_eq!(kept.get("later"), Some(&json!(1)));
    }

    #[test]
    fn new_identities_are_held_as_the_settings_say() {
        let (young, old) = (Duration::from_secs(60), Duration::from_secs(90_000));
        let holds = |hold_new, seconds| {
            let rules = RoomRules { hold_new, hold_younger_seconds: seconds, ..RoomRules::default() };
            move |age, has_spoken, n_links| rules.holds(age, has_spoken, n_links)
        };
        let off = holds(HoldNew::Off, 86_400);
        assert!(!off(young, false, 3));
        let first = holds(HoldNew::First, 0);
        assert!(first(old, false, 0) && !first(young, true, 0));
        let links = holds(HoldNew::Links, 86_400);
        assert!(links(young, true, 1) && !links(young, false, 0) && !links(old, false, 1));
        let all = holds(HoldNew::All, 86_400);
        assert!(all(young, true, 0) && !all(old, false, 0));
    }

    fn some_fields() -> impl Strategy<Value = Map<String, Value>> {
        let value = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0_u32..4_000).prop_map(Value::from),
            "[a-z]{0,6}".prop_map(Value::from),
            prop::collection::vec("[a-z가-힣]{0,4}", 0..4).prop_map(Value::from),
            Just(json!("all")),
            Just(json!({})),
        ];
        let field = prop_oneof![prop::sample::select(&FIELDS[..]).prop_map(str::to_owned), "[a-z]{1,5}"];
        prop::collection::btree_map(field, value, 0..8).prop_map(|fields| fields.into_iter().collect())
    }

    proptest! {
        #[test]
        fn effective_is_its_one_level_where_the_other_is_empty(fields in some_fields()) {
            let alone = RoomRules::from_json(&fields);
            prop_assert_eq!(&RoomRules::effective(&fields, &Map::new()), &alone);
            prop_assert_eq!(&RoomRules::effective(&Map::new(), &fields), &alone);
            prop_assert_eq!(&RoomRules::effective(&fields, &fields), &alone);
            prop_assert_eq!(&RoomRules::from_json(&alone.to_json()), &alone);
        }

        #[test]
        fn what_a_room_says_holds_and_nothing_is_freed(defaults in some_fields(), own in some_fields()) {
            let both = RoomRules::effective(&defaults, &own);
            let (below, above) = (RoomRules::from_json(&defaults), RoomRules::from_json(&own));
            for field in FIELDS.iter().filter(|field| !SECRET_FIELDS.contains(field)) {
                let is_said = own.get(*field).is_some_and(|value| RoomRules::default().set(field, value).is_ok());
                prop_assert_eq!(both.get(field), if is_said { above.get(field) } else { below.get(field) });
            }
            for word in below.blocked_words.iter().chain(&above.blocked_words) {
                prop_assert!(both.blocked_words.contains(word));
            }
        }

        #[test]
        fn a_change_that_is_taken_is_what_is_stored(defaults in some_fields(), patch in some_fields()) {
            if let Ok(own) = RoomRules::own_changed_by(&defaults, &Map::new(), &patch) {
                let changed = RoomRules::default().changed_by(&patch).expect("its own level fits as well");
                prop_assert_eq!(RoomRules::from_json(&own), changed);
                let again = RoomRules::own_changed_by(&defaults, &own, &patch);
                prop_assert_eq!(again, Ok(own));
            }
        }
    }
}
