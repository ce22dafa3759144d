//! What is done with the accounts of others: invites, roles, shutting out, and links for a new password.

use chat_accounts::invite_code;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{error::AccountError, office::Accounts};
use crate::moderation::{Actor, CODE_TRIES, Desk, OneTimeCode};
use chat_domain::{Rights, Role, UserId};
use chat_store::{AccountSeen, CodeKind, Invite, NewInvite, TeamChange, TeamOrder};

/// At most so many come by one invite, and it is good for at most so long.
const USES_MAX: u32 = 1_000;
const HOURS_MAX: u32 = 24 * 30;
/// How long a link for a new password is good.
const RESET_VALID: TimeDelta = TimeDelta::hours(24);
/// A text that people are looked for by has so many characters.
const TEXT_CHARS_MAX: usize = 100;

/// What an invite is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InviteWish {
    /// What whoever comes by it becomes.
    pub role: Role,
    /// How many may come.
    pub uses: u32,
    /// For how many hours.
    pub hours: u32,
}

/// A text that somebody is looked for by, as patterns of the database take it: in lower case, and what stands for something
/// else in a pattern stands for itself. None where there is nothing to look for.
pub fn pattern_text(text: &str) -> Option<String> {
    let text = text.trim().chars().filter(|c| *c != '\0').take(TEXT_CHARS_MAX).collect::<String>().to_lowercase();
    let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    (!text.is_empty()).then_some(text)
}

impl Accounts {
    /// Whether somebody may say who has which role.
    pub(super) fn may(&self, actor: &Actor) -> Result<(), AccountError> {
        if actor.may(Rights::TEAM) { Ok(()) } else { Err(AccountError::Forbidden) }
    }

    /// The rank of somebody who acts; the operator, who has the server, has none.
    fn rank(actor: &Actor) -> Option<Role> {
        (actor.author.id != Desk::operator().author.id).then_some(actor.role)
    }

    /// Whether somebody acts on those of this role.
    pub(super) fn acts_on(&self, actor: &Actor, role: Role) -> Result<(), AccountError> {
        self.may(actor)?;
        let acts = Self::rank(actor).is_none_or(|rank| rank.acts_on(role));
        if acts { Ok(()) } else { Err(AccountError::Forbidden) }
    }

    /// Makes an invite; one invites to lower ranks only.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn invite(&self, actor: &Actor, wish: InviteWish) -> Result<(Invite, String), AccountError> {
        self.acts_on(actor, wish.role)?;
        let is_fine = (1..=USES_MAX).contains(&wish.uses) && (1..=HOURS_MAX).contains(&wish.hours);
        if !is_fine || wish.role == Role::Guest {
            return Err(AccountError::BadRequest);
        }
        let invite = NewInvite {
            id: Uuid::new_v4(),
            role: wish.role,
            uses: i32::try_from(wish.uses).map_err(|_| AccountError::BadRequest)?,
            valid: TimeDelta::hours(wish.hours.into()),
            by: actor.author.id.clone(),
        };
        let invite = self.bounded(self.0.store.add_invite(invite)).await?;
        let code = invite_code(invite.id, &self.0.key);
        Ok((invite, code))
    }

    /// The invites that somebody may still come by, each with the code of its link where who asks could have made it.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn invites(&self, actor: &Actor) -> Result<Vec<(Invite, Option<String>)>, AccountError> {
        self.may(actor)?;
        let invites = self.bounded(self.0.store.invites()).await?.into_iter();
        let with_code = |invite: Invite| {
            let code = self.acts_on(actor, invite.role).is_ok().then(|| invite_code(invite.id, &self.0.key));
            (invite, code)
        };
        Ok(invites.map(with_code).collect())
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn remove_invite(&self, actor: &Actor, id: Uuid) -> Result<(), AccountError> {
        self.may(actor)?;
        let is_gone = self.bounded(self.0.store.remove_invite(id)).await?;
        if is_gone { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// The accounts, the newest first, before this one, with this text in their name or address.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn people(
        &self,
        actor: &Actor,
        (before, text): (Option<UserId>, Option<&str>),
        limit: i64,
    ) -> Result<Vec<AccountSeen>, AccountError> {
        self.may(actor)?;
        let text = text.and_then(pattern_text);
        self.bounded(self.0.store.accounts((before, text), limit)).await
    }

    /// Makes somebody something else, or shuts them out. One acts on lower ranks, and gives lower ranks, only.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn change_team(&self, actor: &Actor, id: UserId, order: TeamOrder) -> Result<AccountSeen, AccountError> {
        self.may(actor)?;
        if order == TeamOrder::Role(Role::Guest) {
            return Err(AccountError::BadRequest);
        }
        let by = (actor.author.id.clone(), Self::rank(actor));
        match self.bounded(self.0.store.change_team(id, order, by)).await? {
            TeamChange::Done(seen) => {
                self.changed().await;
                Ok(seen)
            }
            TeamChange::NotFound => Err(AccountError::NotFound),
            TeamChange::Forbidden => Err(AccountError::Forbidden),
            TeamChange::LastOwner => Err(AccountError::LastOwner),
        }
    }

    /// A code by which somebody sets a password, as long as there is no mail: whoever has it is that person, so it is for
    /// lower ranks only.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn reset_code(&self, actor: &Actor, id: UserId) -> Result<String, AccountError> {
        self.may(actor)?;
        let seen = self.bounded(self.0.store.account_seen(id)).await?.ok_or(AccountError::NotFound)?;
        self.acts_on(actor, seen.user.role)?;
        let code = OneTimeCode::random();
        let proof = (code.name().to_owned(), code.hash(&self.0.key));
        self.bounded(self.0.store.add_code(proof, CodeKind::Reset, (id, None), (CODE_TRIES, RESET_VALID))).await?;
        Ok(code.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_something_in_a_pattern_stands_for_itself() {
        for (given, expected) in [
            ("  ", None),
            ("\0", None),
            (" Otter ", Some("otter")),
            ("50%_\\", Some("50\\%\\_\\\\")),
            ("수달", Some("수달")),
        ] {
            assert_eq!(pattern_text(given).as_deref(), expected, "{given:?}");
        }
        assert_eq!(pattern_text(&"x".repeat(1_000)).map(|text| text.len()), Some(TEXT_CHARS_MAX));
    }
}
