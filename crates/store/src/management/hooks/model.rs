use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::management::model::User;
use chat_domain::{AuthorId, Epoch, RoomId};

/// So many are told, and so many addresses are written to.
pub const HOOKS_MAX: i64 = 20;

/// One who is to be told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Its id.
    pub id: Uuid,
    /// Where it is told.
    pub url: String,
    /// Of what, as a mask.
    pub events: i32,
    /// Of this room alone.
    pub room: Option<RoomId>,
    /// Who makes it.
    pub by: AuthorId,
}

/// One who is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Where it is told.
    pub url: String,
    /// Of what, as a mask.
    pub events: i32,
    /// Of this room alone.
    pub room: Option<RoomId>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// How often in a row it failed.
    pub tries: i32,
    /// Whether nothing is sent to it just now, because it failed.
    pub waits: bool,
    /// Since when it fails.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was given up.
    pub off_at: Option<DateTime<Utc>>,
}

/// What of a room one is to be told next, and for how long nobody else tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookClaim {
    /// Who.
    pub hook: Uuid,
    /// Of which room.
    pub room: RoomId,
    /// In which life of it.
    pub epoch: Epoch,
    /// What is above this value of its counter.
    pub rev: i64,
    /// Until when; as the database has it, it names the claim.
    pub until: DateTime<Utc>,
}

/// A try, before it is noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Whom it was to reach.
    pub hook: Uuid,
    /// Its `webhook-id`.
    pub webhook_id: String,
    /// What had happened.
    pub event: &'static str,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message: Option<i64>,
    /// By which value of the room's counter.
    pub rev: Option<i64>,
    /// What was answered.
    pub status: Option<u16>,
    /// Why nothing was.
    pub error: Option<String>,
    /// How long it took.
    pub millis: u32,
}

/// A try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Its `webhook-id`.
    pub webhook_id: String,
    /// What had happened.
    pub event: String,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message: Option<i64>,
    /// By which value of the room's counter.
    pub rev: Option<i64>,
    /// What was answered.
    pub status: Option<i16>,
    /// Why nothing was.
    pub error: Option<String>,
    /// How long it took.
    pub millis: i32,
    /// When.
    pub at: DateTime<Utc>,
}

/// What becomes of one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFailed {
    /// It is tried again.
    Waits,
    /// It was given up, just now.
    Off,
}

/// An address that another system is to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInbound {
    /// Its id.
    pub id: Uuid,
    /// A keyed hash of the secret in it.
    pub hash: String,
    /// Where what is written there appears.
    pub room: RoomId,
    /// As which bot.
    pub bot: chat_domain::UserId,
}

/// An address that another system writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundHook {
    /// Its id.
    pub id: Uuid,
    /// Where what is written there appears.
    pub room: RoomId,
    /// As whom.
    pub user: User,
    /// Since when.
    pub created_at: DateTime<Utc>,
}
