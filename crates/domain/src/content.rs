use super::{ParseError, visible::shows_something};

/// Longest content of a message, in code points (docs/PROTOCOL.md).
pub const CONTENT_CODE_POINTS_MAX: usize = 2_000;

/// What a person wrote: trimmed, CRLF made LF, 1 to [`CONTENT_CODE_POINTS_MAX`] code points, of which one at
/// least can be seen, and no control characters but line feed and tab. (A NUL would make PostgreSQL refuse the whole batch that it is in.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Content(String);

impl Content {
    /// Parses untrusted text.
    ///
    /// # Errors
    /// [`ParseError::Content`] where a rule is broken.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let trimmed = text.trim();
        let content = if trimmed.contains('\r') { trimmed.replace("\r\n", "\n") } else { trimmed.to_owned() };
        let mut length = 0;
        for c in content.chars() {
            length += 1;
            if length > CONTENT_CODE_POINTS_MAX || (c.is_control() && c != '\n' && c != '\t') {
                return Err(ParseError::Content);
            }
        }
        if !shows_something(&content) {
            return Err(ParseError::Content);
        }
        Ok(Self(content))
    }

    /// A text as the store has it: it passed [`Content::parse`] when it was sent.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Content::parse(text).ok().map(|c| c.as_str().to_owned())
    }

    #[test]
    fn trims_and_folds_line_ends() {
        assert_eq!(parsed("  hi \r\n"), Some("hi".into()));
        assert_eq!(parsed("a\r\nb\tc\nd"), Some("a\nb\tc\nd".into()));
    }

    #[test]
    fn refuses_empty_long_and_control() {
        for bad in ["", "   \n\t", "a\u{0}b", "a\rb", "\u{1b}[31m", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
        assert!(parsed(&"😀".repeat(2_000)).is_some());
        assert!(parsed(&"😀".repeat(2_001)).is_none());
        assert!(parsed(&format!("  {}  ", "x".repeat(2_000))).is_some());
    }

    #[test]
    fn refuses_what_draws_nothing() {
        for bad in [
            "\u{3164}",
            "\u{200b}\u{200b}",
            "\u{2800}",
            "\u{feff}",
            "\u{200d}",
            "\u{fe0f}",
            " \u{ad}\n\u{2060} ",
            "\u{e0041}",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
        for good in ["\u{3164}.", "\u{200b}가", "👨\u{200d}👩", "❤\u{fe0f}"] {
            assert!(parsed(good).is_some(), "{good:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_unchanged_again(text in any::<String>()) {
            if let Ok(content) = Content::parse(&text) {
                prop_assert_eq!(Content::parse(content.as_str()), Ok(content.clone()));
                prop_assert!(content.as_str().chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            }
        }
    }
}
