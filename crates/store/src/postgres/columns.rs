//! A batch's messages as PostgreSQL is given them.

use std::sync::Arc;

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, QueryFragment},
    sql_types::{Array, Text},
};

use crate::tables::sql_types::{Guid, Key};
use chat_domain::NewMessage;

/// An array for each column. As a part of a statement: the six, with commas between.
pub(crate) struct Columns<'a> {
    pub rooms: Vec<&'a str>,
    authors: Vec<&'a str>,
    nicknames: Vec<&'a str>,
    avatars: Vec<&'static str>,
    contents: Vec<&'a str>,
    client_ids: Vec<Key>,
}

impl<'a> Columns<'a> {
    pub fn new(rows: &'a [Arc<NewMessage>]) -> Self {
        Self {
            rooms: rows.iter().map(|row| row.room.as_str()).collect(),
            authors: rows.iter().map(|row| row.author.id.as_str()).collect(),
            nicknames: rows.iter().map(|row| row.author.nickname.as_str()).collect(),
            avatars: rows.iter().map(|row| row.author.avatar.as_str()).collect(),
            contents: rows.iter().map(|row| row.content.as_str()).collect(),
            client_ids: rows.iter().map(|row| Key(row.client_id)).collect(),
        }
    }
}

impl QueryFragment<Pg> for Columns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for texts in [&self.rooms, &self.authors, &self.nicknames, &self.avatars, &self.contents] {
            out.push_bind_param::<Array<Text>, _>(texts)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Array<Guid>, _>(&self.client_ids)
    }
}
