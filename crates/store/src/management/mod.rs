//! What is stored of people with an account and of keeping order: logins, roles, bans, reports,
//! messages that wait for a moderator, what was done by whom; and what is still to be mailed.
//!
//! All of it is rare, so it is written in transactions of its own beside those of messages, and none of it waits in their
//! queue. What concerns all servers raises `meta.control_rev` in the same transaction, what concerns one room that room's
//! `guard_rev`: so nobody acts on what is no longer so.

mod accounts;
mod aliases;
mod archiving;
mod authors;
mod bans;
pub(crate) mod common;
mod console;
mod held;
mod hooks;
mod keeping;
mod keeping_model;
mod log;
mod lookups;
mod mail;
mod model;
mod people;
mod purging;
mod rooms;

pub use accounts::{
    Account, AccountSeen, CodeKind, Device, DeviceCode, DeviceCodeMade, DeviceJoined, EmailConfirmed, Invite,
    InviteUse, LoginSeen, NewAccount, NewInvite, NewLogin, ProfileChange, Refreshed, Registered, SignedIn, StoredKey,
    TeamChange, TeamOrder, VerifiedUser,
};
pub use accounts::{BOTS_MAX, Bot, BotMade, KEYS_MAX, KeyMade, KeyOf, KeySeen, NewBot, NewKey};
pub use console::{
    PeopleQuery, PersonListed, PersonSeen, PersonWrote, RoomCount, RoomListed, RoomPlace, RoomSort, RoomState,
    RoomsQuery, Span, Totals, Waiting, Written,
};
pub use hooks::{
    BROKER, Delivery, HOOKS_MAX, HookClaim, HookList, InboundHook, ListClaim, ListEntry, ListItem, NewDelivery,
    NewInbound, NewWebhook, Webhook, WebhookChange, WebhookFailed,
};
pub use keeping_model::{BesideMessages, OldestOf, ROOM_ALIASES_MAX, Removal, Removed, Rename, Renamed, WrittenBy};
pub use mail::{
    AnswerFound, AnswerMail, AnswerMark, AnswerPlace, AnswerWaiter, AnswersAsked, AnswersRead, AskingPace,
    NewAnswerMail,
};
pub use mail::{InquiryAdded, Job, NewInquiry, StoredInquiry};
pub use model::{
    ALIASES_MAX, Alias, Asked, Audit, AuditQuery, AuthorNote, Ban, BanKey, CLAIMS_MAX, CodeUse, Control,
    DEVICE_CODES_MAX, HELD_MAX, Held, HeldState, Hold, HoldOutcome, HoldReason, Login, Ordered, Report, Reported,
    SettingsChange, SettingsChanged, Settled, Standing, Undo, User,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{
        accounts::postgres::*, aliases::postgres::*, archiving::postgres::*, authors::postgres::*, bans::postgres::*,
        console::postgres::*, held::postgres::*, hooks::postgres::*, keeping::postgres::*, log::postgres::*,
        mail::postgres::*, people::postgres::*, purging::postgres::*, rooms::postgres::*,
    };
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{
        accounts::sqlite::*, aliases::sqlite::*, archiving::sqlite::*, authors::sqlite::*, bans::sqlite::*,
        console::sqlite::*, held::sqlite::*, hooks::sqlite::*, keeping::sqlite::*, log::sqlite::*, mail::sqlite::*,
        people::sqlite::*, purging::sqlite::*, rooms::sqlite::*,
    };
}
