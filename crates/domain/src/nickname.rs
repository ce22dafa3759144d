use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_properties::{EmojiStatus, UnicodeEmoji};
use unicode_segmentation::UnicodeSegmentation;

use super::{ParseError, visible::draws_nothing};

/// Shortest nickname, in grapheme clusters (FR-202).
pub const NICKNAME_GRAPHEMES_MIN: usize = 2;
/// Longest nickname, in grapheme clusters (FR-202).
pub const NICKNAME_GRAPHEMES_MAX: usize = 15;
/// Longest nickname, in code points (FR-202; the column is VARCHAR(50)).
const NICKNAME_CODE_POINTS_MAX: usize = 50;

/// A name that a person chose: trimmed, NFC, inner white space made one space, and nothing in it that
/// cannot be seen or that turns the writing direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nickname(String);

impl Nickname {
    /// What those are called who are nobody any more. Too short to be anybody's choice.
    pub const NOBODY: &str = "—";

    /// The name of somebody who is nobody any more.
    pub fn nobody() -> Self {
        Self::from_stored(Self::NOBODY.to_owned())
    }

    /// Parses untrusted text.
    ///
    /// # Errors
    /// [`ParseError::Nickname`] where a rule is broken.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        // Far more than a name may have: refused before any work is done on it.
        if text.len() > 1_024 {
            return Err(ParseError::Nickname);
        }
        let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name: String = folded.nfc().collect();
        let n_graphemes = name.graphemes(true).count();
        let fits = (NICKNAME_GRAPHEMES_MIN..=NICKNAME_GRAPHEMES_MAX).contains(&n_graphemes)
            && name.chars().count() <= NICKNAME_CODE_POINTS_MAX;
        let chars: Vec<char> = name.chars().collect();
        let visible = (0..chars.len()).all(|i| may_stand(&chars, i));
        if fits && visible && !chars.first().is_some_and(|c| is_combining_mark(*c)) {
            Ok(Self(name))
        } else {
            Err(ParseError::Nickname)
        }
    }

    /// A name as the store has it: it passed [`Nickname::parse`] when it was sent.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the character at `i` may stand where it stands.
fn may_stand(chars: &[char], i: usize) -> bool {
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (before, c, after) = (if i == 0 { '\0' } else { at(i - 1) }, at(i), at(i + 1));
    match c {
        '\u{200d}' => (is_emoji(before) || before == '\u{fe0f}') && is_emoji(after),
        '\u{200c}' => needs_non_joiner(before) && needs_non_joiner(after),
        '\u{fe00}'..='\u{fe0f}' => before != '\0' && before != ' ' && !draws_nothing(before),
        // Tags spell the flags of regions behind U+1F3F4 (UTS #51).
        '\u{e0020}'..='\u{e007f}' => before == '\u{1f3f4}' || ('\u{e0020}'..='\u{e007e}').contains(&before),
        _ => !c.is_control() && !draws_nothing(c) && !turns_direction(c),
    }
}

fn is_emoji(c: char) -> bool {
    // Digits, # and * have the property for the sake of keycaps; nobody joins those.
    !c.is_ascii() && !matches!(c.emoji_status(), EmojiStatus::NonEmoji | EmojiStatus::NonEmojiButEmojiComponent)
}

/// Scripts in which a zero-width non-joiner changes how letters are drawn (RFC 5892, appendix A.1).
fn needs_non_joiner(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1780}'..='\u{17b3}' | '\u{1820}'..='\u{18aa}')
}

/// The Bidi_Control characters of UAX #9.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Nickname::parse(text).ok().map(|n| n.as_str().to_owned())
    }

    #[test]
    fn counts_as_a_person_counts() {
        for good in [
            "ab",
            "익명의 수달",
            "Anonymous Otter",
            "👩‍👩‍👧‍👦👍🏽",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}🇰🇷",
            "❤️ok",
            "نیم\u{200c}فاصله",
        ] {
            assert_eq!(parsed(good).as_deref(), Some(good));
        }
        assert_eq!(parsed("👩‍👩‍👧‍👦"), None, "one grapheme cluster");
        assert!(parsed(&"가".repeat(15)).is_some());
        assert!(parsed(&"가".repeat(16)).is_none());
        assert!(parsed(&"👩‍👩‍👧‍👦".repeat(7)).is_some(), "49 code points");
        assert!(parsed(&"👩‍👩‍👧‍👦".repeat(8)).is_none(), "56 code points");
    }

    #[test]
    fn folds_space_and_normalises() {
        assert_eq!(parsed("  a \u{3000}\t\n  b "), Some("a b".into()));
        assert_eq!(parsed("\u{1112}\u{1161}\u{11ab}글"), Some("한글".into()));
    }

    #[test]
    fn refuses_what_tricks_the_eye() {
        for bad in [
            "",
            "a",
            " a ",
            "a\u{7}b",
            "a\u{0}b",
            "ad\u{200b}min",
            "\u{202e}nimda",
            "ab\u{2066}",
            "ab\u{200f}",
            "a\u{2060}b",
            "\u{3164}\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}ab",
            "\u{2800}\u{2800}",
            "ab\u{feff}",
            "a\u{200d}b",
            "ab\u{200d}",
            "a\u{200c}b",
            "ab\u{ad}c",
            "ab\u{e0061}",
            "\u{301}ab",
            "ab\u{e000}",
            "a\u{ffff}b",
            " \u{fe0f}a",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_unchanged_again(text in "[ a-z가-힣👩👧\u{200d}\u{fe0f}\u{301}\u{200b}]{0,20}") {
            if let Ok(name) = Nickname::parse(&text) {
                let again = Nickname::parse(name.as_str());
                prop_assert_eq!(again, Ok(name));
            }
        }

        #[test]
        fn nothing_that_is_accepted_is_long_or_holds_controls(text in any::<String>()) {
            if let Ok(name) = Nickname::parse(&text) {
                let n = name.as_str().graphemes(true).count();
                prop_assert!((2..=15).contains(&n) && name.as_str().chars().count() <= 50);
                prop_assert!(!name.as_str().chars().any(|c| c.is_control() || turns_direction(c)));
            }
        }
    }
}
