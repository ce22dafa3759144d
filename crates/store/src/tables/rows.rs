//! Rows as the databases give them, and what they mean.

use diesel::prelude::*;

use super::{
    schema::{messages, meta, rooms},
    sql_types::{Key, Stamp},
};
use crate::model::{Head, Page};
use chat_domain::{Author, AuthorId, AvatarName, ChatMessage, Content, Epoch, Nickname};

/// A row of `messages`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub(crate) struct MessageRow {
    id: i64,
    seq: i64,
    rev: i64,
    client_id: Key,
    anonymous_id: String,
    nickname: String,
    avatar: String,
    content: String,
    created_at: Stamp,
}

impl From<MessageRow> for ChatMessage {
    fn from(row: MessageRow) -> Self {
        let id = AuthorId::from_stored(&row.anonymous_id);
        let avatar = AvatarName::from_stored(&row.avatar, &id);
        Self {
            id: row.id,
            seq: row.seq,
            rev: row.rev,
            client_id: row.client_id.0,
            author: Author { id, nickname: Nickname::from_stored(row.nickname), avatar },
            content: Content::from_stored(row.content),
            created_at: row.created_at.0,
        }
    }
}

/// What `rooms` says of a room, apart from its id.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = rooms)]
pub(crate) struct HeadRow {
    pub epoch: Key,
    pub last_rev: i64,
    pub message_count: i64,
    pub last_message_at: Option<Stamp>,
}

/// The one row of `meta`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = meta)]
pub(crate) struct MetaRow {
    pub epoch: Key,
    pub secret: Vec<u8>,
    pub name: String,
}

/// The same, as it is made.
#[derive(Debug, Insertable)]
#[diesel(table_name = meta)]
pub(crate) struct NewMetaRow {
    pub epoch: Key,
    pub secret: Vec<u8>,
}

impl From<Key> for Epoch {
    fn from(key: Key) -> Self {
        Self::from_uuid(key.0)
    }
}

/// A room's head; one without a row has the epoch of `meta`.
pub(crate) fn head_of(meta_epoch: Key, row: Option<HeadRow>) -> Head {
    match row {
        None => Head { epoch: meta_epoch.into(), rev: 0, message_count: 0, last_message_at: None },
        Some(row) => Head {
            epoch: row.epoch.into(),
            rev: row.last_rev,
            message_count: row.message_count,
            last_message_at: row.last_message_at.map(|at| at.0),
        },
    }
}

/// A page from one row more than was asked for, so that it is known whether there are more.
pub(crate) fn page_of(mut rows: Vec<MessageRow>, limit: usize, newest_first: bool) -> Page {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if newest_first {
        rows.reverse();
    }
    Page { messages: rows.into_iter().map(ChatMessage::from).collect(), has_more }
}

/// One row more than is asked for, as SQL counts.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
