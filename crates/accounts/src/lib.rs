//! What a password, a mail address, a token and a code of somebody with an account are, and when they hold.
//!
//! `password` and `email` parse what people type, `token` signs and checks access tokens, `refresh` derives what renews a
//! login, `code` what is in links, `api_key` what programs show, `site` has the keys of blogs and `site_token` checks what they sign for their users, and `attempts` counts who guesses. Time and random bytes are passed in.
//!
//! Invariant: no actix, no diesel, no I/O, no clock.

mod api_key;
mod attempts;
mod code;
mod email;
mod password;
mod provider;
mod public_key;
mod refresh;
mod site;
mod site_token;
mod token;

pub use api_key::ApiKey;
pub use attempts::{ATTEMPTS_MAX, ATTEMPTS_WITHIN, Attempts};
pub use code::{Ticket, invite_code, invite_of};
pub use email::{Email, InvalidEmail};
pub use password::{Password, PasswordHash, WeakPassword};
pub use refresh::{REFRESH_VALID, REPLAY_WITHIN, RefreshToken};
pub use site::{Sites, WrongSites};
pub use site_token::{BadSiteToken, LATE, SiteClaims};
pub use token::{ACCESS_VALID, AccessClaims, BadToken, Keys, SigningKey, new_key};
