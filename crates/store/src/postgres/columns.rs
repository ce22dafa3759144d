//! A batch's messages as PostgreSQL is given them.

use std::sync::Arc;

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    sql_types::{Array, BigInt, Nullable, SmallInt, Text},
};

use crate::{
    references::References,
    tables::{
        json::of_mentions,
        sql_types::{Guid, Key},
    },
};
use chat_domain::{Annotations, Badge, NewMessage};

/// A message with what it refers to.
pub(crate) struct Referring {
    pub message: Arc<NewMessage>,
    pub annotations: Option<Box<Annotations>>,
}

impl Referring {
    /// These messages, with what was found of what they refer to.
    pub fn of(rows: &[Arc<NewMessage>], references: &References) -> Vec<Self> {
        let of = |row: &Arc<NewMessage>| Self { message: row.clone(), annotations: references.annotations(row) };
        rows.iter().map(of).collect()
    }
}

/// An array for each column. As a part of a statement: all of them, with commas between.
pub(crate) struct Columns<'a> {
    pub rooms: Vec<&'a str>,
    authors: Vec<&'a str>,
    nicknames: Vec<&'a str>,
    avatars: Vec<&'static str>,
    contents: Vec<&'a str>,
    client_ids: Vec<Key>,
    replies: Vec<Option<i64>>,
    reply_places: Vec<Option<i64>>,
    mentions: Vec<Option<String>>,
    badges: Vec<Option<i16>>,
    pub guards: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub fn new(rows: &'a [Referring]) -> Self {
        let messages = || rows.iter().map(|row| &row.message);
        let replies = || rows.iter().map(|row| row.annotations.as_ref().and_then(|a| a.reply_to));
        Self {
            rooms: messages().map(|row| row.room.as_str()).collect(),
            authors: messages().map(|row| row.author.id.as_str()).collect(),
            nicknames: messages().map(|row| row.author.nickname.as_str()).collect(),
            avatars: messages().map(|row| row.author.avatar.as_str()).collect(),
            contents: messages().map(|row| row.content.as_str()).collect(),
            client_ids: messages().map(|row| Key(row.client_id)).collect(),
            replies: replies().map(|to| to.map(|to| to.id)).collect(),
            reply_places: replies().map(|to| to.map(|to| to.seq)).collect(),
            mentions: rows.iter().map(|row| row.annotations.as_ref().and_then(|a| of_mentions(&a.mentions))).collect(),
            badges: messages().map(|row| row.author.badge.map(Badge::number)).collect(),
            guards: messages().map(|row| row.guard_rev).collect(),
        }
    }
}

impl QueryFragment<Pg> for Columns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for texts in [&self.rooms, &self.authors, &self.nicknames, &self.avatars, &self.contents] {
            out.push_bind_param::<Array<Text>, _>(texts)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Array<Guid>, _>(&self.client_ids)?;
        for numbers in [&self.replies, &self.reply_places] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.mentions)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<SmallInt>>, _>(&self.badges)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.guards)
    }
}
