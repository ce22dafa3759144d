use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::messages::{Author, Mention, Message, Reaction, Reply};

/// A moment, to the millisecond, as every door tells it.
pub fn time(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_millis().min(999)).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: at.timestamp(), nanos }
}

/// An author as everybody sees it.
pub fn author(author: &chat_domain::Author) -> Author {
    Author {
        id: author.id.as_str().to_owned(),
        nickname: author.nickname.as_str().to_owned(),
        avatar: author.avatar.as_str().to_owned(),
        badge: author.badge.map(|badge| badge.as_str().to_owned()).unwrap_or_default(),
    }
}

/// How many people react with one emoji.
pub fn reaction(reaction: &chat_domain::Reaction) -> Reaction {
    Reaction {
        emoji: reaction.emoji.as_str().to_owned(),
        count: reaction.count,
        authors: reaction.authors.iter().map(|author| author.as_str().to_owned()).collect(),
    }
}

/// A message as it is now.
pub fn message(message: &chat_domain::ChatMessage) -> Message {
    let mut made = Message {
        id: message.id.to_string(),
        seq: message.seq,
        rev: message.rev,
        client_id: message.client_id.to_string(),
        author: Some(author(&message.author)),
        content: message.content.as_str().to_owned(),
        created_at: Some(time(message.created_at)),
        version: 1,
        ..Message::default()
    };
    if let Some(annotations) = &message.annotations {
        let mention =
            |m: &chat_domain::Mention| Mention { author_id: m.author.as_str().to_owned(), from: m.from, to: m.to };
        made.version = annotations.version;
        made.edited_at = annotations.edited_at.map(time);
        made.deleted_at = annotations.deleted.map(|(at, _)| time(at));
        made.deleted_by = annotations.deleted.map(|(_, by)| by.as_str().to_owned()).unwrap_or_default();
        made.pinned_at = annotations.pinned_at.map(time);
        made.reply_to = annotations.reply_to.map(|to| Reply { id: to.id.to_string(), seq: to.seq });
        made.mentions = annotations.mentions.iter().map(mention).collect();
        made.reactions = annotations.reactions.iter().map(reaction).collect();
    }
    made
}

#[cfg(test)]
mod tests {
    use chat_domain::{
        Annotations, AuthorId, AvatarName, ChatMessage, Content, DeletedBy, Emoji, MessageRef, Nickname,
    };
    use uuid::Uuid;

    use super::*;

    fn said() -> ChatMessage {
        let id = AuthorId::from_stored("author-1");
        let avatar = AvatarName::derived_from(&id);
        let nickname = Nickname::parse("글쓴이").expect("a nickname");
        ChatMessage {
            id: 71,
            seq: 3,
            rev: 4,
            client_id: Uuid::nil(),
            author: chat_domain::Author { id, nickname, avatar, badge: None },
            content: Content::parse("a\nb").expect("a text"),
            created_at: DateTime::from_timestamp(5, 678_999_999).expect("a time"),
            annotations: None,
        }
    }

    #[test]
    fn a_message_is_what_every_door_tells() {
        let made = message(&said());
        assert_eq!((&*made.id, made.seq, made.rev, made.version), ("71", 3, 4, 1));
        assert_eq!(made.created_at, Some(Timestamp { seconds: 5, nanos: 678_000_000 }), "to the millisecond");
        assert_eq!(made.author.map(|a| (a.nickname, a.badge)), Some(("글쓴이".to_owned(), String::new())));
        assert!(made.edited_at.is_none() && made.deleted_at.is_none() && made.deleted_by.is_empty());
    }

    #[test]
    fn what_was_done_to_it_goes_with_it() {
        let at = DateTime::UNIX_EPOCH;
        let by = AuthorId::from_stored("author-2");
        let annotations = Annotations {
            version: 3,
            edited_at: Some(at),
            deleted: Some((at, DeletedBy::Moderator)),
            pinned_at: Some(at),
            reply_to: Some(MessageRef { id: 9, seq: 2 }),
            mentions: vec![chat_domain::Mention { author: by.clone(), from: 1, to: 4 }],
            reactions: vec![chat_domain::Reaction {
                emoji: Emoji::parse("👍").expect("an emoji"),
                count: 1,
                authors: vec![by],
            }],
        };
        let made = message(&ChatMessage { annotations: Some(Box::new(annotations)), ..said() });
        assert_eq!((made.version, &*made.deleted_by), (3, "moderator"));
        assert!(made.edited_at.is_some() && made.deleted_at.is_some() && made.pinned_at.is_some());
        assert_eq!(made.reply_to, Some(Reply { id: "9".to_owned(), seq: 2 }));
        assert_eq!(made.mentions, [Mention { author_id: "author-2".to_owned(), from: 1, to: 4 }]);
        let authors = vec!["author-2".to_owned()];
        assert_eq!(made.reactions, [Reaction { emoji: "👍".to_owned(), count: 1, authors }]);
    }

    /// It is in the proto that whoever asks is told of.
    #[test]
    fn the_service_is_described() {
        let text = String::from_utf8_lossy(crate::DESCRIPTOR);
        assert!(text.contains("realtime_chat.v1") && text.contains("PostMessage") && text.contains("Subscribe"));
    }
}
