//! Sessions: one WebSocket each, and the hubs that feed their outboxes.
//!
//! Invariant: a session never orders and never stores. Everything for it travels room, hub, outbox; only
//! what concerns nobody else (PONG, refusals of its own frames) it puts there itself.
//!
//! From below: `phase`, `liveness` and `send_queue` (pure), `socket`, `outbox`, `slot` (a session as its hub sees it),
//! `hub` (the sessions of a thread and their rooms), `hub_actor`, `actor` (the session) with `joining`, `verified`, `commands` and `moderating`; `writing` is what holds for whoever writes, through this door or another. The others count and limit.

mod actor;
mod admission;
mod bucket;
mod budgets;
mod byte_limit;
mod caller;
mod codec;
mod commands;
mod connections;
mod entry;
mod framing;
mod hub;
mod hub_actor;
mod joining;
mod liveness;
mod message_limit;
mod messages;
mod moderating;
mod networks;
mod outbox;
mod phase;
mod pipe;
mod plain;
mod proof;
mod rate_limit;
mod reaction_limit;
mod recent;
mod refusals;
mod repeats;
mod send_queue;
mod slot;
mod socket;
mod spread;
mod streaming;
mod verified;
mod writing;

pub use actor::{ABNORMAL, Connection, ConnectionPermit, JoinContext, Session, SessionSetup};
pub use admission::{Admission, AdmissionLimits, NotAdmitted, RefusalPermit, SessionPermit};
pub use budgets::AddressSettings;
pub use byte_limit::{ByteLimits, ByteRate};
pub use caller::Caller;
pub use codec::{ErrorReply, event_json, welcome_chunks};
pub use connections::{ConnectionLimits, Connections, CutFor, Entered};
pub use entry::NotJoined;
pub use framing::Framing;
pub use hub::Hub;
pub use hub_actor::HubActor;
pub use liveness::SessionTimes;
pub use message_limit::MessageLimit;
pub use messages::Drain;
pub use plain::{HEAD_MAX, PlainStream};
pub use proof::bearer_refusal;
pub use rate_limit::{FrameRate, Rate, RateLimits, RateSettings};
pub use refusals::{TOO_MANY_PROFILES, refusal, text_refusal, too_fast};
pub use socket::{Accepted, Connected, Incoming, Socket, connected, linger, prepare};
pub use streaming::{FrameBody, Line, Listener};
pub use writing::{Change, Writer};
