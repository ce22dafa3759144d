use unicode_properties::{EmojiStatus, UnicodeEmoji};
use unicode_segmentation::UnicodeSegmentation;

use super::ParseError;

/// Longest emoji, in bytes: families and flags of regions are the longest.
const EMOJI_BYTES_MAX: usize = 64;

/// One emoji: a single grapheme cluster that is drawn as a picture, sequences included (UTS #51).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Emoji(String);

impl Emoji {
    /// Parses untrusted text.
    ///
    /// # Errors
    /// [`ParseError::Emoji`] where it is not exactly one emoji.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let fits = text.len() <= EMOJI_BYTES_MAX && text.graphemes(true).count() == 1 && is_picture(text);
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseError::Emoji) }
    }

    /// An emoji as the store has it: it passed [`Emoji::parse`] when it was sent.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The emoji as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether one grapheme cluster is drawn as a picture, and consists of nothing else.
fn is_picture(cluster: &str) -> bool {
    let chars: Vec<char> = cluster.chars().collect();
    match chars[..] {
        // A flag: two letters of a region. A keycap.
        [a, b] if is_regional(a) && is_regional(b) => true,
        [key, '\u{fe0f}', '\u{20e3}'] => key.is_ascii_digit() || matches!(key, '#' | '*'),
        _ => chars.split(|c| *c == '\u{200d}').all(is_element),
    }
}

fn is_regional(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

/// One of the pictures that a zero-width joiner may join: a base with what belongs to it.
fn is_element(chars: &[char]) -> bool {
    let Some((&base, rest)) = chars.split_first() else { return false };
    if base.is_ascii() || is_regional(base) {
        return false;
    }
    let is_shown_as_one = match base.emoji_status() {
        EmojiStatus::EmojiPresentation
        | EmojiStatus::EmojiPresentationAndModifierBase
        | EmojiStatus::EmojiPresentationAndEmojiComponent => true,
        EmojiStatus::EmojiOther | EmojiStatus::EmojiModifierBase | EmojiStatus::EmojiOtherAndEmojiComponent => {
            rest.first().is_some_and(|c| *c == '\u{fe0f}' || is_modifier(*c))
        }
        _ => false,
    };
    let is_tag = |c: &char| ('\u{e0020}'..='\u{e007f}').contains(c);
    let follows = match rest {
        [] => true,
        ['\u{fe0f}'] => true,
        [c] | ['\u{fe0f}', c] if is_modifier(*c) => true,
        // The flags of regions that are no countries.
        [tags @ .., '\u{e007f}'] => base == '\u{1f3f4}' && !tags.is_empty() && tags.iter().all(is_tag),
        _ => false,
    };
    is_shown_as_one && follows && !is_modifier(base)
}

/// A skin tone.
fn is_modifier(c: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_is_drawn_as_one_picture() {
        for emoji in ["👍", "❤️", "🇰🇷", "👨‍👩‍👧‍👦", "👍🏽", "1️⃣", "#️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☺️", "🏳️‍🌈", "👩🏽‍💻", "☝🏽", "🫶", "⛹🏽‍♀️", "🤷‍♂️", "❤️‍🔥"]
        {
            assert_eq!(Emoji::parse(emoji).as_ref().map(Emoji::as_str), Ok(emoji));
        }
    }

    #[test]
    fn refuses_everything_else() {
        let long = "👍".to_owned() + &"\u{fe0f}".repeat(400);
        for text in [
            "",
            " ",
            "a",
            "가",
            "1",
            "#",
            "👍👍",
            "👍 ",
            " 👍",
            "🏽",
            "\u{fe0f}",
            "\u{200d}",
            "🇰",
            "🇰🇷🇯🇵",
            "👍a",
            "©",
            "❤",
            "™",
            "👍\u{301}",
            "\u{20e3}",
            "a\u{fe0f}\u{20e3}",
            "👩\u{200d}",
            "👩‍a",
            "\n",
            "\0",
            "👍\u{e007f}",
            "🏴\u{e007f}",
            &long,
        ] {
            assert_eq!(Emoji::parse(text), Err(ParseError::Emoji), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_takes_what_holds_letters_or_controls(text in any::<String>()) {
            if let Ok(emoji) = Emoji::parse(&text) {
                prop_assert!(!emoji.as_str().chars().any(|c| c.is_alphabetic() || c.is_control() || c.is_whitespace()));
                prop_assert!(emoji.as_str().len() <= EMOJI_BYTES_MAX);
            }
        }
    }
}
