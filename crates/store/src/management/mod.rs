//! What is stored of people with an account and of keeping order: logins, roles, bans, reports,
//! messages that wait for a moderator, what was done by whom.
//!
//! All of it is rare, so it is written in transactions of its own beside those of messages, and none of it waits in their
//! queue. What concerns all servers raises `meta.control_rev` in the same transaction, what concerns one room that room's
//! `guard_rev`: so nobody acts on what is no longer so.

mod accounts;
mod authors;
mod bans;
mod common;
mod held;
mod log;
mod lookups;
mod model;
mod people;
mod rooms;

pub use accounts::{
    Account, AccountSeen, CodeKind, DeviceCode, DeviceCodeMade, DeviceJoined, Invite, InviteUse, LoginSeen, NewAccount,
    NewInvite, NewLogin, ProfileChange, Refreshed, Registered, SignedIn, StoredKey, TeamChange, TeamOrder,
    VerifiedUser,
};
pub use model::{
    ALIASES_MAX, Asked, Audit, AuditQuery, AuthorNote, Ban, BanKey, CLAIMS_MAX, CodeUse, Control, DEVICE_CODES_MAX,
    HELD_MAX, Held, HeldState, Hold, HoldOutcome, HoldReason, Login, Ordered, Report, Reported, SettingsChange,
    SettingsChanged, Settled, Standing, Undo, User,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{
        accounts::postgres::*, authors::postgres::*, bans::postgres::*, held::postgres::*, log::postgres::*,
        people::postgres::*, rooms::postgres::*,
    };
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{
        accounts::sqlite::*, authors::sqlite::*, bans::sqlite::*, held::sqlite::*, log::sqlite::*, people::sqlite::*,
        rooms::sqlite::*,
    };
}
