//! Accounts with a password: who signs in, what keeps them signed in, and what they do with what is theirs.
//!
//! What a password, a token and a code are is in `chat-accounts`, what is stored of them in `chat-store`; here is what needs
//! both, the clock, random bytes, and threads for hashing. `office` is who is signed in, `entering` the ways in, `own` what
//! somebody does with their own account, `leaving` what they take along and leave behind, `team` what is done with others' accounts, `bots` programs and their keys, `sites` whom blogs have signed for (`verified`); `live` ends sockets whose login ends.
//!
//! Invariant: no secret is logged, and none is stored that could be used by who reads the database alone.

mod bearer;
mod bots;
mod devices;
mod entering;
mod error;
mod hasher;
mod keeper;
mod leaving;
mod live;
mod office;
mod own;
mod sites;
mod team;
mod verified;

pub use bearer::{Bearer, NotBearer};
pub use bots::{BotWish, KeyHolder, KeyWish};
pub use chat_accounts::BadSiteToken;
pub use devices::ActsAs;
pub use entering::Wanted;
pub use error::AccountError;
pub use keeper::keep;
pub use leaving::{Export, ExportPage, ExportPages};
pub use live::{LiveLogin, LoginEnded};
pub use office::{AccountSettings, Accounts, Registration, Session, rotated_key, setup_code};
pub use own::ProfileWish;
pub use team::{InviteWish, pattern_text};
pub use verified::Verified;
