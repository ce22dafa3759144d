use super::{bots::KeyHolder, error::AccountError, office::Accounts, verified::Verified};
use chat_accounts::BadSiteToken;
use chat_store::SignedIn;

/// Whose a token is that a program brings with each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// Of somebody with an account.
    Account(SignedIn),
    /// Of one of a blog's own users.
    Verified(Verified),
    /// The key of a program.
    Key(KeyHolder),
}

/// Why such a token is not taken.
#[derive(Debug, Clone, PartialEq)]
pub enum NotBearer {
    /// It proves no login, or none that lives.
    Nobody,
    /// It is a key that was not made for this.
    OutOfScope,
    /// A blog has signed it, and it is not good.
    OfABlog(BadSiteToken),
    /// It could not be looked at.
    Unavailable(AccountError),
}

impl Accounts {
    /// Whose token this is: what proves a login, as every request of an account brings it, what a blog has signed, or the
    /// key of a program.
    ///
    /// # Errors
    /// See [`NotBearer`].
    pub async fn bearer(&self, token: &str) -> Result<Bearer, NotBearer> {
        if Self::is_key(token) {
            return match self.key_holder(token).await {
                Ok(holder) => holder.map(Bearer::Key).ok_or(NotBearer::Nobody),
                Err(error) => Err(NotBearer::Unavailable(error)),
            };
        }
        let why = match Self::is_of_a_blog(token).then(|| self.verified(token)) {
            Some(Ok(verified)) => return Ok(Bearer::Verified(verified)),
            Some(Err(why)) => Some(why),
            None => None,
        };
        match self.signed_in(token).await {
            Ok(Some(signed)) => Ok(Bearer::Account(signed)),
            // What no key of a blog has signed may be a login's that was ended.
            Ok(None) => {
                Err(why.filter(|why| *why != BadSiteToken::Forged).map_or(NotBearer::Nobody, NotBearer::OfABlog))
            }
            Err(error) => Err(NotBearer::Unavailable(error)),
        }
    }
}
