use std::time::Duration;

use chat_accounts::WeakPassword;

use crate::moderation::Refused;
use chat_store::StoreError;

/// Why something about an account is not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AccountError {
    /// The address or the password is wrong; which one is not said.
    #[error("the mail address or the password is wrong")]
    BadCredentials,
    /// What was to renew or prove a login does not.
    #[error("this login was ended, or never was one")]
    BadToken,
    /// The password is not to be taken.
    #[error("{0}")]
    Weak(WeakPassword),
    /// The address is none.
    #[error("this is no mail address")]
    InvalidEmail,
    /// The nickname breaks the rules.
    #[error("a nickname has 2 to 15 characters, all of them visible")]
    InvalidNickname,
    /// There is no such avatar.
    #[error("there is no avatar of this name")]
    InvalidAvatar,
    /// A field is out of bounds.
    #[error("a field of the body is out of bounds")]
    BadRequest,
    /// The nickname looks like that of somebody who keeps order.
    #[error("the nickname is not free to take")]
    NicknameTaken,
    /// Somebody has this address.
    #[error("somebody has this mail address already")]
    EmailTaken,
    /// Nobody registers here.
    #[error("this chat takes no new accounts")]
    Closed,
    /// The invite is none, or is over.
    #[error("the invite is no good, or not any more")]
    BadInvite,
    /// The code is none, or is over.
    #[error("the code is no good, or not any more")]
    BadCode,
    /// Too many failures.
    #[error("too many tries in too short a time")]
    TooMany(Duration),
    /// Too many passwords are being looked at.
    #[error("too many passwords are being checked; try again in a moment")]
    Busy,
    /// Somebody else has taken this identity over.
    #[error("another account has taken this identity over")]
    Claimed,
    /// As many identities are theirs as an account may have.
    #[error("an account takes over at most 100 identities")]
    ManyClaims,
    /// As many devices act as one as may.
    #[error("at most 100 devices act as one person")]
    ManyDevices,
    /// A server of an earlier release lives, which would not go by it, or too many do the same.
    #[error("not now; nothing was done, try again")]
    NotNow,
    /// There must be an owner.
    #[error("the last owner stays")]
    LastOwner,
    /// Nothing of this name.
    #[error("there is nothing of this name")]
    NotFound,
    /// No right to it.
    #[error("only those with the right may do this")]
    Forbidden,
    /// As many bots live as may, or a bot has as many keys.
    #[error("at most 200 bots live, and each has at most 10 keys")]
    ManyBots,
    /// The database does not answer.
    #[error("the database is away; nothing is known to be done, try again")]
    Unavailable,
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        log::warn!("something about an account could not be read or stored: {error}");
        Self::Unavailable
    }
}

impl From<Refused> for AccountError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forbidden => Self::Forbidden,
            Refused::NotFound => Self::NotFound,
            Refused::TooFast(wait) => Self::TooMany(wait),
            _ => Self::Unavailable,
        }
    }
}
