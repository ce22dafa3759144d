//! Rows as they are inserted by the hundred. They own what they hold: SQLite inserts them on a thread of its own.

use diesel::prelude::*;

use crate::tables::{
    rows::MessageColumns,
    schema::{message_edits, messages, reactions, removed_texts},
    sql_types::{Key, Stamp},
};
use chat_domain::{Badge, MovedMessage, PastText, Reacted, RemovedText, RoomId};

/// PostgreSQL takes 65,535 parameters in a statement, and a message may have thousands of reactions.
pub(crate) const ROWS_MAX: usize = 5_000;

#[derive(Debug, Insertable)]
#[diesel(table_name = messages)]
pub(crate) struct NewMessageRow {
    room_id: String,
    anonymous_id: String,
    nickname: String,
    avatar: &'static str,
    badge: Option<i16>,
    content: String,
    client_id: Key,
    seq: i64,
    rev: i64,
    created_at: Stamp,
    version: i32,
    edited_at: Option<Stamp>,
    deleted_at: Option<Stamp>,
    deleted_by: Option<i16>,
    pinned_at: Option<Stamp>,
    reply_to_seq: Option<i64>,
    reactions: Option<String>,
    mentions: Option<String>,
}

impl NewMessageRow {
    /// The row of a message that has its place. What it answers is known by its place until it has its id.
    pub fn of(room: &RoomId, moved: &MovedMessage) -> Self {
        let message = &moved.message;
        let columns = MessageColumns::of(message);
        Self {
            room_id: room.as_str().to_owned(),
            anonymous_id: message.author.id.as_str().to_owned(),
            nickname: message.author.nickname.as_str().to_owned(),
            avatar: message.author.avatar.as_str(),
            badge: message.author.badge.map(Badge::number),
            content: columns.content.to_owned(),
            client_id: Key(message.client_id),
            seq: message.seq,
            rev: message.rev,
            created_at: Stamp(message.created_at),
            version: columns.version,
            edited_at: columns.edited_at,
            deleted_at: columns.deleted_at,
            deleted_by: columns.deleted_by,
            pinned_at: columns.pinned_at,
            reply_to_seq: columns.reply_to_seq.filter(|place| *place > 0),
            reactions: columns.reactions,
            mentions: columns.mentions,
        }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = reactions)]
pub(crate) struct NewReactionRow {
    message_id: i64,
    author_id: String,
    emoji: String,
    created_at: Stamp,
}

impl NewReactionRow {
    pub fn of(message: i64, reacted: &Reacted) -> Self {
        Self {
            message_id: message,
            author_id: reacted.author.as_str().to_owned(),
            emoji: reacted.emoji.as_str().to_owned(),
            created_at: Stamp(reacted.at),
        }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = message_edits)]
pub(crate) struct NewEditRow {
    message_id: i64,
    version: i32,
    content: String,
    client_id: Key,
    edited_at: Stamp,
}

impl NewEditRow {
    pub fn of(message: i64, edit: &PastText) -> Self {
        Self {
            message_id: message,
            version: edit.version,
            content: edit.content.as_str().to_owned(),
            client_id: Key(edit.client_id),
            edited_at: Stamp(edit.at),
        }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = removed_texts)]
pub(crate) struct NewRemovedRow {
    message_id: i64,
    content: String,
    until: Stamp,
}

impl NewRemovedRow {
    pub fn of(message: i64, removed: &RemovedText) -> Self {
        Self { message_id: message, content: removed.content.as_str().to_owned(), until: Stamp(removed.until) }
    }
}
