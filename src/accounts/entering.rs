//! The ways in: registering, setting the first owner up, signing in, renewing that, and a new password by a code.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use actix::clock;

use chat_accounts::{Email, Password, PasswordHash, REFRESH_VALID, REPLAY_WITHIN, RefreshToken, invite_of};
use chrono::TimeDelta;
use uuid::Uuid;

use super::{
    error::AccountError,
    office::{Accounts, Registration, Session, chrono_of, random},
};
use crate::moderation::{CODE_TRIES, OneTimeCode};
use chat_domain::{AvatarName, Nickname, Principal, Role, UserId};
use chat_store::{CodeKind, InviteUse, NewAccount, Refreshed, Registered, StoreError};

/// A failed login is answered at the end of so long, or of a multiple of it: an account that is there costs a few questions
/// to the database more than one that is not, and nobody is to measure them.
const FAILED_STEP: Duration = Duration::from_millis(250);

/// How long a link that came by mail is good.
const FORGOTTEN_VALID: TimeDelta = TimeDelta::hours(1);

/// What somebody wants an account to have, as they typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// What they are called.
    pub nickname: String,
    /// Their picture; unset: the derived one.
    pub avatar: Option<String>,
}

/// The same, as far as it does not cost much to look at.
struct Checked {
    email: Email,
    password: String,
    nickname: Nickname,
    avatar: AvatarName,
    id: UserId,
}

impl Accounts {
    fn checked(&self, wanted: Wanted) -> Result<Checked, AccountError> {
        let id = UserId::new();
        let email = Email::parse(&wanted.email).map_err(|_| AccountError::InvalidEmail)?;
        let nickname = Nickname::parse(&wanted.nickname).map_err(|_| AccountError::InvalidNickname)?;
        let derived = || AvatarName::derived_from(&self.0.key.user_author_id(id));
        let avatar = wanted.avatar.map_or_else(|| Ok(derived()), |name| AvatarName::parse(&name));
        let avatar = avatar.map_err(|_| AccountError::InvalidAvatar)?;
        Ok(Checked { email, password: wanted.password, nickname, avatar, id })
    }

    /// Looks at a password that somebody wants to have, and hashes it.
    pub(super) async fn hashed(&self, password: String) -> Result<PasswordHash, AccountError> {
        let salt = random()?;
        let hashing = self.0.hasher.run(move || Password::parse(&password).map(|password| password.hash(salt)));
        hashing.await?.map_err(AccountError::Weak)?.ok_or(AccountError::Unavailable)
    }

    /// Whether a password is the one that is kept; as late where there is none.
    pub(super) async fn is_password(&self, typed: String, kept: Option<String>) -> Result<bool, AccountError> {
        let is_there = kept.is_some();
        let kept = kept.map_or_else(PasswordHash::of_nobody, PasswordHash::from_stored);
        let is_right = self.0.hasher.run(move || Password::typed(&typed).is(&kept)).await?;
        Ok(is_right && is_there)
    }

    async fn made(&self, made: Registered, refresh: RefreshToken) -> Result<Option<Session>, AccountError> {
        match made {
            Registered::Made(signed) => {
                self.changed().await;
                self.session(signed, refresh).map(Some)
            }
            Registered::EmailTaken => Err(AccountError::EmailTaken),
            Registered::BadInvite => Ok(None),
        }
    }

    /// Makes an account, and signs it in.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn register(
        &self,
        wanted: Wanted,
        invite: Option<&str>,
        (user_agent, address): (&str, IpAddr),
    ) -> Result<Session, AccountError> {
        if self.registration() == Registration::Closed {
            return Err(AccountError::Closed);
        }
        let Checked { email, password, nickname, avatar, id } = self.checked(wanted)?;
        // An account is counted as a guess: nobody makes them by the hundred.
        self.guesses(None, address)?;
        let (by, role) = match invite.map(|code| invite_of(code, &self.0.key)) {
            // Looked at before the password is: who has none learns nothing of addresses, and costs little.
            Some(Some(invite)) => {
                let open = self.bounded(self.0.store.open_invite(invite)).await?.ok_or(AccountError::BadInvite)?;
                (InviteUse::By(invite), open.role)
            }
            Some(None) => return Err(AccountError::BadInvite),
            None if self.registration() == Registration::Open => (InviteUse::Open, Role::Member),
            None => return Err(AccountError::BadInvite),
        };
        let nobody = Principal::anonymous(self.0.key.user_author_id(id));
        let keeps_order = role.rights().has(chat_domain::Rights::EXEMPT);
        if !keeps_order && self.0.desk.access().is_taken(&nobody, &nickname) {
            return Err(AccountError::NicknameTaken);
        }
        let password_hash = self.hashed(password).await?.as_str().to_owned();
        let account = NewAccount { email: email.as_str().to_owned(), password_hash, nickname, avatar };
        let (login, refresh) = self.new_login(user_agent)?;
        let made = self.bounded(self.0.store.register(id, account, by, login)).await?;
        self.made(made, refresh).await?.ok_or(AccountError::BadInvite)
    }

    /// Gives the first owner mail and password, by the code of a link, and signs them in.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn set_up(
        &self,
        wanted: Wanted,
        code: &str,
        (user_agent, address): (&str, IpAddr),
    ) -> Result<Session, AccountError> {
        let Checked { email, password, nickname, avatar, .. } = self.checked(wanted)?;
        let code = OneTimeCode::parse(code).ok_or(AccountError::BadCode)?;
        self.guesses(None, address)?;
        let password_hash = self.hashed(password).await?.as_str().to_owned();
        let account = NewAccount { email: email.as_str().to_owned(), password_hash, nickname, avatar };
        let (login, refresh) = self.new_login(user_agent)?;
        let proof = (code.name().to_owned(), code.hash(&self.0.key));
        let made = self.bounded(self.0.store.set_up(proof, account, login)).await?;
        let session = self.made(made, refresh).await?.ok_or(AccountError::BadCode)?;
        self.guessed_right(None, address);
        Ok(session)
    }

    /// Signs in by mail address and password. Whether there is such an account shows neither in the answer nor in how long
    /// it takes.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn log_in(&self, email: &str, password: String, from: (&str, IpAddr)) -> Result<Session, AccountError> {
        let came_at = Instant::now();
        let done = self.try_log_in(email, password, from).await;
        if done == Err(AccountError::BadCredentials) {
            clock::sleep(until_step(came_at.elapsed())).await;
        }
        done
    }

    async fn try_log_in(
        &self,
        email: &str,
        password: String,
        (user_agent, address): (&str, IpAddr),
    ) -> Result<Session, AccountError> {
        let email = Email::parse(email).map_err(|_| AccountError::BadCredentials)?;
        self.guesses(Some(email.as_str()), address)?;
        let account = self.bounded(self.0.store.account_by_email(email.as_str().to_owned())).await?;
        let kept = account.as_ref().and_then(|account| account.password_hash.clone());
        let is_right = self.is_password(password, kept).await?;
        let account = account.filter(|_| is_right).ok_or(AccountError::BadCredentials)?;
        let (login, refresh) = self.new_login(user_agent)?;
        let signed = self.bounded(self.0.store.log_in(account.user.id, login)).await?;
        let session = self.session(signed.ok_or(AccountError::BadCredentials)?, refresh)?;
        self.guessed_right(Some(email.as_str()), address);
        Ok(session)
    }

    /// Renews a login. Used twice within half a minute a token gives the same successor; later it ends the login, since
    /// somebody has a copy of it.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn refresh(&self, token: &str) -> Result<Session, AccountError> {
        let token = RefreshToken::parse(token).ok_or(AccountError::BadToken)?;
        let successor = token.successor(&self.0.key);
        let hashes = (token.hash(&self.0.key), successor.hash(&self.0.key));
        let times = (chrono_of(REFRESH_VALID), chrono_of(REPLAY_WITHIN));
        match self.bounded(self.0.store.refresh_login(hashes, times)).await? {
            Refreshed::Renewed(signed) => self.session(signed, successor),
            Refreshed::Wrong => Err(AccountError::BadToken),
            Refreshed::Stolen => {
                log::warn!("what renews a login was used again long after it was used: the login is ended");
                self.changed().await;
                Err(AccountError::BadToken)
            }
        }
    }

    /// Ends a login of somebody; whether it lived.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn end_login(&self, user: UserId, login: Uuid) -> Result<bool, AccountError> {
        let n = self.bounded(self.0.store.end_logins(user, (Some(login), None))).await?;
        self.changed().await;
        Ok(n > 0)
    }

    /// The name of somebody with this mail address, and a code by which they set a password, where there is such an
    /// account. Codes of theirs made before are void.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forgotten(&self, email: &str) -> Result<Option<(String, String)>, StoreError> {
        let Some(account) = self.0.store.account_by_email(email.to_owned()).await? else { return Ok(None) };
        let code = OneTimeCode::random();
        let proof = (code.name().to_owned(), code.hash(&self.0.key));
        let bounds = (CODE_TRIES, FORGOTTEN_VALID);
        self.0.store.add_code(proof, CodeKind::Reset, (account.user.id, None), bounds).await?;
        Ok(Some((account.user.nickname.as_str().to_owned(), code.to_string())))
    }

    /// Sets a password by a code; all logins of theirs end.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn reset_password(&self, code: &str, password: String, address: IpAddr) -> Result<(), AccountError> {
        let code = OneTimeCode::parse(code).ok_or(AccountError::BadCode)?;
        self.guesses(None, address)?;
        let hash = self.hashed(password).await?.as_str().to_owned();
        let proof = (code.name().to_owned(), code.hash(&self.0.key));
        if !self.bounded(self.0.store.reset_password(proof, hash)).await? {
            return Err(AccountError::BadCode);
        }
        self.guessed_right(None, address);
        self.changed().await;
        Ok(())
    }
}

/// How long it is to the next multiple of [`FAILED_STEP`].
fn until_step(elapsed: Duration) -> Duration {
    let step = FAILED_STEP.as_nanos();
    let over = elapsed.as_nanos().checked_rem(step).unwrap_or_default();
    Duration::from_nanos(u64::try_from(step.saturating_sub(over)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_end_at_the_same_moments() {
        for (ms, left) in [(0, 250), (1, 249), (60, 190), (249, 1), (250, 250), (620, 130)] {
            assert_eq!(until_step(Duration::from_millis(ms)), Duration::from_millis(left), "{ms}");
        }
    }
}
