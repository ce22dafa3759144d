//! What was left out, and what is otherwise than it was: counted for everybody, and one by one in a file for whoever asks.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::{
    MovingError,
    files::{Output, create},
};
use chat_moving::{LeftOut, Note};
use std::path::Path;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Nothing was stored: it was only looked.
    pub is_dry: bool,
    /// Rooms that messages came to, or would come to.
    pub n_rooms: usize,
    /// Messages that came.
    pub n_messages: usize,
    /// Rooms of which all was there already.
    pub n_rooms_known: usize,
    /// Messages that were there already.
    pub n_messages_known: usize,
    /// Rooms with messages of their own, in which nothing was changed.
    pub in_use: Vec<String>,
    /// Bans that came.
    pub n_bans: usize,
    /// What was left out.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// What is otherwise.
    pub noted: BTreeMap<Note, usize>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.is_dry { "would come" } else { "came" };
        write!(f, "{} messages {would} into {} rooms", self.n_messages, self.n_rooms)?;
        if self.n_rooms_known > 0 {
            write!(f, "\n{} messages of {} rooms were there already", self.n_messages_known, self.n_rooms_known)?;
        }
        if self.n_bans > 0 {
            write!(f, "\n{} bans came", self.n_bans)?;
        }
        for (why, n) in &self.left_out {
            write!(f, "\nleft out: {n} {}", why.meaning())?;
        }
        for (note, n) in &self.noted {
            write!(f, "\nnote: {n} {}", note.meaning())?;
        }
        Ok(())
    }
}

pub(super) struct Report {
    pub summary: Summary,
    file: Option<Output>,
}

impl Report {
    /// In a new file, where there is a path.
    pub fn new(path: Option<&Path>) -> Result<Self, MovingError> {
        Ok(Self { summary: Summary::default(), file: path.map(|path| create(Some(path))).transpose()? })
    }

    pub fn left_out(&mut self, why: LeftOut, id: &str, more: Option<String>) -> Result<(), MovingError> {
        let n = self.summary.left_out.entry(why).or_default();
        *n = n.saturating_add(1);
        self.write(|| json!({"leftOut": why.as_str(), "id": id, "why": more}))
    }

    pub fn noted(&mut self, note: Note, id: &str) -> Result<(), MovingError> {
        let n = self.summary.noted.entry(note).or_default();
        *n = n.saturating_add(1);
        self.write(|| json!({"note": note.as_str(), "id": id}))
    }

    pub fn room(&mut self, room: &str, state: &str, n_new: usize, n_known: usize) -> Result<(), MovingError> {
        self.write(|| json!({"room": room, "state": state, "new": n_new, "known": n_known}))
    }

    fn write(&mut self, line: impl FnOnce() -> Value) -> Result<(), MovingError> {
        match &mut self.file {
            Some(file) => file.write(&format!("{}\n", line())),
            None => Ok(()),
        }
    }

    pub fn finish(self) -> Result<Summary, MovingError> {
        self.file.map_or(Ok(()), Output::finish)?;
        Ok(self.summary)
    }
}
