use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::management::model::User;
use chat_domain::{AuthorId, AvatarName, Nickname, Role, Scopes, UserId};

/// So many bots live.
pub const BOTS_MAX: i64 = 200;
/// So many keys of one bot are good at once.
pub const KEYS_MAX: i64 = 10;

/// A bot that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBot {
    /// Its account.
    pub id: UserId,
    /// What it is called.
    pub nickname: Nickname,
    /// Its picture.
    pub avatar: AvatarName,
    /// What it may do at most.
    pub role: Role,
    /// Who answers for it; none for whoever runs the server.
    pub owner: Option<UserId>,
    /// Who makes it.
    pub by: AuthorId,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotMade {
    /// It is there.
    Made(Bot),
    /// There are as many as there may be.
    Full,
}

/// A program that writes under a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// Its account.
    pub user: User,
    /// Who answers for it; none for whoever runs the server.
    pub owner: Option<UserId>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A key that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its id.
    pub id: Uuid,
    /// What it begins with.
    pub prefix: String,
    /// A keyed hash of it.
    pub hash: String,
    /// Whose it is.
    pub bot: UserId,
    /// What it is for.
    pub scopes: Scopes,
    /// For how long; none for good.
    pub valid: Option<TimeDelta>,
    /// Who makes it.
    pub by: AuthorId,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMade {
    /// It is good from now on.
    Made(KeySeen),
    /// There is no such bot.
    NoBot,
    /// The bot has as many as it may have.
    Full,
}

/// A key as those see it who keep the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySeen {
    /// Its id.
    pub id: Uuid,
    /// What it begins with.
    pub prefix: String,
    /// Whose it is.
    pub bot: UserId,
    /// What it is for.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when; none for good.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Whose key something was asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOf {
    /// The key.
    pub id: Uuid,
    /// The bot; its role is no higher than that of who answers for it.
    pub user: User,
    /// What the key is for.
    pub scopes: Scopes,
    /// Until when; none for good.
    pub expires_at: Option<DateTime<Utc>>,
}
