//! What a client can do something to: recent messages, its own and others'.

use std::collections::{BTreeMap, VecDeque};

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    checker::{Command, Message},
    support::message,
};

/// How many recent messages a client chooses from.
const RECENT_MAX: usize = 30;
/// Fewer than a message may have.
const EMOJIS: [&str; 6] = ["👍", "❤️", "😂", "🎉", "😢", "👩🏽‍💻"];

/// A message of one's own, acknowledged and not deleted.
#[derive(Debug)]
struct Own {
    id: String,
    version: i32,
    /// An edit of it is not answered yet.
    is_edited: bool,
}

#[derive(Debug, Default)]
pub struct Subjects {
    /// Newest last.
    own: VecDeque<Own>,
    /// Of anyone, by `seq`.
    recent: BTreeMap<i64, String>,
    /// Message and emoji of every reaction that was ever asked for, and whether it may be taken back: it is there, and
    /// was sent once, so that no copy of it can still be on its way.
    reacted: BTreeMap<(String, &'static str), bool>,
}

impl Subjects {
    /// A message as it is now.
    pub fn saw(&mut self, message: &Message) {
        if message.annotations.deleted_at.is_some() {
            self.recent.remove(&message.seq);
        } else {
            self.recent.insert(message.seq, message.id.to_string());
        }
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_first();
        }
    }

    /// Another text for one of its own.
    pub fn edit(&mut self, rng: &mut StdRng, content: String) -> Option<Command> {
        let mut free: Vec<_> = self.own.iter_mut().filter(|own| !own.is_edited).collect();
        if free.is_empty() {
            return None;
        }
        let own = free.swap_remove(rng.random_range(0..free.len()));
        own.is_edited = true;
        Some(Command::Edit { id: own.id.clone(), version: own.version, content })
    }

    /// One of its own goes, also while an edit of it is under way.
    pub fn delete(&mut self, rng: &mut StdRng) -> Option<Command> {
        if self.own.is_empty() {
            return None;
        }
        let own = self.own.remove(rng.random_range(0..self.own.len()))?;
        Some(Command::Delete { id: own.id })
    }

    /// A reaction to anyone's, or one that is taken back. None is asked for a second time.
    pub fn react(&mut self, rng: &mut StdRng) -> Option<Command> {
        let back: Vec<_> = self.reacted.iter_mut().filter(|(_, may)| **may).collect();
        if !back.is_empty() && rng.random_ratio(1, 3) {
            let at = rng.random_range(0..back.len());
            let ((id, emoji), may) = back.into_iter().nth(at)?;
            *may = false;
            return Some(Command::React { id: id.clone(), emoji: (*emoji).to_owned(), on: false });
        }
        if self.recent.is_empty() {
            return None;
        }
        let id = self.recent.values().nth(rng.random_range(0..self.recent.len()))?.clone();
        let emoji = EMOJIS[rng.random_range(0..EMOJIS.len())];
        if self.reacted.contains_key(&(id.clone(), emoji)) {
            return None;
        }
        self.reacted.insert((id.clone(), emoji), false);
        Some(Command::React { id, emoji: emoji.to_owned(), on: true })
    }

    /// It was acknowledged, for the message with this id.
    pub fn done(&mut self, command: &Command, id: &str, was_sent_once: bool) {
        match command {
            Command::Message { .. } => {
                self.own.push_back(Own { id: id.to_owned(), version: 1, is_edited: false });
                if self.own.len() > RECENT_MAX {
                    self.own.pop_front();
                }
            }
            Command::Edit { version, .. } => {
                if let Some(own) = self.own.iter_mut().find(|own| own.id == id) {
                    (own.version, own.is_edited) = (version + 1, false);
                }
            }
            Command::React { id, emoji, on: true } if was_sent_once => self.may_take_back(id, emoji, true),
            Command::Delete { .. } | Command::React { .. } => {}
        }
    }

    fn may_take_back(&mut self, message: &str, with: &str, may: bool) {
        let mut reacted = self.reacted.iter_mut();
        if let Some((_, known)) = reacted.find(|((id, emoji), _)| id == message && *emoji == with) {
            *known = may;
        }
    }

    /// It was refused for good.
    pub fn refused(&mut self, command: &Command) {
        if let Command::Edit { id, .. } = command {
            self.own.retain(|own| own.id != *id);
        }
    }

    /// Whether an acknowledged command may be sent once more: not a reaction that was taken back, and one that is
    /// repeated is not taken back any more.
    pub fn may_repeat(&mut self, command: &Command) -> bool {
        let Command::React { id, emoji, on: true } = command else { return true };
        let mut reacted = self.reacted.iter_mut();
        let known = reacted.find(|((of, with), _)| of == id && *with == emoji);
        known.is_some_and(|(_, may)| std::mem::take(may))
    }
}

/// A command as it is sent.
pub fn frame_of(client_id: Uuid, command: &Command) -> Value {
    let (kind, payload) = match command {
        Command::Message { content } => return message(client_id, content),
        Command::Edit { id, version, content } => {
            ("EDIT", json!({"clientId": client_id, "id": id, "version": version, "content": content}))
        }
        Command::Delete { id } => ("DELETE", json!({"clientId": client_id, "id": id})),
        Command::React { id, emoji, on } => {
            ("REACT", json!({"clientId": client_id, "id": id, "emoji": emoji, "on": on}))
        }
    };
    json!({"type": kind, "payload": payload})
}
