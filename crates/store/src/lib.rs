//! The store: rows in, rows out, on PostgreSQL or SQLite.
//!
//! Invariant: no actix, and no policy: batching, retrying and waiting belong to persistence (`chat-rooms`).

mod acknowledged;
mod archive;
mod changes;
mod error;
mod facade;
#[cfg(feature = "fault-injection")]
mod fault_injection;
mod history;
mod management;
mod migrations;
mod model;
mod moving;
mod outage;
mod pools;
mod postgres;
mod presence;
mod primary;
mod probe;
mod queries;
mod references;
mod servers;
mod settings;
mod splitting;
mod sqlite;
mod tables;
mod worker;

pub use archive::{Archived, Archiving, KEPT_AT_HAND};
pub use error::StoreError;
pub use facade::Store;
pub use management::{
    ALIASES_MAX, Asked, Audit, AuditQuery, AuthorNote, Ban, BanKey, CLAIMS_MAX, CodeUse, Control, DEVICE_CODES_MAX,
    HELD_MAX, Held, HeldState, Hold, HoldOutcome, HoldReason, Login, Ordered, Report, Reported, SettingsChange,
    SettingsChanged, Settled, Standing, Undo, User,
};
pub use management::{
    Account, AccountSeen, Alias, CodeKind, Device, DeviceCode, DeviceCodeMade, DeviceJoined, EmailConfirmed, Invite,
    InviteUse, LoginSeen, NewAccount, NewInvite, NewLogin, ProfileChange, Refreshed, Registered, SignedIn, StoredKey,
    TeamChange, TeamOrder, VerifiedUser,
};
pub use management::{
    AnswerFound, AnswerMail, AnswerMark, AnswerPlace, AnswerWaiter, AnswersAsked, AnswersRead, AskingPace,
    NewAnswerMail,
};
pub use management::{BOTS_MAX, Bot, BotMade, KEYS_MAX, KeyMade, KeyOf, KeySeen, NewBot, NewKey};
pub use management::{
    BROKER, Delivery, HOOKS_MAX, HookClaim, HookList, InboundHook, ListClaim, ListEntry, ListItem, NewDelivery,
    NewInbound, NewWebhook, Webhook, WebhookChange, WebhookFailed,
};
pub use management::{BesideMessages, OldestOf, ROOM_ALIASES_MAX, Removal, Removed, Rename, Renamed, WrittenBy};
pub use management::{InquiryAdded, Job, NewInquiry, StoredInquiry};
pub use management::{
    PeopleQuery, PersonListed, PersonSeen, PersonWrote, RoomCount, RoomListed, RoomPlace, RoomSort, RoomState,
    RoomsQuery, Span, Totals, Waiting, Written,
};
pub use model::{
    AppendOutcome, ChangeOutcome, Changes, Head, Heads, HistoryCheck, Known, Loaded, Meta, OwnReactions, Page,
    PoolStatus, Position, Reactors, RoomHead, RoomSettings, StoredMessage,
};
pub use moving::{MOVED_AT_ONCE, MoveInto, Moved, MovedPart};
pub use outage::Work;
pub use presence::{PresenceFound, PresencePart, PresenceWrite};
pub use servers::{
    ALIASES, ARCHIVE, CHANGES, KEEPING, LeaseView, LivingServer, MODERATION, OwnServer, Renewal, SERVER_LEASE,
    ServerId, ServerIdError,
};
pub use settings::{DatabaseUrl, Pooler, PostgresUrl, Roots, StoreSettings, StoreUrlError, TlsMode, TlsSettings};
pub use sqlite::{BackupError, Contents, back_up, restore};
