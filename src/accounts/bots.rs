//! Programs that write under a name of their own, and the keys by which they do.

use chat_accounts::ApiKey;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    error::AccountError,
    office::{Accounts, random},
};
use crate::moderation::Actor;
use chat_domain::{Author, AvatarName, Badge, Nickname, Principal, Rights, Role, Scopes, UserId};
use chat_store::{Bot, BotMade, KeyMade, KeyOf, KeySeen, NewBot, NewKey, SignedIn};

/// A key is good for at most so many days, where it does not stay good.
const DAYS_MAX: u32 = 3_650;

/// What a bot is to be, as somebody typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotWish {
    /// What it is called.
    pub nickname: String,
    /// Its picture; the derived one where none is chosen.
    pub avatar: Option<String>,
    /// What it may do at most.
    pub role: Role,
}

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWish {
    /// Whose.
    pub bot: UserId,
    /// What for.
    pub scopes: Scopes,
    /// For how many days; none for good.
    pub days: Option<u32>,
}

/// A program that came by a key. What it may do is the lesser of what the key was made for, its role, and the role of whoever
/// answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key in the place of the login, and whose it is. Sessions enter by it ([`Accounts::enter`]), so they end with the
    /// key.
    pub signed: SignedIn,
    /// Who does what is done by it.
    pub principal: Principal,
    /// As everybody sees it: with the badge of bots.
    pub author: Author,
    /// What the key is for.
    pub scopes: Scopes,
    /// Until when the key is good; none for good.
    pub expires_at: Option<DateTime<Utc>>,
}

impl KeyHolder {
    /// The same as one who acts by right.
    pub fn actor(&self) -> Actor {
        let role = self.signed.user.role;
        Actor { author: self.author.clone(), role, rights: self.principal.allows(role.rights()) }
    }
}

impl Accounts {
    /// Whether this is meant to be the key of a program, good or not.
    pub fn is_key(token: &str) -> bool {
        ApiKey::is_like(token)
    }

    /// Whose key this is; `None` where it is nobody's, or over.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn key_holder(&self, token: &str) -> Result<Option<KeyHolder>, AccountError> {
        let Some(key) = ApiKey::parse(token) else { return Ok(None) };
        let found = self.bounded(self.0.store.key_of(key.hash(&self.0.key))).await?;
        Ok(found.map(|KeyOf { id, user, scopes, expires_at }| {
            let author_id = self.0.key.user_author_id(user.id);
            let (nickname, avatar, badge) = (user.nickname.clone(), user.avatar, Some(Badge::Bot));
            // Rooms know its role, which may be above that of whoever answers for it.
            let principal = Principal::bot(user.id, author_id.clone(), scopes.rights().among(user.role.rights()));
            let author = Author { id: author_id, nickname, avatar, badge };
            KeyHolder { signed: SignedIn { login: id, user }, principal, author, scopes, expires_at }
        }))
    }

    /// Whether somebody makes and ends bots and keys: whoever says who has which role, and no program, whose lost key would
    /// make more of them.
    ///
    /// # Errors
    /// Where they do not.
    pub fn makes_bots(&self, actor: &Actor) -> Result<(), AccountError> {
        if actor.author.badge == Some(Badge::Bot) {
            return Err(AccountError::Forbidden);
        }
        self.may(actor)
    }

    /// Makes a bot of a lower rank than one's own, for which one answers from now on; `owner` is who asks, none for whoever
    /// runs the server.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn add_bot(&self, actor: &Actor, owner: Option<UserId>, wish: BotWish) -> Result<Bot, AccountError> {
        self.makes_bots(actor)?;
        self.acts_on(actor, wish.role)?;
        if [Role::Guest, Role::Owner].contains(&wish.role) {
            return Err(AccountError::BadRequest);
        }
        let nickname = Nickname::parse(&wish.nickname).map_err(|_| AccountError::InvalidNickname)?;
        let id = UserId::new();
        let author = self.0.key.user_author_id(id);
        let avatar = wish.avatar.map(|name| AvatarName::parse(&name)).transpose();
        let avatar = avatar.map_err(|_| AccountError::InvalidAvatar)?;
        let avatar = avatar.unwrap_or_else(|| AvatarName::derived_from(&author));
        let keeps_order = wish.role.rights().has(Rights::EXEMPT);
        if !keeps_order && self.0.desk.access().is_taken(&Principal::user(id, author), &nickname) {
            return Err(AccountError::NicknameTaken);
        }
        let new = NewBot { id, nickname, avatar, role: wish.role, owner, by: actor.author.id.clone() };
        let BotMade::Made(bot) = self.bounded(self.0.store.add_bot(new)).await? else {
            return Err(AccountError::ManyBots);
        };
        self.changed().await;
        Ok(bot)
    }

    /// The bots that live, the newest first.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn bots(&self, actor: &Actor) -> Result<Vec<Bot>, AccountError> {
        self.may(actor)?;
        self.bounded(self.0.store.bots()).await
    }

    /// Ends a bot of a lower rank than one's own, and its keys: on all servers within a second.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn end_bot(&self, actor: &Actor, id: UserId) -> Result<(), AccountError> {
        self.acts_on_bot(actor, id).await?;
        let lived = self.bounded(self.0.store.end_bot(id, actor.author.id.clone())).await?;
        self.changed().await;
        if lived { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Makes a key of a bot of a lower rank than one's own. It is told this once.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn add_key(&self, actor: &Actor, wish: KeyWish) -> Result<(KeySeen, String), AccountError> {
        self.acts_on_bot(actor, wish.bot).await?;
        let is_fine = wish.days.is_none_or(|days| (1..=DAYS_MAX).contains(&days)) && !wish.scopes.is_empty();
        if !is_fine {
            return Err(AccountError::BadRequest);
        }
        let key = ApiKey::new(random()?);
        let new = NewKey {
            id: Uuid::now_v7(),
            prefix: key.prefix(),
            hash: key.hash(&self.0.key),
            bot: wish.bot,
            scopes: wish.scopes,
            valid: wish.days.map(|days| TimeDelta::days(days.into())),
            by: actor.author.id.clone(),
        };
        match self.bounded(self.0.store.add_key(new)).await? {
            KeyMade::Made(seen) => Ok((seen, key.expose())),
            KeyMade::NoBot => Err(AccountError::NotFound),
            KeyMade::Full => Err(AccountError::ManyBots),
        }
    }

    /// The keys that were not taken back, the newest first.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<KeySeen>, AccountError> {
        self.may(actor)?;
        self.bounded(self.0.store.keys()).await
    }

    /// Takes a key back: on all servers within a second.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn end_key(&self, actor: &Actor, id: Uuid) -> Result<(), AccountError> {
        self.makes_bots(actor)?;
        let keys = self.bounded(self.0.store.keys()).await?;
        let key = keys.iter().find(|key| key.id == id).ok_or(AccountError::NotFound)?;
        self.acts_on_bot(actor, key.bot).await?;
        let was_there = self.bounded(self.0.store.end_key(id, actor.author.id.clone())).await?;
        self.changed().await;
        if was_there { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Whether somebody has to do with a bot: it is of a lower rank.
    async fn acts_on_bot(&self, actor: &Actor, id: UserId) -> Result<(), AccountError> {
        self.makes_bots(actor)?;
        let bots = self.bounded(self.0.store.bots()).await?;
        let bot = bots.iter().find(|bot| bot.user.id == id).ok_or(AccountError::NotFound)?;
        self.acts_on(actor, bot.user.role)
    }

    /// As everybody sees a bot.
    pub fn bot_author(&self, bot: &Bot) -> Author {
        let (nickname, avatar) = (bot.user.nickname.clone(), bot.user.avatar);
        Author { id: self.0.key.user_author_id(bot.user.id), nickname, avatar, badge: Some(Badge::Bot) }
    }
}
