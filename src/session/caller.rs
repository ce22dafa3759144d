use std::sync::Arc;

use uuid::Uuid;

use super::refusals::parse_profile;
use crate::accounts::{KeyHolder, LiveLogin, Verified};
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
    /// By the key of a program, which is watched as logins are.
    Key(Option<LiveLogin>, Box<KeyHolder>),
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
            Self::Key(_, holder) => holder.principal.clone(),
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
        // Somebody with an account is called something everywhere.
        let called = match self {
            Self::Account(_, user) => Some((&user.nickname, user.avatar)),
            Self::Key(_, holder) => Some((&holder.author.nickname, holder.author.avatar)),
            Self::Visitor(_) | Self::Verified(_) => None,
        };
        let (nickname, avatar) = match called {
            Some((own, picture)) => (Some(nickname.unwrap_or_else(|| own.clone())), Some(avatar.unwrap_or(picture))),
            None => (nickname, avatar),
        };
        let derived = || AvatarName::derived_from(principal.author_id());
        Ok(nickname.map(|nickname| (nickname, avatar.unwrap_or_else(derived))))
    }
}
