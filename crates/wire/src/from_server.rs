use chat_domain::{
    Annotations, Author, AuthorId, AvatarName, Badge, ChatMessage, Content, DeletedBy, Emoji, Mention, MessageRef,
    Nickname, Reaction,
};
use chrono::{DateTime, Utc};

use super::{
    AuthorPayload,
    server::{AnnotationsPayload, MentionPayload, MessagePayload, ReactionPayload, ReplyPayload},
};

/// Longest nickname or emoji that is believed of another server, in bytes: none that this program takes is as long.
const SHORT_TEXT_BYTES_MAX: usize = 512;

/// What another server wrote cannot be read as what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not as this program writes it")]
pub struct NotOurs;

/// A message as [`message_json`](super::message_json) has written it, on this server or another one. Its text is one that a
/// database has taken: the rules for new ones, which may have changed since, are not held against it.
///
/// # Errors
/// Where anything in it could not have been written so.
pub fn read_message(json: &[u8]) -> Result<ChatMessage, NotOurs> {
    let MessagePayload { id, seq, rev, client_id, author, content, created_at, annotations } =
        serde_json::from_slice(json).map_err(|_| NotOurs)?;
    if seq < 1 || rev < seq {
        return Err(NotOurs);
    }
    Ok(ChatMessage {
        id: number(&id)?,
        seq,
        rev,
        client_id,
        author: read_author(author)?,
        content: Content::from_stored(content.into_owned()),
        created_at: time(&created_at)?,
        annotations: read_annotations(annotations)?,
    })
}

/// Reactions as a REACTION frame has them.
///
/// # Errors
/// As [`read_message`].
pub fn read_reactions(json: &[u8]) -> Result<Vec<Reaction>, NotOurs> {
    let reactions: Vec<ReactionPayload<'_>> = serde_json::from_slice(json).map_err(|_| NotOurs)?;
    reactions.into_iter().map(read_reaction).collect()
}

/// Reactions as a REACTION frame has them.
pub fn reactions_json(reactions: &[Reaction]) -> Vec<u8> {
    let payload: Vec<ReactionPayload<'_>> = reactions.iter().map(Into::into).collect();
    serde_json::to_vec(&payload).unwrap_or_default()
}

/// An author as frames have one.
///
/// # Errors
/// As [`read_message`].
pub fn read_author_json(json: &[u8]) -> Result<Author, NotOurs> {
    serde_json::from_slice::<AuthorPayload<'_>>(json).map_err(|_| NotOurs).and_then(read_author)
}

/// An author as frames have one.
pub fn author_json(author: &Author) -> Vec<u8> {
    serde_json::to_vec(&AuthorPayload::from(author)).unwrap_or_default()
}

fn read_author(AuthorPayload { id, nickname, avatar, badge }: AuthorPayload<'_>) -> Result<Author, NotOurs> {
    let id = author_id(&id)?;
    let nickname = Nickname::from_stored(short(&nickname)?);
    Ok(Author {
        avatar: AvatarName::from_stored(&avatar, &id),
        badge: badge.as_deref().and_then(Badge::parse),
        nickname,
        id,
    })
}

fn author_id(id: &str) -> Result<AuthorId, NotOurs> {
    AuthorId::parse(id).ok_or(NotOurs)
}

fn short(text: &str) -> Result<String, NotOurs> {
    let fits = (1..=SHORT_TEXT_BYTES_MAX).contains(&text.len());
    fits.then(|| text.to_owned()).ok_or(NotOurs)
}

fn number(id: &str) -> Result<i64, NotOurs> {
    id.parse().map_err(|_| NotOurs)
}

fn time(text: &str) -> Result<DateTime<Utc>, NotOurs> {
    DateTime::parse_from_rfc3339(text).map(Into::into).map_err(|_| NotOurs)
}

fn read_annotations(payload: AnnotationsPayload<'_>) -> Result<Option<Box<Annotations>>, NotOurs> {
    if payload == AnnotationsPayload::default() {
        return Ok(None);
    }
    let AnnotationsPayload { version, edited_at, deleted_at, deleted_by, pinned_at, reply_to, mentions, reactions } =
        payload;
    let at = |text: Option<std::borrow::Cow<'_, str>>| text.map(|text| time(&text)).transpose();
    let by = match deleted_by.as_deref() {
        None => None,
        Some("author") => Some(DeletedBy::Author),
        Some("moderator") => Some(DeletedBy::Moderator),
        Some(_) => return Err(NotOurs),
    };
    if deleted_at.is_some() != by.is_some() {
        return Err(NotOurs);
    }
    let reply = |ReplyPayload { id, seq }: ReplyPayload<'_>| number(&id).map(|id| MessageRef { id, seq });
    let mention = |MentionPayload { author_id: id, from, to }: MentionPayload<'_>| {
        author_id(&id).map(|author| Mention { author, from, to })
    };
    Ok(Some(Box::new(Annotations {
        version: version.unwrap_or(1),
        edited_at: at(edited_at)?,
        deleted: at(deleted_at)?.zip(by),
        pinned_at: at(pinned_at)?,
        reply_to: reply_to.map(reply).transpose()?,
        mentions: mentions.into_iter().map(mention).collect::<Result<_, _>>()?,
        reactions: reactions.into_iter().map(read_reaction).collect::<Result<_, _>>()?,
    })))
}

fn read_reaction(ReactionPayload { emoji, count, authors }: ReactionPayload<'_>) -> Result<Reaction, NotOurs> {
    let authors = authors.iter().map(|id| author_id(id)).collect::<Result<_, _>>()?;
    Ok(Reaction { emoji: Emoji::from_stored(short(&emoji)?), count, authors })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};
    use uuid::Uuid;

    use super::{super::message_json, *};

    fn author() -> impl Strategy<Value = Author> {
        let badge = option::of(proptest::sample::select(Badge::ALL.to_vec()));
        ("[A-Za-z0-9_-]{22}", "[가-힣a-z]{2,20}", badge).prop_map(|(id, nickname, badge)| {
            let id = AuthorId::from_stored(&id);
            Author { avatar: AvatarName::derived_from(&id), nickname: Nickname::from_stored(nickname), badge, id }
        })
    }

    fn moment() -> impl Strategy<Value = DateTime<Utc>> {
        (0_i64..4_000_000_000_000).prop_map(|ms| DateTime::from_timestamp_millis(ms).expect("a time"))
    }

    fn reactions() -> impl Strategy<Value = Vec<Reaction>> {
        let reaction = (0_i64..5_000, vec(author(), 0..5)).prop_map(|(count, authors)| Reaction {
            emoji: Emoji::parse("👍").expect("an emoji"),
            count,
            authors: authors.into_iter().map(|author| author.id).collect(),
        });
        vec(reaction, 0..3)
    }

    prop_compose! {
        fn annotations()(
            version in 1_i32..9, edited_at in option::of(moment()), deleted in option::of((moment(), any::<bool>())),
            pinned_at in option::of(moment()), reply in option::of((any::<i64>(), any::<i64>())),
            mentions in vec((author(), any::<u32>(), any::<u32>()), 0..3), reactions in reactions(),
        ) -> Annotations {
            let by = |author| if author { DeletedBy::Author } else { DeletedBy::Moderator };
            let mention = |(author, from, to): (Author, _, _)| Mention { author: author.id, from, to };
            Annotations {
                version, edited_at, deleted: deleted.map(|(at, author)| (at, by(author))), pinned_at,
                reply_to: reply.map(|(id, seq)| MessageRef { id, seq }),
                mentions: mentions.into_iter().map(mention).collect(), reactions,
            }
        }
    }

    prop_compose! {
        fn message()(
            id in any::<i64>(), seq in 1_i64.., more in 0_i64..1_000, key in any::<u128>(), author in author(),
            content in ".{0,200}", created_at in moment(), annotations in option::of(annotations()),
        ) -> ChatMessage {
            ChatMessage {
                id, seq, rev: seq.saturating_add(more), client_id: Uuid::from_u128(key), author,
                content: Content::from_stored(content), created_at,
                annotations: annotations.filter(|a| *a != Annotations::default()).map(Box::new),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(message in message()) {
            prop_assert_eq!(read_message(message_json(&message).as_bytes()), Ok(message));
        }

        #[test]
        fn reactions_are_read_as_they_were(reactions in reactions()) {
            prop_assert_eq!(read_reactions(&reactions_json(&reactions)), Ok(reactions));
        }

        #[test]
        fn authors_are_read_as_they_were(author in author()) {
            prop_assert_eq!(read_author_json(&author_json(&author)), Ok(author));
        }

        /// Nothing that stands in Redis brings a server down.
        #[test]
        fn a_message_with_any_bytes_in_it_is_read_or_refused(
            message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut json = message_json(&message).into_bytes();
            let at = at.index(json.len());
            if cut { json.truncate(at) } else { json[at] = byte }
            let _ = read_message(&json);
            prop_assert!(!cut || read_message(&json).is_err(), "half a message is none");
        }
    }

    #[test]
    fn what_no_server_writes_is_refused() {
        let json = |change: &str, by: &str| {
            let message = r#"{"id":"7","seq":7,"rev":9,"clientId":"00000000-0000-0000-0000-000000000001","author":{"id":"abc","nickname":"name","avatar":"cat"},"content":"hi","createdAt":"2026-01-01T00:00:00.000Z"}"#;
            assert!(message.contains(change), "{change}");
            message.replace(change, by)
        };
        assert!(read_message(json("hi", "ho").as_bytes()).is_ok());
        for (change, by) in [
            (r#""id":"7""#, r#""id":"x""#),
            (r#""rev":9"#, r#""rev":6"#),
            (r#""seq":7"#, r#""seq":0"#),
            (r#""id":"abc""#, r#""id":"<b>""#),
            (r#""nickname":"name""#, r#""nickname":"""#),
            ("2026-01-01T", "yesterday"),
            (r#""content":"hi""#, r#""content":"hi","deletedAt":"2026-01-01T00:00:00.000Z","deletedBy":"nobody""#),
            (r#""content":"hi""#, r#""content":"hi","deletedAt":"2026-01-01T00:00:00.000Z""#),
        ] {
            assert_eq!(read_message(json(change, by).as_bytes()), Err(NotOurs), "{by}");
        }
    }
}
