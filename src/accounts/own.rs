//! What somebody does with what is theirs.

use std::net::IpAddr;

use chat_accounts::Ticket;
use chrono::TimeDelta;

use super::{
    error::AccountError,
    office::{Accounts, random},
};
use chat_domain::{AnonymousId, AuthorId, AvatarName, Nickname, Principal};
use chat_store::{Account, CodeKind, LoginSeen, ProfileChange, SignedIn};

/// How long a ticket is good (people.md, section 4).
const TICKET_VALID: TimeDelta = TimeDelta::seconds(30);
/// The longest tag of a language that is kept (RFC 5646 recommends room for 35; these are two letters and a region).
const LOCALE_CHARS_MAX: usize = 16;

/// What somebody wants to be changed, as they typed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProfileWish {
    /// Another name.
    pub nickname: Option<String>,
    /// Another picture.
    pub avatar: Option<String>,
    /// Another language.
    pub locale: Option<String>,
}

impl Accounts {
    /// Who somebody is to themselves.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn account(&self, signed: &SignedIn) -> Result<Account, AccountError> {
        self.bounded(self.0.store.account(signed.user.id)).await?.ok_or(AccountError::BadToken)
    }

    /// Changes what somebody is called, looks like or reads.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn change_profile(&self, signed: &SignedIn, wish: ProfileWish) -> Result<Account, AccountError> {
        let nickname = wish.nickname.map(|name| Nickname::parse(&name)).transpose();
        let nickname = nickname.map_err(|_| AccountError::InvalidNickname)?;
        let avatar = wish.avatar.map(|name| AvatarName::parse(&name)).transpose();
        let avatar = avatar.map_err(|_| AccountError::InvalidAvatar)?;
        let is_locale = |tag: &String| {
            (2..=LOCALE_CHARS_MAX).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !wish.locale.as_ref().is_none_or(is_locale) {
            return Err(AccountError::BadRequest);
        }
        if let Some(nickname) = &nickname {
            let user = signed.user.id;
            let principal = Principal::user(user, self.0.key.user_author_id(user));
            if self.0.desk.access().is_taken(&principal, nickname) {
                return Err(AccountError::NicknameTaken);
            }
        }
        let renames = nickname.is_some();
        let change = ProfileChange { nickname, avatar, locale: wish.locale };
        let changed = self.bounded(self.0.store.change_profile(signed.user.id, change)).await?;
        if renames {
            self.changed().await;
        }
        changed.ok_or(AccountError::BadToken)
    }

    /// Sets another password; all other logins end. A wrong guess counts as one at the account.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn change_password(
        &self,
        signed: &SignedIn,
        (old, new): (String, String),
        address: IpAddr,
    ) -> Result<(), AccountError> {
        let kept = self.proved(signed, old, address).await?;
        let new = self.hashed(new).await?.as_str().to_owned();
        let changing = self.0.store.change_password(signed.user.id, (kept, new), signed.login);
        if !self.bounded(changing).await? {
            return Err(AccountError::BadCredentials);
        }
        self.changed().await;
        Ok(())
    }

    /// What is kept of somebody's password, where this is it.
    pub(super) async fn proved(
        &self,
        signed: &SignedIn,
        password: String,
        address: IpAddr,
    ) -> Result<String, AccountError> {
        let account = self.account(signed).await?;
        let email = account.email.as_deref();
        self.guesses(email, address)?;
        let kept = account.password_hash.clone();
        let is_right = self.is_password(password, kept.clone()).await?;
        let kept = kept.filter(|_| is_right).ok_or(AccountError::BadCredentials)?;
        self.guessed_right(email, address);
        Ok(kept)
    }

    /// The logins of somebody that live.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn logins(&self, signed: &SignedIn) -> Result<Vec<LoginSeen>, AccountError> {
        self.bounded(self.0.store.logins(signed.user.id)).await
    }

    /// Opens one socket as somebody, within half a minute.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn ticket(&self, signed: &SignedIn) -> Result<String, AccountError> {
        let ticket = Ticket::new(random()?);
        let code = (ticket.name().to_owned(), ticket.hash(&self.0.key));
        let of = (signed.user.id, Some(signed.login));
        // Nobody guesses 256 bits: the one try is the use.
        self.bounded(self.0.store.add_code(code, CodeKind::Ticket, of, (1, TICKET_VALID))).await?;
        Ok(ticket.expose())
    }

    /// How long a ticket is good, in seconds.
    pub fn ticket_seconds() -> i64 {
        TICKET_VALID.num_seconds()
    }

    /// Takes over the identity of a browser, whose secret proves it. By that alone nobody joins any more. Tells its public
    /// id.
    ///
    /// # Errors
    /// [`AccountError::Claimed`] where it is another account's, [`AccountError::ManyClaims`] where this one has as many as
    /// one may.
    pub async fn claim(&self, signed: &SignedIn, secret: AnonymousId) -> Result<AuthorId, AccountError> {
        let author = self.0.key.author_id(secret);
        let whose = self.bounded(self.0.store.claim(author.clone(), signed.user.id)).await?;
        if whose.ok_or(AccountError::ManyClaims)? != signed.user.id {
            return Err(AccountError::Claimed);
        }
        self.changed().await;
        Ok(author)
    }

    /// The identities that somebody has taken over.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn claims(&self, signed: &SignedIn) -> Result<Vec<AuthorId>, AccountError> {
        self.bounded(self.0.store.claims_of(signed.user.id)).await
    }
}
