//! Addresses that somebody has shown to be theirs: by a link that was mailed there.

use std::net::IpAddr;

use chat_accounts::{Confirmation, Email, Holder};
use chrono::Utc;
use uuid::Uuid;

use super::{error::AccountError, office::Accounts};
use chat_domain::UserId;
use chat_store::{EmailConfirmed, SignedIn, StoreError};

/// How long a link is good by which an address is confirmed: until tomorrow, for who reads mail once a day.
const CONFIRM_VALID_SECS: i64 = 24 * 3_600;

impl Accounts {
    /// What somebody is called, and a code by which whoever reads this address says that it is that account's; `None` where
    /// there is nothing to confirm: the account is gone, the address is confirmed, or it is somebody else's.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn confirmation(&self, user: Uuid, email: Email) -> Result<Option<(String, String)>, StoreError> {
        let Some(account) = self.0.store.account(UserId::from_uuid(user)).await? else { return Ok(None) };
        let (Some(own), Some(password_hash)) = (&account.email, &account.password_hash) else { return Ok(None) };
        let is_own = own == email.as_str();
        if is_own && account.email_is_confirmed {
            return Ok(None);
        }
        if !is_own && self.0.store.account_by_email(email.as_str().to_owned()).await?.is_some() {
            return Ok(None);
        }
        let until = Utc::now().timestamp().saturating_add(CONFIRM_VALID_SECS);
        let code = Confirmation { user, email, until }.code(Holder { email: own, password_hash }, &self.0.key);
        Ok(Some((account.user.nickname.as_str().to_owned(), code)))
    }

    /// Whoever reads an address says that it is an account's, by the code that was mailed there: from now on it is that
    /// account's address, and confirmed. The same code says so again.
    ///
    /// # Errors
    /// [`AccountError::BadCode`], [`AccountError::EmailTaken`], and see [`AccountError`].
    pub async fn confirm(&self, code: &str, address: IpAddr) -> Result<(), AccountError> {
        self.guesses(None, address)?;
        let (said, proof) = Confirmation::parse(code).ok_or(AccountError::BadCode)?;
        let user = UserId::from_uuid(said.user);
        let account = self.bounded(self.0.store.account(user)).await?.ok_or(AccountError::BadCode)?;
        let (email, password_hash) = account.email.zip(account.password_hash).ok_or(AccountError::BadCode)?;
        let holder = Holder { email: &email, password_hash: &password_hash };
        if !said.is_proved(&proof, holder, &self.0.key, Utc::now().timestamp()) {
            return Err(AccountError::BadCode);
        }
        let new = said.email.as_str().to_owned();
        match self.bounded(self.0.store.confirm_email(user, (email, password_hash), new)).await? {
            EmailConfirmed::Done => {
                self.guessed_right(None, address);
                Ok(())
            }
            EmailConfirmed::Over => Err(AccountError::BadCode),
            EmailConfirmed::Taken => Err(AccountError::EmailTaken),
        }
    }

    /// The address that somebody wants to have instead of theirs, where their password proves that it is they who want it.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn wants_email(
        &self,
        signed: &SignedIn,
        (password, email): (String, &str),
        address: IpAddr,
    ) -> Result<Email, AccountError> {
        let email = Email::parse(email).map_err(|_| AccountError::InvalidEmail)?;
        self.proved(signed, password, address).await?;
        Ok(email)
    }
}
