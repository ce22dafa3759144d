//! Bots and their keys.

use std::sync::Arc;

use futures_util::FutureExt;
use uuid::Uuid;

use super::{Backend, Store, management::managing};
use crate::{
    error::StoreError,
    management::{self, Bot, BotMade, KeyMade, KeyOf, KeySeen, NewBot, NewKey},
};
use chat_domain::{AuthorId, UserId};

impl Store {
    /// Makes a bot.
    pub async fn add_bot(&self, new: NewBot) -> Result<BotMade, StoreError> {
        managing!(self, |c, statements| statements::add_bot(c, new))
    }

    /// The bots that live, the newest first.
    pub async fn bots(&self) -> Result<Vec<Bot>, StoreError> {
        managing!(self, |c, statements| statements::bots(c))
    }

    /// Ends a bot, and its keys; whether it lived.
    pub async fn end_bot(&self, id: UserId, by: AuthorId) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::end_bot(c, id, by))
    }

    /// Makes a key of a bot.
    pub async fn add_key(&self, new: NewKey) -> Result<KeyMade, StoreError> {
        managing!(self, |c, statements| statements::add_key(c, new))
    }

    /// The keys that were not taken back, the newest first.
    pub async fn keys(&self) -> Result<Vec<KeySeen>, StoreError> {
        managing!(self, |c, statements| statements::keys(c))
    }

    /// Takes a key back; whether it was there.
    pub async fn end_key(&self, id: Uuid, by: AuthorId) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::end_key(c, id, by))
    }

    /// Whose key this is, by its hash; none where it is over. Its use is noted, at most once a minute.
    pub async fn key_of(&self, hash: String) -> Result<Option<KeyOf>, StoreError> {
        managing!(self, |c, statements| statements::key_of(c, hash))
    }
}
