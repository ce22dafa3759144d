//! Comments of other systems as messages.

use chat_domain::{
    Annotations, Author, AvatarName, ChatMessage, Content, DeletedBy, IdentityKey, MovedMessage, RoomId,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    Body, Comment, Format, LeftOut, NoRoom, Note, RoomRule,
    html::Newlines,
    html_to_text,
    split::{nickname_of, split},
};

/// What the keys of all that is moved here are derived in (RFC 9562, section 5.5). It never changes: by it what was moved
/// once is known again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d6f_7669_6e67_5f63_6f6d_6d65_6e74_7321);

/// Makes messages of comments.
#[derive(Debug, Clone)]
pub struct Converter {
    /// Of which system.
    pub format: Format,
    /// What author ids are derived with.
    pub key: IdentityKey,
    /// How rooms are named.
    pub rule: RoomRule,
}

/// What becomes of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// Where it goes.
    pub room: RoomId,
    /// What the room is called there.
    pub title: Option<String>,
    /// What the comment is known by.
    pub key: Uuid,
    /// What the one is known by that it answers.
    pub parent: Option<Uuid>,
    /// Its messages, one at least, without places. Only the first one answers.
    pub messages: Vec<MovedMessage>,
    /// What is otherwise than it was.
    pub notes: Vec<Note>,
}

impl Converter {
    /// Makes messages of a comment.
    ///
    /// # Errors
    /// Why it is left out, and more of that for the report.
    pub fn convert(&self, comment: Comment) -> Result<Converted, (LeftOut, Option<NoRoom>)> {
        let room = self.rule.room_of(&comment.page).map_err(|why| (LeftOut::NoRoom, Some(why)))?;
        let texts = match (comment.is_deleted, &comment.body) {
            (true, _) => vec![Content::from_stored(String::new())],
            (false, Body::Text(text)) => split(text),
            (false, Body::Html(html)) => split(&html_to_text(html, Newlines::Spaces)),
            (false, Body::LinedHtml(html)) => split(&html_to_text(html, Newlines::Lines)),
        };
        if texts.is_empty() {
            return Err((LeftOut::Empty, None));
        }
        let mut notes = Vec::new();
        if texts.len() > 1 {
            notes.push(Note::Split);
        }
        let (author, is_changed) = self.author(&comment);
        if is_changed {
            notes.push(Note::NameChanged);
        }
        let key = self.key_of(&comment.source, &comment.id, 0);
        let messages = (0..).zip(texts).map(|(n, content)| {
            let annotations = Annotations {
                edited_at: comment.edited_at.filter(|_| !comment.is_deleted).map(to_ms),
                deleted: comment.is_deleted.then(|| (to_ms(comment.at), DeletedBy::Moderator)),
                // It can be one only.
                pinned_at: (comment.is_pinned && n == 0 && !comment.is_deleted).then(|| to_ms(comment.at)),
                version: if comment.edited_at.is_some() { 2 } else { 1 },
                ..Annotations::default()
            };
            let message = ChatMessage {
                id: 0,
                seq: 0,
                rev: 0,
                client_id: self.key_of(&comment.source, &comment.id, n),
                author: author.clone(),
                content,
                // In this order, whatever else was written at that moment.
                created_at: to_ms(comment.at)
                    .checked_add_signed(TimeDelta::milliseconds(n.into()))
                    .unwrap_or(comment.at),
                annotations: (annotations != Annotations::default()).then(|| Box::new(annotations)),
            };
            MovedMessage { message, reacted: Vec::new(), edits: Vec::new(), removed: None }
        });
        let title = comment.page.title.as_deref().map(|title| html_to_text(title, Newlines::Spaces));
        Ok(Converted {
            room,
            title: title.map(|title| title.chars().take(200).collect::<String>()).filter(|title| !title.is_empty()),
            key,
            parent: comment.parent.map(|parent| self.key_of(&comment.source, &parent, 0)),
            messages: messages.collect(),
            notes,
        })
    }

    fn author(&self, comment: &Comment) -> (Author, bool) {
        // Names come as HTML from WordPress and remark42.
        let (nickname, is_changed) = nickname_of(&html_to_text(&comment.name, Newlines::Spaces));
        let id = self.key.imported_author_id(self.format.as_str(), &comment.who);
        (Author { avatar: AvatarName::derived_from(&id), id, nickname, badge: None }, is_changed)
    }

    /// The key of the `n`th message of a comment.
    fn key_of(&self, source: &str, id: &str, n: u32) -> Uuid {
        let format = self.format.as_str();
        let part = if n == 0 { String::new() } else { format!("#{n}") };
        // With the length in front no two are one text.
        Uuid::new_v5(&NAMESPACE, format!("{format} {} {source} {id}{part}", source.len()).as_bytes())
    }
}

/// Times here have milliseconds.
fn to_ms(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Page;

    fn comment(body: Body) -> Comment {
        let page =
            Page { url: "https://blog.example/글/".into(), title: Some("한 &amp; 글".into()), ..Page::default() };
        Comment {
            source: String::new(),
            id: "12".into(),
            parent: Some("11".into()),
            page: Arc::new(page),
            who: "user otter".into(),
            name: "수달 &amp; 친구".into(),
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a time"),
            edited_at: None,
            body,
            is_deleted: false,
            is_pinned: false,
        }
    }

    fn converter() -> Converter {
        Converter { format: Format::Disqus, key: IdentityKey::new(b"secret"), rule: RoomRule::default() }
    }

    #[test]
    fn a_comment_becomes_a_message() {
        let converted = converter().convert(comment(Body::Html("<p>안녕</p>".into()))).expect("a message");
        assert_eq!((converted.room.as_str(), converted.title.as_deref()), ("blog.example:글", Some("한 & 글")));
        let [moved] = &converted.messages[..] else { panic!("{converted:?}") };
        assert_eq!(moved.message.content.as_str(), "안녕");
        assert_eq!(moved.message.author.nickname.as_str(), "수달 & 친구");
        assert_eq!(moved.message.client_id, converted.key);
        assert_eq!(moved.message.created_at.timestamp_subsec_nanos(), 123_000_000);
        assert_eq!(converted.notes, []);
        let again = converter().convert(comment(Body::Html("<p>안녕</p>".into())));
        assert_eq!(again, Ok(converted.clone()), "the same again");
        let parent = converter().convert(Comment { id: "11".into(), ..comment(Body::Text("x".into())) });
        assert_eq!(parent.map(|parent| Some(parent.key)), Ok(converted.parent));
        let other = Converter { key: IdentityKey::new(b"other"), ..converter() };
        let other = other.convert(comment(Body::Text("x".into()))).expect("a message");
        assert_eq!(other.key, converted.key, "keys are the same everywhere");
        assert_ne!(other.messages[0].message.author.id, moved.message.author.id, "and people are not");
    }

    #[test]
    fn what_is_long_is_several_and_what_is_nothing_is_none() {
        let converted = converter().convert(comment(Body::Text("otter ".repeat(1_000)))).expect("messages");
        assert_eq!((converted.messages.len(), converted.notes.as_slice()), (4, [Note::Split].as_slice()));
        let keys: std::collections::HashSet<Uuid> = converted.messages.iter().map(|m| m.message.client_id).collect();
        assert_eq!(keys.len(), 4);
        assert!(converted.messages.is_sorted_by_key(|m| m.message.created_at));
        let nothing = converter().convert(comment(Body::Html("<p> </p>".into())));
        assert_eq!(nothing, Err((LeftOut::Empty, None)));
        let deleted = Comment { is_deleted: true, ..comment(Body::Html("<p>secret</p>".into())) };
        let deleted = converter().convert(deleted).expect("a place");
        assert_eq!(deleted.messages[0].message.content.as_str(), "");
        let nowhere = Comment { page: Arc::new(Page::default()), ..comment(Body::Text("x".into())) };
        assert!(matches!(converter().convert(nowhere), Err((LeftOut::NoRoom, Some(_)))));
    }
}
