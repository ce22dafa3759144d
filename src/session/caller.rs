use std::sync::Arc;

use uuid::Uuid;

use super::refusals::parse_profile;
use crate::accounts::{LiveLogin, Verified};
use chat_domain::{AnonymousId, AvatarName, IdentityKey, Nickname, ParseError, Principal};
use chat_rooms::Access;
use chat_store::User;

/// As whom somebody comes, whichever door they come through.
pub enum Caller {
    /// By a browser's secret.
    Visitor(Uuid),
    /// By a login, which is watched where they stay.
    Account(Option<LiveLogin>, Arc<User>),
    /// By what a blog has signed.
    Verified(Verified),
}

impl Caller {
    /// Who that is.
    pub fn principal(&self, (identity, access): (&IdentityKey, &Access)) -> Principal {
        match self {
            Self::Visitor(secret) => {
                Principal::anonymous(access.acting_as(identity.author_id(AnonymousId::new(*secret))))
            }
            Self::Account(_, user) => Principal::user(user.id, identity.user_author_id(user.id)),
            Self::Verified(verified) => Principal::verified(verified.author.clone()),
        }
    }

    /// What they are called, where they say this of themselves; `None` for a reader.
    ///
    /// # Errors
    /// Where a text breaks the rules.
    pub fn profile(
        &self,
        (nickname, avatar): (Option<&str>, Option<&str>),
        principal: &Principal,
    ) -> Result<Option<(Nickname, AvatarName)>, ParseError> {
        if let Self::Verified(Verified { nickname, avatar, .. }) = self {
            // What the blog has signed for, whatever they say besides.
            return Ok(Some((nickname.clone(), *avatar)));
        }
        let (nickname, avatar) = parse_profile(nickname, avatar)?;
        let (nickname, avatar) = match self {
            // Somebody with an account is called something everywhere.
            Self::Account(_, user) => {
                (Some(nickname.unwrap_or_else(|| user.nickname.clone())), Some(avatar.unwrap_or(user.avatar)))
            }
            _ => (nickname, avatar),
        };
        let derived = || AvatarName::derived_from(principal.author_id());
        Ok(nickname.map(|nickname| (nickname, avatar.unwrap_or_else(derived))))
    }
}
