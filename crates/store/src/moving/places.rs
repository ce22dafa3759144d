//! Which places messages get that come into a room. Pure.

use std::collections::HashMap;

use uuid::Uuid;

use chat_domain::{AuthorId, MovedMessage};

/// What a message is known by within a room, in 16 bytes: the sender's key, of this author.
pub(crate) fn key_of(author: &AuthorId, client_id: Uuid) -> Uuid {
    Uuid::new_v5(&client_id, author.as_str().as_bytes())
}

/// Which places the messages of a room get that come between others, and which are there already. Pure.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// What is there, by its key.
    known: HashMap<Uuid, i64>,
    /// Where what has come went, by the place that it came with. Empty where places stay.
    moved: HashMap<i64, i64>,
    stays: bool,
    last: i64,
}

impl Places {
    /// For a room in which nobody has written: places stay.
    pub fn staying() -> Self {
        Self { stays: true, ..Self::default() }
    }

    /// Behind the last value of a room's counter, beside what is there.
    pub fn behind(last: i64, known: HashMap<Uuid, i64>) -> Self {
        Self { known, last, ..Self::default() }
    }

    /// Gives those that are new their places, and what they answer; what is there already is left out. Tells how many
    /// those are.
    pub fn give(&mut self, part: &mut Vec<MovedMessage>) -> usize {
        let n_before = part.len();
        part.retain_mut(|moved| {
            let message = &mut moved.message;
            let came_with = message.seq;
            if self.stays {
                return true;
            }
            let known = self.known.get(&key_of(&message.author.id, message.client_id));
            let place = known.copied().unwrap_or_else(|| self.last.saturating_add(1));
            let is_new = known.is_none();
            if is_new {
                self.last = place;
                // The same one twice is one.
                self.known.insert(key_of(&message.author.id, message.client_id), place);
                message.seq = place;
                message.rev = place;
                if let Some(to) = message.annotations.as_mut().and_then(|a| a.reply_to.as_mut()) {
                    to.seq = self.moved.get(&to.seq).copied().unwrap_or(0);
                }
            }
            self.moved.insert(came_with, place);
            is_new
        });
        n_before.saturating_sub(part.len())
    }

    /// Where the message went that came with this place.
    pub fn of(&self, came_with: i64) -> Option<i64> {
        if self.stays { Some(came_with) } else { self.moved.get(&came_with).copied() }
    }
}

#[cfg(test)]
mod tests {
    use chat_domain::{Author, AvatarName, ChatMessage, Content, MessageRef, Nickname};
    use chrono::DateTime;

    use super::*;

    fn moved(seq: i64, key: u128, answers: Option<i64>) -> MovedMessage {
        let id = AuthorId::from_stored("author");
        let avatar = AvatarName::derived_from(&id);
        let reply_to = answers.map(|seq| MessageRef { id: 0, seq });
        let annotations =
            reply_to.map(|to| Box::new(chat_domain::Annotations { reply_to: Some(to), ..Default::default() }));
        let message = ChatMessage {
            id: 0,
            seq,
            rev: seq,
            client_id: Uuid::from_u128(key),
            author: Author { id, nickname: Nickname::from_stored("수달".to_owned()), avatar, badge: None },
            content: Content::from_stored("text".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            annotations,
        };
        MovedMessage { message, reacted: Vec::new(), edits: Vec::new(), removed: None }
    }

    fn places_of(part: &[MovedMessage]) -> Vec<(i64, Option<i64>)> {
        let answered = |m: &MovedMessage| m.message.annotations.as_ref().and_then(|a| a.reply_to).map(|to| to.seq);
        part.iter().map(|m| (m.message.seq, answered(m))).collect()
    }

    #[test]
    fn what_comes_into_an_empty_room_stays_where_it_was() {
        let mut places = Places::staying();
        let mut part = vec![moved(2, 1, None), moved(5, 2, Some(2))];
        assert_eq!(places.give(&mut part), 0);
        assert_eq!(places_of(&part), [(2, None), (5, Some(2))]);
        assert_eq!(places.of(5), Some(5));
    }

    #[test]
    fn what_comes_behind_others_finds_what_it_answers() {
        let known = key_of(&AuthorId::from_stored("author"), Uuid::from_u128(1));
        let mut places = Places::behind(40, HashMap::from([(known, 7)]));
        // The first is there already, the second is new, the third comes twice.
        let mut part = vec![moved(1, 1, None), moved(2, 2, Some(1)), moved(3, 3, Some(2)), moved(4, 3, None)];
        assert_eq!(places.give(&mut part), 2);
        assert_eq!(places_of(&part), [(41, Some(7)), (42, Some(41))]);
        let mut next = vec![moved(5, 5, Some(4)), moved(6, 6, Some(99))];
        assert_eq!(places.give(&mut next), 0);
        assert_eq!(places_of(&next), [(43, Some(42)), (44, Some(0))], "what is not there has no place");
        assert_eq!((places.of(1), places.of(6), places.of(99)), (Some(7), Some(44), None));
    }
}
