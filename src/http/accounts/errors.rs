use std::time::Duration;

use crate::{accounts::AccountError, http::error::HttpError};
use chat_wire::ErrorCode;

/// When a password may be checked again that had no turn.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// What a request is refused with.
pub fn answer_of(error: AccountError) -> HttpError {
    match error {
        AccountError::BadCredentials => {
            HttpError::new(ErrorCode::BadCredentials, "the mail address or the password is wrong")
        }
        AccountError::BadToken => HttpError::new(ErrorCode::BadToken, "this login was ended, or never was one"),
        AccountError::Weak(weak) => HttpError::new(ErrorCode::WeakPassword, weak.reason()),
        AccountError::InvalidEmail => HttpError::new(ErrorCode::InvalidEmail, "this is no mail address"),
        AccountError::InvalidNickname => {
            HttpError::new(ErrorCode::InvalidNickname, "a nickname has 2 to 15 characters, all of them visible")
        }
        AccountError::InvalidAvatar => HttpError::new(ErrorCode::InvalidAvatar, "there is no avatar of this name"),
        AccountError::BadRequest => HttpError::new(ErrorCode::BadRequest, "a field of the body is out of bounds"),
        AccountError::NicknameTaken => HttpError::new(
            ErrorCode::NicknameTaken,
            "the nickname looks like that of somebody who keeps order, or is a reserved one",
        ),
        AccountError::EmailTaken => HttpError::new(ErrorCode::EmailTaken, "somebody has this mail address already"),
        AccountError::Closed => HttpError::new(ErrorCode::RegistrationClosed, "this chat takes no new accounts"),
        AccountError::BadInvite => {
            HttpError::new(ErrorCode::BadInvite, "an account needs an invite that is good, and this is none")
        }
        AccountError::BadCode => {
            HttpError::new(ErrorCode::BadCode, "this is no code that is good: each is good once, and not for long")
        }
        AccountError::TooMany(wait) => HttpError::rate_limited(wait),
        AccountError::Busy => HttpError::overloaded(BUSY_WAIT),
        AccountError::ManyClaims => {
            HttpError::new(ErrorCode::Forbidden, "an account takes over at most 100 identities")
        }
        AccountError::ManyDevices => HttpError::new(ErrorCode::Forbidden, "at most 100 devices act as one person"),
        AccountError::ManyBots => {
            HttpError::new(ErrorCode::Forbidden, "at most 200 bots live, and each has at most 10 keys")
        }
        AccountError::NotNow => HttpError::overloaded(BUSY_WAIT),
        AccountError::Claimed => HttpError::new(ErrorCode::Claimed, "another account has taken this identity over"),
        AccountError::LastOwner => HttpError::new(ErrorCode::LastOwner, "the last owner stays: there must be one"),
        AccountError::NotFound => HttpError::new(ErrorCode::NotFound, "there is nothing of this name"),
        AccountError::Forbidden => HttpError::new(
            ErrorCode::Forbidden,
            "only those with the right may do this, and not to who has the same rank or a higher one",
        ),
        AccountError::Unavailable => HttpError::STORE_UNAVAILABLE,
    }
}
