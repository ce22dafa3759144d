//! What a room allows, what it blocks, and the guard that acts where no moderator is.
//!
//! Settings are parsed by [`RoomRules`], texts are judged by [`TextRules`], speed by [`SlowMode`] and [`Repeats`],
//! and whether a room is being raided by [`Guard`].
//! Invariant: no actix, no I/O, and no clock: times are parameters.

mod confusables;
mod fold;
mod guard;
mod jamo;
mod links;
mod meter;
mod names;
mod pace;
mod pattern;
mod presets;
mod recent;
mod settings;
mod text_print;
mod text_rules;

pub use fold::{folded, skeleton};
pub use guard::{Decision, Guard, Seen, Why};
pub use links::n_links;
pub use names::TakenNames;
pub use pace::{PACE_ENTRIES_MAX, Repeats, SlowMode};
pub use pattern::PATTERN_CODE_POINTS_MAX;
pub use presets::Preset;
pub use settings::{
    BLOCKED_PATTERNS_MAX, BLOCKED_WORD_CODE_POINTS_MAX, BLOCKED_WORDS_MAX, HoldNew, RoomRules, SettingsError,
};
pub use text_print::TextPrint;
pub use text_rules::{Blocked, TextRules};
