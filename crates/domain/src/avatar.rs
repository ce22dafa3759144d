use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{AuthorId, ParseError};

/// An avatar and the words for its animal.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct AvatarWords {
    /// The name on the wire and of the picture: `/avatars/{name}.svg`.
    pub name: String,
    /// The animal in Korean.
    pub ko: String,
    /// The animal in English.
    pub en: String,
}

static AVATARS: LazyLock<Vec<AvatarWords>> = LazyLock::new(|| {
    // The list is part of the binary, and a test below reads it: no release has a broken one.
    serde_json::from_str(include_str!("../../../static/avatars/avatars.json")).unwrap_or_default()
});

/// Every avatar there is, ordered by name.
pub fn all_avatars() -> &'static [AvatarWords] {
    &AVATARS
}

/// The name of one of [`all_avatars`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AvatarName(&'static str);

impl AvatarName {
    /// Finds an avatar by the name a client sent.
    ///
    /// # Errors
    /// [`ParseError::Avatar`] where there is none of this name.
    pub fn parse(name: &str) -> Result<Self, ParseError> {
        all_avatars().iter().find(|a| a.name == name).map(|a| Self(&a.name)).ok_or(ParseError::Avatar)
    }

    /// The avatar of somebody who chose none: always the same for the same author.
    pub fn derived_from(author: &AuthorId) -> Self {
        let sum = author.as_str().bytes().fold(0_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let avatars = all_avatars();
        avatars.get(sum.checked_rem(avatars.len()).unwrap_or(0)).map_or(Self("otter"), |a| Self(&a.name))
    }

    /// An avatar as the store has it. Where this release no longer has it, the derived one stands in for it.
    pub fn from_stored(name: &str, author: &AuthorId) -> Self {
        Self::parse(name).unwrap_or_else(|_| Self::derived_from(author))
    }

    /// The name.
    pub fn as_str(&self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_avatar_has_words_and_a_picture() {
        assert!(all_avatars().len() >= 24, "{} avatars", all_avatars().len());
        for avatar in all_avatars() {
            assert!(!avatar.ko.is_empty() && !avatar.en.is_empty() && avatar.name.len() <= 32, "{avatar:?}");
            let picture =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../static/avatars/{}.svg", avatar.name));
            assert!(picture.is_file(), "{} is missing", picture.display());
        }
        assert!(all_avatars().is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn the_derived_avatar_is_stable_and_known() {
        let author = AuthorId::from_stored("AAAAAAAAAAAAAAAAAAAAAA");
        let avatar = AvatarName::derived_from(&author);
        assert_eq!(AvatarName::derived_from(&author), avatar);
        assert_eq!(AvatarName::parse(avatar.as_str()), Ok(avatar));
        assert_eq!(AvatarName::from_stored("no-such-animal", &author), avatar);
        assert_eq!(AvatarName::parse("no-such-animal"), Err(ParseError::Avatar));
    }
}
