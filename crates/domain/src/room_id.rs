use std::{fmt, sync::Arc};

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::ParseError;

/// Longest room id, in code points (docs/PROTOCOL.md; the column is VARCHAR(255)).
pub const ROOM_ID_CODE_POINTS_MAX: usize = 255;

/// The name of a room: the blog's id of the post, in NFC. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(Arc<str>);

impl RoomId {
    /// Parses a path segment as it stands in a URL: percent-encoded UTF-8.
    ///
    /// # Errors
    /// [`ParseError::Room`] where it is no UTF-8 or breaks a rule of [`RoomId::parse`].
    pub fn parse_percent_encoded(segment: &str) -> Result<Self, ParseError> {
        let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| ParseError::Room)?;
        Self::parse(&decoded)
    }

    /// Parses plain text: 1 to 255 code points after NFC, no control character, no `/`, not `.` or `..`.
    ///
    /// # Errors
    /// [`ParseError::Room`] where a rule is broken.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        // NFC never makes a text longer than three times its code points (UAX #15), so what is
        // longer than that need not be normalised to be refused.
        if text.chars().take(ROOM_ID_CODE_POINTS_MAX * 3 + 1).count() > ROOM_ID_CODE_POINTS_MAX * 3 {
            return Err(ParseError::Room);
        }
        let id: String = text.nfc().collect();
        let length = id.chars().count();
        let bad = |c: char| c.is_control() || c == '/';
        if length == 0 || length > ROOM_ID_CODE_POINTS_MAX || id.chars().any(bad) || id == "." || id == ".." {
            return Err(ParseError::Room);
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_a_blog_calls_its_posts() {
        for id in ["hello", "blog.example:2026:post", "한글-글", "...", "a b", "50%"] {
            assert_eq!(RoomId::parse(id).as_ref().map(RoomId::as_str), Ok(id));
        }
        assert!(RoomId::parse(&"가".repeat(255)).is_ok());
    }

    #[test]
    fn refuses_the_rest() {
        for id in ["", ".", "..", "a/b", "a\nb", "a\u{0}b", "a\u{85}b", "\u{7f}"] {
            assert_eq!(RoomId::parse(id), Err(ParseError::Room), "{id:?}");
        }
        assert!(RoomId::parse(&"가".repeat(256)).is_err());
        assert!(RoomId::parse(&"\u{1100}\u{1161}".repeat(256)).is_err());
    }

    #[test]
    fn normalises_before_it_counts_and_compares() {
        let decomposed = "\u{1112}\u{1161}\u{11ab}";
        assert_eq!(RoomId::parse(decomposed), RoomId::parse("한"));
        assert!(RoomId::parse(&decomposed.repeat(255)).is_ok());
    }

    #[test]
    fn decodes_a_url_segment_once() {
        let parse = RoomId::parse_percent_encoded;
        assert_eq!(parse("%ED%95%9C").map(|r| r.to_string()), Ok("한".into()));
        assert_eq!(parse("50%25").map(|r| r.to_string()), Ok("50%".into()));
        for bad in ["%2F", "%2E%2E", "%00", "%FF", "%ED%A0%80", ""] {
            assert_eq!(parse(bad), Err(ParseError::Room), "{bad}");
        }
    }
}
