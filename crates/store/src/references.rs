//! What new messages refer to: the message that one answers, people whom one addresses. Looked up once for a batch, and
//! only where a batch refers to something. Pure: each database asks by statements of its own.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use uuid::Uuid;

use crate::model::AppendOutcome;
use chat_domain::{Annotations, AuthorId, MessageRef, NewMessage, RoomId};

/// What is to be looked up for a batch.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Messages that are answered, and those that answer them.
    pub replies: Vec<(i64, Arc<NewMessage>)>,
    /// By room: who is addressed there and may never have written there.
    pub authors: HashMap<RoomId, Vec<AuthorId>>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Messages that are not deleted: their rooms' names and their places.
    places: HashMap<i64, (String, i64)>,
    writers: HashSet<(RoomId, AuthorId)>,
    /// Answers that were stored before, when what they answer was there.
    stored: HashSet<(RoomId, AuthorId, Uuid)>,
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
            asked.replies.extend(row.reply_to.map(|id| (id, row.clone())));
            if !row.mentions.unknown().is_empty() {
                asked.authors.entry(row.room.clone()).or_default().extend_from_slice(row.mentions.unknown());
            }
        }
        asked
    }

    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.authors.is_empty()
    }
}

impl References {
    /// What was found: messages that are not deleted, with their rooms' names and places; people with the rooms that they
    /// wrote in.
    pub fn new(places: Vec<(i64, String, i64)>, writers: HashSet<(RoomId, AuthorId)>) -> Self {
        let places = places.into_iter().map(|(id, room, seq)| (id, (room, seq))).collect();
        Self { places, writers, stored: HashSet::new() }
    }

    /// Whether a row answers nothing that can be answered. It may have been stored before, which is to be asked then.
    pub fn lacks(&self, row: &NewMessage) -> bool {
        row.reply_to.is_some() && self.reply_to(row).is_none()
    }

    /// This answer was stored before.
    pub fn was_stored(&mut self, row: &NewMessage) {
        self.stored.insert(key(row));
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
            (self.lacks(row) && !self.stored.contains(&key(row))).then_some(AppendOutcome::InvalidReply)
        };
        let refused: Vec<_> = rows.iter().map(refused).collect();
        let rows = rows.iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(row, _)| row.clone());
        Checked { rows: rows.collect(), refused: Refused(refused) }
    }
}

/// What a message is known by when it is sent again.
fn key(row: &NewMessage) -> (RoomId, AuthorId, Uuid) {
    (row.room.clone(), row.author.id.clone(), row.client_id)
}

impl Refused {
    /// What became of each row of the batch, from what became of those that were left.
    pub fn put_back(self, outcomes: Vec<AppendOutcome>) -> Vec<AppendOutcome> {
        let mut outcomes = outcomes.into_iter();
        self.0.into_iter().filter_map(|refused| refused.or_else(|| outcomes.next())).collect()
    }
}
