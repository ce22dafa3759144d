//! What is stored of people with an account and of keeping order: logins, roles, bans, reports, what was done by whom.
//!
//! All of it is rare, so it is written in transactions of its own beside those of messages, and none of it waits in their
//! queue. What concerns all servers raises `meta.control_rev` in the same transaction, what concerns one room that room's
//! `guard_rev`: so nobody acts on what is no longer so.

mod bans;
mod common;
mod log;
mod model;
mod people;
mod rooms;

pub use model::{
    Audit, AuditQuery, Ban, BanKey, CodeUse, Control, Login, Ordered, Report, Reported, SettingsChange,
    SettingsChanged, Undo, User,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{bans::postgres::*, log::postgres::*, people::postgres::*, rooms::postgres::*};
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{bans::sqlite::*, log::sqlite::*, people::sqlite::*, rooms::sqlite::*};
}
