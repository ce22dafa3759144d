//! Rows as the databases give them, and what they mean.

use diesel::prelude::*;

use super::{
    json::{mentions_in, of_mentions, of_reactions, reactions_in},
    reach::Reach,
    schema::{messages, meta, rooms},
    sql_types::{Key, Stamp},
};
use crate::model::{Head, RoomSettings};
use chat_domain::{
    Annotations, Author, AuthorId, AvatarName, Badge, ChatMessage, Content, DeletedBy, Epoch, MessageRef, Nickname,
};

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
    version: i32,
    edited_at: Option<Stamp>,
    deleted_at: Option<Stamp>,
    deleted_by: Option<i16>,
    pinned_at: Option<Stamp>,
    reply_to: Option<i64>,
    reply_to_seq: Option<i64>,
    reactions: Option<String>,
    mentions: Option<String>,
    badge: Option<i16>,
}

/// The columns of a [`MessageRow`], in its order, of `messages` or of `messages_archive`.
macro_rules! message_columns {
    ($of:ident) => {
        (
            $of::id,
            $of::seq,
            $of::rev,
            $of::client_id,
            $of::anonymous_id,
            $of::nickname,
            $of::avatar,
            $of::content,
            $of::created_at,
            $of::version,
            $of::edited_at,
            $of::deleted_at,
            $of::deleted_by,
            $of::pinned_at,
            $of::reply_to,
            $of::reply_to_seq,
            $of::reactions,
            $of::mentions,
            $of::badge,
        )
    };
}
pub(crate) use message_columns;

/// `deleted_by` of what somebody else than its author deleted.
pub(crate) const BY_MODERATOR: i16 = 2;
/// `deleted_by` of what its author deleted.
pub(crate) const BY_AUTHOR: i16 = 1;

impl MessageRow {
    /// The counter's value at its last change.
    pub fn rev(&self) -> i64 {
        self.rev
    }

    /// Its place in the room.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// What goes with it beside its text, where there is something.
    fn annotations(&self) -> Option<Box<Annotations>> {
        let by = |by: Option<i16>| if by == Some(BY_MODERATOR) { DeletedBy::Moderator } else { DeletedBy::Author };
        let annotations = Annotations {
            version: self.version,
            edited_at: self.edited_at.map(|at| at.0),
            deleted: self.deleted_at.map(|at| (at.0, by(self.deleted_by))),
            pinned_at: self.pinned_at.map(|at| at.0),
            reply_to: self.reply_to.zip(self.reply_to_seq).map(|(id, seq)| MessageRef { id, seq }),
            mentions: mentions_in(self.mentions.as_deref()),
            reactions: reactions_in(self.reactions.as_deref()),
        };
        (annotations != Annotations::default()).then(|| Box::new(annotations))
    }
}

/// What can change of a message, as its columns have it.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = messages, treat_none_as_null = true)]
pub(crate) struct MessageColumns<'a> {
    #[diesel(skip_update)]
    pub id: i64,
    pub rev: i64,
    pub content: &'a str,
    pub version: i32,
    pub edited_at: Option<Stamp>,
    pub deleted_at: Option<Stamp>,
    pub deleted_by: Option<i16>,
    pub pinned_at: Option<Stamp>,
    pub reply_to: Option<i64>,
    pub reply_to_seq: Option<i64>,
    pub reactions: Option<String>,
    pub mentions: Option<String>,
}

impl<'a> MessageColumns<'a> {
    /// The columns of a message.
    pub fn of(message: &'a ChatMessage) -> Self {
        let none = Annotations::default();
        let a = message.annotations.as_deref().unwrap_or(&none);
        let by = |by| if by == DeletedBy::Moderator { BY_MODERATOR } else { BY_AUTHOR };
        Self {
            id: message.id,
            rev: message.rev,
            content: message.content.as_str(),
            version: a.version,
            edited_at: a.edited_at.map(Stamp),
            deleted_at: a.deleted.map(|(at, _)| Stamp(at)),
            deleted_by: a.deleted.map(|(_, who)| by(who)),
            pinned_at: a.pinned_at.map(Stamp),
            reply_to: a.reply_to.map(|to| to.id),
            reply_to_seq: a.reply_to.map(|to| to.seq),
            reactions: of_reactions(&a.reactions),
            mentions: of_mentions(&a.mentions),
        }
    }
}

impl From<MessageRow> for ChatMessage {
    fn from(row: MessageRow) -> Self {
        let annotations = row.annotations();
        let id = AuthorId::from_stored(&row.anonymous_id);
        let avatar = AvatarName::from_stored(&row.avatar, &id);
        Self {
            id: row.id,
            seq: row.seq,
            rev: row.rev,
            client_id: row.client_id.0,
            author: Author {
                id,
                nickname: Nickname::from_stored(row.nickname),
                avatar,
                badge: row.badge.and_then(Badge::from_number),
            },
            content: Content::from_stored(row.content),
            created_at: row.created_at.0,
            annotations,
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
    pub guard_rev: i64,
    pub title: Option<String>,
    pub settings: String,
    pub settings_rev: i64,
    pub held_count: i64,
    pub rejected_until: Option<Stamp>,
    pub first_seq: i64,
    pub archived_seq: i64,
    pub archived_rev: i64,
}

impl HeadRow {
    /// How far the room's archive reaches.
    pub fn reach(&self) -> Reach {
        Reach::of(self.first_seq, self.archived_seq, self.archived_rev)
    }
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
        None => Head {
            epoch: meta_epoch.into(),
            rev: 0,
            message_count: 0,
            last_message_at: None,
            guard_rev: 0,
            settings: RoomSettings::default(),
            held_count: 0,
            rejected_until: None,
            first_seq: 0,
        },
        Some(row) => Head {
            epoch: row.epoch.into(),
            rev: row.last_rev,
            message_count: row.message_count,
            last_message_at: row.last_message_at.map(|at| at.0),
            guard_rev: row.guard_rev,
            settings: RoomSettings {
                title: row.title,
                settings: serde_json::from_str(&row.settings).unwrap_or_default(),
                rev: row.settings_rev,
            },
            held_count: row.held_count,
            rejected_until: row.rejected_until.map(|at| at.0),
            first_seq: row.first_seq,
        },
    }
}

/// Messages from one row more than was asked for, so that it is known whether there are more.
pub(crate) fn page_of(mut rows: Vec<MessageRow>, limit: usize, newest_first: bool) -> (Vec<ChatMessage>, bool) {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if newest_first {
        rows.reverse();
    }
    (rows.into_iter().map(ChatMessage::from).collect(), has_more)
}

/// One row more than is asked for, as SQL counts.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}
