use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use chat_domain::Author;

/// An author as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorPayload<'a> {
    /// The derived public id.
    pub id: Cow<'a, str>,
    /// The nickname.
    pub nickname: Cow<'a, str>,
    /// The avatar's name.
    pub avatar: Cow<'a, str>,
    /// The mark beside the name, where there is one: `owner`, `moderator`, `member`, `verified`, `bot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Cow<'a, str>>,
}

/// The receiver of a WELCOME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPayload<'a> {
    /// As everybody sees it.
    #[serde(flatten)]
    pub author: AuthorPayload<'a>,
    /// The public ids of the identities that its account has taken over, or of its further devices: what those wrote is
    /// its own. Absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Cow<'a, str>>,
}

impl<'a> From<&'a Author> for AuthorPayload<'a> {
    fn from(author: &'a Author) -> Self {
        Self {
            id: author.id.as_str().into(),
            nickname: author.nickname.as_str().into(),
            avatar: author.avatar.as_str().into(),
            badge: author.badge.map(|badge| badge.as_str().into()),
        }
    }
}
