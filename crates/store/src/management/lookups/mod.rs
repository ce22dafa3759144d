//! What is asked and written for many at once, each by a key of its own. PostgreSQL gets one statement for all of them:
//! it is a round trip away. SQLite is in this process, and gets one job of as many statements.

use std::{cmp::Ordering, collections::HashMap};

use diesel::prelude::*;
use uuid::Uuid;

use super::model::Hold;
use crate::tables::{
    json::of_mentions,
    schema::held_messages,
    sql_types::{Key, Stamp},
};
use chat_domain::{AuthorId, Badge, RoomId};

pub(crate) mod postgres;
pub(crate) mod sqlite;

/// What a message is known by when it is sent again: room, author, the sender's key.
pub(crate) type MessageKey = (RoomId, AuthorId, Uuid);
/// Who, and where.
pub(crate) type AuthorKey = (RoomId, AuthorId);

/// So many messages of an author in a room are looked at: whoever wrote more is no newcomer by any measure.
const MESSAGES_MAX: i64 = 100;
/// So many rows are written by one statement.
const ROWS_MAX: usize = 500;

/// A room's row, while it is locked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockedRoom {
    pub epoch: Key,
    pub guard_rev: i64,
    pub held_count: i64,
}

/// A message that is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredRow {
    pub id: i64,
    pub seq: i64,
    pub rev: i64,
    pub created_at: Stamp,
    pub content: String,
    /// It was edited or deleted since it was stored: it is the same message whatever it says now.
    pub is_changed: bool,
}

/// A message that is held.
#[derive(Debug, Clone)]
pub(crate) struct HeldRow {
    pub state: i16,
    pub reason: String,
    pub content: String,
}

/// Since when an author is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SeenRow {
    /// In this room, and when they last wrote here.
    pub here: Option<(Stamp, Option<Stamp>)>,
    /// In whatever room.
    pub anywhere: Option<Stamp>,
}

/// When an author wrote first and last, as far as was looked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WroteRow {
    pub first: Stamp,
    pub last: Stamp,
}

/// A row for `authors`.
#[derive(Debug, Clone)]
pub(crate) struct NewAuthor {
    pub key: AuthorKey,
    pub first_seen_at: Stamp,
    pub last_message_at: Option<Stamp>,
}

impl NewAuthor {
    /// One for each author and room, with the earliest time, in the order of the keys: servers that write the same ones
    /// wait for each other instead of each having what the other wants.
    pub fn in_order(mut rows: Vec<Self>) -> Vec<Self> {
        rows.sort_by(|a, b| match a.key.cmp(&b.key) {
            Ordering::Equal => a.first_seen_at.cmp(&b.first_seen_at),
            unequal => unequal,
        });
        rows.dedup_by(|later, earlier| later.key == earlier.key);
        rows
    }
}

/// A row for `held_messages`.
#[derive(Debug, Insertable)]
#[diesel(table_name = held_messages)]
pub(crate) struct NewHeldRow<'a> {
    room_id: &'a str,
    author_id: &'a str,
    nickname: &'a str,
    avatar: &'static str,
    badge: Option<i16>,
    client_id: Key,
    content: &'a str,
    reply_to: Option<i64>,
    mentions: Option<String>,
    reason: &'static str,
    at: Stamp,
}

impl<'a> NewHeldRow<'a> {
    /// The row of a message. `wrote_here`: those of whom it was asked whether they ever wrote where.
    pub fn of(hold: &'a Hold, wrote_here: &HashMap<AuthorKey, WroteRow>, at: Stamp) -> Self {
        let message = &hold.message;
        let mentions = message.mentions.kept(|author| wrote_here.contains_key(&(message.room.clone(), author.clone())));
        Self {
            room_id: message.room.as_str(),
            author_id: message.author.id.as_str(),
            nickname: message.author.nickname.as_str(),
            avatar: message.author.avatar.as_str(),
            badge: message.author.badge.map(Badge::number),
            client_id: Key(message.client_id),
            content: message.content.as_str(),
            reply_to: message.reply_to,
            mentions: of_mentions(&mentions),
            reason: hold.reason.as_str(),
            at,
        }
    }
}
