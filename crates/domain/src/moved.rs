use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Author, AuthorId, ChatMessage, Content, Emoji, Epoch, Mention, REACTION_AUTHORS_MAX, Reaction, RoomId};

/// A room as it goes from one database to another, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedRoom {
    /// Its id.
    pub id: RoomId,
    /// When it got its row.
    pub created_at: DateTime<Utc>,
    /// The life of the counter that the values in it are of. Where it goes it begins a new one.
    pub epoch: Epoch,
    /// The counter's value: no message has a higher one.
    pub rev: i64,
    /// What it is called, where that was set.
    pub title: Option<String>,
    /// Its own settings, an object of JSON; empty where nobody made any.
    pub settings: Map<String, Value>,
}

/// A message with all that is stored of it, as it goes from one database to another.
///
/// The ids in it are those of the database that it comes from; where it goes it gets others, and what it answers is
/// found by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedMessage {
    /// The message; its reactions are what [`reactions_of`] makes of `reacted`.
    pub message: ChatMessage,
    /// Everybody who reacts to it, in the order of [`in_order`].
    pub reacted: Vec<Reacted>,
    /// What it said before it was edited, and what it was edited with, by version.
    pub edits: Vec<PastText>,
    /// What a moderator deleted, while that can be undone.
    pub removed: Option<RemovedText>,
}

/// Somebody who reacts to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reacted {
    /// With what.
    pub emoji: Emoji,
    /// Who.
    pub author: AuthorId,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// What a message said in an earlier version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastText {
    /// Which one it was.
    pub version: i32,
    /// The text; empty once the message was deleted.
    pub content: Content,
    /// The key of the edit that ended it.
    pub client_id: Uuid,
    /// When that was.
    pub at: DateTime<Utc>,
}

/// What a moderator deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedText {
    /// The text.
    pub content: Content,
    /// Until when it can be brought back.
    pub until: DateTime<Utc>,
}

/// A message that waits for a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedHeld {
    /// Who sent it.
    pub author: Author,
    /// The sender's key.
    pub client_id: Uuid,
    /// What was written.
    pub content: Content,
    /// The place of the message that it answers.
    pub reply_to: Option<i64>,
    /// Who is addressed in it.
    pub mentions: Vec<Mention>,
    /// Why it is held, as the column has it.
    pub reason: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
}

/// Somebody who is shut out by their identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedBan {
    /// Of which room; of all where there is none.
    pub room: Option<RoomId>,
    /// Who.
    pub author: AuthorId,
    /// Why, in the moderator's words.
    pub reason: String,
    /// By whom.
    pub by: AuthorId,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when; for good where that is nothing.
    pub until: Option<DateTime<Utc>>,
}

/// The reactions as a message shows them: the emojis as they first come, and of each the first that react with it.
pub fn reactions_of(reacted: &[Reacted]) -> Vec<Reaction> {
    let mut reactions: Vec<Reaction> = Vec::new();
    let mut places: HashMap<&Emoji, usize> = HashMap::new();
    for each in reacted {
        let place = *places.entry(&each.emoji).or_insert(reactions.len());
        if place == reactions.len() {
            reactions.push(Reaction { emoji: each.emoji.clone(), count: 0, authors: Vec::new() });
        }
        if let Some(reaction) = reactions.get_mut(place) {
            reaction.count = reaction.count.saturating_add(1);
            if reaction.authors.len() < REACTION_AUTHORS_MAX {
                reaction.authors.push(each.author.clone());
            }
        }
    }
    reactions
}

/// Who reacts, so that [`reactions_of`] makes `shown` of it again: several react within one millisecond, and who was
/// first says only what is shown. Behind those the others, by their time.
pub fn in_order(mut reacted: Vec<Reacted>, shown: &[Reaction]) -> Vec<Reacted> {
    let mut places: HashMap<(&Emoji, &AuthorId), usize> = HashMap::new();
    let mut emojis: HashMap<&Emoji, usize> = HashMap::new();
    for (n, reaction) in shown.iter().enumerate() {
        emojis.insert(&reaction.emoji, n);
        for (place, author) in reaction.authors.iter().enumerate() {
            places.insert((&reaction.emoji, author), place);
        }
    }
    let key = |r: &Reacted| {
        let emoji = emojis.get(&r.emoji).copied().unwrap_or(usize::MAX);
        (emoji, places.get(&(&r.emoji, &r.author)).copied().unwrap_or(usize::MAX), r.at, r.author.clone())
    };
    reacted.sort_by_cached_key(key);
    reacted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reacted(emoji: &str, author: u8, ms: i64) -> Reacted {
        Reacted {
            emoji: Emoji::from_stored(emoji.to_owned()),
            author: AuthorId::from_stored(&format!("author{author}")),
            at: DateTime::from_timestamp_millis(ms).expect("a time"),
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_shown_again(all in prop::collection::vec(("[👍🎉❤]", 0..12_u8, 0..3_i64), 0..40)) {
            let mut seen = std::collections::HashSet::new();
            let all: Vec<Reacted> = all
                .into_iter()
                .filter(|(emoji, author, _)| seen.insert((emoji.clone(), *author)))
                .map(|(emoji, author, ms)| reacted(&emoji, author, ms))
                .collect();
            let shown = reactions_of(&all);
            // As a table gives them: by who and what.
            let mut stored = all.clone();
            stored.sort_by(|a, b| (&a.author, &a.emoji).cmp(&(&b.author, &b.emoji)));
            let again = in_order(stored, &shown);
            prop_assert_eq!(again.len(), all.len());
            prop_assert_eq!(reactions_of(&again), shown);
        }
    }
}
