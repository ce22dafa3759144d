//! Accounts with a password: who has one, their logins and what renews them, codes, invites, keys, what they take over and
//! leave behind.

mod aliases;
mod bots;
mod bots_model;
mod claims;
mod codes;
mod invites;
mod keys;
mod logins;
mod model;
mod people;
mod register;
mod team;
mod traces;
mod verified;
mod written;

pub use bots_model::{BOTS_MAX, Bot, BotMade, KEYS_MAX, KeyMade, KeyOf, KeySeen, NewBot, NewKey};
pub use model::{
    Account, AccountSeen, CodeKind, DeviceCode, DeviceCodeMade, DeviceJoined, Invite, InviteUse, LoginSeen, NewAccount,
    NewInvite, NewLogin, ProfileChange, Refreshed, Registered, SignedIn, StoredKey, TeamChange, TeamOrder,
    VerifiedUser,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{
        aliases::postgres::*, bots::postgres::*, claims::postgres::*, codes::postgres::*, invites::postgres::*,
        keys::postgres::*, logins::postgres::*, people::postgres::*, register::postgres::*, team::postgres::*,
        traces::postgres::*, verified::postgres::*, written::postgres::*,
    };
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{
        aliases::sqlite::*, bots::sqlite::*, claims::sqlite::*, codes::sqlite::*, invites::sqlite::*, keys::sqlite::*,
        logins::sqlite::*, people::sqlite::*, register::sqlite::*, team::sqlite::*, traces::sqlite::*,
        verified::sqlite::*, written::sqlite::*,
    };
}
