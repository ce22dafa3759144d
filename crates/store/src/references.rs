//! What new messages refer to: the message that one answers, people whom one addresses. Looked up once for a batch, and
//! only where a batch refers to something. Pure but for the two that ask.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use diesel::{QueryResult, sqlite::SqliteConnection};

use crate::{changes::statements, model::AppendOutcome, postgres::connection::PgConnection};
use chat_domain::{Annotations, AuthorId, MessageRef, NewMessage, RoomId};

/// What is to be looked up for a batch.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    messages: Vec<i64>,
    authors: HashMap<RoomId, Vec<AuthorId>>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Messages that are not deleted: their rooms' names and their places.
    places: HashMap<i64, (String, i64)>,
    writers: HashSet<(RoomId, AuthorId)>,
}

/// A batch less what cannot be stored whatever the database says.
#[derive(Debug)]
pub(crate) struct Checked {
    pub rows: Vec<Arc<NewMessage>>,
    pub refused: Refused,
}

/// What became of the others: for each row of the batch, nothing where it is still to be stored.
#[derive(Debug)]
pub(crate) struct Refused(Vec<Option<AppendOutcome>>);

impl Asked {
    /// What these rows refer to that is not known.
    pub fn of(rows: &[Arc<NewMessage>]) -> Self {
        let mut asked = Self::default();
        for row in rows {
            asked.messages.extend(row.reply_to);
            if !row.mentions.unknown().is_empty() {
                asked.authors.entry(row.room.clone()).or_default().extend_from_slice(row.mentions.unknown());
            }
        }
        asked
    }

    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.authors.is_empty()
    }

    /// Looks it up.
    pub async fn in_postgres(self, c: &mut PgConnection) -> QueryResult<References> {
        let mut found = References::of(statements::postgres::places(c, &self.messages).await?);
        for (room, authors) in &self.authors {
            found.writers.extend(statements::postgres::writers(c, room, authors).await?);
        }
        Ok(found)
    }

    /// Looks it up.
    pub fn in_sqlite(self, c: &mut SqliteConnection) -> QueryResult<References> {
        let mut found = References::of(statements::sqlite::places(c, &self.messages)?);
        for (room, authors) in &self.authors {
            found.writers.extend(statements::sqlite::writers(c, room, authors)?);
        }
        Ok(found)
    }
}

impl References {
    fn of(places: Vec<(i64, String, i64)>) -> Self {
        let places = places.into_iter().map(|(id, room, seq)| (id, (room, seq))).collect();
        Self { places, writers: HashSet::new() }
    }

    /// The message that a row answers, where it does and that one can be answered.
    fn reply_to(&self, row: &NewMessage) -> Option<MessageRef> {
        let id = row.reply_to?;
        let (room, seq) = self.places.get(&id)?;
        (room == row.room.as_str()).then_some(MessageRef { id, seq: *seq })
    }

    /// What is stored of a row beside its text.
    pub fn annotations(&self, row: &NewMessage) -> Option<Box<Annotations>> {
        let mentions = row.mentions.kept(|author| self.writers.contains(&(row.room.clone(), author.clone())));
        let reply_to = self.reply_to(row);
        let is_plain = reply_to.is_none() && mentions.is_empty();
        (!is_plain).then(|| Box::new(Annotations { reply_to, mentions, ..Annotations::default() }))
    }

    /// Takes out what answers nothing that can be answered, and what was checked against less than others of its room.
    pub fn check(&self, rows: &[Arc<NewMessage>]) -> Checked {
        let mut newest: HashMap<&RoomId, i64> = HashMap::new();
        // Nearly always the same one for all.
        let first = rows.first().map_or(0, |row| row.guard_rev);
        if rows.iter().any(|row| row.guard_rev != first) {
            for row in rows {
                let guard_rev = newest.entry(&row.room).or_insert(row.guard_rev);
                *guard_rev = row.guard_rev.max(*guard_rev);
            }
        }
        let refused = |row: &Arc<NewMessage>| {
            if newest.get(&row.room).is_some_and(|newest| *newest > row.guard_rev) {
                return Some(AppendOutcome::GuardChanged);
            }
            (row.reply_to.is_some() && self.reply_to(row).is_none()).then_some(AppendOutcome::InvalidReply)
        };
        let refused: Vec<_> = rows.iter().map(refused).collect();
        let rows = rows.iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(row, _)| row.clone());
        Checked { rows: rows.collect(), refused: Refused(refused) }
    }
}

impl Refused {
    /// What became of each row of the batch, from what became of those that were left.
    pub fn put_back(self, outcomes: Vec<AppendOutcome>) -> Vec<AppendOutcome> {
        let mut outcomes = outcomes.into_iter();
        self.0.into_iter().filter_map(|refused| refused.or_else(|| outcomes.next())).collect()
    }
}
